//! Samples a token from logits: rules that modify the distribution, then a random draw.
//!
//! The rules and their order match transformers' `generate` (logits processors, then warpers), so
//! settings have the same meaning:
//!
//! 0. guidance: combines the distribution with that of the unconditional context (see `guidance`)
//! 1. repetition penalty over prompt and new tokens
//! 2. no-repeat n-gram over prompt and new tokens
//! 3. minimum number of new tokens (the end tokens are banned until then)
//! 4. temperature; at 0 the most likely token is returned and the remaining steps are skipped
//! 5. top-k, 6. top-p, 7. min-p, 8. typical-p, each on the distribution left by the previous step
//!
//! Cases that transformers leaves undefined are defined here. Ties are broken by the lower id, so top-k
//! keeps exactly k tokens. A NaN logit counts as `-inf`, and `+inf` as the largest finite number. Each
//! filter keeps at least one token. If the bans of steps 2 and 3 leave no token, the most likely token
//! of the raw logits is returned; if all raw logits are `-inf`, token 0 is returned.
//!
//! A draw consumes exactly one `u64` of the ChaCha stream, and the order of all computations is fixed,
//! so a text depends only on logits, settings and key.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use generator::{Generation, Token};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::distribution;
use crate::simd::Level;

mod candidates;
mod end_tokens;
mod guidance;
mod scores;
#[cfg(test)]
mod tests;

pub use end_tokens::EndTokens;
pub use scores::score;

use candidates::Candidates;
use guidance::guide;
use scores::LogSoftmax;

/// Returns the settings, each clamped to its range. NaN disables a setting; a NaN temperature becomes
/// 0.
fn in_range(generation: &Generation) -> Generation {
    // `max` and `min` return the other operand if one is NaN.
    let penalty = generation.repetition_penalty;
    Generation {
        temperature: generation.temperature.max(0.0),
        top_p: generation.top_p.min(1.0),
        min_p: generation.min_p.max(0.0),
        typical_p: generation.typical_p.min(1.0),
        repetition_penalty: if penalty > 0.0 { penalty } else { 1.0 },
        guidance_scale: generation.guidance_scale.max(1.0),
        ..generation.clone()
    }
}

/// A token sampled on a device, in the memory layout of the sampling kernel's result.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct SampledToken {
    /// Token id.
    pub token: u32,
    /// Natural logarithm of the probability under the raw distribution (temperature 1, no rules).
    pub log_prob: f32,
}

/// Parameters for sampling one token on a device.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleParams {
    /// Batch slot of the text.
    pub slot: usize,
    /// Position of the last token of the context.
    pub position: usize,
    pub prompt_tokens: usize,
    /// For a guided text, the slot of the unconditional context and the position of that context's last
    /// token. The context's row of logits follows the text's own row.
    pub unconditional: Option<(usize, usize)>,
    pub eos: EndTokens,
    /// Next 64 bits of the text's random stream.
    pub draw: u64,
    /// Settings, each within its range.
    pub generation: Arc<Generation>,
}

/// Samples the tokens of one text.
#[derive(Debug)]
pub struct Sampler {
    generation: Arc<Generation>,
    rng: ChaCha20Rng,
    level: Level,
    /// Original values of the logits that steps 1 to 3 changed, in order of change.
    changed: Vec<(u32, f32)>,
    /// One bit per token id: whether the context contains it.
    seen: Vec<u64>,
    candidates: Candidates,
    /// Guided logits (V).
    guided: Vec<f32>,
}

impl Sampler {
    /// Creates a sampler that draws from the ChaCha20 stream of `rng_key`.
    pub fn new(generation: &Generation, rng_key: [u8; 32]) -> Self {
        let (generation, level) = (Arc::new(in_range(generation)), Level::best());
        Self {
            candidates: Candidates::new(Arc::clone(&generation), level),
            generation,
            rng: ChaCha20Rng::from_seed(rng_key),
            level,
            changed: Vec::new(),
            seen: Vec::new(),
            guided: Vec::new(),
        }
    }

    /// Samples the token that follows `prompt_and_new`, whose last `new_tokens` tokens are new.
    ///
    /// `logits` (V) holds the logits of the last position. In `logits`, NaN is replaced with `-inf`, and
    /// `+inf` with the largest finite number. `eos` holds the end tokens. The result includes the
    /// `top_logprobs` most likely tokens of the raw distribution.
    ///
    /// # Panics
    /// Panics if `logits` is empty.
    pub fn sample(
        &mut self,
        logits: &mut [f32],
        prompt_and_new: &[u32],
        new_tokens: usize,
        eos: &[u32],
        top_logprobs: usize,
    ) -> Token {
        let raw = LogSoftmax::new(self.level, logits);
        let token = self.choose(logits, prompt_and_new, new_tokens, eos);
        self.chosen(token, logits, &raw, prompt_and_new.len(), top_logprobs)
    }

    /// Like [`Sampler::sample`], with guidance. `unconditional` (V) holds the logits of the
    /// unconditional context.
    ///
    /// # Panics
    /// Panics if `logits` is empty or differs in length from `unconditional`.
    pub fn sample_guided(
        &mut self,
        logits: &mut [f32],
        unconditional: &mut [f32],
        prompt_and_new: &[u32],
        new_tokens: usize,
        eos: &[u32],
        top_logprobs: usize,
    ) -> Token {
        assert_eq!(logits.len(), unconditional.len(), "both are logits of one vocabulary");
        let raw = LogSoftmax::new(self.level, logits);
        let without = LogSoftmax::new(self.level, unconditional);
        let scale = self.generation.guidance_scale as f32;
        let mut guided = std::mem::take(&mut self.guided);
        guide(scale, (logits, &raw), (unconditional, &without), &mut guided);
        let token = self.choose(&mut guided, prompt_and_new, new_tokens, eos);
        self.guided = guided;
        let token = self.chosen(token, logits, &raw, prompt_and_new.len(), top_logprobs);
        let log_prob = without.log_prob(unconditional[token.id as usize]);
        Token { unconditional_log_prob: Some(log_prob), ..token }
    }

    /// Returns the chosen token, or the most likely one of the raw `logits` (V) if there is none.
    fn chosen(
        &self,
        token: Option<u32>,
        logits: &[f32],
        raw: &LogSoftmax,
        position: usize,
        top_logprobs: usize,
    ) -> Token {
        let id = token.or_else(|| greatest(self.level, logits)).unwrap_or(0);
        Token {
            position,
            id,
            log_prob: raw.log_prob(logits[id as usize]),
            unconditional_log_prob: None,
            top_logprobs: raw.top(logits, top_logprobs),
        }
    }

    /// Applies the rules to `logits` (V), draws a token, and restores the logits. Returns `None` if the
    /// rules leave no token.
    fn choose(
        &mut self,
        logits: &mut [f32],
        prompt_and_new: &[u32],
        new_tokens: usize,
        eos: &[u32],
    ) -> Option<u32> {
        assert!(!logits.is_empty(), "cannot sample from an empty vocabulary");
        self.changed.clear();
        self.penalise_repetition(logits, prompt_and_new);
        self.ban_repeated_ngrams(logits, prompt_and_new);
        if new_tokens < self.generation.min_new_tokens {
            for &id in eos {
                if (id as usize) < logits.len() {
                    self.change(logits, id, f32::NEG_INFINITY);
                }
            }
        }
        let token = if self.generation.temperature == 0.0 {
            greatest(self.level, logits)
        } else {
            let draw = uniform(self.rng.next_u64());
            self.candidates.draw(logits, draw)
        };
        for &(id, logit) in self.changed.iter().rev() {
            logits[id as usize] = logit;
        }
        token
    }

    /// The sampling settings, each within its range.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// Returns the parameters for sampling the token after `position` on a device.
    pub fn sample_params(
        &mut self,
        slot: usize,
        position: usize,
        prompt_tokens: usize,
        unconditional: Option<(usize, usize)>,
        eos: EndTokens,
    ) -> SampleParams {
        let generation = Arc::clone(&self.generation);
        let draw = if generation.temperature == 0.0 { 0 } else { self.rng.next_u64() };
        SampleParams { slot, position, prompt_tokens, unconditional, eos, draw, generation }
    }

    /// Changes a token's logit and records the original.
    fn change(&mut self, logits: &mut [f32], id: u32, logit: f32) {
        self.changed.push((id, logits[id as usize]));
        logits[id as usize] = logit;
    }

    fn penalise_repetition(&mut self, logits: &mut [f32], context: &[u32]) {
        let penalty = self.generation.repetition_penalty as f32;
        if penalty == 1.0 {
            return;
        }
        self.seen.clear();
        self.seen.resize(logits.len().div_ceil(64), 0);
        for &id in context {
            let (word, bit) = (id as usize / 64, 1 << (id % 64));
            let Some(&logit) = logits.get(id as usize) else { continue };
            if self.seen[word] & bit == 0 {
                self.seen[word] |= bit;
                let logit = if logit >= 0.0 { logit / penalty } else { logit * penalty };
                self.change(logits, id, tame(logit));
            }
        }
    }

    fn ban_repeated_ngrams(&mut self, logits: &mut [f32], context: &[u32]) {
        let n = self.generation.no_repeat_ngram_size;
        if n == 0 || context.len() < n {
            return;
        }
        let tail = &context[context.len() + 1 - n..];
        for ngram in context.windows(n) {
            let (head, last) = ngram.split_at(n - 1);
            if head == tail && (last[0] as usize) < logits.len() {
                self.change(logits, last[0], f32::NEG_INFINITY);
            }
        }
    }
}

/// Replaces NaN with `-inf`, and caps `+inf`, which would turn every probability into NaN.
fn tame(logit: f32) -> f32 {
    // Adding zero turns -0 into +0, so both rank the same.
    if logit.is_nan() { f32::NEG_INFINITY } else { logit.min(f32::MAX) + 0.0 }
}

/// Returns the most likely token: the lowest id on ties, and `None` if every logit is `-inf`.
fn greatest(level: Level, logits: &[f32]) -> Option<u32> {
    let mut best = None;
    distribution::above(level, logits, f32::NEG_INFINITY, |id, logit| {
        best = Some(id);
        logit
    });
    best
}

/// Maps 64 random bits to `[0, 1)` in steps of 2⁻⁵³. `rand` is not used here, because it may change its
/// mapping.
fn uniform(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
