//! The tokens that can still be drawn: top-k, top-p, min-p and typical sampling, then the draw.

use std::cmp::Ordering;
use std::sync::Arc;

use generator::Generation;

use crate::distribution;
use crate::simd::Level;

/// A token that can still be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub id: u32,
    /// (logit - largest logit) / temperature, after steps 1 to 3.
    logit: f64,
    /// `exp(logit)`, proportional to the probability; 1 for the most likely candidate.
    pub weight: f64,
}

impl Candidate {
    fn new(id: u32, logit: f32) -> Self {
        Self { id, logit: logit.into(), weight: 0.0 }
    }
}

/// The tokens that remain after filtering.
#[derive(Debug)]
pub(super) struct Candidates {
    list: Vec<Candidate>,
    generation: Arc<Generation>,
    level: Level,
}

impl Candidates {
    pub fn new(generation: Arc<Generation>, level: Level) -> Self {
        Self { list: Vec::new(), generation, level }
    }

    /// The tokens from which the last draw was made.
    #[cfg(test)]
    pub fn list(&self) -> &[Candidate] {
        &self.list
    }

    /// Draws a token from `logits` (V) at the fraction `draw`, in `[0, 1)`, of the cumulative weight;
    /// `None` if every logit is `-inf`.
    pub fn draw(&mut self, logits: &[f32], draw: f64) -> Option<u32> {
        self.select(logits);
        self.keep_min_p();
        self.keep_typical();
        pick(&self.list, draw)
    }

    /// Selects the tokens that top-k and top-p keep and computes their weights. The tokens are sorted
    /// by likelihood if top-k or top-p is on, otherwise by id.
    fn select(&mut self, logits: &[f32]) {
        let Generation { temperature, top_k, top_p, min_p, typical_p, .. } = *self.generation;
        let likeliest = self.largest(logits);
        self.list.clear();
        if likeliest == f32::NEG_INFINITY {
            return;
        }
        if top_k > 0 && top_k < logits.len() {
            self.keep_top_k(logits, top_k);
            self.weigh(likeliest);
            if top_p < 1.0 {
                let mass = top_p * total(&self.list);
                keep_until(&mut self.list, mass);
            }
        } else if top_p < 1.0 {
            self.keep_top_p(logits, likeliest);
        } else if min_p > 0.0 && typical_p >= 1.0 {
            // Skip tokens that are far too unlikely for min-p.
            let distance = -min_p.min(1.0).ln() * temperature;
            self.take_above(logits, bar(likeliest, distance));
            self.weigh(likeliest);
        } else {
            self.take_above(logits, f32::NEG_INFINITY);
            self.weigh(likeliest);
        }
    }

    /// Selects the `k` most likely tokens, most likely first.
    fn keep_top_k(&mut self, logits: &[f32], k: usize) {
        // Whenever the buffer reaches 2k tokens it is cut to the best k. This avoids sorting the
        // vocabulary, and soon almost every token fails the comparison with the bar. A tie with the bar
        // fails as well, because the k tokens kept have lower ids.
        let candidates = &mut self.list;
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

    /// Nucleus sampling: keeps a token if the total probability of all more likely tokens is below
    /// `top_p`. A threshold is lowered until enough tokens are above it, and only they are sorted.
    fn keep_top_p(&mut self, logits: &[f32], likeliest: f32) {
        let Generation { temperature, top_p, .. } = *self.generation;
        let inverse = (1.0 / temperature) as f32;
        let everything = distribution::sum_of_exponentials(self.level, logits, likeliest, inverse);
        let mass = top_p * everything;
        for distance in [4.0, 8.0, 12.0, f64::INFINITY] {
            self.list.clear();
            self.take_above(logits, bar(likeliest, distance * temperature));
            self.weigh(likeliest);
            if total(&self.list) >= mass || distance.is_infinite() {
                break;
            }
        }
        self.list.sort_unstable_by(likelier_first);
        keep_until(&mut self.list, mass);
    }

    /// Selects every token whose logit is above `bar`, in id order.
    fn take_above(&mut self, logits: &[f32], bar: f32) {
        let candidates = &mut self.list;
        distribution::above(self.level, logits, bar, |id, logit| {
            candidates.push(Candidate::new(id, logit));
            bar
        });
    }

    /// Applies the temperature to the candidates' logits and computes their weights.
    fn weigh(&mut self, likeliest: f32) {
        for candidate in &mut self.list {
            // Subtract before dividing, so a tiny temperature does not overflow.
            candidate.logit =
                (candidate.logit - f64::from(likeliest)) / self.generation.temperature;
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
        // The most likely candidate has weight 1, and no earlier filter removes it.
        let floor = self.generation.min_p.min(1.0);
        self.list.retain(|candidate| candidate.weight >= floor);
    }

    fn keep_typical(&mut self) {
        if self.generation.typical_p >= 1.0 || self.list.is_empty() {
            return;
        }
        let sum = total(&self.list);
        let log_sum = sum.ln();
        let information = |candidate: &Candidate| log_sum - candidate.logit;
        let entropy: f64 = self
            .list
            .iter()
            .filter(|candidate| candidate.weight > 0.0)
            .map(|candidate| candidate.weight / sum * information(candidate))
            .sum();
        let atypicality = |candidate: &Candidate| (information(candidate) - entropy).abs();
        self.list.sort_unstable_by(|a, b| {
            atypicality(a).total_cmp(&atypicality(b)).then(a.id.cmp(&b.id))
        });
        keep_until(&mut self.list, self.generation.typical_p * sum);
    }
}

fn likelier_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

/// Keeps the `k` most likely candidates, with the least likely of them last and the others in any order.
fn cut_to_likeliest(candidates: &mut Vec<Candidate>, k: usize) {
    if candidates.len() > k {
        candidates.select_nth_unstable_by(k - 1, likelier_first);
        candidates.truncate(k);
    }
}

/// Keeps the shortest prefix whose total weight reaches `mass`, but at least one candidate.
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

pub(super) fn total(candidates: &[Candidate]) -> f64 {
    candidates.iter().map(|candidate| candidate.weight).sum()
}

/// Returns a threshold slightly more than `distance` below the largest logit, so that logits at exactly
/// this distance are above it.
fn bar(likeliest: f32, distance: f64) -> f32 {
    let bar = f64::from(likeliest) - distance;
    (bar - 1e-3 - bar.abs() * 1e-6) as f32
}

/// Returns the first candidate at which the cumulative weight exceeds the fraction `draw`, in `[0, 1)`,
/// of the total weight.
fn pick(candidates: &[Candidate], draw: f64) -> Option<u32> {
    let target = draw * total(candidates);
    let mut through = 0.0;
    for candidate in candidates {
        through += candidate.weight;
        if target < through {
            return Some(candidate.id);
        }
    }
    // Reached only through rounding, if `draw` is close to 1.
    candidates.iter().rev().find(|candidate| candidate.weight > 0.0).map(|candidate| candidate.id)
}
