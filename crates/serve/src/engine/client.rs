//! A client of a shared model.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use miette::{IntoDiagnostic, Result, miette};

use super::queue::Asked;
use super::{Engine, Listener, Refused};
use generator::{Completion, Generator, Provenance, Request, Token, Tokenizer, Work};

/// A client of an engine. Dropping it removes its waiting texts from the queue.
pub struct Client {
    engine: Arc<Engine>,
    id: u64,
}

impl Client {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        let id = engine.queue.new_client();
        Self { engine, id }
    }

    /// The engine that this client uses.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Requests texts, all of them or none. The ids of the requests are ignored.
    ///
    /// # Errors
    /// If the model cannot continue a prompt, or the queue is full.
    pub fn ask(&self, texts: Vec<(Request, Box<dyn Listener>)>) -> Result<(), Refused> {
        let size = self.engine.tokenizer().vocab_size();
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

/// Lets the essay writer use a shared model as if it were its own.
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
            // On an error the receiver is dropped, which tells the relays that nobody listens.
            hear(&heard, &mut running, work)?;
        }
    }
}

/// Handles the next message.
fn hear(
    heard: &Receiver<(u64, Said)>,
    running: &mut HashMap<u64, Arc<AtomicBool>>,
    work: &mut dyn Work,
) -> Result<()> {
    let (id, said) = heard.recv().map_err(|_| miette!("the model has stopped"))?;
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

/// A message about a text.
enum Said {
    Token(Token),
    Text(String),
    Done(std::result::Result<Completion, String>),
}

/// Sends messages about a text to the thread that requested it.
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
