//! Compares a model in a reduced number format with the same model in f32, by perplexity and divergence.

use gpt2::Gpt2;
use gpt2::InputToken;
use gpt2::Result;
use kernels::distribution::{sum_of_exponentials, tame};
use kernels::simd::Level;

/// Number of positions whose logits are computed at once.
const TOGETHER: usize = 64;

/// A comparison of two models on the same text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Number of tokens predicted.
    pub tokens: usize,
    /// Perplexity of the model: the exponential of the mean negative log probability.
    pub perplexity: f64,
    /// Perplexity of the reference.
    pub reference_perplexity: f64,
    /// Mean Kullback-Leibler divergence of the model's distribution from the reference's, in nats per
    /// position.
    pub mean_kl: f64,
    /// Share of positions where both models have the same most likely token.
    pub same_choice: f64,
}

/// Compares two models with the same vocabulary. The texts are cut into windows that fit both models'
/// positions.
///
/// # Errors
/// Returns an error if a token is not in the vocabulary or a device fails.
pub fn compare(reference: &Gpt2, model: &Gpt2, texts: &[Vec<u32>]) -> Result<Comparison> {
    let positions = reference.config().n_positions.min(model.config().n_positions);
    let windows = texts.iter().flat_map(|text| text.chunks(positions));
    let (mut tokens, mut kl, mut same) = (0, 0.0, 0);
    let mut log_probs = [0.0; 2];
    for window in windows.filter(|window| window.len() > 1) {
        let mut caches = [reference.new_cache(1)?, model.new_cache(1)?];
        let last = window.len() - 1;
        for start in (0..last).step_by(TOGETHER) {
            let end = last.min(start + TOGETHER);
            let [ours, theirs] = &mut caches;
            let a = Distributions::after(reference, ours, &window[start..end], start)?;
            let b = Distributions::after(model, theirs, &window[start..end], start)?;
            for (row, &next) in window[start + 1..=end].iter().enumerate() {
                let (a, b) = (a.row(row), b.row(row));
                log_probs[0] += a.log_prob(next as usize);
                log_probs[1] += b.log_prob(next as usize);
                kl += a.divergence_of(&b);
                same += usize::from(a.likeliest() == b.likeliest());
                tokens += 1;
            }
        }
    }
    let count = tokens.max(1) as f64;
    Ok(Comparison {
        tokens,
        reference_perplexity: (-log_probs[0] / count).exp(),
        perplexity: (-log_probs[1] / count).exp(),
        mean_kl: kl / count,
        same_choice: same as f64 / count,
    })
}

/// The logits of several positions.
struct Distributions {
    logits: Vec<f32>,
    vocab_size: usize,
}

impl Distributions {
    fn after(model: &Gpt2, cache: &mut gpt2::KvCache, ids: &[u32], start: usize) -> Result<Self> {
        let tokens: Vec<InputToken> = (start..)
            .zip(ids)
            .map(|(position, &id)| InputToken { slot: 0, position, id })
            .collect();
        let all: Vec<u32> = (0..ids.len() as u32).collect();
        let mut logits = Vec::new();
        model.forward(cache, &tokens, &all, &mut logits)?;
        for row in logits.chunks_exact_mut(model.config().vocab_size) {
            tame(Level::best(), row);
        }
        Ok(Self { logits, vocab_size: model.config().vocab_size })
    }

    fn row(&self, row: usize) -> Distribution<'_> {
        let logits = &self.logits[row * self.vocab_size..(row + 1) * self.vocab_size];
        let max = logits.iter().copied().fold(f32::MIN, f32::max);
        let sum = sum_of_exponentials(Level::best(), logits, max, 1.0);
        Distribution { logits, log_sum: f64::from(max) + sum.ln() }
    }
}

struct Distribution<'a> {
    logits: &'a [f32],
    log_sum: f64,
}

impl Distribution<'_> {
    fn log_prob(&self, token: usize) -> f64 {
        f64::from(self.logits[token]) - self.log_sum
    }

    fn likeliest(&self) -> Option<usize> {
        (0..self.logits.len()).max_by(|a, b| self.logits[*a].total_cmp(&self.logits[*b]))
    }

    /// Returns the Kullback-Leibler divergence KL(self ‖ other) in nats.
    fn divergence_of(&self, other: &Self) -> f64 {
        let term = |token| {
            let log_prob = self.log_prob(token);
            let probability = log_prob.exp();
            if probability > 0.0 { probability * (log_prob - other.log_prob(token)) } else { 0.0 }
        };
        (0..self.logits.len()).map(term).sum()
    }
}
