//! What waits for a model: the texts that each client asked for, and whose turn it is.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Listener;
use crate::write::generator::{Completion, Generator, Request, Token, Work};

/// Why a text is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{waiting} texts are waiting already")]
    Full { waiting: usize },
    #[error("the prompt is empty")]
    Empty,
    #[error("the prompt is {tokens} tokens long, and the model has {n_positions} positions")]
    TooLong { tokens: usize, n_positions: usize },
    #[error("the model has no token {token}: its vocabulary has {size}")]
    NoToken { token: u32, size: usize },
    #[error("the model has ended")]
    Closed,
}

/// A text that was asked for.
pub struct Asked {
    pub request: Request,
    pub listener: Box<dyn Listener>,
}

/// What each client waits for.
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
    /// Whose turn it was.
    last: u64,
    closed: bool,
}

#[derive(Default)]
struct Waiting {
    texts: VecDeque<Asked>,
    /// Its places in the batch.
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

    /// A name for one client more.
    pub fn new_client(&self) -> u64 {
        let mut state = self.state();
        state.newest += 1;
        state.newest
    }

    /// Puts texts of one client in line, all of them or none.
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

    /// Nothing of what this client waits for is wanted any more.
    pub fn forget(&self, client: u64) {
        let mut state = self.state();
        let waiting = state.clients.get_mut(&client);
        let left = waiting.map(|waiting| std::mem::take(&mut waiting.texts));
        state.tidy(client);
        // Listeners may hold what asks this queue for something when it is dropped.
        drop(state);
        drop(left);
    }

    /// No text is taken any more.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        // Whoever waits learns of it as its listener is dropped, outside of the lock.
        let left = std::mem::take(&mut state.clients);
        drop(state);
        for asked in left.into_values().flat_map(|client| client.texts) {
            asked.listener.done(Err("the model has ended".to_owned()));
        }
        self.changed.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Has a model write what there is until the queue is closed.
    pub fn serve(&self, generator: &mut dyn Generator) {
        // Also when the model panics: nobody must wait for a thread that is no more.
        let _closed = CloseAtEnd(self);
        while self.wait() {
            let mut batch = Batch { queue: self, running: HashMap::new(), newest: 0 };
            let ran = generator.run(&mut batch);
            let why = match ran {
                Ok(()) => "the model ended it".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            for (client, listener) in std::mem::take(&mut batch.running).into_values() {
                self.ended(client);
                listener.done(Err(why.clone()));
            }
        }
    }

    /// Waits until there is something to write; false once it is closed.
    fn wait(&self) -> bool {
        let mut state = self.state();
        while !state.closed && state.clients.values().all(|client| client.texts.is_empty()) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.closed
    }

    /// The next text for a place that is free.
    fn next(&self) -> Option<(u64, Asked)> {
        let mut state = self.state();
        // One share more than there are clients: it is for whoever comes next.
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
        // Nothing that can panic is done while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets a client that has nothing here.
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

/// The texts in the batch, and who listens to each.
struct Batch<'q> {
    queue: &'q Queue,
    running: HashMap<u64, (u64, Box<dyn Listener>)>,
    newest: u64,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for (_, (_, listener)) in self.running.drain() {
            listener.done(Err("the model has ended".to_owned()));
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
