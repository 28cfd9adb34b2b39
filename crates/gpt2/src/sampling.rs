//! Logits to token: the rules that bend a distribution, and the draw from it.
//!
//! The rules and their order are those of transformers' generation (logits processors, then
//! warpers), so that a setting known from there means the same here:
//!
//! 1. repetition penalty over prompt and new tokens
//! 2. no-repeat n-gram over prompt and new tokens
//! 3. minimum of new tokens (the end-of-text token is banned until then)
//! 4. temperature; at 0 the likeliest token is taken here and the rest is skipped
//! 5. top-k, 6. top-p, 7. min-p, 8. typical, each on the distribution its predecessor left
//!
//! What transformers leaves open is fixed here. Equal logits rank by the lower id, so top-k keeps
//! exactly k tokens and a greedy tie goes to the lower id. A NaN logit counts as `-inf`, `+inf` as
//! the largest finite number. Each filter keeps at least one token; when the bans of steps 2 and 3
//! leave none, the likeliest token of the raw logits is taken; when those are all `-inf`, token 0.
//!
//! A draw takes exactly one `u64` of the ChaCha stream and everything is computed in one fixed
//! order on one thread, so a text is a function of logits, settings and key alone.

use std::cmp::Ordering;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

mod scores;
#[cfg(test)]
mod tests;

pub use scores::Scored;

/// How a token is chosen from its logits. A value outside its range counts as the nearer end of it,
/// NaN as off.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Divides the logits; 0 is greedy: the likeliest token, no draw.
    pub temperature: f64,
    /// Keep the k likeliest tokens; 0 is off.
    pub top_k: usize,
    /// Keep the smallest set of likeliest tokens whose probability reaches this; 1 is off
    /// (Holtzman et al. 2020, arXiv:1904.09751).
    pub top_p: f64,
    /// Drop tokens less likely than this times the likeliest; 0 is off
    /// (Nguyen et al. 2024, arXiv:2407.01082).
    pub min_p: f64,
    /// Keep the smallest set of tokens, by closeness of their information to the entropy, whose
    /// probability reaches this; 1 is off (Meister et al. 2022, arXiv:2202.00666).
    pub typical_p: f64,
    /// Divides the positive and multiplies the negative logits of tokens already there; 1 is off
    /// (Keskar et al. 2019, arXiv:1909.05858). A value that is not above 0 counts as 1.
    pub repetition_penalty: f64,
    /// No run of this many tokens occurs twice; 0 is off.
    pub no_repeat_ngram_size: usize,
    /// The end-of-text token is not chosen before this many new tokens.
    pub min_new_tokens: usize,
}

impl Default for Settings {
    /// The model's own distribution: temperature 1, every rule off.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            typical_p: 1.0,
            repetition_penalty: 1.0,
            no_repeat_ngram_size: 0,
            min_new_tokens: 0,
        }
    }
}

impl Settings {
    /// `max` and `min` give the other operand for a NaN.
    fn in_range(self) -> Self {
        Self {
            temperature: self.temperature.max(0.0),
            top_p: self.top_p.min(1.0),
            min_p: self.min_p.max(0.0),
            typical_p: self.typical_p.min(1.0),
            repetition_penalty: if self.repetition_penalty > 0.0 {
                self.repetition_penalty
            } else {
                1.0
            },
            ..self
        }
    }
}

/// A token and how likely it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampled {
    /// Its id.
    pub token: u32,
    /// Its natural-log probability under the raw distribution: temperature 1, no rule applied.
    pub log_prob: f32,
}

/// A token that is still in the running.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    id: u32,
    /// The logit after the rules of steps 1 to 3, over the temperature, less the largest.
    logit: f64,
    /// `exp(logit)`: proportional to the probability; the likeliest candidate's is 1.
    weight: f64,
}

/// Chooses the tokens of one text.
#[derive(Debug)]
pub struct Sampler {
    settings: Settings,
    rng: ChaCha20Rng,
    /// The logits as the model gave them.
    raw: Vec<f32>,
    /// Distinct ids of the context.
    seen: Vec<u32>,
    candidates: Vec<Candidate>,
}

impl Sampler {
    /// A sampler whose draws are the ChaCha20 stream of `rng_key`.
    pub fn new(settings: Settings, rng_key: [u8; 32]) -> Self {
        Self {
            settings: settings.in_range(),
            rng: ChaCha20Rng::from_seed(rng_key),
            raw: Vec::new(),
            seen: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// Chooses the token that follows `prompt_and_new`, of whose ids the last `new_tokens` are new.
    ///
    /// `logits` (vocabulary) are those of the last position; they are overwritten with what the
    /// rules of steps 1 to 3 make of them. `eos` is the end-of-text token. With the token come so many
    /// of the `likeliest` of the raw distribution.
    ///
    /// # Panics
    /// When `logits` is empty.
    pub fn sample(
        &mut self,
        logits: &mut [f32],
        prompt_and_new: &[u32],
        new_tokens: usize,
        eos: Option<u32>,
        likeliest: usize,
    ) -> Scored {
        assert!(!logits.is_empty(), "a distribution over no tokens has no sample");
        for logit in logits.iter_mut() {
            *logit = tame(*logit);
        }
        self.raw.clear();
        self.raw.extend_from_slice(logits);

        self.penalise_repetition(logits, prompt_and_new);
        self.ban_repeated_ngrams(logits, prompt_and_new);
        if new_tokens < self.settings.min_new_tokens
            && let Some(logit) = eos.and_then(|eos| logits.get_mut(eos as usize))
        {
            *logit = f32::NEG_INFINITY;
        }

        let token = if self.settings.temperature == 0.0 {
            greatest(logits)
        } else {
            let draw = uniform(self.rng.next_u64());
            self.select_candidates(logits);
            self.keep_top_p();
            self.keep_min_p();
            self.keep_typical();
            pick(&self.candidates, draw)
        };
        let token = token.or_else(|| greatest(&self.raw)).unwrap_or(0);
        Scored::of(&self.raw, token, likeliest)
    }

    fn penalise_repetition(&mut self, logits: &mut [f32], context: &[u32]) {
        let penalty = self.settings.repetition_penalty as f32;
        if penalty == 1.0 {
            return;
        }
        self.seen.clear();
        self.seen.extend_from_slice(context);
        self.seen.sort_unstable();
        self.seen.dedup();
        for &id in &self.seen {
            if let Some(logit) = logits.get_mut(id as usize) {
                *logit = tame(if *logit >= 0.0 { *logit / penalty } else { *logit * penalty });
            }
        }
    }

    fn ban_repeated_ngrams(&self, logits: &mut [f32], context: &[u32]) {
        let n = self.settings.no_repeat_ngram_size;
        if n == 0 || context.len() < n {
            return;
        }
        let tail = &context[context.len() + 1 - n..];
        for ngram in context.windows(n) {
            let (head, last) = ngram.split_at(n - 1);
            if head == tail
                && let Some(logit) = logits.get_mut(last[0] as usize)
            {
                *logit = f32::NEG_INFINITY;
            }
        }
    }

    /// The tokens that are possible at all, with their weights at the temperature: with top-k the k
    /// likeliest, likeliest first, else all by id.
    fn select_candidates(&mut self, logits: &[f32]) {
        let off = self.settings.top_k == 0 || self.settings.top_k >= logits.len();
        let k = if off { logits.len() } else { self.settings.top_k };
        let candidates = &mut self.candidates;
        candidates.clear();
        // The buffer grows to 2k, is cut to the best k, and so on: no sort of the vocabulary, and
        // soon almost every token fails the one comparison with `threshold`. A token equal to the
        // threshold fails too: the k that are kept have lower ids.
        let mut threshold = f32::NEG_INFINITY;
        for (id, &logit) in logits.iter().enumerate() {
            if logit > threshold {
                candidates.push(Candidate { id: id as u32, logit: logit.into(), weight: 0.0 });
                if candidates.len() >= k.saturating_mul(2) {
                    cut_to_likeliest(candidates, k);
                    threshold = candidates[k - 1].logit as f32;
                }
            }
        }
        if !off {
            cut_to_likeliest(candidates, k);
            candidates.sort_unstable_by(likelier_first);
        }

        let max = candidates.iter().map(|c| c.logit).fold(f64::NEG_INFINITY, f64::max);
        for candidate in candidates.iter_mut() {
            // Subtracted before it is divided: however small the temperature, nothing overflows.
            candidate.logit = (candidate.logit - max) / self.settings.temperature;
            candidate.weight = candidate.logit.exp();
        }
    }

    /// Nucleus: a token stays while those likelier than it have less than `top_p` together.
    fn keep_top_p(&mut self) {
        if self.settings.top_p >= 1.0 {
            return;
        }
        self.candidates.sort_unstable_by(likelier_first);
        let mass = self.settings.top_p * total(&self.candidates);
        keep_until(&mut self.candidates, mass);
    }

    fn keep_min_p(&mut self) {
        // The likeliest candidate's weight is 1, and no filter before this one drops it.
        let floor = self.settings.min_p.min(1.0);
        self.candidates.retain(|candidate| candidate.weight >= floor);
    }

    fn keep_typical(&mut self) {
        if self.settings.typical_p >= 1.0 || self.candidates.is_empty() {
            return;
        }
        let sum = total(&self.candidates);
        let log_sum = sum.ln();
        let information = |candidate: &Candidate| log_sum - candidate.logit;
        let entropy: f64 = self
            .candidates
            .iter()
            .filter(|candidate| candidate.weight > 0.0)
            .map(|candidate| candidate.weight / sum * information(candidate))
            .sum();
        let atypicality = |candidate: &Candidate| (information(candidate) - entropy).abs();
        self.candidates.sort_unstable_by(|a, b| {
            atypicality(a).total_cmp(&atypicality(b)).then(a.id.cmp(&b.id))
        });
        keep_until(&mut self.candidates, self.settings.typical_p * sum);
    }
}

/// NaN is no evidence for a token, and infinity would make a NaN of every probability.
fn tame(logit: f32) -> f32 {
    // Adding zero makes +0 of -0, which would rank below it.
    if logit.is_nan() { f32::NEG_INFINITY } else { logit.min(f32::MAX) + 0.0 }
}

fn likelier_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

/// Leaves the `k` likeliest, the least likely of them last; the others in any order.
fn cut_to_likeliest(candidates: &mut Vec<Candidate>, k: usize) {
    if candidates.len() > k {
        candidates.select_nth_unstable_by(k - 1, likelier_first);
        candidates.truncate(k);
    }
}

/// Leaves the shortest beginning whose weights reach `mass`, and at least one candidate.
fn keep_until(candidates: &mut Vec<Candidate>, mass: f64) {
    let mut before = 0.0;
    let kept = candidates
        .iter()
        .take_while(|candidate| {
            let stays = before < mass;
            before += candidate.weight;
            stays
        })
        .count();
    candidates.truncate(kept.max(1));
}

fn total(candidates: &[Candidate]) -> f64 {
    candidates.iter().map(|candidate| candidate.weight).sum()
}

/// The likeliest token, the lowest id of equals; none when every logit is `-inf`.
fn greatest(logits: &[f32]) -> Option<u32> {
    let mut best = None;
    let mut max = f32::NEG_INFINITY;
    for (id, &logit) in logits.iter().enumerate() {
        if logit > max {
            (best, max) = (Some(id as u32), logit);
        }
    }
    best
}

/// 64 random bits to `[0, 1)` in steps of 2⁻⁵³. Written out here, since `rand` may change its own.
fn uniform(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// The candidate at `draw` (of `[0, 1)`) of the way through all weights.
fn pick(candidates: &[Candidate], draw: f64) -> Option<u32> {
    let target = draw * total(candidates);
    let mut through = 0.0;
    for candidate in candidates {
        through += candidate.weight;
        if target < through {
            return Some(candidate.id);
        }
    }
    // Only rounding leads here, where `draw` is next to 1.
    candidates.iter().rev().find(|candidate| candidate.weight > 0.0).map(|candidate| candidate.id)
}
