//! One model, shared by all its clients. The essay writer, the desk and the endpoint use the same batch,
//! and none of them can starve another.
//!
//! A thread owns the model. A [`Client`] submits requests, each with a [`Subscriber`] that receives the
//! [`Event`]s of the generated text. The slots of the batch are divided into equal shares: one for each
//! client with requests and, if the batch is large enough, one that stays free. A free slot goes to the
//! next client, in round-robin order, that uses less than its share. The free share lets a new client
//! start at once, instead of waiting for another client's long text to end.

mod client;
mod event;
#[cfg(test)]
pub mod fake;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use miette::IntoDiagnostic;

pub use client::Client;
pub use event::{Event, Subscriber};
use queue::Queue;
pub use queue::{QueuedRequest, SubmitError};

use generator::{Generator, Identity, Models, Provenance, Tokenizer};

/// Number of requests that may wait for a slot in the batch, across all clients. For a large batch, twice
/// its size may wait.
const MAX_WAITING: usize = 512;

/// A model running on its own thread. The thread ends when the engine is dropped.
pub struct Engine {
    queue: Arc<Queue>,
    model: ModelProperties,
    thread: Option<JoinHandle<()>>,
}

/// Properties of the model that can be read from any thread.
struct ModelProperties {
    provenance: Provenance,
    tokenizer: Arc<dyn Tokenizer>,
    n_positions: usize,
    batch_size: usize,
}

impl Engine {
    /// Starts a model on its own thread.
    ///
    /// # Errors
    /// Returns an error if the system cannot create a thread.
    pub fn start(mut generator: Box<dyn Generator>) -> miette::Result<Self> {
        let model = ModelProperties {
            provenance: generator.provenance(),
            tokenizer: generator.tokenizer(),
            n_positions: generator.n_positions(),
            batch_size: generator.batch_size(),
        };
        let max_waiting = MAX_WAITING.max(2 * model.batch_size);
        let queue = Arc::new(Queue::new(model.batch_size, max_waiting));
        let served = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("model".to_owned());
        let thread = thread.spawn(move || served.serve(generator.as_mut())).into_diagnostic()?;
        Ok(Self { queue, model, thread: Some(thread) })
    }

    pub fn client(self: &Arc<Self>) -> Client {
        Client::new(Arc::clone(self))
    }

    /// Frees the model. If it has clients, they keep it until they are dropped.
    fn stop(self: Arc<Self>) {
        let Some(mut engine) = Arc::into_inner(self) else { return };
        engine.queue.close();
        if let Some(thread) = engine.thread.take() {
            // A panic has been reported to the clients.
            let _ = thread.join();
        }
    }

    /// Returns the device and the number format to record in essays.
    pub fn provenance(&self) -> &Provenance {
        &self.model.provenance
    }

    pub fn tokenizer(&self) -> &Arc<dyn Tokenizer> {
        &self.model.tokenizer
    }

    /// Returns the maximum combined length of prompt and completion, in tokens.
    pub fn n_positions(&self) -> usize {
        self.model.n_positions
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The loaded models, by name.
#[derive(Default)]
pub struct Engines {
    loaded: Mutex<HashMap<String, Arc<EngineSlot>>>,
}

/// A model, or `None` until it is loaded. The thread that loads it holds this lock, so other threads
/// wait only if they need the same model.
type EngineSlot = Mutex<Option<(Identity, Arc<Engine>)>>;

impl Engines {
    /// Returns the identity and the engine of a model. Loads the model if necessary, and reloads it if
    /// its identity has changed or its thread has stopped.
    ///
    /// # Errors
    /// Returns an error if the model cannot be loaded.
    pub fn get(
        &self,
        models: &mut dyn Models,
        model: &str,
    ) -> miette::Result<(Identity, Arc<Engine>)> {
        let loaded = {
            let mut all = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(model.to_owned()).or_default())
        };
        let mut loaded = loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = models.identity(model)?;
        match loaded.as_ref() {
            Some((known, engine)) if *known == identity && !engine.queue.is_closed() => {}
            _ => {
                // Free the old model's memory before loading the new one.
                if let Some((_, engine)) = loaded.take() {
                    engine.stop();
                }
                self.free_idle();
                *loaded = Some((identity, Arc::new(Engine::start(models.load(model)?)?)));
            }
        }
        let (identity, engine) = loaded.as_ref().expect("set above");
        Ok((identity.clone(), Arc::clone(engine)))
    }

    /// Frees the models that have no clients.
    fn free_idle(&self) {
        let all = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        // A locked slot is being loaded.
        for mut slot in all.values().filter_map(|slot| slot.try_lock().ok()) {
            let is_idle =
                |(_, engine): &mut (Identity, Arc<Engine>)| Arc::strong_count(engine) == 1;
            if let Some((_, engine)) = slot.take_if(is_idle) {
                engine.stop();
            }
        }
    }
}

/// The models of a site, shared within this process.
pub struct SharedModels<'e> {
    pub models: Box<dyn Models>,
    pub engines: &'e Engines,
}

impl Models for SharedModels<'_> {
    fn identity(&mut self, model: &str) -> miette::Result<Identity> {
        self.models.identity(model)
    }

    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>> {
        let (_, engine) = self.engines.get(self.models.as_mut(), model)?;
        Ok(Box::new(engine.client()))
    }
}
