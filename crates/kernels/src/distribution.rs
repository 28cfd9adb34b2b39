//! Operations on the logits of a whole vocabulary, for sampling: the largest logit, the sum of
//! exponentials, and the tokens above a threshold.

use super::exp::exp;
use super::simd::{Kernel, LANES, Lanes, Level, Simd};

/// Replaces NaN with `-inf`, `+inf` with the largest finite number and -0 with 0; returns the largest
/// logit.
pub fn tame(level: Level, logits: &mut [f32]) -> f32 {
    level.run(Tame(logits))
}

/// Returns the sum of e^((logit - `largest`) · `inverse_temperature`), with a relative error of about
/// 1e-6. Terms below e^-87 count as e^-87.
pub fn sum_of_exponentials(
    level: Level,
    logits: &[f32],
    largest: f32,
    inverse_temperature: f32,
) -> f64 {
    level.run(SumOfExponentials { logits, largest, inverse_temperature })
}

/// Calls `found`, in id order, with every token whose logit is above the threshold `bar`. `found`
/// returns the threshold for the tokens that follow.
pub fn above(level: Level, logits: &[f32], bar: f32, found: impl FnMut(u32, f32) -> f32) {
    level.run(Above { logits, bar, found });
}

struct Tame<'a>(&'a mut [f32]);

impl Kernel for Tame<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (whole, tail) = self.0.as_chunks_mut::<LANES>();
        let mut largest = simd.splat(f32::NEG_INFINITY);
        for x in whole {
            let y = tamed(simd, simd.load(x));
            simd.store(x, y);
            largest = simd.max(y, largest);
        }
        let mut last = filled_up(tail);
        let y = tamed(simd, simd.load(&last));
        simd.store(&mut last, y);
        tail.copy_from_slice(&last[..tail.len()]);
        simd.largest(simd.max(y, largest))
    }
}

#[inline(always)]
fn tamed<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    // `max` returns its second operand if either is NaN, so NaN becomes `-inf`.
    let x = simd.max(x, simd.splat(f32::NEG_INFINITY));
    simd.add(simd.min(x, simd.splat(f32::MAX)), simd.splat(0.0))
}

/// Pads the last logits to a full vector with `-inf`.
fn filled_up(tail: &[f32]) -> Lanes<f32> {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    lanes[..tail.len()].copy_from_slice(tail);
    lanes
}

struct SumOfExponentials<'a> {
    logits: &'a [f32],
    largest: f32,
    inverse_temperature: f32,
}

/// Number of exponentials summed in f32 before the sum is added to the f64 total.
const SUMMED_TOGETHER: usize = 64 * LANES;

impl Kernel for SumOfExponentials<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let largest = simd.splat(self.largest);
        let inverse_temperature = simd.splat(self.inverse_temperature);
        let mut total = 0.0;
        for part in self.logits.chunks(SUMMED_TOGETHER) {
            let (whole, tail) = part.as_chunks::<LANES>();
            let last = filled_up(tail);
            let last = if tail.is_empty() { [].as_slice() } else { std::slice::from_ref(&last) };
            let mut sum = simd.splat(0.0);
            for x in whole.iter().chain(last) {
                let x = simd.mul(simd.sub(simd.load(x), largest), inverse_temperature);
                sum = simd.add(sum, exp(simd, x));
            }
            total += f64::from(simd.sum(sum));
        }
        total
    }
}

struct Above<'a, F> {
    logits: &'a [f32],
    bar: f32,
    found: F,
}

impl<F: FnMut(u32, f32) -> f32> Kernel for Above<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { logits, mut bar, mut found } = self;
        let (whole, tail) = logits.as_chunks::<LANES>();
        let mut look = |first: usize, some: &[f32], bar: &mut f32| {
            for (id, &logit) in (first as u32..).zip(some) {
                if logit > *bar {
                    *bar = found(id, logit);
                }
            }
        };
        for (i, some) in whole.iter().enumerate() {
            if simd.any_greater(simd.load(some), simd.splat(bar)) {
                look(i * LANES, some, &mut bar);
            }
        }
        look(whole.len() * LANES, tail, &mut bar);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nan_infinity_and_negative_zero_are_replaced() {
        for level in Level::available() {
            for length in [3, 16, 19, 40] {
                let mut logits = vec![-0.0; length];
                (logits[0], logits[1]) = (f32::NAN, f32::INFINITY);
                assert_eq!(tame(level, &mut logits), f32::MAX);
                assert_eq!(logits[..2], [f32::NEG_INFINITY, f32::MAX]);
                assert!(logits[2..].iter().all(|x| x.to_bits() == 0));
            }
            assert_eq!(tame(level, &mut [f32::NAN]), f32::NEG_INFINITY);
        }
    }

    proptest! {
        #[test]
        fn sums_match_f64(logits in proptest::collection::vec(-30.0f32..30.0, 1..3000)) {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for level in Level::available() {
                for temperature in [0.3f32, 1.0, 2.0] {
                    let scaled = |x: f32| f64::from(x - largest) / f64::from(temperature);
                    let expected: f64 = logits.iter().map(|x| scaled(*x).exp()).sum();
                    let sum = sum_of_exponentials(level, &logits, largest, 1.0 / temperature);
                    // Scaled logits can reach 100, where f32 has few fractional digits left.
                    prop_assert!((sum / expected - 1.0).abs() < 2e-5, "{level:?}: {sum} {expected}");
                }
            }
        }

        #[test]
        fn tokens_above_the_bar_are_found_in_order(
            logits in proptest::collection::vec(-9i8..9, 0..100),
            bar in -9i8..9,
        ) {
            let logits: Vec<f32> = logits.into_iter().map(f32::from).collect();
            let ids = 0u32..;
            let expected: Vec<(u32, f32)> =
                ids.zip(logits.iter().copied()).filter(|(_, x)| *x > f32::from(bar)).collect();
            for level in Level::available() {
                let mut found = Vec::new();
                above(level, &logits, bar.into(), |id, logit| {
                    found.push((id, logit));
                    bar.into()
                });
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
