//! A session holds the drafts of one tab, and the pages that subscribe to them. When the last page has
//! disconnected, the model stops writing.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::draft::{Continuation, Draft};
use super::events::DraftEvent;
use crate::engine::{Client, Engine, Event, QueuedRequest, SubmitError, Subscriber};
use generator::{Generation, Request};

/// Minimum interval between messages with new tokens.
const SEND_EVERY: Duration = Duration::from_millis(40);

/// Time for a reloaded page to reconnect before the model stops writing.
const GRACE: Duration = Duration::from_secs(2);

/// Maximum number of drafts per tab. If there are more, the oldest ones are dropped.
const MAX_DRAFTS: usize = 64;

#[derive(Default)]
pub struct Session {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    drafts: BTreeMap<u64, Draft>,
    newest: u64,
    subscribers: Vec<UnboundedSender<String>>,
    /// The session's client for each model, by model name.
    clients: HashMap<String, Client>,
    /// Number of tokens of each draft already sent to the pages, by draft id.
    sent: BTreeMap<u64, usize>,
    sent_at: Option<Instant>,
    /// Number of subscriptions so far.
    subscribed: usize,
}

/// Reason why an operation on a draft failed.
#[derive(Debug)]
pub enum SessionError {
    /// The draft does not exist.
    NotFound,
    /// The operation is not possible, for the given reason.
    Impossible(String),
    /// The engine refused the request.
    Refused(SubmitError),
}

impl Session {
    /// Subscribes a page, which first receives all drafts and then every change.
    pub fn subscribe(self: &Arc<Self>) -> Subscription {
        let (sender, messages) = unbounded_channel();
        let mut inner = self.inner();
        inner.send_tokens();
        let drafts = inner.drafts.iter().map(|(id, draft)| draft.view(*id)).collect();
        let _ = sender.send(DraftEvent::All { drafts }.to_json());
        inner.subscribers.push(sender);
        inner.subscribed += 1;
        Subscription { session: Arc::clone(self), messages }
    }

    pub fn has_subscribers(&self) -> bool {
        let mut inner = self.inner();
        inner.subscribers.retain(|subscriber| !subscriber.is_closed());
        !inner.subscribers.is_empty()
    }

    /// Starts new drafts, all of them or none, and returns their ids.
    ///
    /// # Errors
    /// Returns an error if the engine refuses the requests.
    pub fn begin(
        self: &Arc<Self>,
        engine: &Arc<Engine>,
        drafts: Vec<(Draft, Request)>,
    ) -> Result<Vec<u64>, SubmitError> {
        let mut inner = self.inner();
        let mut ids = Vec::new();
        let mut queued = Vec::new();
        let mut new = Vec::new();
        for (draft, request) in drafts {
            let id = inner.newest + 1 + ids.len() as u64;
            let subscriber = DraftWriter::subscriber(self, id, &draft);
            queued.push(QueuedRequest { request, subscriber });
            ids.push(id);
            new.push((id, draft));
        }
        let model = new.first().map(|(_, draft)| draft.request.model.clone()).unwrap_or_default();
        inner.client(&model, engine).submit(queued)?;
        inner.newest += ids.len() as u64;
        for (id, draft) in new {
            inner.drafts.insert(id, draft);
            inner.send_draft(id);
        }
        inner.forget_old();
        Ok(ids)
    }

    /// Stops writing a draft.
    ///
    /// # Errors
    /// Returns an error if the draft does not exist.
    pub fn stop(&self, id: u64) -> Result<(), SessionError> {
        let mut inner = self.inner();
        inner.drafts.get_mut(&id).ok_or(SessionError::NotFound)?.stop();
        inner.send_status(id);
        Ok(())
    }

    /// Keeps the first `kept` tokens of a draft (all if `None`), appends the token `chosen` if there is
    /// one, and lets the model continue.
    ///
    /// # Errors
    /// Returns an error if the draft does not exist or cannot be continued, or if the queue is full.
    pub fn continue_draft(
        self: &Arc<Self>,
        id: u64,
        kept: Option<usize>,
        chosen: Option<u32>,
        generation: &Generation,
        engine: &Arc<Engine>,
    ) -> Result<(), SessionError> {
        let mut inner = self.inner();
        let draft = inner.drafts.get_mut(&id).ok_or(SessionError::NotFound)?;
        if kept.is_none() && draft.state.is_running() {
            return Err(SessionError::Impossible("this draft is already being written".to_owned()));
        }
        let from = Continuation { kept: kept.unwrap_or(draft.tokens.len()), chosen };
        let request = draft.continue_from(from, generation).map_err(SessionError::Impossible)?;
        let mut submitted = Ok(());
        if let Some(request) = request {
            let subscriber = DraftWriter::subscriber(self, id, draft);
            let model = draft.request.model.clone();
            let client = inner.client(&model, engine);
            submitted = client.submit(vec![QueuedRequest { request, subscriber }]);
            if submitted.is_err()
                && let Some(draft) = inner.drafts.get_mut(&id)
            {
                draft.stop();
            }
        }
        inner.send_draft(id);
        submitted.map_err(SessionError::Refused)
    }

    pub fn discard(&self, id: u64) {
        self.inner().forget(id);
    }

    /// Calls `what` with a draft.
    ///
    /// # Errors
    /// Returns an error if the draft does not exist, or `what` fails.
    pub fn with<T>(
        &self,
        id: u64,
        what: impl FnOnce(&Draft) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        what(self.inner().drafts.get(&id).ok_or(SessionError::NotFound)?)
    }

    pub fn stop_all(&self) {
        let mut inner = self.inner();
        let running: Vec<u64> = inner.running().collect();
        for id in running {
            if let Some(draft) = inner.drafts.get_mut(&id) {
                draft.stop();
            }
            inner.send_status(id);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn running(&self) -> impl Iterator<Item = u64> {
        self.drafts.iter().filter(|(_, draft)| draft.state.is_running()).map(|(id, _)| *id)
    }

    /// Returns the session's client for a model. Creates a client if there is none or if the model was
    /// reloaded.
    fn client(&mut self, model: &str, engine: &Arc<Engine>) -> &Client {
        let is_old = |client: &Client| !Arc::ptr_eq(client.engine(), engine);
        if self.clients.get(model).is_some_and(is_old) {
            self.clients.remove(model);
        }
        self.clients.entry(model.to_owned()).or_insert_with(|| engine.client())
    }

    fn forget_old(&mut self) {
        while self.drafts.len() > MAX_DRAFTS {
            let Some(&oldest) = self.drafts.keys().next() else { return };
            self.forget(oldest);
        }
    }

    fn forget(&mut self, id: u64) {
        if let Some(mut draft) = self.drafts.remove(&id) {
            draft.stop();
            self.sent.remove(&id);
            self.send(&DraftEvent::Gone { draft: id }.to_json());
        }
    }

    fn send(&mut self, message: &str) {
        self.subscribers.retain(|subscriber| subscriber.send(message.to_owned()).is_ok());
    }

    fn send_draft(&mut self, id: u64) {
        let Some(draft) = self.drafts.get(&id) else { return };
        let message = DraftEvent::Draft { draft: draft.view(id) }.to_json();
        self.sent.insert(id, draft.tokens.len());
        self.send(&message);
    }

    fn send_status(&mut self, id: u64) {
        self.send_tokens();
        let Some(draft) = self.drafts.get(&id) else { return };
        let message = DraftEvent::State { draft: id, status: draft.status() }.to_json();
        self.send(&message);
    }

    /// Sends the new tokens of all drafts.
    fn send_tokens(&mut self) {
        let mut messages = Vec::new();
        for (&id, draft) in &self.drafts {
            let sent = self.sent.entry(id).or_default();
            let from = std::mem::replace(sent, draft.tokens.len());
            if let Some(tokens) = draft.tokens.get(from..).filter(|new| !new.is_empty()) {
                messages.push(DraftEvent::Tokens { draft: id, from, tokens }.to_json());
            }
        }
        messages.iter().for_each(|message| self.send(message));
        self.sent_at = Some(Instant::now());
    }
}

pub struct Subscription {
    session: Arc<Session>,
    /// Messages for the page, as JSON.
    pub messages: UnboundedReceiver<String>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.messages.close();
        let subscribed = self.session.inner().subscribed;
        let session = Arc::clone(&self.session);
        let leave = move || {
            if !session.has_subscribers() && session.inner().subscribed == subscribed {
                session.stop_all();
            }
        };
        // A reloaded tab reconnects within the grace period, but a closed tab does not.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    tokio::time::sleep(GRACE).await;
                    leave();
                });
            }
            Err(_) => leave(),
        }
    }
}

/// Adds the tokens generated in one step to a draft.
struct DraftWriter {
    session: Arc<Session>,
    draft: u64,
    /// Set once the step is no longer wanted. Tokens that arrive later are ignored.
    cancelled: Arc<AtomicBool>,
}

impl DraftWriter {
    /// Returns the subscriber that receives the events of a draft's running step.
    fn subscriber(session: &Arc<Session>, id: u64, draft: &Draft) -> Subscriber {
        let writer = Self {
            session: Arc::clone(session),
            draft: id,
            cancelled: Arc::clone(&draft.cancelled),
        };
        Box::new(move |event| {
            writer.receive(event);
            match writer.is_cancelled() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })
    }

    fn receive(&self, event: Event) {
        let mut inner = self.session.inner();
        // Drafts are only cancelled while this lock is held, so the check below stays valid.
        let Some(draft) = inner.drafts.get_mut(&self.draft).filter(|_| !self.is_cancelled()) else {
            return;
        };
        match event {
            Event::Begun => draft.begun(),
            Event::Token(token) => {
                draft.push(token);
                if inner.sent_at.is_none_or(|at| at.elapsed() >= SEND_EVERY) {
                    inner.send_tokens();
                }
                return;
            }
            // The text has already arrived with the tokens.
            Event::Text(_) => return,
            Event::Done(outcome) => draft.end(outcome),
        }
        inner.send_status(self.draft);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}
