//! The linear layer and its gradients: three matrix products.

use std::marker::PhantomData;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{contiguous, gradient, result};
use crate::train::matmul::{Epilogue, MatrixView, matmul};
use kernels::format::Format;
use kernels::simd::{Kernel, Level, Simd};

/// The operation y = x W + b: x (N, K), W (K, M), b (M).
pub struct Linear<F> {
    level: Level,
    format: PhantomData<F>,
}

impl<F> Linear<F> {
    pub fn new(level: Level) -> Self {
        Self { level, format: PhantomData }
    }
}

impl<F: Format> CustomOp3 for Linear<F> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((n, k), m) = (x_layout.shape().dims2()?, weight_layout.shape().dims2()?.1);
        let x = MatrixView::of(contiguous(x, x_layout)?, n, k);
        let weight = MatrixView::of(contiguous(weight, weight_layout)?, k, m);
        let mut y = vec![0.0; n * m];
        let bias = Epilogue::Bias(contiguous(bias, bias_layout)?);
        matmul::<F>(self.level, x, weight, bias, &mut y);
        result(y, (n, m))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (level, dy) = (self.level, &dy.contiguous()?);
        let ((n, k), m) = (x.dims2()?, dy.dim(1)?);
        // dx = dy Wᵀ.
        let of_x = gradient([dy, weight], (n, k), |[dy, weight]| {
            let mut dx = vec![0.0; n * k];
            let weight = MatrixView::of(weight, k, m).transposed();
            matmul::<F>(level, MatrixView::of(dy, n, m), weight, Epilogue::Overwrite, &mut dx);
            dx
        })?;
        // (K + 1, M): dW = xᵀ dy, followed by db, the sum of the rows of dy, as an additional last row.
        let of_both = gradient([x, dy], (k + 1, m), |[x, dy]| {
            let mut of_both = vec![0.0; (k + 1) * m];
            let (of_weight, of_bias) = of_both.split_at_mut(k * m);
            let x = MatrixView::of(x, n, k).transposed();
            matmul::<F>(level, x, MatrixView::of(dy, n, m), Epilogue::Overwrite, of_weight);
            sum_of_rows(level, dy, m, of_bias);
            of_both
        })?;
        Ok((Some(of_x), Some(of_both.narrow(0, 0, k)?), Some(of_both.get(k)?)))
    }
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
