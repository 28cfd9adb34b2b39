//! The exponential function on vectors, for softmax and GELU.

use super::simd::Simd;

/// Returns e^x within 2 ulp (3 without FMA); x is clamped to -87 ≤ x ≤ 88.
///
/// x = n ln 2 + r with integer n and |r| ≤ ln 2 / 2; e^r is a polynomial (with the coefficients of
/// Cephes' `expf`), and 2^n is written into the exponent bits.
#[inline(always)]
pub fn exp<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    // Adding 1.5 * 2^23 gives a float whose low bits are the nearest integer. The additional 127 is the
    // bias of the exponent field, into which those bits are shifted.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    // ln 2 in two parts; the first has so few bits that its product with n is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;

    let constant = |value: f32| simd.splat(value);
    // With the operands in this order, NaN stays NaN.
    let x = simd.min(constant(88.0), simd.max(constant(-87.0), x));
    let shifted = simd.mul_add(x, constant(std::f32::consts::LOG2_E), constant(ROUND));
    let n = simd.sub(shifted, constant(ROUND));
    let r = simd.mul_add(n, constant(-LN_2_HIGH), x);
    let r = simd.mul_add(n, constant(-LN_2_LOW), r);

    let mut sum = constant(1.987_569_1e-4);
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = simd.mul_add(sum, r, constant(coefficient));
    }
    let power = simd.mul_add(sum, simd.mul(r, r), simd.add(r, constant(1.0)));
    simd.mul(power, simd.shift_into_exponent(shifted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Kernel, LANES, Lanes, Level};

    struct Exp<'a>(&'a mut [Lanes<f32>]);

    impl Kernel for Exp<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            for x in self.0 {
                let y = exp(simd, simd.load(x));
                simd.store(x, y);
            }
        }
    }

    #[test]
    fn is_the_exponential_function_within_two_ulp() {
        let inputs: Vec<f32> = (-87_000..=88_007).map(|i| (i as f32 / 1000.0).min(88.0)).collect();
        for level in Level::available() {
            let mut outputs = inputs.clone();
            level.run(Exp(outputs.as_chunks_mut().0));
            for (x, y) in inputs.iter().zip(&outputs) {
                let exact = f64::from(*x).exp();
                let error = (f64::from(*y) - exact).abs() / exact;
                // Without FMA, products round separately and add to the error.
                let ulp = if level.name() == "portable" { 3.0 } else { 2.0 };
                assert!(
                    error < ulp * f64::from(f32::EPSILON),
                    "{level:?}: exp({x}) = {y}, expected {exact}"
                );
            }
        }
    }

    #[test]
    fn extreme_inputs_stay_finite_and_nan_propagates() {
        for level in Level::available() {
            let mut numbers = [[f32::NAN; LANES]];
            numbers[0][..2].copy_from_slice(&[f32::NEG_INFINITY, f32::INFINITY]);
            level.run(Exp(&mut numbers));
            let [low, high, nan, ..] = numbers[0];
            assert!(low < 1e-37 && high.is_finite() && nan.is_nan(), "{level:?}: {numbers:?}");
        }
    }
}
