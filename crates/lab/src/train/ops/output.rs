//! Fused output layer and loss. The logits of a whole batch would be the largest tensor in memory, so
//! logits and gradients are computed for a chunk of tokens at a time.

use std::marker::PhantomData;
use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{numbers, result};
use crate::train::product::{Into, View, encoded, packed, product};
use kernels::distribution::sum_of_exponentials;
use kernels::exp::exp;
use kernels::format::Format;
use kernels::simd::{Kernel, LANES, Level, Simd};

/// Tokens per chunk.
const TOGETHER: usize = 1024;

/// Mean cross entropy of the targets, given the logits x Wᵀ: x (N, C), W (V, C).
pub struct Output<F> {
    level: Level,
    /// Targets (N).
    followed: Vec<u32>,
    /// Gradients of x and W, computed in the forward pass if requested.
    gradients: Option<Mutex<[Vec<f32>; 2]>>,
    format: PhantomData<F>,
}

impl<F> Output<F> {
    pub fn new(level: Level, followed: &[u32], with_gradient: bool) -> Self {
        let gradients = with_gradient.then(|| Mutex::new([Vec::new(), Vec::new()]));
        Self { level, followed: followed.to_vec(), gradients, format: PhantomData }
    }
}

impl<F: Format> CustomOp2 for Output<F> {
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
        let (x, weight) = (numbers(x, x_layout)?, numbers(weight, weight_layout)?);
        if let Some(token) = self.followed.iter().find(|token| **token as usize >= v) {
            bail!("token {token} is outside the vocabulary of {v} tokens");
        }
        let level = self.level;
        let with_gradient = self.gradients.is_some();
        let by_token = View::of(weight, v, c);
        let columns = packed::<F>(level, by_token.transposed());
        let rows = if with_gradient { packed::<F>(level, by_token) } else { Vec::new() };
        let mut of_x = vec![0.0; if with_gradient { n * c } else { 0 }];
        // (C, V), so that x is transposed instead of the much larger gradient of the logits.
        let mut of_weight = vec![0.0; if with_gradient { c * v } else { 0 }];
        let mut logits = vec![0.0; n.min(TOGETHER) * v];
        let mut total = 0.0;
        for (i, (x, followed)) in
            x.chunks(TOGETHER * c).zip(self.followed.chunks(TOGETHER)).enumerate()
        {
            let count = followed.len();
            let logits = &mut logits[..count * v];
            let view = View::of(x, count, c);
            product::<F>(level, &encoded::<F>(level, view), &columns, v, Into::Replace, logits);
            let share = with_gradient.then_some(1.0 / n as f32);
            let losses: Vec<f64> = logits
                .par_chunks_exact_mut(v)
                .zip(followed)
                .map(|(logits, followed)| loss(level, logits, *followed as usize, share))
                .collect();
            total += losses.iter().sum::<f64>();
            if with_gradient {
                let of_logits = View::of(logits, count, v);
                let of_x = &mut of_x[i * TOGETHER * c..][..count * c];
                let by_row = encoded::<F>(level, of_logits);
                product::<F>(level, &by_row, &rows, c, Into::Replace, of_x);
                let x = encoded::<F>(level, view.transposed());
                let of_logits = packed::<F>(level, of_logits);
                product::<F>(level, &x, &of_logits, v, Into::Add, &mut of_weight);
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

/// Returns the cross entropy of one token. With `share`, replaces the logits by their gradient times
/// `share`.
fn loss(level: Level, logits: &mut [f32], followed: usize, share: Option<f32>) -> f64 {
    let largest = level.run(Largest(logits));
    let log_sum = f64::from(largest) + sum_of_exponentials(level, logits, largest, 1.0).ln();
    let loss = log_sum - f64::from(logits[followed]);
    if let Some(share) = share {
        level.run(Shares { logits, log_sum: log_sum as f32, share });
        logits[followed] -= share;
    }
    loss
}

struct Largest<'a>(&'a [f32]);

impl Kernel for Largest<'_> {
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

/// Replaces logits by e^(logit - `log_sum`) · `share`.
struct Shares<'a> {
    logits: &'a mut [f32],
    log_sum: f32,
    share: f32,
}

impl Kernel for Shares<'_> {
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
