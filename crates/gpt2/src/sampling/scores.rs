//! What a model says of tokens before any rule bends it: log probabilities of the raw distribution.

use super::Sampled;
use crate::kernels::distribution::{sum_of_exponentials, tame};
use crate::kernels::simd::Level;

/// A token where it stands, and what the model held likeliest there.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Its id.
    pub token: u32,
    /// Its natural-log probability under the raw distribution: temperature 1, no rule applied.
    pub log_prob: f32,
    /// The likeliest tokens of that distribution, likeliest first; equals by the lower id. As many as
    /// were asked for, fewer where fewer are possible at all.
    pub likeliest: Vec<Sampled>,
}

impl Scored {
    /// The score of a token that is given, from the logits (vocabulary) of the position before it,
    /// in which NaN becomes `-inf`.
    ///
    /// # Panics
    /// When the vocabulary does not have the token.
    pub fn given(logits: &mut [f32], token: u32, likeliest: usize) -> Self {
        let distribution = Distribution::new(Level::best(), logits);
        let log_prob = distribution.log_prob(logits[token as usize]);
        Self { token, log_prob, likeliest: distribution.likeliest(logits, likeliest) }
    }
}

/// The softmax of logits, in logarithms.
pub(super) struct Distribution {
    max: f32,
    /// Natural logarithm of the sum of `exp(logit - max)`.
    log_sum: f64,
}

impl Distribution {
    /// Of logits in which NaN becomes `-inf` and `+inf` the largest finite number.
    pub fn new(level: Level, logits: &mut [f32]) -> Self {
        let max = tame(level, logits);
        let log_sum = sum_of_exponentials(level, logits, max.max(f32::MIN), 1.0).ln();
        Self { max, log_sum }
    }

    /// The log probability of a token with this logit.
    pub fn log_prob(&self, logit: f32) -> f32 {
        if logit == f32::NEG_INFINITY {
            return f32::NEG_INFINITY;
        }
        (f64::from(logit) - f64::from(self.max) - self.log_sum) as f32
    }

    /// The likeliest of the same logits.
    pub fn likeliest(&self, logits: &[f32], count: usize) -> Vec<Sampled> {
        // Few are asked for: kept in order, and almost every token fails the one comparison.
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
        let scored = |(token, logit)| Sampled { token, log_prob: self.log_prob(logit) };
        best.into_iter().map(scored).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_likeliest_come_first_and_equals_by_id() {
        let scored = Scored::given(&mut [1.0, 3.0, f32::NAN, 3.0, 2.0, f32::NEG_INFINITY], 0, 3);
        let ids: Vec<u32> = scored.likeliest.iter().map(|likely| likely.token).collect();
        assert_eq!(ids, [1, 3, 4]);
        let all = Scored::given(&mut [1.0, f32::NEG_INFINITY, 0.0], 1, 9);
        assert_eq!(all.log_prob, f32::NEG_INFINITY);
        assert_eq!(all.likeliest.len(), 2, "what is impossible is not among the likeliest");
        assert_eq!(Scored::given(&mut [1.0, 2.0], 0, 0).likeliest, []);
    }

    proptest! {
        #[test]
        fn they_are_the_first_of_the_sorted_distribution(
            logits in proptest::collection::vec(prop_oneof![-9.0f32..9.0, Just(1.0)], 1..200),
            count in 0usize..30,
        ) {
            let sum: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
            let mut sorted: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            sorted.truncate(count);
            let scored = Scored::given(&mut logits.clone(), 0, count);
            let ids: Vec<u32> = scored.likeliest.iter().map(|likely| likely.token).collect();
            prop_assert_eq!(ids, sorted.iter().map(|(id, _)| *id).collect::<Vec<_>>());
            for (likely, (_, logit)) in scored.likeliest.iter().zip(&sorted) {
                let expected = f64::from(*logit) - sum.ln();
                prop_assert!((f64::from(likely.log_prob) - expected).abs() < 1e-5);
            }
        }
    }
}
