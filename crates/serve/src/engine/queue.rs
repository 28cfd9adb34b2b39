//! The queue of a model: the texts that each client requested, and whose turn is next.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Listener;
use generator::{Completion, Generator, Request, Token, Work};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the queue is full: {waiting} texts are waiting; try again later")]
    Full { waiting: usize },
    #[error("the prompt is empty")]
    Empty,
    #[error("the prompt has {tokens} tokens, too many for the model's {n_positions} positions")]
    TooLong { tokens: usize, n_positions: usize },
    #[error("invalid token {token}: the model's tokenizer has {size} tokens")]
    NoToken { token: u32, size: usize },
    #[error("the model has stopped")]
    Closed,
}

/// A requested text.
pub struct Asked {
    pub request: Request,
    pub listener: Box<dyn Listener>,
}

/// The waiting texts of all clients.
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    batch_size: usize,
    most_waiting: usize,
}

#[derive(Default)]
struct State {
    clients: BTreeMap<u64, Waiting>,
    newest: u64,
    /// The client whose turn was last.
    last: u64,
    closed: bool,
}

#[derive(Default)]
struct Waiting {
    texts: VecDeque<Asked>,
    /// Number of the client's rows in the batch.
    running: usize,
}

impl Waiting {
    fn is_idle(&self) -> bool {
        self.texts.is_empty() && self.running == 0
    }
}

impl Queue {
    pub fn new(batch_size: usize, most_waiting: usize) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self { state, changed, batch_size, most_waiting }
    }

    /// An id for a new client.
    pub fn new_client(&self) -> u64 {
        let mut state = self.state();
        state.newest += 1;
        state.newest
    }

    /// Queues texts of one client, all of them or none.
    pub fn ask(&self, client: u64, texts: Vec<Asked>) -> Result<(), Refused> {
        let mut state = self.state();
        if state.closed {
            return Err(Refused::Closed);
        }
        let waiting = state.clients.values().map(|client| client.texts.len()).sum::<usize>();
        if waiting + texts.len() > self.most_waiting {
            return Err(Refused::Full { waiting });
        }
        state.clients.entry(client).or_default().texts.extend(texts);
        self.changed.notify_all();
        Ok(())
    }

    /// Drops everything that a client waits for.
    pub fn forget(&self, client: u64) {
        let mut state = self.state();
        let waiting = state.clients.get_mut(&client);
        let left = waiting.map(|waiting| std::mem::take(&mut waiting.texts));
        state.tidy(client);
        // Dropping a listener may call this queue, so the lock is released first.
        drop(state);
        drop(left);
    }

    /// Stops taking texts.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        // Listeners are told after the lock is released.
        let left = std::mem::take(&mut state.clients);
        drop(state);
        for asked in left.into_values().flat_map(|client| client.texts) {
            asked.listener.done(Err("the model has stopped".to_owned()));
        }
        self.changed.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Lets a model write the queued texts until the queue is closed.
    pub fn serve(&self, generator: &mut dyn Generator) {
        // Also if the model panics, so that nobody waits for a dead thread.
        let _closed = CloseAtEnd(self);
        while self.wait() {
            let mut batch = Batch { queue: self, running: HashMap::new(), newest: 0 };
            let ran = generator.run(&mut batch);
            let why = match ran {
                Ok(()) => "the model stopped early".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            for (client, listener) in std::mem::take(&mut batch.running).into_values() {
                self.ended(client);
                listener.done(Err(why.clone()));
            }
        }
    }

    /// Waits for a text to write. Returns false once the queue is closed.
    fn wait(&self) -> bool {
        let mut state = self.state();
        while !state.closed && state.clients.values().all(|client| client.texts.is_empty()) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.closed
    }

    /// The next text for a free row of the batch.
    fn next(&self) -> Option<(u64, Asked)> {
        let mut state = self.state();
        // The extra share stays free for a new client.
        let share = (self.batch_size / (state.clients.len() + 1)).max(1);
        let may = |client: &Waiting| !client.texts.is_empty() && client.running < share;
        let after = state.clients.range(state.last + 1..).find(|(_, client)| may(client));
        let (&id, _) = after.or_else(|| state.clients.iter().find(|(_, client)| may(client)))?;
        state.last = id;
        let client = state.clients.get_mut(&id)?;
        let asked = client.texts.pop_front()?;
        client.running += 1;
        Some((id, asked))
    }

    fn ended(&self, client: u64) {
        let mut state = self.state();
        if let Some(waiting) = state.clients.get_mut(&client) {
            waiting.running -= 1;
        }
        state.tidy(client);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Cannot be poisoned: nothing panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Removes a client without waiting or running texts.
    fn tidy(&mut self, client: u64) {
        if self.clients.get(&client).is_some_and(Waiting::is_idle) {
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

/// The running texts, each with its client and listener.
struct Batch<'q> {
    queue: &'q Queue,
    running: HashMap<u64, (u64, Box<dyn Listener>)>,
    newest: u64,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for (_, (_, listener)) in self.running.drain() {
            listener.done(Err("the model has stopped".to_owned()));
        }
    }
}

impl Work for Batch<'_> {
    fn next(&mut self) -> Option<Request> {
        loop {
            let (client, Asked { request, mut listener }) = self.queue.next()?;
            if listener.is_gone() {
                self.queue.ended(client);
                continue;
            }
            listener.begun();
            self.newest += 1;
            self.running.insert(self.newest, (client, listener));
            return Some(Request { id: self.newest, ..request });
        }
    }

    fn token(&mut self, id: u64, token: Token) {
        if let Some((_, listener)) = self.running.get_mut(&id) {
            listener.token(token);
        }
    }

    fn text(&mut self, id: u64, text: &str) -> ControlFlow<()> {
        match self.running.get_mut(&id) {
            Some((_, listener)) if !listener.is_gone() => {
                listener.text(text);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        }
    }

    fn done(&mut self, id: u64, completion: Completion) -> miette::Result<()> {
        if let Some((client, listener)) = self.running.remove(&id) {
            self.queue.ended(client);
            listener.done(Ok(completion));
        }
        Ok(())
    }
}
