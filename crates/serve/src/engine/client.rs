//! A client of a shared model.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use miette::{IntoDiagnostic, Result, miette};

use super::{Engine, Event, QueuedRequest, SubmitError, Subscriber};
use generator::{Generator, Provenance, Request, Tokenizer, Work};

/// A client of an engine. Dropping it removes its waiting requests from the queue.
pub struct Client {
    engine: Arc<Engine>,
    id: u64,
}

impl Client {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        let id = engine.queue.new_client();
        Self { engine, id }
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Submits requests, all of them or none. The ids of the requests are ignored.
    ///
    /// # Errors
    /// Returns an error if the model cannot continue a prompt or has stopped, or if the queue is full.
    pub fn submit(&self, requests: Vec<QueuedRequest>) -> Result<(), SubmitError> {
        let size = self.engine.tokenizer().vocab_size();
        let n_positions = self.engine.n_positions();
        for QueuedRequest { request, .. } in &requests {
            let tokens = request.prompt.len();
            if tokens == 0 {
                return Err(SubmitError::Empty);
            }
            if tokens >= n_positions {
                return Err(SubmitError::TooLong { tokens, n_positions });
            }
            if let Some(&token) = request.prompt.iter().find(|&&token| token as usize >= size) {
                return Err(SubmitError::NoToken { token, size });
            }
        }
        self.engine.queue.submit(self.id, requests)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.engine.queue.forget(self.id);
    }
}

/// Lets the essay writer use a shared model as if the writer owned it.
impl Generator for Client {
    fn provenance(&self) -> Provenance {
        self.engine.provenance().clone()
    }

    fn tokenizer(&self) -> Arc<dyn Tokenizer> {
        Arc::clone(self.engine.tokenizer())
    }

    fn n_positions(&self) -> usize {
        self.engine.n_positions()
    }

    fn batch_size(&self) -> usize {
        self.engine.model.batch_size
    }

    fn run(&mut self, work: &mut dyn Work) -> Result<()> {
        let (sender, events) = channel();
        let mut running: HashMap<u64, Arc<AtomicBool>> = HashMap::new();
        // A request that the full queue refused.
        let mut refused: Option<Request> = None;
        loop {
            while running.len() < self.batch_size() {
                let Some(request) = refused.take().or_else(|| work.next()) else { break };
                let id = request.id;
                let cancelled = Arc::new(AtomicBool::new(false));
                running.insert(id, Arc::clone(&cancelled));
                let sender = sender.clone();
                let subscriber: Subscriber = Box::new(move |event| {
                    // Sending fails if `run` has returned an error, because then nobody receives the
                    // events.
                    let is_wanted = sender.send((id, event)).is_ok();
                    match is_wanted && !cancelled.load(Ordering::Relaxed) {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    }
                });
                let queued = QueuedRequest { request: request.clone(), subscriber };
                match self.submit(vec![queued]) {
                    Err(SubmitError::Full { .. }) => {
                        running.remove(&id);
                        refused = Some(request);
                        break;
                    }
                    submitted => submitted.into_diagnostic()?,
                };
            }
            if running.is_empty() {
                if refused.is_none() {
                    return Ok(());
                }
                std::thread::sleep(RETRY_INTERVAL);
                continue;
            }
            handle(&events, &mut running, work)?;
        }
    }
}

/// Time to wait before offering a request again to a full queue.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Waits for the next event and handles it.
fn handle(
    events: &Receiver<(u64, Event)>,
    running: &mut HashMap<u64, Arc<AtomicBool>>,
    work: &mut dyn Work,
) -> Result<()> {
    let (id, event) = events.recv().map_err(|_| miette!("the model has stopped"))?;
    match event {
        Event::Begun => {}
        Event::Token(token) => work.token(id, token),
        Event::Text(text) => {
            if let (ControlFlow::Break(()), Some(cancelled)) =
                (work.text(id, &text), running.get(&id))
            {
                cancelled.store(true, Ordering::Relaxed);
            }
        }
        Event::Done(completion) => {
            running.remove(&id);
            match completion {
                Ok(completion) => work.done(id, completion)?,
                Err(why) => work.failed(id, miette!("{why}"))?,
            }
        }
    }
    Ok(())
}
