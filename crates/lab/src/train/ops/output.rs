//! Fused output layer and loss. The logits of a whole batch would be the largest tensor in memory, so
//! the logits and the gradients are computed for one chunk of tokens at a time.

use std::marker::PhantomData;
use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{contiguous, result};
use crate::train::matmul::{Epilogue, MatrixView, encode, multiply_packed, pack};
use kernels::distribution::sum_of_exponentials;
use kernels::exp::exp;
use kernels::format::Format;
use kernels::simd::{Kernel, LANES, Level, Simd};

/// Number of tokens per chunk.
const TOGETHER: usize = 1024;

/// Mean cross entropy of the targets, given the logits x Wᵀ: x (N, C), W (V, C).
pub struct OutputLoss<F> {
    level: Level,
    /// Target token of each row of x, (N).
    targets: Vec<u32>,
    /// Gradients of x and W, computed in the forward pass if requested.
    gradients: Option<Mutex<[Vec<f32>; 2]>>,
    format: PhantomData<F>,
}

impl<F> OutputLoss<F> {
    pub fn new(level: Level, targets: &[u32], with_gradient: bool) -> Self {
        let gradients = with_gradient.then(|| Mutex::new([Vec::new(), Vec::new()]));
        Self { level, targets: targets.to_vec(), gradients, format: PhantomData }
    }
}

impl<F: Format> CustomOp2 for OutputLoss<F> {
    fn name(&self) -> &'static str {
        "output layer and cross entropy"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((n, c), (v, _)) = (x_layout.shape().dims2()?, weight_layout.shape().dims2()?);
        let (x, weight) = (contiguous(x, x_layout)?, contiguous(weight, weight_layout)?);
        if let Some(token) = self.targets.iter().find(|token| **token as usize >= v) {
            bail!("token {token} is outside the vocabulary of {v} tokens");
        }
        let level = self.level;
        let with_gradient = self.gradients.is_some();
        let by_token = MatrixView::of(weight, v, c);
        let columns = pack::<F>(level, by_token.transposed());
        let rows = if with_gradient { pack::<F>(level, by_token) } else { Vec::new() };
        let mut of_x = vec![0.0; if with_gradient { n * c } else { 0 }];
        // The shape is (C, V), so x is transposed and not the much larger gradient of the logits.
        let mut of_weight = vec![0.0; if with_gradient { c * v } else { 0 }];
        let mut logits = vec![0.0; n.min(TOGETHER) * v];
        let mut total = 0.0;
        for (i, (x, targets)) in
            x.chunks(TOGETHER * c).zip(self.targets.chunks(TOGETHER)).enumerate()
        {
            let count = targets.len();
            let logits = &mut logits[..count * v];
            let view = MatrixView::of(x, count, c);
            multiply_packed::<F>(
                level,
                &encode::<F>(level, view),
                &columns,
                v,
                Epilogue::Overwrite,
                logits,
            );
            let share = with_gradient.then_some(1.0 / n as f32);
            let losses: Vec<f64> = logits
                .par_chunks_exact_mut(v)
                .zip(targets)
                .map(|(logits, targets)| cross_entropy(level, logits, *targets as usize, share))
                .collect();
            total += losses.iter().sum::<f64>();
            if with_gradient {
                let of_logits = MatrixView::of(logits, count, v);
                let of_x = &mut of_x[i * TOGETHER * c..][..count * c];
                let by_row = encode::<F>(level, of_logits);
                multiply_packed::<F>(level, &by_row, &rows, c, Epilogue::Overwrite, of_x);
                let x = encode::<F>(level, view.transposed());
                let of_logits = pack::<F>(level, of_logits);
                multiply_packed::<F>(
                    level,
                    &x,
                    &of_logits,
                    v,
                    Epilogue::Accumulate,
                    &mut of_weight,
                );
            }
        }
        if let Some(gradients) = &self.gradients {
            let mut by_token = vec![0.0; of_weight.len()];
            by_token.par_chunks_mut(LANES * c).enumerate().for_each(|(lane, by_token)| {
                for (column, row) in of_weight.chunks_exact(v).enumerate() {
                    for (by_token, of_weight) in
                        by_token.chunks_exact_mut(c).zip(&row[lane * LANES..])
                    {
                        by_token[column] = *of_weight;
                    }
                }
            });
            if let Ok(mut gradients) = gradients.lock() {
                *gradients = [of_x, by_token];
            }
        }
        result(vec![(total / n as f64) as f32], ())
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _loss: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some(gradients) = &self.gradients else {
            bail!("this loss was computed without a gradient");
        };
        let Ok(mut gradients) = gradients.lock() else { bail!("a thread has panicked") };
        let [of_x, of_weight] = std::mem::take(&mut *gradients);
        if of_x.is_empty() {
            bail!("the gradient of this loss was already taken");
        }
        let scale = f64::from(gradient.to_scalar::<f32>()?);
        let tensor = |numbers: Vec<f32>, like: &Tensor| {
            let tensor = Tensor::from_vec(numbers, like.shape(), like.device())?;
            if scale == 1.0 { Ok(tensor) } else { tensor.affine(scale, 0.0) }
        };
        Ok((Some(tensor(of_x, x)?), Some(tensor(of_weight, weight)?)))
    }
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
