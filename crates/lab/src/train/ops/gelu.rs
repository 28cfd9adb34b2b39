//! GELU with the tanh approximation, and its derivative.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::compute;
use super::elementwise::CHUNK;
use gpt2::Activation;
use kernels::exp::exp;
use kernels::gelu::activate;
use kernels::simd::{Kernel, LANES, Lanes, Level, Simd};

/// Computes x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))), elementwise.
pub fn forward(level: Level, x: &Tensor) -> Result<Tensor> {
    compute([x], x.shape(), |[x]| {
        let mut y = vec![0.0; x.len()];
        y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
            y.copy_from_slice(x);
            let (whole, tail) = y.as_chunks_mut();
            activate(level, Activation::GeluTanh, whole);
            let mut last = padded(tail);
            activate(level, Activation::GeluTanh, std::slice::from_mut(&mut last));
            tail.copy_from_slice(&last[..tail.len()]);
        });
        y
    })
}

/// Returns the gradient of x.
pub fn backward(level: Level, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
    compute([x, dy], x.shape(), |[x, dy]| {
        let mut dx = vec![0.0; x.len()];
        let parts = x.par_chunks(CHUNK).zip(dy.par_chunks(CHUNK));
        dx.par_chunks_mut(CHUNK).zip(parts).for_each(|(dx, (x, dy))| {
            let (x, x_tail) = x.as_chunks();
            let (dy, dy_tail) = dy.as_chunks();
            let (dx, dx_tail) = dx.as_chunks_mut();
            level.run(GeluGradientKernel { x, dy, dx });
            let (x, dy, mut last) = ([padded(x_tail)], [padded(dy_tail)], [[0.0; LANES]]);
            level.run(GeluGradientKernel { x: &x, dy: &dy, dx: &mut last });
            dx_tail.copy_from_slice(&last[0][..dx_tail.len()]);
        });
        dx
    })
}

fn padded(tail: &[f32]) -> Lanes<f32> {
    let mut lanes = [0.0; LANES];
    lanes[..tail.len()].copy_from_slice(tail);
    lanes
}

struct GeluGradientKernel<'a> {
    x: &'a [Lanes<f32>],
    dy: &'a [Lanes<f32>],
    dx: &'a mut [Lanes<f32>],
}

impl Kernel for GeluGradientKernel<'_> {
    type Output = ();

    /// GELU is y = x s, where s = (1 + tanh u)/2 is the logistic function of 2u. Its derivative is
    /// therefore y' = s + x s (1 - s) (2u)'.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        const TWO_SQRT_2_OVER_PI: f32 = 1.595_769;
        const CUBIC: f32 = 0.044_715;
        const MOST: f32 = 40.0;
        let one = simd.splat(1.0);
        for (dx, (x, dy)) in self.dx.iter_mut().zip(self.x.iter().zip(self.dy)) {
            let x = simd.load(x);
            let square = simd.mul(x, x);
            let cubic = simd.mul_add(square, simd.splat(CUBIC), one);
            let u = simd.mul(simd.mul(x, simd.splat(-TWO_SQRT_2_OVER_PI)), cubic);
            // Without a bound, gradients of very negative x would be subnormal, and CPUs take up to a
            // hundred times as long to multiply subnormal numbers.
            let u = simd.min(simd.splat(MOST), u);
            let s = simd.div(one, simd.add(one, exp(simd, u)));
            let inner = simd.mul_add(square, simd.splat(3.0 * CUBIC), one);
            let inner = simd.mul(inner, simd.splat(TWO_SQRT_2_OVER_PI));
            let rest = simd.mul(simd.mul(x, s), simd.mul(simd.sub(one, s), inner));
            simd.store(dx, simd.mul(simd.load(dy), simd.add(s, rest)));
        }
    }
}
