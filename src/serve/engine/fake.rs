//! A model for tests whose tokens are bytes: it writes one sentence over and over, each text from
//! another place of it, all texts of its batch a token at each step.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::{Engine, Listener};
use crate::write::generator::{
    Completion, FinishReason, Generator, Provenance, Request, Token, Vocabulary, Work,
};

/// What it writes. Its accents take two tokens each.
pub const SENTENCE: &str = "The café is a naïve moat. ";

/// The token that ends a text; it is never chosen.
pub const END_OF_TEXT: u32 = 256;

pub struct Fake {
    pub batch_size: usize,
    pub n_positions: usize,
    /// Each step waits for one of these; once no more can come, none waits.
    pub steps: Option<Receiver<()>>,
    /// Fails at this step of a run.
    pub fails_at: Option<usize>,
}

impl Default for Fake {
    fn default() -> Self {
        Self { batch_size: 4, n_positions: 256, steps: None, fails_at: None }
    }
}

impl Fake {
    pub fn start(self) -> Arc<Engine> {
        Arc::new(Engine::start(Box::new(self)).expect("a thread"))
    }
}

/// Bytes, and the end of a text.
pub struct Bytes;

const EVERY_BYTE: [u8; 256] = {
    let mut all = [0; 256];
    let mut at = 0;
    while at < 256 {
        all[at] = at as u8;
        at += 1;
    }
    all
};

impl Vocabulary for Bytes {
    fn tokenize(&self, text: &str) -> miette::Result<Vec<u32>> {
        Ok(text.bytes().map(u32::from).collect())
    }

    fn bytes(&self, id: u32) -> &[u8] {
        EVERY_BYTE.get(id as usize).map_or(&[], std::slice::from_ref)
    }

    fn size(&self) -> usize {
        257
    }

    fn end_of_text(&self) -> Option<u32> {
        Some(END_OF_TEXT)
    }
}

/// A text in the batch.
struct Row {
    request: Request,
    bytes: Vec<u8>,
    told: usize,
}

impl Row {
    fn token_at(&self, written: usize) -> u32 {
        let start = usize::from(self.request.rng_key[0]);
        SENTENCE.as_bytes()[(start + written) % SENTENCE.len()].into()
    }

    fn scored(&self, position: usize, id: u32) -> Token {
        let likeliest = [id, u32::from(b'x'), END_OF_TEXT, u32::from(b'y')];
        let scored = likeliest.iter().zip([-0.5, -1.5, -2.5, -3.5]);
        let likeliest = scored.map(|(id, log_prob)| (*id, log_prob));
        let likeliest = likeliest.take(self.request.likeliest).collect();
        Token { position, id, log_prob: -0.5, likeliest }
    }

    /// One token more; how the text ends with it, if it does.
    fn step(&mut self, work: &mut dyn Work, n_positions: usize) -> Option<FinishReason> {
        let (id, prompt) = (self.request.id, self.request.prompt.len());
        let most = self.request.generation.max_new_tokens.unwrap_or(usize::MAX);
        if self.bytes.is_empty() && self.request.scores_prompt {
            for (position, token) in self.request.prompt.iter().enumerate().skip(1) {
                work.token(id, self.scored(position, *token));
            }
        }
        if most == 0 {
            return Some(FinishReason::Length);
        }
        let token = self.token_at(self.bytes.len());
        work.token(id, self.scored(prompt + self.bytes.len(), token));
        self.bytes.push(token as u8);
        if let Ok(text) = std::str::from_utf8(&self.bytes[self.told..]) {
            self.told = self.bytes.len();
            if work.text(id, text) == ControlFlow::Break(()) {
                return Some(FinishReason::Cancelled);
            }
        }
        let stop = |text: &String| self.bytes.ends_with(text.as_bytes());
        if self.request.generation.stop.iter().any(stop) {
            return Some(FinishReason::Stop);
        }
        if prompt + self.bytes.len() == n_positions {
            return Some(FinishReason::ContextFull);
        }
        (self.bytes.len() == most).then_some(FinishReason::Length)
    }

    fn completion(self, finish_reason: FinishReason) -> Completion {
        let mut text = String::from_utf8_lossy(&self.bytes).into_owned();
        if finish_reason == FinishReason::Stop {
            let stops = self.request.generation.stop.iter();
            let end = stops.filter_map(|stop| text.find(stop.as_str())).min();
            text.truncate(end.unwrap_or(text.len()));
        }
        Completion {
            text,
            prompt_tokens: self.request.prompt.len(),
            token_ids: self.bytes.iter().map(|byte| u32::from(*byte)).collect(),
            log_probs: vec![-0.5; self.bytes.len()],
            finish_reason,
        }
    }
}

impl Generator for Fake {
    fn provenance(&self) -> Provenance {
        Provenance { device: "cpu".into(), dtype: "f32".into() }
    }

    fn vocabulary(&self) -> Arc<dyn Vocabulary> {
        Arc::new(Bytes)
    }

    fn n_positions(&self) -> usize {
        self.n_positions
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn run(&mut self, work: &mut dyn Work) -> miette::Result<()> {
        let mut rows: Vec<Row> = Vec::new();
        for step in 0.. {
            while rows.len() < self.batch_size {
                let Some(request) = work.next() else { break };
                rows.push(Row { request, bytes: Vec::new(), told: 0 });
            }
            if rows.is_empty() {
                break;
            }
            if self.steps.as_ref().is_some_and(|steps| steps.recv().is_err()) {
                self.steps = None;
            }
            if self.fails_at == Some(step) {
                return Err(miette::miette!("the device is on fire"));
            }
            for mut row in std::mem::take(&mut rows) {
                match row.step(work, self.n_positions) {
                    None => rows.push(row),
                    Some(reason) => work.done(row.request.id, row.completion(reason))?,
                }
            }
        }
        Ok(())
    }
}

/// A request of so many tokens that begins at a place of the sentence.
pub fn request(prompt: &str, start: u8, max_new_tokens: usize) -> Request {
    Request {
        id: 0,
        prompt: Bytes.tokenize(prompt).expect("bytes"),
        generation: crate::config::Generation {
            max_new_tokens: Some(max_new_tokens),
            ..Default::default()
        },
        rng_key: [start; 32],
        likeliest: 0,
        scores_prompt: false,
    }
}

/// Tells a channel what it hears, under a name; gone when the other end is.
pub struct Ear {
    pub name: &'static str,
    pub said: std::sync::mpsc::Sender<String>,
    pub gone: Arc<std::sync::atomic::AtomicBool>,
}

impl Ear {
    fn say(&self, what: &str) {
        if self.said.send(format!("{} {what}", self.name)).is_err() {
            self.gone.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

impl Listener for Ear {
    fn begun(&mut self) {
        self.say("begun");
    }

    fn done(self: Box<Self>, outcome: Result<Completion, String>) {
        match outcome {
            Ok(completion) => {
                self.say(&format!("{:?}: {}", completion.finish_reason, completion.text))
            }
            Err(why) => self.say(&why),
        }
    }

    fn is_gone(&self) -> bool {
        self.gone.load(std::sync::atomic::Ordering::Relaxed)
    }
}
