//! Layer normalisation (Ba et al. 2016, arXiv:1607.06450), with results encoded for the next matrix
//! product.

use super::format::{Format, GROUP};
use super::simd::{Kernel, LANES, Level, Simd};

/// Layer normalisation of a row: (x - mean) / sqrt(variance + epsilon) · `weight` + `bias`.
pub struct LayerNorm {
    width: usize,
    /// Weight and bias, both padded with zeros to whole groups.
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl LayerNorm {
    /// Creates a layer normalisation. `weight` and `bias` have shape (C); `epsilon` is added to the
    /// variance.
    pub fn new(mut weight: Vec<f32>, mut bias: Vec<f32>, epsilon: f64) -> Self {
        let width = weight.len();
        weight.resize(width.next_multiple_of(GROUP), 0.0);
        bias.resize(width.next_multiple_of(GROUP), 0.0);
        Self { width, weight, bias, epsilon: epsilon as f32 }
    }

    /// Normalises one row. Input and output are padded to whole groups.
    pub fn forward<F: Format>(&self, level: Level, x: &[f32], y: &mut [F::Group]) {
        assert_eq!((x.len(), y.len()), (self.weight.len(), self.weight.len() / GROUP));
        level.run(NormaliseRow::<F> { norm: self, x, y });
    }
}

struct NormaliseRow<'a, F: Format> {
    norm: &'a LayerNorm,
    x: &'a [f32],
    y: &'a mut [F::Group],
}

impl<F: Format> Kernel for NormaliseRow<'_, F> {
    type Output = ();

    /// Normalises the row. Squared deviations are summed in a second pass, because computing the
    /// variance in one pass suffers from cancellation.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { norm: LayerNorm { width, weight, bias, epsilon }, x, y } = self;
        let (whole, tail) = x[..*width].as_chunks::<LANES>();

        let mut sum = simd.splat(0.0);
        for x in whole {
            sum = simd.add(sum, simd.load(x));
        }
        let mean = (simd.sum(sum) + tail.iter().sum::<f32>()) / *width as f32;

        let centre = simd.splat(mean);
        let mut squares = simd.splat(0.0);
        for x in whole {
            let distance = simd.sub(simd.load(x), centre);
            squares = simd.mul_add(distance, distance, squares);
        }
        let mut sum_of_squares = simd.sum(squares);
        for x in tail {
            sum_of_squares += (x - mean) * (x - mean);
        }
        let inverse = simd.splat(1.0 / (sum_of_squares / *width as f32 + epsilon).sqrt());

        let weights = weight.as_chunks::<LANES>().0.iter();
        let mut each =
            x.as_chunks::<LANES>().0.iter().zip(weights.zip(bias.as_chunks::<LANES>().0));
        for y in y {
            let mut group = [0.0; GROUP];
            for (y, (x, (weight, bias))) in group.as_chunks_mut().0.iter_mut().zip(&mut each) {
                let x = simd.mul(simd.sub(simd.load(x), centre), inverse);
                simd.store(y, simd.mul_add(x, simd.load(weight), simd.load(bias)));
            }
            *y = F::encode(simd, &group);
        }
    }
}

/// Encodes a row without normalising it. Input and output are padded to whole groups.
pub fn encode<F: Format>(level: Level, x: &[f32], y: &mut [F::Group]) {
    assert_eq!(x.len(), y.len() * GROUP);
    level.run(EncodeRow::<F> { x, y });
}

struct EncodeRow<'a, F: Format> {
    x: &'a [f32],
    y: &'a mut [F::Group],
}

impl<F: Format> Kernel for EncodeRow<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (x, y) in self.x.as_chunks().0.iter().zip(self.y) {
            *y = F::encode(simd, x);
        }
    }
}
