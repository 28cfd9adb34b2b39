//! One model shared by all clients: the essay writer, the desk and the endpoint use the same batch,
//! and none of them can starve another.
//!
//! A thread owns the model. A [`Client`] requests texts. A free row of the batch goes to the next
//! client in turn that has fewer rows than its share. One share always stays free, so that a new
//! client can start at once instead of waiting for somebody's long text to end.

mod client;
#[cfg(test)]
pub mod fake;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use miette::IntoDiagnostic;

pub use client::Client;
use queue::Queue;
pub use queue::Refused;

use generator::{Completion, Generator, Identity, Models, Provenance, Token, Tokenizer};

/// Maximum number of texts waiting for a row of the batch, over all clients.
const MOST_WAITING: usize = 512;

/// Receives a text as it is generated. Called on the model's thread, so it must not block.
pub trait Listener: Send {
    /// The text got its row in the batch.
    fn begun(&mut self) {}
    /// A token was generated. Called before [`Self::text`] for the text that it completes.
    fn token(&mut self, _token: Token) {}
    /// Text that no later token can change.
    fn text(&mut self, _text: &str) {}
    /// The text is finished, or the model failed with the given reason.
    fn done(self: Box<Self>, outcome: Result<Completion, String>);
    /// Whether the text is no longer wanted. It is then not started, or stops at its next piece.
    fn is_gone(&self) -> bool;
}

/// A model running on its own thread. The thread ends when the engine is dropped.
pub struct Engine {
    queue: Arc<Queue>,
    about: About,
}

/// Properties of the model, available without its thread.
struct About {
    provenance: Provenance,
    tokenizer: Arc<dyn Tokenizer>,
    n_positions: usize,
    batch_size: usize,
}

impl Engine {
    /// Starts a model.
    ///
    /// # Errors
    /// If the system cannot create a thread.
    pub fn start(mut generator: Box<dyn Generator>) -> miette::Result<Self> {
        let about = About {
            provenance: generator.provenance(),
            tokenizer: generator.tokenizer(),
            n_positions: generator.n_positions(),
            batch_size: generator.batch_size(),
        };
        let queue = Arc::new(Queue::new(about.batch_size, MOST_WAITING));
        let served = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("model".to_owned());
        thread.spawn(move || served.serve(generator.as_mut())).into_diagnostic()?;
        Ok(Self { queue, about })
    }

    /// A new client.
    pub fn client(self: &Arc<Self>) -> Client {
        Client::new(Arc::clone(self))
    }

    /// The device and number type, as recorded in essays.
    pub fn provenance(&self) -> &Provenance {
        &self.about.provenance
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Arc<dyn Tokenizer> {
        &self.about.tokenizer
    }

    /// Maximum length of prompt and completion together, in tokens.
    pub fn n_positions(&self) -> usize {
        self.about.n_positions
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The loaded models.
#[derive(Default)]
pub struct Engines {
    open: Mutex<HashMap<String, Arc<Place>>>,
}

/// A loaded model, or `None`. Loading holds this lock, so that others wait only if they want the
/// same model.
type Place = Mutex<Option<(Identity, Arc<Engine>)>>;

impl Engines {
    /// The model of that name. Loads it if necessary, and again if its identity has changed.
    ///
    /// # Errors
    /// If it cannot be loaded.
    pub fn get(
        &self,
        models: &mut dyn Models,
        model: &str,
    ) -> miette::Result<(Identity, Arc<Engine>)> {
        let place = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(open.entry(model.to_owned()).or_default())
        };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = models.identity(model)?;
        match place.as_ref() {
            Some((open, engine)) if *open == identity && !engine.queue.is_closed() => {}
            _ => {
                // Frees the old model's memory before the new one is loaded.
                *place = None;
                *place = Some((identity, Arc::new(Engine::start(models.load(model)?)?)));
            }
        }
        let (identity, engine) = place.as_ref().expect("set above");
        Ok((identity.clone(), Arc::clone(engine)))
    }
}

/// The models of a site, shared within this process.
pub struct Shared<'e> {
    pub models: Box<dyn Models>,
    pub engines: &'e Engines,
}

impl Models for Shared<'_> {
    fn identity(&mut self, model: &str) -> miette::Result<Identity> {
        self.models.identity(model)
    }

    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>> {
        let (_, engine) = self.engines.get(self.models.as_mut(), model)?;
        Ok(Box::new(engine.client()))
    }
}
