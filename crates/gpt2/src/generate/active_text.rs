//! A text in the batch: its tokens so far, what it needs from the next pass, and when it ends.

use std::ops::Range;

use generator::{Completion, FinishReason, Request, Token, Work};
use kernels::detokenizer::TextStream;
use kernels::sampling::{Sampler, score};

use crate::error::{Error, Result};
use crate::model::Gpt2;
use crate::tokenizer::Tokenizer;

pub struct ActiveText {
    id: u64,
    /// Serial number, unique within the run.
    pub serial: u64,
    /// The prompt, then the generated tokens.
    pub tokens: Vec<u32>,
    pub prompt_tokens: usize,
    /// Number of tokens that are in the KV cache or in a queued pass.
    pub cached: usize,
    /// Number of tokens being sampled on the device, not yet known to the CPU.
    pub in_flight: usize,
    /// Whether the device's sampler supports this text's settings.
    pub device_can_sample: bool,
    max_new_tokens: usize,
    top_logprobs: usize,
    score_prompt: bool,
    pub sampler: Sampler,
    /// The second context of a guided text.
    pub unconditional: Option<Unconditional>,
    stream: TextStream,
    text: String,
    log_probs: Vec<f32>,
    unconditional_log_probs: Vec<f32>,
}

/// The unconditional context of a guided text: a prompt of its own, then the text's new tokens.
pub struct Unconditional {
    prompt: Vec<u32>,
    pub slot: usize,
    /// Number of tokens that are in the KV cache or in a queued pass.
    cached: usize,
}

impl ActiveText {
    pub fn new(request: Request, serial: u64, model: &Gpt2, tokenizer: &Tokenizer) -> Result<Self> {
        let is_guided = request.generation.is_guided();
        let Request {
            id,
            prompt,
            unconditional_prompt,
            generation,
            rng_key,
            top_logprobs,
            score_prompt,
        } = request;
        let (tokens, n_positions) = (prompt.len(), model.config().n_positions);
        let max_new_tokens = generation.max_new_tokens.unwrap_or(n_positions);
        if tokens == 0 {
            return Err(Error::EmptyPrompt { id });
        }
        let most = if max_new_tokens == 0 { n_positions + 1 } else { n_positions - 1 };
        if tokens > most {
            return Err(Error::PromptTooLong { id, tokens, most, n_positions });
        }
        let without = if is_guided { unconditional_prompt } else { Vec::new() };
        if is_guided && !(1..=tokens).contains(&without.len()) {
            return Err(Error::UnconditionalPrompt { id, got: without.len(), most: tokens });
        }
        let vocab_size = model.config().vocab_size;
        if let Some(&token) =
            prompt.iter().chain(&without).find(|token| **token as usize >= vocab_size)
        {
            return Err(Error::TokenOutOfRange { token, vocab_size });
        }
        let sampler = Sampler::new(&generation, rng_key);
        Ok(Self {
            id,
            serial,
            prompt_tokens: prompt.len(),
            tokens: prompt,
            cached: 0,
            in_flight: 0,
            // The device returns only the token and its log probability, and does not support typical
            // sampling.
            device_can_sample: top_logprobs == 0
                && !score_prompt
                && sampler.generation().typical_p >= 1.0,
            max_new_tokens,
            top_logprobs,
            score_prompt,
            sampler,
            unconditional: is_guided.then_some(Unconditional {
                prompt: without,
                slot: 0,
                cached: 0,
            }),
            stream: TextStream::new(tokenizer.table().clone(), generation.stop),
            text: String::new(),
            log_probs: Vec::new(),
            unconditional_log_probs: Vec::new(),
        })
    }

    /// Whether the text needs the model at all: for new tokens, or to score the prompt.
    pub fn needs_model(&self) -> bool {
        self.max_new_tokens > 0 || self.score_prompt && self.tokens.len() > 1
    }

    /// Whether the text's prompt is still being scored.
    pub fn is_scored(&self) -> bool {
        self.score_prompt && self.cached < self.prompt_tokens
    }

    /// Returns the number of tokens that the model must process. If a text is only scored, its last
    /// token need not be processed.
    pub fn end(&self) -> usize {
        self.tokens.len() + self.in_flight - usize::from(self.max_new_tokens == 0)
    }

    /// Whether all remaining tokens are already queued.
    pub fn is_fully_queued(&self, n_positions: usize) -> bool {
        let tokens = self.tokens.len() + self.in_flight;
        self.in_flight > 0
            && (tokens - self.prompt_tokens >= self.max_new_tokens || tokens >= n_positions)
    }

    /// Returns the part of a pass's `positions` for which the next token is needed.
    pub fn wanted(&self, positions: &Range<usize>) -> Range<usize> {
        let first = if self.is_scored() { 0 } else { self.end() - 1 };
        first.max(positions.start)..positions.end
    }

    /// Number of slots that the text needs.
    pub fn slots(&self) -> usize {
        1 + usize::from(self.unconditional.is_some())
    }

    /// Returns the slot of the unconditional context and its positions in a pass with these `positions` of
    /// the text; at most as many. Both contexts reach their last token in the same pass: the unconditional
    /// prompt is not longer than the text's own, and its last token waits.
    pub fn unconditional_positions(
        &mut self,
        positions: &Range<usize>,
    ) -> Option<(usize, Range<usize>)> {
        let end = self.end();
        let context = self.unconditional.as_mut()?;
        let ready = context.prompt.len() + end - self.prompt_tokens;
        let ready = ready - usize::from(positions.end < end);
        let next = ready.min(context.cached + positions.len());
        let positions = std::mem::replace(&mut context.cached, next)..next;
        Some((context.slot, positions))
    }

    /// Returns a token of the unconditional context; `None` if the device is still sampling it.
    pub fn unconditional_token(&self, position: usize) -> Option<u32> {
        let prompt = &self.unconditional.as_ref()?.prompt;
        match position.checked_sub(prompt.len()) {
            None => Some(prompt[position]),
            Some(new) => self.tokens.get(self.prompt_tokens + new).copied(),
        }
    }

    /// Returns the tokens that follow `positions`: prompt tokens, then possibly a sampled one. `logits`
    /// has a row of `vocab_size` logits per position, then one for the unconditional context if the
    /// sampled token is guided.
    pub fn next_tokens(
        &mut self,
        positions: Range<usize>,
        logits: &mut [f32],
        vocab_size: usize,
        eos: &[u32],
    ) -> Vec<Token> {
        let (rows, unconditional) = logits.split_at_mut(positions.len() * vocab_size);
        let each = positions.zip(rows.chunks_exact_mut(vocab_size));
        each.map(|(position, logits)| match self.tokens.get(position + 1) {
            Some(&given) => score(logits, position + 1, given, self.top_logprobs),
            None => {
                let (tokens, top) = (&self.tokens, self.top_logprobs);
                let new_tokens = tokens.len() - self.prompt_tokens;
                if unconditional.is_empty() {
                    self.sampler.sample(logits, tokens, new_tokens, eos, top)
                } else {
                    self.sampler.sample_guided(logits, unconditional, tokens, new_tokens, eos, top)
                }
            }
        })
        .collect()
    }

    /// Reports the scored tokens of the prompt, appends a sampled token, and returns the finish reason
    /// if this token ends the text.
    pub fn append(
        &mut self,
        model: &Gpt2,
        tokens: Vec<Token>,
        work: &mut dyn Work,
    ) -> Option<FinishReason> {
        for token in tokens {
            if token.position < self.tokens.len() {
                work.token(self.id, token);
            } else {
                return self.append_sampled(model, token, work);
            }
        }
        let is_over = self.max_new_tokens == 0 && self.cached == self.end();
        is_over.then_some(FinishReason::Length)
    }

    fn append_sampled(
        &mut self,
        model: &Gpt2,
        token: Token,
        work: &mut dyn Work,
    ) -> Option<FinishReason> {
        let (config, id, log_prob) = (model.config(), token.id, token.log_prob);
        let unconditional = token.unconditional_log_prob;
        if config.eos_token_ids.as_slice().contains(&id) {
            return Some(FinishReason::EndOfText);
        }
        work.token(self.id, token);
        self.tokens.push(id);
        self.log_probs.push(log_prob);
        self.unconditional_log_probs.extend(unconditional);
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

    /// Returns the id of the text's request.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Delivers any text that was held back, then the completion.
    pub fn finish(
        mut self,
        finish_reason: FinishReason,
        work: &mut dyn Work,
    ) -> miette::Result<()> {
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
            unconditional_log_probs: self.unconditional_log_probs,
            finish_reason,
        };
        work.done(self.id, completion)
    }
}
