//! Sums and products of two tensors of the same shape, on all threads.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::compute;
use kernels::simd::{Kernel, Level, Simd};

/// Number of elements per task.
pub const CHUNK: usize = 1 << 14;

/// Returns a + b.
pub fn add(level: Level, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    elementwise(level, a, b, |a, b| a + b)
}

/// Returns a · b.
pub fn multiply(level: Level, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    elementwise(level, a, b, |a, b| a * b)
}

fn elementwise(
    level: Level,
    a: &Tensor,
    b: &Tensor,
    combine: impl Fn(f32, f32) -> f32 + Copy + Sync,
) -> Result<Tensor> {
    compute([a, b], a.shape(), |[a, b]| {
        let mut y = vec![0.0; a.len()];
        let parts = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK));
        y.par_chunks_mut(CHUNK).zip(parts).for_each(|(y, (a, b))| {
            level.run(ElementwiseKernel { a, b, y, combine });
        });
        y
    })
}

struct ElementwiseKernel<'a, C> {
    a: &'a [f32],
    b: &'a [f32],
    y: &'a mut [f32],
    combine: C,
}

impl<C: Fn(f32, f32) -> f32> Kernel for ElementwiseKernel<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { a, b, y, combine } = self;
        y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (a, b))| *y = combine(*a, *b));
    }
}
