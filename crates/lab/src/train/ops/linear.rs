//! The linear layer y = x W + b and its gradients: three matrix products. x (N, K), W (K, M), b (M).

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::compute;
use crate::train::matmul::{Epilogue, MatrixView, Packed};
use kernels::format::Format;
use kernels::simd::{Kernel, Level, Simd};

/// Returns y.
pub fn forward<F: Format>(
    level: Level,
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
) -> Result<Tensor> {
    let ((n, k), m) = (x.dims2()?, weight.dim(1)?);
    compute([x, weight, bias], (n, m), |[x, weight, bias]| {
        let mut y = vec![0.0; n * m];
        let (x, weight) = (MatrixView::of(x, n, k), MatrixView::of(weight, k, m));
        Packed::<F>::new(level, weight).multiply(level, x, Epilogue::Bias(bias), &mut y);
        y
    })
}

/// Returns the gradients of x, W and b.
pub fn backward<F: Format>(
    level: Level,
    x: &Tensor,
    weight: &Tensor,
    dy: &Tensor,
) -> Result<[Tensor; 3]> {
    let ((n, k), m) = (x.dims2()?, weight.dim(1)?);
    // dx = dy Wᵀ.
    let of_x = compute([dy, weight], (n, k), |[dy, weight]| {
        let mut dx = vec![0.0; n * k];
        let (dy, weight) = (MatrixView::of(dy, n, m), MatrixView::of(weight, k, m));
        let weight = Packed::<F>::new(level, weight.transposed());
        weight.multiply(level, dy, Epilogue::Overwrite, &mut dx);
        dx
    })?;
    // dW = xᵀ dy.
    let of_weight = compute([x, dy], (k, m), |[x, dy]| {
        let mut of_weight = vec![0.0; k * m];
        let (x, dy) = (MatrixView::of(x, n, k), MatrixView::of(dy, n, m));
        let dy = Packed::<F>::new(level, dy);
        dy.multiply(level, x.transposed(), Epilogue::Overwrite, &mut of_weight);
        of_weight
    })?;
    let of_bias = compute([dy], m, |[dy]| {
        let mut of_bias = vec![0.0; m];
        sum_of_rows(level, dy, m, &mut of_bias);
        of_bias
    })?;
    Ok([of_x, of_weight, of_bias])
}

/// Number of rows per partial sum.
const ROWS: usize = 256;

/// Sums the rows of `numbers` (N, M). The order of additions depends only on N.
pub fn sum_of_rows(level: Level, numbers: &[f32], width: usize, sum: &mut [f32]) {
    let parts: Vec<Vec<f32>> = numbers
        .par_chunks(ROWS * width)
        .map(|rows| {
            let mut sum = vec![0.0; width];
            level.run(AddRows { rows, sum: &mut sum });
            sum
        })
        .collect();
    sum.fill(0.0);
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
}

struct AddRows<'a> {
    rows: &'a [f32],
    sum: &'a mut [f32],
}

impl Kernel for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { rows, sum } = self;
        for row in rows.chunks_exact(sum.len()) {
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
    }
}
