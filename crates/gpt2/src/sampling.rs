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

use crate::kernels::distribution;
use crate::kernels::simd::Level;

mod scores;
#[cfg(test)]
mod tests;

pub use scores::Scored;

use scores::Distribution;

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
    pub(crate) fn in_range(self) -> Self {
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

/// What a device needs to choose a token itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// The text, and the place of the last token of its context.
    pub slot: usize,
    pub position: usize,
    /// Those of its tokens that are not new.
    pub prompt_tokens: usize,
    pub eos: Option<u32>,
    /// The next bits of the text's random stream.
    pub draw: u64,
    /// Each in its range.
    pub settings: Settings,
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

impl Candidate {
    fn new(id: u32, logit: f32) -> Self {
        Self { id, logit: logit.into(), weight: 0.0 }
    }
}

/// Chooses the tokens of one text.
#[derive(Debug)]
pub struct Sampler {
    settings: Settings,
    rng: ChaCha20Rng,
    level: Level,
    /// The logits that the rules of steps 1 to 3 changed, as they were, the first change first.
    changed: Vec<(u32, f32)>,
    /// Which ids the context has, a bit each.
    seen: Vec<u64>,
    candidates: Vec<Candidate>,
}

impl Sampler {
    /// A sampler whose draws are the ChaCha20 stream of `rng_key`.
    pub fn new(settings: Settings, rng_key: [u8; 32]) -> Self {
        Self {
            settings: settings.in_range(),
            rng: ChaCha20Rng::from_seed(rng_key),
            level: Level::best(),
            changed: Vec::new(),
            seen: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// Chooses the token that follows `prompt_and_new`, of whose ids the last `new_tokens` are new.
    ///
    /// `logits` (vocabulary) are those of the last position; NaN among them becomes `-inf`, `+inf`
    /// the largest finite number. `eos` is the end-of-text token. With the token come so many
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
        let raw = Distribution::new(self.level, logits);
        let likeliest = raw.likeliest(logits, likeliest);

        self.changed.clear();
        self.penalise_repetition(logits, prompt_and_new);
        self.ban_repeated_ngrams(logits, prompt_and_new);
        if new_tokens < self.settings.min_new_tokens
            && let Some(eos) = eos.filter(|eos| (*eos as usize) < logits.len())
        {
            self.change(logits, eos, f32::NEG_INFINITY);
        }

        let token = if self.settings.temperature == 0.0 {
            greatest(self.level, logits)
        } else {
            let draw = uniform(self.rng.next_u64());
            self.select_candidates(logits);
            self.keep_min_p();
            self.keep_typical();
            pick(&self.candidates, draw)
        };
        // The raw logits again.
        for &(id, logit) in self.changed.iter().rev() {
            logits[id as usize] = logit;
        }
        let token = token.or_else(|| greatest(self.level, logits)).unwrap_or(0);
        Scored { token, log_prob: raw.log_prob(logits[token as usize]), likeliest }
    }

    /// How its tokens are chosen, each setting in its range.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The next choice, for a device to make: of the token that follows `position`.
    pub(crate) fn choice(
        &mut self,
        slot: usize,
        position: usize,
        prompt_tokens: usize,
        eos: Option<u32>,
    ) -> Choice {
        let settings = self.settings.clone();
        let draw = if settings.temperature == 0.0 { 0 } else { self.rng.next_u64() };
        Choice { slot, position, prompt_tokens, eos, draw, settings }
    }

    /// Gives a token another logit.
    fn change(&mut self, logits: &mut [f32], id: u32, logit: f32) {
        self.changed.push((id, logits[id as usize]));
        logits[id as usize] = logit;
    }

    fn penalise_repetition(&mut self, logits: &mut [f32], context: &[u32]) {
        let penalty = self.settings.repetition_penalty as f32;
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
        let n = self.settings.no_repeat_ngram_size;
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

    /// The tokens that top-k and top-p leave, with their weights at the temperature: likeliest first
    /// where one of the two is on, else by id.
    fn select_candidates(&mut self, logits: &[f32]) {
        let Settings { temperature, top_k, top_p, min_p, typical_p, .. } = self.settings;
        let likeliest = self.largest(logits);
        self.candidates.clear();
        if likeliest == f32::NEG_INFINITY {
            return;
        }
        if top_k > 0 && top_k < logits.len() {
            self.keep_top_k(logits, top_k);
            self.weigh(likeliest);
            if top_p < 1.0 {
                let mass = top_p * total(&self.candidates);
                keep_until(&mut self.candidates, mass);
            }
        } else if top_p < 1.0 {
            self.keep_top_p(logits, likeliest);
        } else if min_p > 0.0 && typical_p >= 1.0 {
            // What is far too unlikely for min-p need not be weighed.
            let distance = -min_p.min(1.0).ln() * temperature;
            self.take_above(logits, bar(likeliest, distance));
            self.weigh(likeliest);
        } else {
            self.take_above(logits, f32::NEG_INFINITY);
            self.weigh(likeliest);
        }
    }

    /// The `k` likeliest tokens, likeliest first.
    fn keep_top_k(&mut self, logits: &[f32], k: usize) {
        // The buffer grows to 2k, is cut to the best k, and so on: no sort of the vocabulary, and
        // soon almost every token fails the one comparison with the bar. A token equal to it fails
        // too: the k that are kept have lower ids.
        let candidates = &mut self.candidates;
        let mut bar = f32::NEG_INFINITY;
        distribution::above(self.level, logits, bar, |id, logit| {
            candidates.push(Candidate::new(id, logit));
            if candidates.len() >= k.saturating_mul(2) {
                cut_to_likeliest(candidates, k);
                bar = candidates[k - 1].logit as f32;
            }
            bar
        });
        cut_to_likeliest(candidates, k);
        candidates.sort_unstable_by(likelier_first);
    }

    /// Nucleus: a token stays while those likelier than it have less than `top_p` together. The bar is
    /// lowered until enough are above it; only those are sorted.
    fn keep_top_p(&mut self, logits: &[f32], likeliest: f32) {
        let Settings { temperature, top_p, .. } = self.settings;
        let inverse = (1.0 / temperature) as f32;
        let everything = distribution::sum_of_exponentials(self.level, logits, likeliest, inverse);
        let mass = top_p * everything;
        for distance in [4.0, 8.0, 12.0, f64::INFINITY] {
            self.candidates.clear();
            self.take_above(logits, bar(likeliest, distance * temperature));
            self.weigh(likeliest);
            if total(&self.candidates) >= mass || distance.is_infinite() {
                break;
            }
        }
        self.candidates.sort_unstable_by(likelier_first);
        keep_until(&mut self.candidates, mass);
    }

    /// Every token above a bar, by id.
    fn take_above(&mut self, logits: &[f32], bar: f32) {
        let candidates = &mut self.candidates;
        distribution::above(self.level, logits, bar, |id, logit| {
            candidates.push(Candidate::new(id, logit));
            bar
        });
    }

    /// Gives candidates, whose logits are as the rules left them, their weights.
    fn weigh(&mut self, likeliest: f32) {
        for candidate in &mut self.candidates {
            // Subtracted before it is divided: however small the temperature, nothing overflows.
            candidate.logit = (candidate.logit - f64::from(likeliest)) / self.settings.temperature;
            candidate.weight = candidate.logit.exp();
        }
    }

    fn largest(&self, logits: &[f32]) -> f32 {
        let mut largest = f32::NEG_INFINITY;
        distribution::above(self.level, logits, largest, |_, logit| {
            largest = logit;
            logit
        });
        largest
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

/// A bar that is `distance` below the likeliest logit, and a little lower: what is at it is above.
fn bar(likeliest: f32, distance: f64) -> f32 {
    let bar = f64::from(likeliest) - distance;
    (bar - 1e-3 - bar.abs() * 1e-6) as f32
}

/// The likeliest token, the lowest id of equals; none when every logit is `-inf`.
fn greatest(level: Level, logits: &[f32]) -> Option<u32> {
    let mut best = None;
    distribution::above(level, logits, f32::NEG_INFINITY, |id, logit| {
        best = Some(id);
        logit
    });
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
