//! Softmax of attention scores, and its gradient.

use std::ops::Range;

use super::Tile;
use kernels::exp::exp;
use kernels::format::{Format, GROUP};
use kernels::linear::Results;
use kernels::simd::{Kernel, LANES, Simd};

/// Computes the causal softmax of a block of queries. The last tile is on the diagonal.
pub struct SoftmaxKernel<'a, F: Format> {
    pub tiles: &'a mut [Tile],
    pub rows: usize,
    pub scale: f32,
    /// The encoded attention weights, (rows, tiles).
    pub weights: &'a mut [F::Group],
}

impl<F: Format> Kernel for SoftmaxKernel<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { tiles, rows, scale, weights } = self;
        let count = weights.len() / rows;
        let tiles = &mut tiles[..count];
        for row in 0..rows {
            let log_sum = log_sum(simd, tiles, row, scale);
            for (i, tile) in tiles.iter_mut().enumerate() {
                let visible = if i + 1 == count { row + 1 } else { GROUP };
                exponentials(simd, &mut tile[row], scale, log_sum, 0..visible);
                weights[row * count + i] = F::encode(simd, &tile[row]);
            }
        }
    }
}

/// Returns the log-sum-exp of score · `scale` over the keys visible to a query: the keys of all tiles
/// except the last, and the first `row` + 1 keys of the last tile. Overwrites the scores of all other
/// keys with -∞.
#[inline(always)]
fn log_sum<S: Simd>(simd: S, tiles: &mut [Tile], row: usize, scale: f32) -> f32 {
    if let Some(last) = tiles.last_mut() {
        last[row][row + 1..].fill(f32::NEG_INFINITY);
    }
    let mut largest = simd.splat(f32::NEG_INFINITY);
    for tile in tiles.iter() {
        for scores in tile[row].as_chunks::<LANES>().0 {
            largest = simd.max(simd.load(scores), largest);
        }
    }
    let largest = simd.largest(largest) * scale;
    let (by, less) = (simd.splat(scale), simd.splat(-largest));
    let mut sum = simd.splat(0.0);
    for tile in tiles.iter() {
        for scores in tile[row].as_chunks::<LANES>().0 {
            sum = simd.add(sum, exp(simd, simd.mul_add(simd.load(scores), by, less)));
        }
    }
    simd.sum(sum).ln() + largest
}

/// Replaces scores with e^(score · `scale` - `log_sum`) in the range `visible` and with 0 elsewhere.
#[inline(always)]
fn exponentials<S: Simd>(
    simd: S,
    scores: &mut Results,
    scale: f32,
    log_sum: f32,
    visible: Range<usize>,
) {
    let (by, less) = (simd.splat(scale), simd.splat(-log_sum));
    for scores in scores.as_chunks_mut::<LANES>().0 {
        let x = simd.mul_add(simd.load(scores), by, less);
        simd.store(scores, exp(simd, x));
    }
    scores[..visible.start].fill(0.0);
    scores[visible.end..].fill(0.0);
}

/// Computes the gradient of the softmax, with queries as rows. For w = softmax(s · scale), the gradient
/// is ds = w (dw - Σ w dw) · scale.
pub struct QueryGradientKernel<'a, F: Format> {
    pub tiles: &'a mut [Tile],
    pub of_weights: &'a [Tile],
    pub rows: usize,
    pub scale: f32,
    pub log_sums: &'a mut [f32],
    pub deltas: &'a mut [f32],
    /// The encoded gradients of the scores, (rows, tiles).
    pub of_scores: &'a mut [F::Group],
}

impl<F: Format> Kernel for QueryGradientKernel<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { tiles, of_weights, rows, scale, log_sums, deltas, of_scores } = self;
        let count = of_scores.len() / rows;
        let tiles = &mut tiles[..count];
        for row in 0..rows {
            let log_sum = log_sum(simd, tiles, row, scale);
            let mut delta = simd.splat(0.0);
            for (i, (tile, of_weights)) in tiles.iter_mut().zip(of_weights).enumerate() {
                let visible = if i + 1 == count { row + 1 } else { GROUP };
                exponentials(simd, &mut tile[row], scale, log_sum, 0..visible);
                let (weights, of_weights) =
                    (&tile[row].as_chunks().0, &of_weights[row].as_chunks().0);
                for (weights, of_weights) in weights.iter().zip(of_weights.iter()) {
                    delta = simd.mul_add(simd.load(weights), simd.load(of_weights), delta);
                }
            }
            let delta = simd.sum(delta);
            (log_sums[row], deltas[row]) = (log_sum, delta);
            for (i, (tile, of_weights)) in tiles.iter().zip(of_weights).enumerate() {
                let mut group = [0.0; GROUP];
                let less = simd.splat(delta);
                let parts = tile[row].as_chunks().0.iter().zip(of_weights[row].as_chunks().0);
                for (of_score, (weight, of_weight)) in group.as_chunks_mut().0.iter_mut().zip(parts)
                {
                    let slope = simd.sub(simd.load(of_weight), less);
                    let slope = simd.mul(slope, simd.splat(scale));
                    simd.store(of_score, simd.mul(simd.load(weight), slope));
                }
                of_scores[row * count + i] = F::encode(simd, &group);
            }
        }
    }
}

/// Computes the same gradient as [`QueryGradientKernel`], but with keys as rows and the queries that can
/// see them as columns. The first tile is on the diagonal.
pub struct KeyGradientKernel<'a, F: Format> {
    pub tiles: &'a mut [Tile],
    pub of_weights: &'a mut [Tile],
    pub rows: usize,
    pub scale: f32,
    /// Log-sum-exp of each query's scores, for the queries in the tiles.
    pub log_sums: &'a [f32],
    pub deltas: &'a [f32],
    /// The encoded attention weights, (rows, tiles).
    pub weights: &'a mut [F::Group],
    /// The encoded gradients of the scores, (rows, tiles).
    pub of_scores: &'a mut [F::Group],
}

impl<F: Format> Kernel for KeyGradientKernel<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { tiles, of_weights, rows, scale, log_sums, deltas, weights, of_scores } = self;
        let count = weights.len() / rows;
        let scale = simd.splat(scale);
        let tiles = tiles[..count].iter_mut().zip(of_weights);
        let queries = log_sums.as_chunks::<GROUP>().0.iter().zip(deltas.as_chunks::<GROUP>().0);
        for (i, ((tile, of_weights), (log_sums, deltas))) in tiles.zip(queries).enumerate() {
            let queries = log_sums.as_chunks().0.iter().zip(deltas.as_chunks().0);
            for row in 0..rows {
                let first = if i == 0 { row } else { 0 };
                let (tile, of_weights) = (&mut tile[row], &mut of_weights[row]);
                for (w, (log_sum, _)) in tile.as_chunks_mut().0.iter_mut().zip(queries.clone()) {
                    let minus = simd.sub(simd.splat(0.0), simd.load(log_sum));
                    simd.store(w, exp(simd, simd.mul_add(simd.load(w), scale, minus)));
                }
                tile[..first].fill(0.0);
                weights[row * count + i] = F::encode(simd, tile);
                let parts = of_weights.as_chunks_mut().0.iter_mut().zip(tile.as_chunks().0);
                for ((dw, w), (_, delta)) in parts.zip(queries.clone()) {
                    let slope = simd.mul(simd.sub(simd.load(dw), simd.load(delta)), scale);
                    simd.store(dw, simd.mul(simd.load(w), slope));
                }
                of_scores[row * count + i] = F::encode(simd, of_weights);
            }
        }
    }
}
