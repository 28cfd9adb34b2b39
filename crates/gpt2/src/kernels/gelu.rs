//! GELU by its tanh approximation (Hendrycks and Gimpel 2016, arXiv:1606.08415).

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::exp::exp;
use super::{numbers, result, tensor_by_hand};

/// x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))), number by number.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    if tensor_by_hand(x) { x.apply_op1_no_bwd(&GeluTanh) } else { reference(x) }
}

fn reference(x: &Tensor) -> Result<Tensor> {
    x.gelu()
}

struct GeluTanh;

/// Numbers of one task: enough to be worth handing to a thread.
const TASK: usize = 4096;

impl CustomOp1 for GeluTanh {
    fn name(&self) -> &'static str {
        "gelu-tanh"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut y = numbers(storage, layout)?.to_vec();
        let arch = Arch::new();
        y.par_chunks_mut(TASK).for_each(|y| arch.dispatch(InPlace(y)));
        result(y, layout.shape().clone())
    }
}

struct InPlace<'a>(&'a mut [f32]);

impl WithSimd for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (whole, tail) = S::as_mut_simd_f32s(self.0);
        for x in whole {
            *x = gelu(simd, *x);
        }
        let last = gelu(simd, simd.partial_load_f32s(tail));
        simd.partial_store_f32s(tail, last);
    }
}

/// (1 + tanh u)/2 is the logistic function of 2u, so that one exponential and one division do.
#[inline(always)]
fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const MINUS_TWO_SQRT_2_OVER_PI: f32 = -1.595_769;
    let one = simd.splat_f32s(1.0);
    let cubic = simd.mul_add_e_f32s(simd.mul_f32s(x, x), simd.splat_f32s(0.044_715), one);
    let u = simd.mul_f32s(simd.mul_f32s(x, simd.splat_f32s(MINUS_TWO_SQRT_2_OVER_PI)), cubic);
    simd.div_f32s(x, simd.add_f32s(one, exp(simd, u)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn agrees_with_candle() {
        let x: Vec<f32> = (-10_000..10_003).map(|i| i as f32 / 1000.0).collect();
        let x = Tensor::new(x, &Device::Cpu).unwrap();
        let (ours, theirs) = (gelu_tanh(&x).unwrap(), reference(&x).unwrap());
        let distance = (ours - theirs).unwrap().abs().unwrap().max(0).unwrap();
        assert!(distance.to_scalar::<f32>().unwrap() < 2e-6, "{distance}");
    }
}
