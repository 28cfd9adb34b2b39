//! A fake model for tests. Its tokens are bytes. It repeats one sentence, each text from its own
//! start, and adds one token per step to every text of its batch.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::{Engine, Listener};
use generator::{Completion, FinishReason, Generator, Provenance, Request, Token, Tokenizer, Work};

/// The sentence that the model writes. Accented letters take two tokens.
pub const SENTENCE: &str = "The café is a naïve moat. ";

/// The end-of-text token, never sampled.
pub const END_OF_TEXT: u32 = 256;

pub struct Fake {
    pub batch_size: usize,
    pub n_positions: usize,
    /// Each step waits for a message. Once the sender is dropped, steps no longer wait.
    pub steps: Option<Receiver<()>>,
    /// The step of a run at which the model fails.
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

/// A vocabulary of all bytes and the end-of-text token.
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

impl Tokenizer for Bytes {
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

    /// Adds one token. Returns why the text ends, if it does.
    fn step(&mut self, work: &mut dyn Work, n_positions: usize) -> Option<FinishReason> {
        let (id, prompt) = (self.request.id, self.request.prompt.len());
        let most = self.request.generation.max_new_tokens.unwrap_or(usize::MAX);
        if self.bytes.is_empty() && self.request.score_prompt {
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
        if self.tell(self.certain(), work).is_break() {
            return Some(FinishReason::Cancelled);
        }
        if self.stop().is_some() {
            return Some(FinishReason::Stop);
        }
        if prompt + self.bytes.len() == n_positions {
            return Some(FinishReason::ContextFull);
        }
        (self.bytes.len() == most).then_some(FinishReason::Length)
    }

    /// Offset of the first stop string.
    fn stop(&self) -> Option<usize> {
        let stops = self.request.generation.stop.iter().map(String::as_bytes);
        let at = |stop: &[u8]| self.bytes.windows(stop.len()).position(|bytes| bytes == stop);
        stops.filter_map(at).min()
    }

    /// Number of bytes that no later byte can change: those before a stop string, a possible
    /// beginning of one, or an incomplete character.
    fn certain(&self) -> usize {
        if let Some(stop) = self.stop() {
            return stop;
        }
        let begun = |stop: &String| {
            (1..stop.len()).rev().find(|&begun| self.bytes.ends_with(&stop.as_bytes()[..begun]))
        };
        let held = self.request.generation.stop.iter().filter_map(begun).max().unwrap_or(0);
        let end = self.bytes.len() - held;
        // The first byte of an accented letter, which the next step completes.
        if held == 0 && self.bytes.ends_with(b"\xc3") { end - 1 } else { end }
    }

    /// Reports the text up to byte `end`.
    fn tell(&mut self, end: usize, work: &mut dyn Work) -> ControlFlow<()> {
        if end <= self.told {
            return ControlFlow::Continue(());
        }
        let text = String::from_utf8_lossy(&self.bytes[self.told..end]).into_owned();
        self.told = end;
        work.text(self.request.id, &text)
    }

    fn end(mut self, finish_reason: FinishReason, work: &mut dyn Work) -> miette::Result<()> {
        let end = self.stop().unwrap_or(self.bytes.len());
        if finish_reason != FinishReason::Cancelled {
            // The text is finished: there is nothing left to cancel.
            let _ = self.tell(end, work);
        }
        work.done(self.request.id, self.completion(finish_reason))
    }

    fn completion(self, finish_reason: FinishReason) -> Completion {
        let end = self.stop().unwrap_or(self.bytes.len());
        let text = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
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

    fn tokenizer(&self) -> Arc<dyn Tokenizer> {
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
                    Some(reason) => row.end(reason, work)?,
                }
            }
        }
        Ok(())
    }
}

/// A request for `max_new_tokens` tokens that begin at byte `start` of the sentence.
pub fn request(prompt: &str, start: u8, max_new_tokens: usize) -> Request {
    Request {
        id: 0,
        prompt: Bytes.tokenize(prompt).expect("bytes"),
        generation: generator::Generation {
            max_new_tokens: Some(max_new_tokens),
            ..Default::default()
        },
        rng_key: [start; 32],
        top_logprobs: 0,
        score_prompt: false,
    }
}

/// A listener that sends its events to a channel, prefixed with its name. Gone once the receiver
/// is dropped.
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
