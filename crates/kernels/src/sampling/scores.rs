//! Log probabilities of the raw distribution, before any sampling rule.

use generator::Token;

use crate::distribution::{sum_of_exponentials, tame};
use crate::simd::Level;

/// Scores a token at `position` from the logits (V) of the previous position. NaN logits are replaced
/// with `-inf`.
///
/// # Panics
/// Panics if the token is not in the vocabulary.
pub fn score(logits: &mut [f32], position: usize, id: u32, top_logprobs: usize) -> Token {
    let distribution = LogSoftmax::new(Level::best(), logits);
    let log_prob = distribution.log_prob(logits[id as usize]);
    let top_logprobs = distribution.top(logits, top_logprobs);
    Token { position, id, log_prob, unconditional_log_prob: None, top_logprobs }
}

/// The log-softmax of logits.
pub(super) struct LogSoftmax {
    pub max: f32,
    /// Natural logarithm of the sum of `exp(logit - max)`.
    log_sum: f64,
}

impl LogSoftmax {
    /// Computes the distribution, replacing NaN in `logits` with `-inf`, and `+inf` with the largest
    /// finite number.
    pub fn new(level: Level, logits: &mut [f32]) -> Self {
        let max = tame(level, logits);
        let log_sum = sum_of_exponentials(level, logits, max.max(f32::MIN), 1.0).ln();
        Self { max, log_sum }
    }

    /// Log probability of a token with this logit, computed in f32 as on a GPU.
    pub fn relative(&self, logit: f32) -> f32 {
        (logit - self.max) - self.log_sum as f32
    }

    /// Log probability of a token with this logit.
    pub fn log_prob(&self, logit: f32) -> f32 {
        if logit == f32::NEG_INFINITY {
            return f32::NEG_INFINITY;
        }
        (f64::from(logit) - f64::from(self.max) - self.log_sum) as f32
    }

    /// Returns the `count` most likely tokens and their log probabilities, most likely first.
    pub fn top(&self, logits: &[f32], count: usize) -> Vec<(u32, f32)> {
        // `count` is small, so keep a sorted list. Almost every token fails the first comparison.
        let mut best: Vec<(u32, f32)> = Vec::with_capacity(count + 1);
        let mut least = f32::NEG_INFINITY;
        for (id, &logit) in logits.iter().enumerate() {
            if logit > least && count > 0 {
                let at = best.partition_point(|(_, other)| *other >= logit);
                best.insert(at, (id as u32, logit));
                best.truncate(count);
                if best.len() == count {
                    least = best[count - 1].1;
                }
            }
        }
        best.into_iter().map(|(id, logit)| (id, self.log_prob(logit))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn top_tokens_are_sorted_by_likelihood_then_id() {
        let scored = score(&mut [1.0, 3.0, f32::NAN, 3.0, 2.0, f32::NEG_INFINITY], 7, 0, 3);
        assert_eq!((scored.position, scored.id), (7, 0));
        let ids: Vec<u32> = scored.top_logprobs.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [1, 3, 4]);
        let all = score(&mut [1.0, f32::NEG_INFINITY, 0.0], 7, 1, 9);
        assert_eq!(all.log_prob, f32::NEG_INFINITY);
        assert_eq!(all.top_logprobs.len(), 2, "impossible tokens are excluded");
        assert_eq!(score(&mut [1.0, 2.0], 7, 0, 0).top_logprobs, []);
    }

    proptest! {
        #[test]
        fn top_tokens_match_the_sorted_distribution(
            logits in proptest::collection::vec(prop_oneof![-9.0f32..9.0, Just(1.0)], 1..200),
            count in 0usize..30,
        ) {
            let sum: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
            let mut sorted: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            sorted.truncate(count);
            let scored = score(&mut logits.clone(), 7, 0, count);
            let ids: Vec<u32> = scored.top_logprobs.iter().map(|(id, _)| *id).collect();
            prop_assert_eq!(ids, sorted.iter().map(|(id, _)| *id).collect::<Vec<_>>());
            for ((_, log_prob), (_, logit)) in scored.top_logprobs.iter().zip(&sorted) {
                let expected = f64::from(*logit) - sum.ln();
                prop_assert!((f64::from(*log_prob) - expected).abs() < 1e-5);
            }
        }
    }
}
