//! Fused output layer and loss. The logits of a whole batch would be the largest tensor in memory, so
//! the logits and the gradients are computed for one chunk of tokens at a time.

use candle_core::{Device, Result, Tensor, bail};
use rayon::prelude::*;

use super::read;
use crate::train::matmul::{Epilogue, MatrixView, Packed};
use kernels::distribution::sum_of_exponentials;
use kernels::exp::exp;
use kernels::format::Format;
use kernels::simd::{Kernel, LANES, Level, Simd};

/// Number of tokens per chunk.
const TOGETHER: usize = 1024;

/// Returns the mean cross entropy of `targets` (N), given the logits x Wᵀ: `x` (N, C), `weight` (V, C).
pub fn loss<F: Format>(level: Level, x: &Tensor, weight: &Tensor, targets: &[u32]) -> Result<f64> {
    read([x, weight], |numbers| {
        Ok(compute::<F>(level, numbers, (x.dims2()?, weight.dim(0)?), targets, None)?.0)
    })
}

/// Returns the loss, and `share` times its gradients of `x` and `weight`.
pub fn loss_and_gradients<F: Format>(
    level: Level,
    x: &Tensor,
    weight: &Tensor,
    targets: &[u32],
    share: f32,
) -> Result<(f64, Tensor, Tensor)> {
    read([x, weight], |numbers| {
        let sizes = (x.dims2()?, weight.dim(0)?);
        let (loss, of_x, of_weight) =
            compute::<F>(level, numbers, sizes, targets, Some(share / targets.len() as f32))?;
        let of_x = Tensor::from_vec(of_x, x.shape(), &Device::Cpu)?;
        Ok((loss, of_x, Tensor::from_vec(of_weight, weight.shape(), &Device::Cpu)?))
    })
}

/// Returns the mean loss and, if `share` is given, `share` times the gradients of the sum of the losses.
fn compute<F: Format>(
    level: Level,
    [x, weight]: [&[f32]; 2],
    ((n, c), v): ((usize, usize), usize),
    targets: &[u32],
    share: Option<f32>,
) -> Result<(f64, Vec<f32>, Vec<f32>)> {
    if let Some(token) = targets.iter().find(|token| **token as usize >= v) {
        bail!("token {token} is outside the vocabulary of {v} tokens");
    }
    let with_gradient = share.is_some();
    let by_token = MatrixView::of(weight, v, c);
    let columns = Packed::<F>::new(level, by_token.transposed());
    let rows = with_gradient.then(|| Packed::<F>::new(level, by_token));
    let mut of_x = vec![0.0; if with_gradient { n * c } else { 0 }];
    // The shape is (C, V), so x is transposed and not the much larger gradient of the logits.
    let mut of_weight = vec![0.0; if with_gradient { c * v } else { 0 }];
    let mut logits = vec![0.0; n.min(TOGETHER) * v];
    let mut total = 0.0;
    for (i, (x, targets)) in x.chunks(TOGETHER * c).zip(targets.chunks(TOGETHER)).enumerate() {
        let count = targets.len();
        let logits = &mut logits[..count * v];
        let view = MatrixView::of(x, count, c);
        columns.multiply(level, view, Epilogue::Overwrite, logits);
        let losses: Vec<f64> = logits
            .par_chunks_exact_mut(v)
            .zip(targets)
            .map(|(logits, targets)| cross_entropy(level, logits, *targets as usize, share))
            .collect();
        total += losses.iter().sum::<f64>();
        if let Some(rows) = &rows {
            let of_logits = MatrixView::of(logits, count, v);
            let of_x = &mut of_x[i * TOGETHER * c..][..count * c];
            rows.multiply(level, of_logits, Epilogue::Overwrite, of_x);
            let of_logits = Packed::<F>::new(level, of_logits);
            of_logits.multiply(level, view.transposed(), Epilogue::Accumulate, &mut of_weight);
        }
    }
    let mut by_token = vec![0.0; of_weight.len()];
    by_token.par_chunks_mut(LANES * c).enumerate().for_each(|(lane, by_token)| {
        for (column, row) in of_weight.chunks_exact(v).enumerate() {
            for (by_token, of_weight) in by_token.chunks_exact_mut(c).zip(&row[lane * LANES..]) {
                by_token[column] = *of_weight;
            }
        }
    });
    Ok((total / n as f64, of_x, by_token))
}

/// Returns the cross entropy of one token. If `share` is given, also replaces the logits with their
/// gradient times `share`.
fn cross_entropy(level: Level, logits: &mut [f32], targets: usize, share: Option<f32>) -> f64 {
    let largest = level.run(MaxKernel(logits));
    let log_sum = f64::from(largest) + sum_of_exponentials(level, logits, largest, 1.0).ln();
    let loss = log_sum - f64::from(logits[targets]);
    if let Some(share) = share {
        level.run(ScaledSoftmaxKernel { logits, log_sum: log_sum as f32, share });
        logits[targets] -= share;
    }
    loss
}

struct MaxKernel<'a>(&'a [f32]);

impl Kernel for MaxKernel<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (whole, tail) = self.0.as_chunks::<LANES>();
        let mut largest = simd.splat(f32::MIN);
        for x in whole {
            largest = simd.max(simd.load(x), largest);
        }
        tail.iter().copied().fold(simd.largest(largest), f32::max)
    }
}

/// Replaces each logit with e^(logit - `log_sum`) · `share`.
struct ScaledSoftmaxKernel<'a> {
    logits: &'a mut [f32],
    log_sum: f32,
    share: f32,
}

impl Kernel for ScaledSoftmaxKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (whole, tail) = self.logits.as_chunks_mut::<LANES>();
        let (less, by) = (simd.splat(self.log_sum), simd.splat(self.share));
        for x in whole {
            let y = exp(simd, simd.sub(simd.load(x), less));
            simd.store(x, simd.mul(y, by));
        }
        tail.iter_mut().for_each(|x| *x = (*x - self.log_sum).exp() * self.share);
    }
}
