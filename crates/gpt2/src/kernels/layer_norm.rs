//! Layer norm (Ba et al. 2016, arXiv:1607.06450) over the last dimension.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{numbers, result, tensor_by_hand};

/// Each row less its mean, over the root of its variance, by `weight`, plus `bias`.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    /// Weight and bias again, as the CPU reads them; empty elsewhere.
    by_hand: (Vec<f32>, Vec<f32>),
    epsilon: f64,
}

impl LayerNorm {
    /// `weight` and `bias` of shape (C); `epsilon` is added to the variance.
    pub fn new(weight: Tensor, bias: Tensor, epsilon: f64) -> Result<Self> {
        let by_hand = if tensor_by_hand(&weight) {
            (weight.to_vec1()?, bias.to_vec1()?)
        } else {
            Default::default()
        };
        Ok(Self { weight, bias, by_hand, epsilon })
    }

    /// (N, C) to (N, C).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if tensor_by_hand(x) { x.apply_op1_no_bwd(self) } else { self.reference(x) }
    }

    fn reference(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(x, &self.weight, &self.bias, self.epsilon as f32)
    }
}

impl CustomOp1 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm-by-hand"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = numbers(storage, layout)?;
        let (weight, bias) = (self.by_hand.0.as_slice(), self.by_hand.1.as_slice());
        let width = weight.len();
        if layout.dims().last() != Some(&width) {
            bail!("layer norm of width {width} over {:?}", layout.dims());
        }
        let mut y = vec![0.0; x.len()];
        let (arch, epsilon) = (Arch::new(), self.epsilon as f32);
        let rows = y.par_chunks_exact_mut(width).zip(x.par_chunks_exact(width));
        rows.with_min_len(4).for_each(|(y, x)| arch.dispatch(Row { x, y, weight, bias, epsilon }));
        result(y, layout.shape().clone())
    }
}

struct Row<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    epsilon: f32,
}

impl WithSimd for Row<'_> {
    type Output = ();

    /// Two passes, the second over distances from the mean: squares of large numbers that differ
    /// little would cancel.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.x.len() as f32;
        let (whole, tail) = S::as_simd_f32s(self.x);

        let mut sum = simd.partial_load_f32s(tail);
        for x in whole {
            sum = simd.add_f32s(sum, *x);
        }
        let mean = simd.reduce_sum_f32s(sum) / width;

        let centre = simd.splat_f32s(mean);
        let mut squares = simd.splat_f32s(0.0);
        for x in whole {
            let distance = simd.sub_f32s(*x, centre);
            squares = simd.mul_add_e_f32s(distance, distance, squares);
        }
        let mut sum_of_squares = simd.reduce_sum_f32s(squares);
        for x in tail {
            sum_of_squares += (x - mean) * (x - mean);
        }
        let inverse = 1.0 / (sum_of_squares / width + self.epsilon).sqrt();

        for (((y, x), weight), bias) in
            self.y.iter_mut().zip(self.x).zip(self.weight).zip(self.bias)
        {
            *y = (x - mean) * inverse * weight + bias;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn norm(width: usize) -> LayerNorm {
        let device = &Device::Cpu;
        let weight = Tensor::rand(0.5f32, 1.5, width, device).unwrap();
        let bias = Tensor::rand(-1f32, 1.0, width, device).unwrap();
        LayerNorm::new(weight, bias, 1e-3).unwrap()
    }

    #[test]
    fn agrees_with_candle_at_any_width() {
        for width in [1, 2, 7, 16, 48, 100, 320] {
            // Two numbers by chance next to each other have a variance that rounding decides.
            let spread = (0..5 * width).map(|i| (i as f32 * 1.7).sin() * 2.0 + 0.3).collect();
            let x = Tensor::from_vec(spread, (5, width), &Device::Cpu).unwrap();
            let norm = norm(width);
            let distance = (norm.forward(&x).unwrap() - norm.reference(&x).unwrap()).unwrap();
            let distance = distance.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(distance < 2e-5, "width {width}: {distance}");
        }
    }

    #[test]
    fn numbers_far_from_zero_keep_their_variance() {
        let x = Tensor::new(&[[5000f32, 5001.0, 5002.0, 5003.0]], &Device::Cpu).unwrap();
        let (one, zero) = (Tensor::ones(4, DTYPE, x.device()), Tensor::zeros(4, DTYPE, x.device()));
        let norm = LayerNorm::new(one.unwrap(), zero.unwrap(), 1e-5).unwrap();
        let y = norm.forward(&x).unwrap().to_vec2::<f32>().unwrap();
        for (y, expected) in y[0].iter().zip([-1.341_635_4, -0.447_211_8, 0.447_211_8, 1.341_635_4])
        {
            assert!((y - expected).abs() < 1e-5, "{y} {expected}");
        }
    }

    const DTYPE: candle_core::DType = candle_core::DType::F32;
}
