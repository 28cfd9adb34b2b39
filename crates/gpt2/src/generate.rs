//! Batched generation: which texts are in the batch, what each forward pass computes, and when a text
//! ends.
//!
//! Batching is continuous. When a text finishes, its batch slot goes to the next waiting prompt, which
//! is prefilled in the same passes that decode the other rows. A long prompt is split over several
//! passes, so the size of a pass is bounded; the split does not change the result.
//!
//! A GPU samples tokens itself. The next pass is queued while the previous one is running, and uses its
//! tokens before the CPU has seen them. If one of them ends a text, that row's work in the queued pass
//! is discarded.

mod queue;

use std::collections::VecDeque;
use std::ops::Range;

use generator::{Completion, FinishReason, Request, Token, Work};
use kernels::detokenizer::TextStream;
use kernels::sampling::{Sampler, score};
use miette::IntoDiagnostic;

use crate::error::{Error, Result};
use crate::model::{Gpt2, InputToken};
use crate::tokenizer::Tokenizer;

use queue::Queue;

/// Limit for a scored prompt, whose tokens need one row of logits each.
const SCORED_TOKENS_PER_PASS: usize = 64;

/// Generates texts, at most `batch_size` (but at least one) at a time, until `work` has no more requests
/// and every row is finished. If a GPU has too little memory, the batch size is halved until it fits.
///
/// # Errors
/// When a prompt is empty, too long or outside the vocabulary, when the model fails, or when
/// [`Work::done`] returns an error.
pub fn generate(
    model: &Gpt2,
    tokenizer: &Tokenizer,
    work: &mut dyn Work,
    batch_size: usize,
) -> miette::Result<()> {
    let mut rows: Vec<Option<Row>> = (0..batch_size.max(1)).map(|_| None).collect();
    let mut admitted = Admitted::default();
    let mut queue = None;
    loop {
        for row in rows.iter_mut().filter(|row| row.is_none()) {
            *row = admitted.next(model, tokenizer, work)?;
        }
        let queue = match &mut queue {
            Some(queue) => queue,
            None if rows.iter().all(Option::is_none) => return Ok(()),
            None => {
                let new = Queue::new(model, &mut rows, &mut admitted).into_diagnostic()?;
                queue.insert(new)
            }
        };
        let Passes { here, there } = Passes::plan(model, &mut rows);
        if here.is_empty() && there.is_empty() && queue.is_empty() {
            return Ok(());
        }
        let is_waiting = there.is_empty();
        queue.submit(there, &mut rows).into_diagnostic()?;
        let answers = queue.compute(here, &mut rows).into_diagnostic()?;
        take(model, &mut rows, answers, work)?;
        if is_waiting || queue.is_full() {
            let answers = queue.collect(&mut rows).into_diagnostic()?;
            take(model, &mut rows, answers, work)?;
        }
    }
}

/// The next token for each requested position.
type Answers = Vec<(Asked, Vec<Token>)>;

/// Appends the tokens to their rows, and delivers the texts that end.
fn take(
    model: &Gpt2,
    rows: &mut [Option<Row>],
    answers: Answers,
    work: &mut dyn Work,
) -> miette::Result<()> {
    for (Asked { slot, .. }, tokens) in answers {
        let Some(mut row) = rows[slot].take() else { continue };
        match row.take(model, tokens, work) {
            None => rows[slot] = Some(row),
            Some(reason) => row.finish(reason, work)?,
        }
    }
    Ok(())
}

/// Texts waiting for a batch slot.
#[derive(Default)]
struct Admitted {
    /// Rows that lost their slot because the batch had to shrink to fit into memory.
    displaced: VecDeque<Row>,
    count: u64,
}

impl Admitted {
    /// Returns the next text that needs the model, as a row.
    fn next(
        &mut self,
        model: &Gpt2,
        tokenizer: &Tokenizer,
        work: &mut dyn Work,
    ) -> miette::Result<Option<Row>> {
        if let Some(row) = self.displaced.pop_front() {
            return Ok(Some(row));
        }
        while let Some(request) = work.next() {
            self.count += 1;
            let row = Row::new(request, self.count, model, tokenizer).into_diagnostic()?;
            if row.max_new_tokens > 0 || row.score_prompt && row.tokens.len() > 1 {
                return Ok(Some(row));
            }
            row.finish(FinishReason::Length, work)?;
        }
        Ok(None)
    }
}

/// Input tokens of a forward pass, and the positions that need logits.
#[derive(Default)]
struct Pass {
    tokens: Vec<InputToken>,
    asked: Vec<Asked>,
    /// Indices in `tokens` of the requested positions.
    wanted: Vec<u32>,
}

/// Positions of a row for which a pass determines the next token.
struct Asked {
    slot: usize,
    /// Serial number of the row; the slot may hold another row when the answer arrives.
    serial: u64,
    positions: Range<usize>,
}

/// The next pass in two parts: `here` is sampled from logits on the CPU, `there` by the device.
#[derive(Default)]
struct Passes {
    here: Pass,
    there: Pass,
}

impl Passes {
    /// Plans the last token of every decoding row; prompts share the limit on prompt tokens per pass.
    fn plan(model: &Gpt2, rows: &mut [Option<Row>]) -> Self {
        let mut passes = Self::default();
        let n_positions = model.config().n_positions;
        let mut room = model.prompt_tokens_per_pass();
        for (slot, row) in rows.iter_mut().enumerate() {
            let Some(row) = row else { continue };
            if row.is_spoken_for(n_positions) {
                continue;
            }
            let is_there = row.is_for_device && model.chooses_tokens();
            let pass = if is_there { &mut passes.there } else { &mut passes.here };
            let pending = row.end() - row.cached;
            let most = if row.is_scored() { room.min(SCORED_TOKENS_PER_PASS) } else { room };
            let fed = if pending == 1 { 1 } else { pending.min(most) };
            if pending > 1 {
                room -= fed;
            }
            let fed = row.cached..row.cached + fed;
            let asked = row.asked(&fed);
            for position in fed.clone() {
                if asked.contains(&position) {
                    pass.wanted.push(pass.tokens.len() as u32);
                }
                let id = row.tokens.get(position).copied().unwrap_or(InputToken::CHOSEN);
                pass.tokens.push(InputToken { slot, position, id });
            }
            row.cached = fed.end;
            if !asked.is_empty() {
                pass.asked.push(Asked { slot, serial: row.serial, positions: asked });
            }
        }
        passes
    }
}

impl Pass {
    fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

/// A text in the batch.
struct Row {
    id: u64,
    /// Unique within the run.
    serial: u64,
    /// The prompt, then the generated tokens.
    tokens: Vec<u32>,
    prompt_tokens: usize,
    /// Number of tokens that are in the KV cache or in a queued pass.
    cached: usize,
    /// Number of tokens that the device is sampling and the CPU does not know yet.
    promised: usize,
    /// Whether the device's sampler supports this text's settings.
    is_for_device: bool,
    max_new_tokens: usize,
    top_logprobs: usize,
    score_prompt: bool,
    sampler: Sampler,
    stream: TextStream,
    text: String,
    log_probs: Vec<f32>,
}

impl Row {
    fn new(request: Request, serial: u64, model: &Gpt2, tokenizer: &Tokenizer) -> Result<Self> {
        let Request { id, prompt, generation, rng_key, top_logprobs, score_prompt } = request;
        let (tokens, n_positions) = (prompt.len(), model.config().n_positions);
        let max_new_tokens = generation.max_new_tokens.unwrap_or(n_positions);
        if tokens == 0 {
            return Err(Error::EmptyPrompt { id });
        }
        let most = if max_new_tokens == 0 { n_positions + 1 } else { n_positions - 1 };
        if tokens > most {
            return Err(Error::PromptTooLong { id, tokens, most, n_positions });
        }
        let vocab_size = model.config().vocab_size;
        if let Some(&token) = prompt.iter().find(|token| **token as usize >= vocab_size) {
            return Err(Error::TokenOutOfRange { token, vocab_size });
        }
        let sampler = Sampler::new(&generation, rng_key);
        Ok(Self {
            id,
            serial,
            prompt_tokens: prompt.len(),
            tokens: prompt,
            cached: 0,
            promised: 0,
            // The device returns the token and its log probability only, and lacks typical sampling.
            is_for_device: top_logprobs == 0
                && !score_prompt
                && sampler.generation().typical_p >= 1.0,
            max_new_tokens,
            top_logprobs,
            score_prompt,
            sampler,
            stream: TextStream::new(tokenizer.table().clone(), generation.stop),
            text: String::new(),
            log_probs: Vec::new(),
        })
    }

    /// Whether the row is still scoring its prompt.
    fn is_scored(&self) -> bool {
        self.score_prompt && self.cached < self.prompt_tokens
    }

    /// Number of tokens that the model has to process. The last token of a text that is only scored does
    /// not need to be.
    fn end(&self) -> usize {
        self.tokens.len() + self.promised - usize::from(self.max_new_tokens == 0)
    }

    /// Whether all remaining tokens are already queued.
    fn is_spoken_for(&self, n_positions: usize) -> bool {
        let tokens = self.tokens.len() + self.promised;
        self.promised > 0
            && (tokens - self.prompt_tokens >= self.max_new_tokens || tokens >= n_positions)
    }

    /// The positions in `fed` that need a next token.
    fn asked(&self, fed: &Range<usize>) -> Range<usize> {
        let first = if self.is_scored() { 0 } else { self.end() - 1 };
        first.max(fed.start)..fed.end
    }

    /// Returns the token after `position`: a prompt token, or a sampled one.
    fn next_token(&mut self, position: usize, logits: &mut [f32], eos: Option<u32>) -> Token {
        match self.tokens.get(position + 1) {
            Some(&given) => score(logits, position + 1, given, self.top_logprobs),
            None => {
                let new_tokens = self.tokens.len() - self.prompt_tokens;
                self.sampler.sample(logits, &self.tokens, new_tokens, eos, self.top_logprobs)
            }
        }
    }

    /// Takes the next tokens, and returns why the text ends with them, if it does.
    fn take(
        &mut self,
        model: &Gpt2,
        tokens: Vec<Token>,
        work: &mut dyn Work,
    ) -> Option<FinishReason> {
        for token in tokens {
            if token.position < self.tokens.len() {
                work.token(self.id, token);
            } else {
                return self.append(model, token, work);
            }
        }
        let is_over = self.max_new_tokens == 0 && self.cached == self.end();
        is_over.then_some(FinishReason::Length)
    }

    fn append(&mut self, model: &Gpt2, token: Token, work: &mut dyn Work) -> Option<FinishReason> {
        let (config, id, log_prob) = (model.config(), token.id, token.log_prob);
        if Some(id) == config.eos_token_id {
            return Some(FinishReason::EndOfText);
        }
        work.token(self.id, token);
        self.tokens.push(id);
        self.log_probs.push(log_prob);
        let certain = self.stream.push(id);
        self.text.push_str(&certain);
        if !certain.is_empty() && work.text(self.id, &certain).is_break() {
            return Some(FinishReason::Cancelled);
        }
        if self.stream.stopped() {
            return Some(FinishReason::Stop);
        }
        if self.tokens.len() == config.n_positions {
            return Some(FinishReason::ContextFull);
        }
        (self.log_probs.len() == self.max_new_tokens).then_some(FinishReason::Length)
    }

    /// Delivers the text that was held back, then the completion.
    fn finish(mut self, finish_reason: FinishReason, work: &mut dyn Work) -> miette::Result<()> {
        let rest = self.stream.finish();
        self.text.push_str(&rest);
        if !rest.is_empty() && finish_reason != FinishReason::Cancelled {
            // The text has ended, so a `Break` is ignored.
            let _ = work.text(self.id, &rest);
        }
        let completion = Completion {
            prompt_tokens: self.prompt_tokens,
            token_ids: self.tokens.split_off(self.prompt_tokens),
            text: self.text,
            log_probs: self.log_probs,
            finish_reason,
        };
        work.done(self.id, completion)
    }
}
