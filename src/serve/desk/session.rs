//! A session: the drafts of one tab, and whoever listens to them. When nobody does any more, they
//! are not written on.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::draft::{Draft, Turn};
use crate::config::Generation;
use crate::serve::engine::{Client, Engine, Listener, Refused};
use crate::write::generator::{Completion, Request, Token};

/// Tokens are told so often.
const TOLD_EVERY: Duration = Duration::from_millis(40);

/// A page that is loaded again listens again within this.
const GRACE: Duration = Duration::from_secs(2);

/// Drafts of one tab. More is forgotten, the oldest first.
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
    /// The session's place in the turns for each model.
    clients: HashMap<String, Client>,
    /// How many tokens of each draft were told; those that are not here were told whole.
    told: BTreeMap<u64, usize>,
    told_at: Option<Instant>,
    /// How often somebody began to listen.
    visits: usize,
}

/// Why something cannot be done with a draft.
#[derive(Debug)]
pub enum Fault {
    /// There is no such draft.
    NotThere,
    /// What cannot be done, for people.
    Cannot(String),
    Refused(Refused),
}

impl Session {
    /// Everything there is, and what happens from now on.
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

    /// Whether somebody listens.
    pub fn is_heard(&self) -> bool {
        let mut inner = self.inner();
        inner.listeners.retain(|listener| !listener.is_closed());
        !inner.listeners.is_empty()
    }

    /// Begins new drafts, all of them or none, and gives their names.
    ///
    /// # Errors
    /// What the engine said.
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

    /// Ends what is being written of a draft.
    ///
    /// # Errors
    /// When it is not there.
    pub fn stop(&self, id: u64) -> Result<(), Fault> {
        let mut inner = self.inner();
        inner.drafts.get_mut(&id).ok_or(Fault::NotThere)?.stop();
        inner.tell_standing(id);
        Ok(())
    }

    /// Takes a step: keeps so many tokens, or all, puts one after them, and has it written on.
    ///
    /// # Errors
    /// When it is not there, cannot be written on, or too much is waiting.
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
            return Err(Fault::Cannot("it is being written already".to_owned()));
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

    /// Forgets a draft.
    pub fn discard(&self, id: u64) {
        self.inner().forget(id);
    }

    /// Does something with a draft.
    ///
    /// # Errors
    /// When it is not there, and what is done says.
    pub fn with<T>(
        &self,
        id: u64,
        what: impl FnOnce(&Draft) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        what(self.inner().drafts.get(&id).ok_or(Fault::NotThere)?)
    }

    /// Ends all that is being written.
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

    /// The session's place in the turns for a model; a new one if the model is another by now.
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

    /// Tells the tokens that were not told yet, of all drafts.
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

/// Somebody who listens to a session.
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
        // A tab that is loaded again comes back; one that was closed does not.
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

/// Writes down what the model says of one step of a draft.
struct Scribe {
    session: Arc<Session>,
    draft: u64,
    /// Set once the step is not wanted any more; then nothing of it counts.
    gone: Arc<AtomicBool>,
}

impl Scribe {
    fn new(session: &Arc<Session>, id: u64, draft: &Draft) -> Self {
        Self { session: Arc::clone(session), draft: id, gone: Arc::clone(&draft.gone) }
    }

    /// Does something with the draft, if this step of it is still the one that counts.
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
