//! A session: the drafts of one tab, and the pages that listen to them. When no page listens any
//! more, writing stops.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::draft::{Draft, Turn};
use crate::engine::{Client, Engine, Listener, Refused};
use generator::Generation;
use generator::{Completion, Request, Token};

/// Interval at which new tokens are sent.
const TOLD_EVERY: Duration = Duration::from_millis(40);

/// Time for a reloaded page to reconnect.
const GRACE: Duration = Duration::from_secs(2);

/// Maximum number of drafts per tab. Beyond it the oldest are dropped.
const MOST_DRAFTS: usize = 64;

/// The drafts of one tab.
#[derive(Default)]
pub struct Session {
    state: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    drafts: BTreeMap<u64, Draft>,
    newest: u64,
    listeners: Vec<UnboundedSender<String>>,
    /// The session's client for each model.
    clients: HashMap<String, Client>,
    /// Number of tokens sent per draft.
    told: BTreeMap<u64, usize>,
    told_at: Option<Instant>,
    /// Number of times that a page started to listen.
    visits: usize,
}

/// Why an operation on a draft fails.
#[derive(Debug)]
pub enum Fault {
    /// The draft does not exist.
    NotThere,
    /// The operation is not possible, with the reason.
    Cannot(String),
    /// The engine refused the request.
    Refused(Refused),
}

impl Session {
    /// Starts to listen: sends all drafts, then every change.
    pub fn listen(self: &Arc<Self>) -> Ear {
        let (teller, told) = unbounded_channel();
        let mut inner = self.inner();
        inner.tell_tokens();
        let drafts: Vec<_> = inner.drafts.iter().map(|(id, draft)| draft.told(*id)).collect();
        let _ = teller.send(json!({ "type": "all", "drafts": drafts }).to_string());
        inner.listeners.push(teller);
        inner.visits += 1;
        Ear { session: Arc::clone(self), told }
    }

    /// Whether a page is listening.
    pub fn is_heard(&self) -> bool {
        let mut inner = self.inner();
        inner.listeners.retain(|listener| !listener.is_closed());
        !inner.listeners.is_empty()
    }

    /// Starts new drafts, all of them or none, and returns their ids.
    ///
    /// # Errors
    /// If the engine refuses them.
    pub fn begin(
        self: &Arc<Self>,
        engine: &Arc<Engine>,
        drafts: Vec<(Draft, Request)>,
    ) -> Result<Vec<u64>, Refused> {
        let mut inner = self.inner();
        let mut ids = Vec::new();
        let mut texts: Vec<(Request, Box<dyn Listener>)> = Vec::new();
        let mut new = Vec::new();
        for (draft, request) in drafts {
            let id = inner.newest + 1 + ids.len() as u64;
            texts.push((request, Box::new(Scribe::new(self, id, &draft))));
            ids.push(id);
            new.push((id, draft));
        }
        let model = new.first().map(|(_, draft)| draft.order.model.clone()).unwrap_or_default();
        inner.client(&model, engine).ask(texts)?;
        inner.newest += ids.len() as u64;
        for (id, draft) in new {
            inner.drafts.insert(id, draft);
            inner.tell_whole(id);
        }
        inner.forget_old();
        Ok(ids)
    }

    /// Stops writing a draft.
    ///
    /// # Errors
    /// If the draft does not exist.
    pub fn stop(&self, id: u64) -> Result<(), Fault> {
        let mut inner = self.inner();
        inner.drafts.get_mut(&id).ok_or(Fault::NotThere)?.stop();
        inner.tell_standing(id);
        Ok(())
    }

    /// Takes a step: keeps the first `kept` tokens (all if `None`), appends the chosen token, and
    /// lets the model continue.
    ///
    /// # Errors
    /// If the draft does not exist, cannot be continued, or the queue is full.
    pub fn turn(
        self: &Arc<Self>,
        id: u64,
        kept: Option<usize>,
        chosen: Option<u32>,
        generation: &Generation,
        engine: &Arc<Engine>,
    ) -> Result<(), Fault> {
        let mut inner = self.inner();
        let draft = inner.drafts.get_mut(&id).ok_or(Fault::NotThere)?;
        if kept.is_none() && draft.state.is_running() {
            return Err(Fault::Cannot("this draft is already being written".to_owned()));
        }
        let turn = Turn { kept: kept.unwrap_or(draft.written.len()), chosen };
        let request = draft.turn(turn, generation).map_err(Fault::Cannot)?;
        let mut asked = Ok(());
        if let Some(request) = request {
            let scribe: Box<dyn Listener> = Box::new(Scribe::new(self, id, draft));
            let model = draft.order.model.clone();
            asked = inner.client(&model, engine).ask(vec![(request, scribe)]);
            if asked.is_err()
                && let Some(draft) = inner.drafts.get_mut(&id)
            {
                draft.stop();
            }
        }
        inner.tell_whole(id);
        asked.map_err(Fault::Refused)
    }

    /// Removes a draft.
    pub fn discard(&self, id: u64) {
        self.inner().forget(id);
    }

    /// Calls `what` with a draft.
    ///
    /// # Errors
    /// If the draft does not exist, or `what` fails.
    pub fn with<T>(
        &self,
        id: u64,
        what: impl FnOnce(&Draft) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        what(self.inner().drafts.get(&id).ok_or(Fault::NotThere)?)
    }

    /// Stops writing all drafts.
    pub fn stop_all(&self) {
        let mut inner = self.inner();
        let running: Vec<u64> = inner.running().collect();
        for id in running {
            if let Some(draft) = inner.drafts.get_mut(&id) {
                draft.stop();
            }
            inner.tell_standing(id);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn running(&self) -> impl Iterator<Item = u64> {
        self.drafts.iter().filter(|(_, draft)| draft.state.is_running()).map(|(id, _)| *id)
    }

    /// The session's client for a model. Makes a new one if the model was reloaded.
    fn client(&mut self, model: &str, engine: &Arc<Engine>) -> &Client {
        let is_old = |client: &Client| !Arc::ptr_eq(client.engine(), engine);
        if self.clients.get(model).is_some_and(is_old) {
            self.clients.remove(model);
        }
        self.clients.entry(model.to_owned()).or_insert_with(|| engine.client())
    }

    fn forget_old(&mut self) {
        while self.drafts.len() > MOST_DRAFTS {
            let Some(&oldest) = self.drafts.keys().next() else { return };
            self.forget(oldest);
        }
    }

    fn forget(&mut self, id: u64) {
        if let Some(mut draft) = self.drafts.remove(&id) {
            draft.stop();
            self.told.remove(&id);
            self.tell(&json!({ "type": "gone", "draft": id }).to_string());
        }
    }

    fn tell(&mut self, message: &str) {
        self.listeners.retain(|listener| listener.send(message.to_owned()).is_ok());
    }

    fn tell_whole(&mut self, id: u64) {
        let Some(draft) = self.drafts.get(&id) else { return };
        let message = json!({ "type": "draft", "draft": draft.told(id) }).to_string();
        self.told.insert(id, draft.written.len());
        self.tell(&message);
    }

    fn tell_standing(&mut self, id: u64) {
        self.tell_tokens();
        let Some(draft) = self.drafts.get(&id) else { return };
        let mut message = json!(draft.standing());
        message["type"] = json!("state");
        message["draft"] = json!(id);
        self.tell(&message.to_string());
    }

    /// Sends the new tokens of all drafts.
    fn tell_tokens(&mut self) {
        let mut messages = Vec::new();
        for (id, draft) in &self.drafts {
            let told = self.told.entry(*id).or_default();
            let from = std::mem::replace(told, draft.written.len());
            if let Some(new) = draft.written.get(from..).filter(|new| !new.is_empty()) {
                let tokens = json!({ "type": "tokens", "draft": id, "from": from, "tokens": new });
                messages.push(tokens.to_string());
            }
        }
        messages.iter().for_each(|message| self.tell(message));
        self.told_at = Some(Instant::now());
    }
}

/// A page that listens to a session.
pub struct Ear {
    session: Arc<Session>,
    pub told: UnboundedReceiver<String>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.told.close();
        let visits = self.session.inner().visits;
        let session = Arc::clone(&self.session);
        let leave = move || {
            if !session.is_heard() && session.inner().visits == visits {
                session.stop_all();
            }
        };
        // A reloaded tab reconnects within the grace period; a closed one does not.
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

/// Records what the model writes in one step of a draft.
struct Scribe {
    session: Arc<Session>,
    draft: u64,
    /// Set once the step is no longer wanted; its later tokens are ignored.
    gone: Arc<AtomicBool>,
}

impl Scribe {
    fn new(session: &Arc<Session>, id: u64, draft: &Draft) -> Self {
        Self { session: Arc::clone(session), draft: id, gone: Arc::clone(&draft.gone) }
    }

    /// Calls `what` with the draft, unless this step is no longer wanted.
    fn write(&self, what: impl FnOnce(&mut Draft)) -> Option<MutexGuard<'_, Inner>> {
        let mut inner = self.session.inner();
        let draft = inner.drafts.get_mut(&self.draft).filter(|_| !self.is_gone())?;
        what(draft);
        Some(inner)
    }
}

impl Listener for Scribe {
    fn begun(&mut self) {
        if let Some(mut inner) = self.write(Draft::begun) {
            inner.tell_standing(self.draft);
        }
    }

    fn token(&mut self, token: Token) {
        if let Some(mut inner) = self.write(|draft| draft.push(token))
            && inner.told_at.is_none_or(|at| at.elapsed() >= TOLD_EVERY)
        {
            inner.tell_tokens();
        }
    }

    fn done(self: Box<Self>, outcome: Result<Completion, String>) {
        if let Some(mut inner) = self.write(|draft| draft.end(outcome)) {
            inner.tell_standing(self.draft);
        }
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}
