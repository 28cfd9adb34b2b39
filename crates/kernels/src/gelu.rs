//! GELU (Hendrycks and Gimpel 2016, arXiv:1606.08415).

use super::exp::exp;
use super::simd::{Kernel, Lanes, Level, Simd};

/// The MLP's nonlinearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// The tanh approximation of GELU, used by GPT-2.
    GeluTanh,
    /// Exact GELU, with the error function.
    GeluErf,
}

/// Applies the activation in place.
pub fn activate(level: Level, activation: Activation, numbers: &mut [Lanes<f32>]) {
    match activation {
        Activation::GeluTanh => level.run(GeluTanh(numbers)),
        // No published GPT-2 uses exact GELU, so a scalar function is fast enough.
        Activation::GeluErf => numbers.as_flattened_mut().iter_mut().for_each(|x| {
            *x *= 0.5 * (1.0 + libm::erff(*x * std::f32::consts::FRAC_1_SQRT_2));
        }),
    }
}

/// A kernel that computes x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))) in place.
struct GeluTanh<'a>(&'a mut [Lanes<f32>]);

impl Kernel for GeluTanh<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for x in self.0 {
            let y = gelu(simd, simd.load(x));
            simd.store(x, y);
        }
    }
}

/// Computes the tanh approximation of GELU with one exponential and one division, because (1 + tanh
/// u)/2 is the logistic function of 2u.
#[inline(always)]
fn gelu<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    const MINUS_TWO_SQRT_2_OVER_PI: f32 = -1.595_769;
    let one = simd.splat(1.0);
    let cubic = simd.mul_add(simd.mul(x, x), simd.splat(0.044_715), one);
    let u = simd.mul(simd.mul(x, simd.splat(MINUS_TWO_SQRT_2_OVER_PI)), cubic);
    simd.div(x, simd.add(one, exp(simd, u)))
}
