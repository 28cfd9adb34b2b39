//! A fake model for tests. Its tokens are bytes. It repeats one sentence, and adds one token per step
//! to every text in its batch. The random key of a text determines where in the sentence it begins.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use super::{Engine, Event, Subscriber};
use generator::{Completion, FinishReason, Generator, Provenance, Request, Token, Tokenizer, Work};

/// The sentence that the model writes. Accented letters take two tokens.
pub const SENTENCE: &str = "The café is a naïve moat. ";

/// Id of the end-of-text token, which is never sampled.
pub const END_OF_TEXT: u32 = 256;

pub struct Fake {
    pub batch_size: usize,
    pub n_positions: usize,
    /// If set, each step waits for a message. Once the sender is dropped, steps no longer wait.
    pub steps: Option<Receiver<()>>,
    /// Index of the step at which a run fails, if any.
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

/// A tokenizer whose vocabulary is all bytes and the end-of-text token.
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

    fn vocab_size(&self) -> usize {
        257
    }

    fn bos(&self) -> Option<u32> {
        Some(END_OF_TEXT)
    }

    fn eos(&self) -> &[u32] {
        &[END_OF_TEXT]
    }

    fn special_token(&self, id: u32) -> Option<&str> {
        (id == END_OF_TEXT).then_some(generator::END_OF_TEXT)
    }
}

/// A text in the batch.
struct Slot {
    request: Request,
    bytes: Vec<u8>,
    reported: usize,
}

impl Slot {
    fn token_at(&self, written: usize) -> u32 {
        let start = usize::from(self.request.rng_key[0]);
        SENTENCE.as_bytes()[(start + written) % SENTENCE.len()].into()
    }

    fn scored(&self, position: usize, id: u32) -> Token {
        let likeliest = [id, u32::from(b'x'), END_OF_TEXT, u32::from(b'y')];
        let scored = likeliest.iter().zip([-0.5, -1.5, -2.5, -3.5]);
        let likeliest = scored.map(|(id, log_prob)| (*id, log_prob));
        let top_logprobs = likeliest.take(self.request.top_logprobs).collect();
        Token { position, id, log_prob: -0.5, unconditional_log_prob: None, top_logprobs }
    }

    /// Adds one token. If the text then ends, returns the reason.
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
        if self.report(self.certain(), work).is_break() {
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

    /// Returns the byte offset of the first stop string in the text.
    fn stop(&self) -> Option<usize> {
        let stops = self.request.generation.stop.iter().map(String::as_bytes);
        let at = |stop: &[u8]| self.bytes.windows(stop.len()).position(|bytes| bytes == stop);
        stops.filter_map(at).min()
    }

    /// Returns the number of bytes that no later byte can change. They end before a stop string, a
    /// possible beginning of a stop string, or an incomplete character.
    fn certain(&self) -> usize {
        if let Some(stop) = self.stop() {
            return stop;
        }
        let begun = |stop: &String| {
            (1..stop.len()).rev().find(|&begun| self.bytes.ends_with(&stop.as_bytes()[..begun]))
        };
        let held = self.request.generation.stop.iter().filter_map(begun).max().unwrap_or(0);
        let end = self.bytes.len() - held;
        // `\xc3` is the first byte of an accented letter, which the next step completes.
        if held == 0 && self.bytes.ends_with(b"\xc3") { end - 1 } else { end }
    }

    /// Reports the text up to byte `end`.
    fn report(&mut self, end: usize, work: &mut dyn Work) -> ControlFlow<()> {
        if end <= self.reported {
            return ControlFlow::Continue(());
        }
        let text = String::from_utf8_lossy(&self.bytes[self.reported..end]).into_owned();
        self.reported = end;
        work.text(self.request.id, &text)
    }

    fn end(mut self, finish_reason: FinishReason, work: &mut dyn Work) -> miette::Result<()> {
        let end = self.stop().unwrap_or(self.bytes.len());
        if finish_reason != FinishReason::Cancelled {
            // The text is finished: there is nothing left to cancel.
            let _ = self.report(end, work);
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
            unconditional_log_probs: Vec::new(),
            finish_reason,
        }
    }
}

impl Generator for Fake {
    fn provenance(&self) -> Provenance {
        Provenance { device: "cpu".into(), dtype: "f32".into(), arithmetic: None }
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
        let mut slots: Vec<Slot> = Vec::new();
        for step in 0.. {
            while slots.len() < self.batch_size {
                let Some(request) = work.next() else { break };
                slots.push(Slot { request, bytes: Vec::new(), reported: 0 });
            }
            if slots.is_empty() {
                break;
            }
            if self.steps.as_ref().is_some_and(|steps| steps.recv().is_err()) {
                self.steps = None;
            }
            if self.fails_at == Some(step) {
                return Err(miette::miette!("the device is on fire"));
            }
            for mut slot in std::mem::take(&mut slots) {
                match slot.step(work, self.n_positions) {
                    None => slots.push(slot),
                    Some(reason) => slot.end(reason, work)?,
                }
            }
        }
        Ok(())
    }
}

/// Returns a request for `max_new_tokens` tokens, starting at byte `start` of the sentence.
pub fn request(prompt: &str, start: u8, max_new_tokens: usize) -> Request {
    Request {
        id: 0,
        prompt: Bytes.tokenize(prompt).expect("bytes"),
        unconditional_prompt: Vec::new(),
        generation: generator::Generation {
            max_new_tokens: Some(max_new_tokens),
            ..Default::default()
        },
        rng_key: [start; 32],
        top_logprobs: 0,
        score_prompt: false,
    }
}

/// Returns a subscriber that sends the first and the last event of its text to a channel, as strings
/// prefixed with `name`. It cancels the text once the receiver is dropped.
pub fn subscriber(name: &'static str, sender: Sender<String>) -> Subscriber {
    Box::new(move |event| {
        let what = match event {
            Event::Begun => "begun".to_owned(),
            Event::Done(Ok(Completion { finish_reason, text, .. })) => {
                format!("{finish_reason:?}: {text}")
            }
            Event::Done(Err(why)) => why,
            Event::Token(_) | Event::Text(_) => String::new(),
        };
        match what.is_empty() || sender.send(format!("{name} {what}")).is_ok() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })
}
