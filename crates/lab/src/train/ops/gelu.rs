//! GELU with the tanh approximation, and its derivative.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::add::CHUNK;
use super::{contiguous, gradient, result};
use gpt2::Activation;
use kernels::exp::exp;
use kernels::gelu::activate;
use kernels::simd::{Kernel, LANES, Lanes, Level, Simd};

/// The operation x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))), elementwise.
pub struct Gelu {
    pub level: Level,
}

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut y = contiguous(x, layout)?.to_vec();
        y.par_chunks_mut(CHUNK).for_each(|y| {
            let (whole, tail) = y.as_chunks_mut();
            activate(self.level, Activation::GeluTanh, whole);
            let mut last = padded(tail);
            activate(self.level, Activation::GeluTanh, std::slice::from_mut(&mut last));
            tail.copy_from_slice(&last[..tail.len()]);
        });
        result(y, layout.shape().clone())
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        gradient([x, &dy.contiguous()?], x.shape(), |[x, dy]| {
            let mut dx = vec![0.0; x.len()];
            let parts = x.par_chunks(CHUNK).zip(dy.par_chunks(CHUNK));
            dx.par_chunks_mut(CHUNK).zip(parts).for_each(|(dx, (x, dy))| {
                let (x, x_tail) = x.as_chunks();
                let (dy, dy_tail) = dy.as_chunks();
                let (dx, dx_tail) = dx.as_chunks_mut();
                self.level.run(GeluGradientKernel { x, dy, dx });
                let (x, dy, mut last) = ([padded(x_tail)], [padded(dy_tail)], [[0.0; LANES]]);
                self.level.run(GeluGradientKernel { x: &x, dy: &dy, dx: &mut last });
                dx_tail.copy_from_slice(&last[0][..dx_tail.len()]);
            });
            dx
        })
        .map(Some)
    }
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
        let one = simd.splat(1.0);
        for (dx, (x, dy)) in self.dx.iter_mut().zip(self.x.iter().zip(self.dy)) {
            let x = simd.load(x);
            let square = simd.mul(x, x);
            let cubic = simd.mul_add(square, simd.splat(CUBIC), one);
            let u = simd.mul(simd.mul(x, simd.splat(-TWO_SQRT_2_OVER_PI)), cubic);
            let s = simd.div(one, simd.add(one, exp(simd, u)));
            let inner = simd.mul_add(square, simd.splat(3.0 * CUBIC), one);
            let inner = simd.mul(inner, simd.splat(TWO_SQRT_2_OVER_PI));
            let rest = simd.mul(simd.mul(x, s), simd.mul(simd.sub(one, s), inner));
            simd.store(dx, simd.mul(simd.load(dy), simd.add(s, rest)));
        }
    }
}
