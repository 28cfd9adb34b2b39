//! The queue of a model. It holds the requests of each client, and decides whose turn is next.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{Event, Subscriber};
use generator::{Completion, Generator, Request, Token, Work};

/// Reason why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    #[error("the queue is full: {waiting} texts are waiting; try again later")]
    Full { waiting: usize },
    #[error("the prompt is empty")]
    Empty,
    #[error("the prompt has {tokens} tokens, too many for the model's {n_positions} positions")]
    TooLong { tokens: usize, n_positions: usize },
    #[error("invalid token {token}: the model's vocabulary has {size} tokens")]
    NoToken { token: u32, size: usize },
    #[error("{STOPPED}")]
    Closed,
}

/// A queued request and the subscriber that receives the events for its text.
pub struct QueuedRequest {
    pub request: Request,
    pub subscriber: Subscriber,
}

/// The waiting requests of all clients.
pub struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
    batch_size: usize,
    max_waiting: usize,
}

#[derive(Default)]
struct QueueState {
    clients: BTreeMap<u64, ClientQueue>,
    newest: u64,
    /// The client that was served last.
    last: u64,
    closed: bool,
}

#[derive(Default)]
struct ClientQueue {
    waiting: VecDeque<QueuedRequest>,
    /// Number of batch slots that the client uses.
    running: usize,
}

impl ClientQueue {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }
}

impl Queue {
    pub fn new(batch_size: usize, max_waiting: usize) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self { state, changed, batch_size, max_waiting }
    }

    /// Returns an id for a new client.
    pub fn new_client(&self) -> u64 {
        let mut state = self.state();
        state.newest += 1;
        state.newest
    }

    /// Queues requests of one client, all of them or none.
    pub fn submit(&self, client: u64, requests: Vec<QueuedRequest>) -> Result<(), SubmitError> {
        let mut state = self.state();
        if state.closed {
            return Err(SubmitError::Closed);
        }
        let waiting = state.clients.values().map(|client| client.waiting.len()).sum::<usize>();
        if waiting + requests.len() > self.max_waiting {
            return Err(SubmitError::Full { waiting });
        }
        state.clients.entry(client).or_default().waiting.extend(requests);
        self.changed.notify_all();
        Ok(())
    }

    /// Drops the waiting requests of a client.
    pub fn forget(&self, client: u64) {
        let mut state = self.state();
        let left = state.clients.get_mut(&client).map(|queue| std::mem::take(&mut queue.waiting));
        state.tidy(client);
        // Dropping a subscriber may call this queue, so the lock is released first.
        drop(state);
        drop(left);
    }

    /// Stops accepting requests, and ends the waiting ones with an error.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        // Subscribers are called after the lock is released.
        let left = std::mem::take(&mut state.clients);
        drop(state);
        for mut queued in left.into_values().flat_map(|client| client.waiting) {
            end(&mut queued.subscriber, Err(STOPPED.to_owned()));
        }
        self.changed.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Runs the queued requests on a model until the queue is closed.
    pub fn serve(&self, generator: &mut dyn Generator) {
        // Close the queue even if the model panics, so that nobody waits for a dead thread.
        let _closed = CloseAtEnd(self);
        while self.wait() {
            let mut batch = SharedBatch { queue: self, running: HashMap::new(), newest: 0 };
            let ran = generator.run(&mut batch);
            let why = match ran {
                Ok(()) => "the model stopped early".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            for mut text in std::mem::take(&mut batch.running).into_values() {
                self.ended(text.client, text.slots);
                end(&mut text.subscriber, Err(why.clone()));
            }
        }
    }

    /// Waits for a request. Returns false once the queue is closed.
    fn wait(&self) -> bool {
        let mut state = self.state();
        while !state.closed && state.clients.values().all(|client| client.waiting.is_empty()) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.closed
    }

    /// Returns the next request for a free slot of the batch, with the id of its client.
    fn next(&self) -> Option<(u64, QueuedRequest)> {
        let mut state = self.state();
        // One extra share stays free for a new client.
        let share = (self.batch_size / (state.clients.len() + 1)).max(1);
        let may = |client: &ClientQueue| {
            let next = client.waiting.front();
            next.is_some_and(|next| {
                client.running == 0 || client.running + next.request.generation.slots() <= share
            })
        };
        let after = state.clients.range(state.last + 1..).find(|(_, client)| may(client));
        let (&id, _) = after.or_else(|| state.clients.iter().find(|(_, client)| may(client)))?;
        state.last = id;
        let client = state.clients.get_mut(&id)?;
        let queued = client.waiting.pop_front()?;
        client.running += queued.request.generation.slots();
        Some((id, queued))
    }

    fn ended(&self, client: u64, slots: usize) {
        let mut state = self.state();
        if let Some(queue) = state.clients.get_mut(&client) {
            queue.running -= slots;
        }
        state.tidy(client);
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        // The lock cannot be poisoned, because nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    /// Removes a client if it has no waiting or running requests.
    fn tidy(&mut self, client: u64) {
        if self.clients.get(&client).is_some_and(ClientQueue::is_idle) {
            self.clients.remove(&client);
        }
    }
}

struct CloseAtEnd<'q>(&'q Queue);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Reason given to subscribers whose text will not be finished.
const STOPPED: &str = "the model has stopped";

/// Sends the last event of a text. The subscriber's return value is ignored, because there is nothing
/// left to cancel.
fn end(subscriber: &mut Subscriber, outcome: Result<Completion, String>) {
    let _ = subscriber(Event::Done(outcome));
}

/// The texts being generated. Takes requests from the queue and passes the model's output to subscribers.
struct SharedBatch<'q> {
    queue: &'q Queue,
    running: HashMap<u64, RunningText>,
    newest: u64,
}

struct RunningText {
    client: u64,
    slots: usize,
    subscriber: Subscriber,
}

impl Drop for SharedBatch<'_> {
    fn drop(&mut self) {
        for (_, mut text) in self.running.drain() {
            end(&mut text.subscriber, Err(STOPPED.to_owned()));
        }
    }
}

impl Work for SharedBatch<'_> {
    fn next(&mut self) -> Option<Request> {
        loop {
            let (client, QueuedRequest { request, mut subscriber }) = self.queue.next()?;
            let slots = request.generation.slots();
            if subscriber(Event::Begun).is_break() {
                self.queue.ended(client, slots);
                continue;
            }
            self.newest += 1;
            self.running.insert(self.newest, RunningText { client, slots, subscriber });
            return Some(Request { id: self.newest, ..request });
        }
    }

    fn token(&mut self, id: u64, token: Token) {
        if let Some(running) = self.running.get_mut(&id) {
            // The return value is ignored here: the model checks for cancellation when it reports text.
            let _ = (running.subscriber)(Event::Token(token));
        }
    }

    fn text(&mut self, id: u64, text: &str) -> ControlFlow<()> {
        match self.running.get_mut(&id) {
            Some(running) => (running.subscriber)(Event::Text(text.to_owned())),
            None => ControlFlow::Break(()),
        }
    }

    fn done(&mut self, id: u64, completion: Completion) -> miette::Result<()> {
        if let Some(mut text) = self.running.remove(&id) {
            self.queue.ended(text.client, text.slots);
            end(&mut text.subscriber, Ok(completion));
        }
        Ok(())
    }

    fn failed(&mut self, id: u64, error: miette::Report) -> miette::Result<()> {
        if let Some(mut text) = self.running.remove(&id) {
            self.queue.ended(text.client, text.slots);
            end(&mut text.subscriber, Err(error.to_string()));
        }
        Ok(())
    }
}
