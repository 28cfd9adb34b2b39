//! Layer norm (Ba et al. 2016, arXiv:1607.06450) and its gradients.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::compute;
use super::linear::sum_of_rows;
use kernels::simd::{Kernel, LANES, Level, Simd};

/// Number of rows per task.
const ROWS: usize = 64;

/// Normalises each row of x (N, C) to mean 0 and variance 1, then applies a weight (C) and a bias (C).
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm {
    pub level: Level,
    /// Small number added to the variance, for numerical stability.
    pub epsilon: f32,
}

impl LayerNorm {
    /// Returns the normalised rows.
    pub fn forward(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let c = weight.elem_count();
        compute([x, weight, bias], x.shape(), |[x, weight, bias]| {
            let mut y = vec![0.0; x.len()];
            y.par_chunks_mut(ROWS * c).zip(x.par_chunks(ROWS * c)).for_each(|(y, x)| {
                self.level.run(LayerNormKernel { x, weight, bias, epsilon: self.epsilon, y });
            });
            y
        })
    }

    /// Returns the gradients of x, the weight and the bias.
    pub fn backward(&self, x: &Tensor, weight: &Tensor, dy: &Tensor) -> Result<[Tensor; 3]> {
        let &Self { level, epsilon } = self;
        let c = weight.elem_count();
        let of_x = compute([x, weight, dy], x.shape(), |[x, weight, dy]| {
            let mut dx = vec![0.0; x.len()];
            let rows = x.par_chunks(ROWS * c).zip(dy.par_chunks(ROWS * c));
            dx.par_chunks_mut(ROWS * c).zip(rows).for_each(|(dx, (x, dy))| {
                level.run(InputGradientKernel { x, weight, dy, epsilon, dx });
            });
            dx
        })?;
        let of_weight = compute([x, dy], c, |[x, dy]| {
            // The products of dy and the normalised input.
            let mut products = vec![0.0; dy.len()];
            let rows = x.par_chunks(ROWS * c).zip(dy.par_chunks(ROWS * c));
            products.par_chunks_mut(ROWS * c).zip(rows).for_each(|(products, (x, dy))| {
                level.run(NormalizedProductKernel { x, dy, width: c, epsilon, products });
            });
            let mut of_weight = vec![0.0; c];
            sum_of_rows(level, &products, c, &mut of_weight);
            of_weight
        })?;
        let of_bias = compute([dy], c, |[dy]| {
            let mut of_bias = vec![0.0; c];
            sum_of_rows(level, dy, c, &mut of_bias);
            of_bias
        })?;
        Ok([of_x, of_weight, of_bias])
    }
}

#[inline(always)]
fn sum<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let (whole, tail) = row.as_chunks::<LANES>();
    let mut sum = simd.splat(0.0);
    for x in whole {
        sum = simd.add(sum, simd.load(x));
    }
    simd.sum(sum) + tail.iter().sum::<f32>()
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sum = simd.splat(0.0);
    for (a, b) in a.iter().zip(b) {
        sum = simd.mul_add(simd.load(a), simd.load(b), sum);
    }
    simd.sum(sum) + a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum::<f32>()
}

/// Writes the normalised row to `y`. Returns the inverse standard deviation.
#[inline(always)]
fn normalize<S: Simd>(simd: S, x: &[f32], epsilon: f32, y: &mut [f32]) -> f32 {
    let mean = sum(simd, x) / x.len() as f32;
    y.iter_mut().zip(x).for_each(|(y, x)| *y = x - mean);
    let inverse = 1.0 / (dot(simd, y, y) / x.len() as f32 + epsilon).sqrt();
    y.iter_mut().for_each(|y| *y *= inverse);
    inverse
}

struct LayerNormKernel<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    epsilon: f32,
    y: &'a mut [f32],
}

impl Kernel for LayerNormKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { x, weight, bias, epsilon, y } = self;
        let c = weight.len();
        for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
            normalize(simd, x, epsilon, y);
            for ((y, weight), bias) in y.iter_mut().zip(weight).zip(bias) {
                *y = *y * weight + bias;
            }
        }
    }
}

struct InputGradientKernel<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    dy: &'a [f32],
    epsilon: f32,
    dx: &'a mut [f32],
}

impl Kernel for InputGradientKernel<'_> {
    type Output = ();

    /// Computes dx = (g - mean(g) - n mean(g n)) / standard deviation, where n is the normalised row and
    /// g = dy w.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { x, weight, dy, epsilon, dx } = self;
        let c = weight.len();
        let mut n = vec![0.0; c];
        let rows = x.chunks_exact(c).zip(dy.chunks_exact(c));
        for ((x, dy), dx) in rows.zip(dx.chunks_exact_mut(c)) {
            let inverse = normalize(simd, x, epsilon, &mut n);
            dx.iter_mut().zip(dy.iter().zip(weight)).for_each(|(dx, (dy, w))| *dx = dy * w);
            let mean = sum(simd, dx) / c as f32;
            let along = dot(simd, dx, &n) / c as f32;
            for (dx, n) in dx.iter_mut().zip(&n) {
                *dx = (*dx - mean - n * along) * inverse;
            }
        }
    }
}

struct NormalizedProductKernel<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    width: usize,
    epsilon: f32,
    products: &'a mut [f32],
}

impl Kernel for NormalizedProductKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { x, dy, width, epsilon, products } = self;
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
        for ((x, dy), products) in rows.zip(products.chunks_exact_mut(width)) {
            normalize(simd, x, epsilon, products);
            products.iter_mut().zip(dy).for_each(|(product, dy)| *product *= dy);
        }
    }
}
