//! Somebody who wants texts of a model that others use, too.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use miette::{IntoDiagnostic, Result, miette};

use super::queue::Asked;
use super::{Engine, Listener, Refused};
use crate::write::generator::{
    Completion, Generator, Provenance, Request, Token, Vocabulary, Work,
};

/// A client of an engine. Once it is dropped, nothing of what it waits for is begun.
pub struct Client {
    engine: Arc<Engine>,
    id: u64,
}

impl Client {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        let id = engine.queue.new_client();
        Self { engine, id }
    }

    /// The model.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Asks for texts, all of them or none. The requests' own ids do not matter.
    ///
    /// # Errors
    /// A prompt that the model cannot continue; too much is waiting.
    pub fn ask(&self, texts: Vec<(Request, Box<dyn Listener>)>) -> Result<(), Refused> {
        let size = self.engine.vocabulary().size();
        let n_positions = self.engine.n_positions();
        for (request, _) in &texts {
            let tokens = request.prompt.len();
            if tokens == 0 {
                return Err(Refused::Empty);
            }
            if tokens >= n_positions {
                return Err(Refused::TooLong { tokens, n_positions });
            }
            if let Some(&token) = request.prompt.iter().find(|&&token| token as usize >= size) {
                return Err(Refused::NoToken { token, size });
            }
        }
        let asked = texts.into_iter().map(|(request, listener)| Asked { request, listener });
        self.engine.queue.ask(self.id, asked.collect())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.engine.queue.forget(self.id);
    }
}

/// To the essays' writer a shared model is like one of its own.
impl Generator for Client {
    fn provenance(&self) -> Provenance {
        self.engine.provenance().clone()
    }

    fn vocabulary(&self) -> Arc<dyn Vocabulary> {
        Arc::clone(self.engine.vocabulary())
    }

    fn n_positions(&self) -> usize {
        self.engine.n_positions()
    }

    fn batch_size(&self) -> usize {
        self.engine.about.batch_size
    }

    fn run(&mut self, work: &mut dyn Work) -> Result<()> {
        let (said, heard) = channel();
        let mut running: HashMap<u64, Arc<AtomicBool>> = HashMap::new();
        loop {
            while running.len() < self.batch_size() {
                let Some(request) = work.next() else { break };
                let gone = Arc::new(AtomicBool::new(false));
                let relay = Relay { id: request.id, said: said.clone(), gone: Arc::clone(&gone) };
                running.insert(request.id, gone);
                self.ask(vec![(request, Box::new(relay))]).into_diagnostic()?;
            }
            if running.is_empty() {
                return Ok(());
            }
            // Dropped with what it returns, the receiver tells the relays that nobody listens.
            hear(&heard, &mut running, work)?;
        }
    }
}

/// Takes the next thing said.
fn hear(
    heard: &Receiver<(u64, Said)>,
    running: &mut HashMap<u64, Arc<AtomicBool>>,
    work: &mut dyn Work,
) -> Result<()> {
    let (id, said) = heard.recv().map_err(|_| miette!("the model has ended"))?;
    match said {
        Said::Token(token) => work.token(id, token),
        Said::Text(text) => {
            if let (ControlFlow::Break(()), Some(gone)) = (work.text(id, &text), running.get(&id)) {
                gone.store(true, Ordering::Relaxed);
            }
        }
        Said::Done(completion) => {
            running.remove(&id);
            work.done(id, completion.map_err(|why| miette!("{why}"))?)?;
        }
    }
    Ok(())
}

/// What is said of a text.
enum Said {
    Token(Token),
    Text(String),
    Done(std::result::Result<Completion, String>),
}

/// Carries what is said of a text to the thread that asked for it.
struct Relay {
    id: u64,
    said: Sender<(u64, Said)>,
    gone: Arc<AtomicBool>,
}

impl Relay {
    fn say(&self, said: Said) {
        if self.said.send((self.id, said)).is_err() {
            self.gone.store(true, Ordering::Relaxed);
        }
    }
}

impl Listener for Relay {
    fn token(&mut self, token: Token) {
        self.say(Said::Token(token));
    }

    fn text(&mut self, text: &str) {
        self.say(Said::Text(text.to_owned()));
    }

    fn done(self: Box<Self>, outcome: std::result::Result<Completion, String>) {
        self.say(Said::Done(outcome));
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}
