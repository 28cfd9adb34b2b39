//! Causal self-attention over the KV cache: each token attends to its text up to and including itself.
//!
//! Keys are stored in blocks of sixteen, with the head dimension outermost, so sixteen scores are
//! computed in parallel without horizontal sums. Values are stored consecutively. Scores are summed
//! over the head dimension, and weighted values over the positions, in a fixed order that depends
//! neither on other texts nor on the register width.

use std::ops::Range;

use super::exp::exp;
use super::format::Format;
use super::simd::{Kernel, LANES, Lanes, Simd};

/// Memory layout of a head's keys and values.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Number of positions (T), rounded up to a multiple of [`LANES`].
    positions: usize,
    /// Head dimension (D).
    head_dim: usize,
}

impl Shape {
    pub fn new(positions: usize, head_dim: usize) -> Self {
        Self { positions: positions.next_multiple_of(LANES), head_dim }
    }

    /// Size of a head's keys, in elements.
    pub fn keys(self) -> usize {
        self.positions * self.head_dim
    }

    /// Number of SIMD vectors per value; the last one is padded with zeros.
    pub fn value_vectors(self) -> usize {
        self.head_dim.div_ceil(LANES)
    }

    /// Size of a head's values, in elements.
    pub fn values(self) -> usize {
        self.positions * self.value_vectors() * LANES
    }

    /// Number of scales of a head's keys or values.
    pub fn scales(self) -> usize {
        self.positions
    }

    /// Index of the first element of a position's key; element `d` is at this index plus `d * LANES`.
    pub fn key(self, position: usize) -> usize {
        position / LANES * LANES * self.head_dim + position % LANES
    }

    /// Index range of a position's value.
    pub fn value(self, position: usize) -> Range<usize> {
        let width = self.value_vectors() * LANES;
        position * width..(position + 1) * width
    }
}

/// One token's attention in one head: softmax(q kᵀ · `scale`) v over L keys.
pub struct Head<'a, F: Format> {
    pub shape: Shape,
    /// The query (D).
    pub q: &'a [f32],
    /// The head's keys and values in the layout of [`Shape`], for at least L positions.
    pub keys: &'a [F::Cached],
    pub values: &'a [F::Cached],
    /// Keys of the next head, to prefetch.
    pub next_keys: &'a [F::Cached],
    /// Scale of each key and value, if the format has scales.
    pub key_scales: &'a [f32],
    pub value_scales: &'a [f32],
    pub scale: f32,
    /// Scratch space; previous contents are overwritten.
    pub scores: &'a mut Vec<Lanes<f32>>,
    /// Number of positions to attend to (L).
    pub length: usize,
    /// The result (D).
    pub y: &'a mut [f32],
}

/// Number of independent partial sums per score, to hide latency.
const CHAINS: usize = 4;
/// Number of SIMD vectors of a value that are summed at once.
const TOGETHER: usize = 4;

impl<F: Format> Kernel for Head<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            shape,
            q,
            next_keys,
            keys,
            values,
            key_scales,
            value_scales,
            scale,
            scores,
            length,
            y,
        } = self;
        let blocks = length.div_ceil(LANES);
        scores.clear();
        scores.resize(blocks, [0.0; LANES]);

        // Prefetch explicitly, because heads are too short for the hardware prefetcher.
        let (values_read, keys_read) =
            (length * shape.value_vectors() * LANES, blocks * LANES * shape.head_dim);
        for line in bytemuck::cast_slice::<_, u8>(&values[..values_read]).chunks(64) {
            simd.prefetch(&line[0]);
        }

        let scale = simd.splat(scale);
        let keys = keys.as_chunks::<LANES>().0.chunks_exact(shape.head_dim);
        let mut scales = key_scales.as_chunks::<LANES>().0.iter();
        let mut largest = simd.splat(f32::NEG_INFINITY);
        for (block, (scores, keys)) in scores.iter_mut().zip(keys).enumerate() {
            let mut score = simd.mul(scores_of::<F, S>(simd, q, keys), scale);
            if F::SCALED
                && let Some(scales) = scales.next()
            {
                score = simd.mul(score, simd.load(scales));
            }
            simd.store(scores, score);
            if (block + 1) * LANES > length {
                scores[length % LANES..].fill(f32::NEG_INFINITY);
            }
            largest = simd.max(simd.load(scores), largest);
        }

        let largest = simd.splat(simd.largest(largest));
        let mut sum = simd.splat(0.0);
        for (block, scores) in scores.iter_mut().enumerate() {
            simd.store(scores, exp(simd, simd.sub(simd.load(scores), largest)));
            if (block + 1) * LANES > length {
                scores[length % LANES..].fill(0.0);
            }
            sum = simd.add(sum, simd.load(scores));
        }
        let share = simd.splat(1.0 / simd.sum(sum));
        if F::SCALED {
            for (scores, scales) in scores.iter_mut().zip(value_scales.as_chunks::<LANES>().0) {
                simd.store(scores, simd.mul(simd.load(scores), simd.load(scales)));
            }
        }

        if let Some(next) = next_keys.get(..keys_read) {
            for line in bytemuck::cast_slice::<_, u8>(next).chunks(64) {
                simd.prefetch(&line[0]);
            }
        }
        let weights = &scores.as_flattened()[..length];
        let width = shape.value_vectors();
        let values = values.as_chunks::<LANES>().0;
        for first in (0..width).step_by(TOGETHER) {
            let y = &mut y[first * LANES..];
            match width - first {
                1 => weighted_sum::<F, S, 1>(simd, weights, values, width, first, share, y),
                2 => weighted_sum::<F, S, 2>(simd, weights, values, width, first, share, y),
                3 => weighted_sum::<F, S, 3>(simd, weights, values, width, first, share, y),
                _ => weighted_sum::<F, S, TOGETHER>(simd, weights, values, width, first, share, y),
            }
        }
    }
}

/// Computes the dot products of `q` with sixteen keys (D, 16).
#[inline(always)]
fn scores_of<F: Format, S: Simd>(simd: S, q: &[f32], keys: &[Lanes<F::Cached>]) -> S::F32 {
    let mut sums = [simd.splat(0.0); CHAINS];
    let (q, q_tail) = q.as_chunks::<CHAINS>();
    let (keys, keys_tail) = keys.as_chunks::<CHAINS>();
    for (q, keys) in q.iter().zip(keys) {
        for ((sum, q), keys) in sums.iter_mut().zip(q).zip(keys) {
            *sum = simd.mul_add(simd.splat(*q), F::load(simd, keys), *sum);
        }
    }
    for ((sum, q), keys) in sums.iter_mut().zip(q_tail).zip(keys_tail) {
        *sum = simd.mul_add(simd.splat(*q), F::load(simd, keys), *sum);
    }
    simd.add(simd.add(sums[0], sums[1]), simd.add(sums[2], sums[3]))
}

/// Computes the weighted sum of `values` (L, width), times `share`, for `VECTORS` vectors starting at
/// `first`, and writes it to `y`.
#[inline(always)]
fn weighted_sum<F: Format, S: Simd, const VECTORS: usize>(
    simd: S,
    weights: &[f32],
    values: &[Lanes<F::Cached>],
    width: usize,
    first: usize,
    share: S::F32,
    y: &mut [f32],
) {
    let mut sums = [simd.splat(0.0); VECTORS];
    for (weight, value) in weights.iter().zip(values.chunks_exact(width)) {
        let weight = simd.splat(*weight);
        let value = &value[first..first + VECTORS];
        for (sum, value) in sums.iter_mut().zip(value) {
            *sum = simd.mul_add(weight, F::load(simd, value), *sum);
        }
    }
    for (y, sum) in y.chunks_mut(LANES).zip(sums) {
        let mut lanes = [0.0; LANES];
        simd.store(&mut lanes, simd.mul(sum, share));
        y.copy_from_slice(&lanes[..y.len()]);
    }
}
