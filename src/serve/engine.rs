//! One model for everybody: the essays' writer, desks and the endpoint share its batch, and none of
//! them can starve another.
//!
//! A thread owns the model. Whoever wants texts is a [`Client`] and asks for them one by one; a
//! place in the batch that is free goes to the next client in turn that has fewer than its share.
//! One share is always left, so that a newcomer finds a place at once and need not wait until
//! somebody's long text is over.

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

use crate::write::generator::{
    Completion, Generator, Identity, Models, Provenance, Token, Vocabulary,
};

/// Texts that may wait for a place, of all clients together.
const MOST_WAITING: usize = 512;

/// Who asked for a text, and is told of it as it comes. Called on the model's thread: it must not
/// wait for anything.
pub trait Listener: Send {
    /// It has its place in the batch.
    fn begun(&mut self) {}
    /// A token, before the text it makes certain.
    fn token(&mut self, _token: Token) {}
    /// Text that no later token can change.
    fn text(&mut self, _text: &str) {}
    /// It is over; or why the model could not go on.
    fn done(self: Box<Self>, outcome: Result<Completion, String>);
    /// Whether nobody waits for it any more: it is not begun then, and ends at its next words.
    fn is_gone(&self) -> bool;
}

/// A model at work on its own thread, which ends once nobody holds this.
pub struct Engine {
    queue: Arc<Queue>,
    about: About,
}

/// What is known of a model without asking its thread.
struct About {
    provenance: Provenance,
    vocabulary: Arc<dyn Vocabulary>,
    n_positions: usize,
    batch_size: usize,
}

impl Engine {
    /// Puts a model to work.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn start(mut generator: Box<dyn Generator>) -> miette::Result<Self> {
        let about = About {
            provenance: generator.provenance(),
            vocabulary: generator.vocabulary(),
            n_positions: generator.n_positions(),
            batch_size: generator.batch_size(),
        };
        let queue = Arc::new(Queue::new(about.batch_size, MOST_WAITING));
        let served = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("model".to_owned());
        thread.spawn(move || served.serve(generator.as_mut())).into_diagnostic()?;
        Ok(Self { queue, about })
    }

    /// A client more.
    pub fn client(self: &Arc<Self>) -> Client {
        Client::new(Arc::clone(self))
    }

    /// What runs, for the record.
    pub fn provenance(&self) -> &Provenance {
        &self.about.provenance
    }

    /// The model's tokens.
    pub fn vocabulary(&self) -> &Arc<dyn Vocabulary> {
        &self.about.vocabulary
    }

    /// Positions of the model: prompt and completion together end before this.
    pub fn n_positions(&self) -> usize {
        self.about.n_positions
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The models that are open.
#[derive(Default)]
pub struct Engines {
    open: Mutex<HashMap<String, Arc<Place>>>,
}

/// Where a model is once it is open. Whoever opens it holds the place, so that others wait for this
/// model only.
type Place = Mutex<Option<(Identity, Arc<Engine>)>>;

impl Engines {
    /// The model of that name, which is opened if it is not, or if another is meant by now.
    ///
    /// # Errors
    /// When it cannot be had.
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
                // The old one's memory is given back before the new one takes its own.
                *place = None;
                *place = Some((identity, Arc::new(Engine::start(models.load(model)?)?)));
            }
        }
        let (identity, engine) = place.as_ref().expect("it was put there above");
        Ok((identity.clone(), Arc::clone(engine)))
    }
}

/// The models of a site, each of which this process shares with whoever else writes with it.
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
