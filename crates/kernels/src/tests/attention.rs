//! Compares attention with candle's softmax and matrix products, applied to the values stored in the
//! cache.

use proptest::prelude::*;
use proptest::sample::select;

use super::numbers::{
    KnownPrecision, UNIT, assert_near, assert_near_at_every_level, gamma, in_every_format,
    numbers_of, random, tensor,
};
use crate::attention::{Head, Shape};
use crate::format::Format;
use crate::simd::{Kernel, LANES, Lanes, Level, Simd};

/// Head dimensions that cover every remainder when a score is split into chains and a value into sets
/// of vectors.
pub const WIDTHS: [usize; 11] = [1, 5, 6, 7, 16, 24, 40, 64, 80, 100, 128];

/// A head's keys and values, in the cache format and as exact numbers.
pub struct CachedText<F: Format> {
    pub shape: Shape,
    head_dim: usize,
    pub keys: Vec<F::Cached>,
    pub values: Vec<F::Cached>,
    pub key_scales: Vec<f32>,
    pub value_scales: Vec<f32>,
    /// (L, D).
    exact_keys: Vec<f64>,
    exact_values: Vec<f64>,
}

impl<F: Format> CachedText<F> {
    /// Stores keys and values (L, D) in a cache whose other positions contain NaN.
    pub fn new(level: Level, keys: &[f32], values: &[f32], head_dim: usize) -> Self {
        let length = keys.len() / head_dim;
        let shape = Shape::new(length + 21, head_dim);
        let scales = if F::SCALED { shape.scales() } else { 0 };
        let mut text = Self {
            shape,
            head_dim,
            keys: bytemuck::zeroed_vec(shape.keys()),
            values: bytemuck::zeroed_vec(shape.values()),
            key_scales: vec![0.0; scales],
            value_scales: vec![0.0; scales],
            exact_keys: Vec::new(),
            exact_values: Vec::new(),
        };
        let nothing = vec![f32::NAN; head_dim];
        let row = |of: &[f32], position| {
            if position < length {
                of[position * head_dim..][..head_dim].to_vec()
            } else {
                nothing.clone()
            }
        };
        for position in 0..shape.scales() {
            let (key, key_scale, exact) = stored::<F>(level, &row(keys, position));
            for (d, number) in key[..head_dim].iter().enumerate() {
                text.keys[shape.key(position) + d * LANES] = *number;
            }
            text.exact_keys.extend(&exact[..head_dim]);
            let (value, value_scale, exact) = stored::<F>(level, &row(values, position));
            text.values[shape.value(position)].copy_from_slice(&value);
            text.exact_values.extend(&exact[..head_dim]);
            if F::SCALED {
                text.key_scales[position] = key_scale;
                text.value_scales[position] = value_scale;
            }
        }
        text.exact_keys.truncate(length * head_dim);
        text.exact_values.truncate(length * head_dim);
        text
    }

    pub fn random(seed: u64, level: Level, length: usize, head_dim: usize) -> Self {
        let numbers = [seed, seed + 1].map(|seed| random(seed, length * head_dim));
        Self::new(level, &numbers[0], &numbers[1], head_dim)
    }

    fn attend(&self, level: Level, q: &[f32], length: usize, scale: f32) -> Vec<f32> {
        let mut y = vec![f32::NAN; self.head_dim];
        level.run(Head::<F> {
            shape: self.shape,
            q,
            keys: &self.keys,
            next_keys: &self.keys,
            values: &self.values,
            key_scales: &self.key_scales,
            value_scales: &self.value_scales,
            scale,
            // Previous contents must not matter.
            scores: &mut vec![[f32::NAN; LANES]; 2],
            length,
            y: &mut y,
        });
        y
    }

    /// Returns candle's result and the kernel's tolerance.
    fn reference(&self, q: &[f32], length: usize, scale: f32) -> (Vec<f64>, Vec<f64>) {
        let (d, scale) = (self.head_dim, f64::from(scale));
        let q = tensor(q, &[1, d]);
        let k = tensor(&self.exact_keys[..length * d], &[length, d]).t().unwrap();
        let v = tensor(&self.exact_values[..length * d], &[length, d]);
        let scores = (q.matmul(&k).unwrap() * scale).unwrap();
        let shares = candle_nn::ops::softmax_last_dim(&scores).unwrap();
        let y = shares.matmul(&v).unwrap();

        // A score is a sum of D products, scaled twice. A softmax weight has the errors of its score, of
        // the distance from the largest score, and of the exponential (3 ulp), and the sum of weights
        // contributes as much again. The L products, three scales and the clamped range of the
        // exponential add to this.
        let sizes = numbers_of(&q.abs().unwrap().matmul(&k.abs().unwrap()).unwrap());
        let largest_size = sizes.iter().fold(0f64, |largest, size| largest.max(*size));
        let score_off = gamma(d + 6) * largest_size * scale.abs();
        let scores = numbers_of(&scores);
        let largest = scores.iter().fold(f64::NEG_INFINITY, |largest, x| largest.max(*x));
        let least = scores.iter().fold(f64::INFINITY, |least, x| least.min(*x));
        let distance = (largest - least).min(88.0);
        let share_off = 2.0 * (score_off + UNIT * (distance + 2.0 * score_off) + 6.0 * UNIT);
        let relative = share_off.exp_m1() + gamma(2 * length + 8);
        let sums = numbers_of(&shares.matmul(&v.abs().unwrap()).unwrap());
        let largest_value = numbers_of(&v).iter().fold(0f64, |largest, x| largest.max(x.abs()));
        let vanished = 2.0 * length as f64 * (-87f64).exp() * largest_value;
        let tolerance = sums.into_iter().map(|sum| relative * sum + vanished).collect();
        (numbers_of(&y), tolerance)
    }
}

/// Converts numbers to the cache format; returns them, their scale, and their exact values.
fn stored<F: Format>(level: Level, numbers: &[f32]) -> (Vec<F::Cached>, f32, Vec<f64>) {
    let mut filled_up = vec![[0.0; LANES]; numbers.len().div_ceil(LANES)];
    filled_up.as_flattened_mut()[..numbers.len()].copy_from_slice(numbers);
    let mut cached: Vec<Lanes<F::Cached>> = bytemuck::zeroed_vec(filled_up.len());
    let (scale, kept) = store::<F>(level, &filled_up, &mut cached);
    let scale_of = if F::SCALED { f64::from(scale) } else { 1.0 };
    let exact = kept.into_iter().map(|x| f64::from(x) * scale_of).collect();
    (cached.into_flattened(), scale, exact)
}

/// Converts numbers to the cache format; returns their scale and the unscaled values.
pub fn store<F: Format>(
    level: Level,
    numbers: &[Lanes<f32>],
    cached: &mut [Lanes<F::Cached>],
) -> (f32, Vec<f32>) {
    struct StoreKernel<'a, F: Format>(&'a [Lanes<f32>], &'a mut [Lanes<F::Cached>]);

    impl<F: Format> Kernel for StoreKernel<'_, F> {
        type Output = (f32, Vec<f32>);

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> (f32, Vec<f32>) {
            let scale = F::store(simd, self.0, self.1);
            let mut numbers = vec![[0.0; LANES]; self.1.len()];
            for (number, cached) in numbers.iter_mut().zip(self.1) {
                simd.store(number, F::load(simd, cached));
            }
            (scale, numbers.into_flattened())
        }
    }

    level.run(StoreKernel::<F>(numbers, cached))
}

fn is_candles<F: KnownPrecision>(seed: u64, length: usize, head_dim: usize, scale: f32) {
    let text = |level| CachedText::<F>::random(seed, level, length, head_dim);
    let q = random(seed + 2, head_dim);
    for length in [1, length.div_ceil(2), length] {
        let (expected, tolerance) = text(Level::best()).reference(&q, length, scale);
        let what = format!("{}, {length} of {head_dim}", F::NAME);
        assert_near_at_every_level(&what, &expected, &tolerance, |level| {
            text(level).attend(level, &q, length, scale)
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn attention_matches_candle(
        head_dim in select(WIDTHS.to_vec()),
        length in select(vec![1usize, 15, 16, 17, 40, 300]),
        // A flat softmax, and one so sharp that only the largest score counts.
        sharpness in select(vec![1.0f32, 30.0]),
        seed: u32,
    ) {
        let scale = sharpness / (head_dim as f32).sqrt();
        in_every_format!(is_candles(seed.into(), length, head_dim, scale));
    }

    #[test]
    fn the_cache_preserves_values_within_its_precision(
        width in select(WIDTHS.to_vec()),
        exponent in -44i32..38,
        seed: u32,
    ) {
        fn keeps<F: KnownPrecision>(level: Level, numbers: &[f32]) {
            let (expected, distance) = F::kept(numbers);
            let kept: Vec<f32> =
                stored::<F>(level, numbers).2.iter().map(|x| *x as f32).collect();
            let (kept, filling) = kept.split_at(numbers.len());
            // This comparison rounds the product with the scale.
            let tolerance: Vec<f64> =
                expected.iter().map(|x| distance + 2.0 * UNIT * x.abs()).collect();
            assert_near(F::NAME, kept, &expected, &tolerance);
            assert!(filling.iter().all(|x| *x == 0.0));
        }
        let size = 10f64.powi(exponent);
        let numbers: Vec<f32> = random(seed.into(), width)
            .iter()
            .map(|x| (f64::from(*x) / 100.0 * size) as f32)
            .collect();
        for level in Level::available() {
            in_every_format!(keeps(level, &numbers));
        }
    }
}

/// NaN or infinity in a key reaches every element of the result of each token that attends to the key.
/// In a value, it reaches only the element at its own index, or every element if the elements share a
/// scale.
#[test]
fn nan_and_infinity_propagate_to_dependent_results() {
    fn reaches<F: KnownPrecision>(level: Level) {
        let (length, head_dim) = (40, 24);
        let [keys, values] = [5, 6].map(|seed| random(seed, length * head_dim));
        let q: Vec<f32> = random(7, head_dim).iter().map(|x| x.abs() + 0.1).collect();
        for place in [0, 15, 16, 39] {
            let at = place * head_dim + 17;
            for odd in [f32::NAN, f32::INFINITY] {
                let (mut odd_keys, mut odd_values) = (keys.clone(), values.clone());
                (odd_keys[at], odd_values[at]) = (odd, odd);
                let of_key = CachedText::<F>::new(level, &odd_keys, &values, head_dim);
                let of_value = CachedText::<F>::new(level, &keys, &odd_values, head_dim);
                for seen in [place, place + 1, 40] {
                    if seen == 0 {
                        continue;
                    }
                    let what =
                        format!("{} on {}, {odd} at {place} of {seen}", F::NAME, level.name());
                    let y = of_key.attend(level, &q, seen, 0.2);
                    assert!(y.iter().all(|y| y.is_nan() == (seen > place)), "{what}: {y:?}");
                    for (d, y) in of_value.attend(level, &q, seen, 0.2).into_iter().enumerate() {
                        let is_reached = seen > place && (F::SCALED || d == 17);
                        assert_eq!(!y.is_finite(), is_reached, "{what}: {y} at {d}");
                    }
                }
            }
        }
        let mut q = q;
        q[23] = f32::NAN;
        let y = CachedText::<F>::new(level, &keys, &values, head_dim).attend(level, &q, 40, 0.2);
        assert!(y.iter().all(|y| y.is_nan()), "{y:?}");
    }
    for level in Level::available() {
        in_every_format!(reaches(level));
    }
}

#[test]
fn zeros_and_very_large_scores_give_finite_results() {
    fn are_numbers<F: KnownPrecision>(level: Level) {
        let (length, head_dim) = (33, 16);
        let zeros = vec![0.0; length * head_dim];
        let values = random(8, length * head_dim);
        let q = random(9, head_dim);
        let text = CachedText::<F>::new(level, &zeros, &values, head_dim);
        let (expected, tolerance) = text.reference(&q, length, 0.25);
        assert_near(F::NAME, &text.attend(level, &q, length, 0.25), &expected, &tolerance);
        let nothing = CachedText::<F>::new(level, &zeros, &zeros, head_dim);
        assert_eq!(nothing.attend(level, &q, length, 0.25), [0.0; 16]);

        // Keys of magnitude 3e38, one of which matches q.
        let mut keys = vec![-3e38; length * head_dim];
        keys[20 * head_dim..21 * head_dim].fill(3e38);
        let text = CachedText::<F>::new(level, &keys, &values, head_dim);
        let y = text.attend(level, &[1e-3; 16], length, 0.25);
        let expected = &text.exact_values[20 * head_dim..21 * head_dim];
        let tolerance: Vec<f64> = expected.iter().map(|y| gamma(50) * y.abs() + 1e-30).collect();
        assert_near(F::NAME, &y, expected, &tolerance);
    }
    for level in Level::available() {
        in_every_format!(are_numbers(level));
    }
}
