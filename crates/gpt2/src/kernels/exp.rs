//! The exponential function on vector registers, for softmax and GELU.

use pulp::Simd;

/// e^x, within 2 ulp for -87 ≤ x ≤ 88 and of the nearer end's value beyond.
///
/// x = n ln 2 + r with n whole and |r| ≤ ln 2 / 2; e^r is a polynomial (the coefficients are those
/// of Cephes' `expf`), 2^n is written into the exponent's bits.
#[inline(always)]
pub fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Adding 1.5 * 2^23 leaves a float whose low bits are the nearest whole number; 127 more is
    // the bias of the exponent field, to which the shift moves them.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    // ln 2 in two parts, of which the first has so few digits that n times it is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;

    let constant = |value: f32| simd.splat_f32s(value);
    let x = simd.min_f32s(constant(88.0), simd.max_f32s(constant(-87.0), x));
    let shifted = simd.mul_add_e_f32s(x, constant(std::f32::consts::LOG2_E), constant(ROUND));
    let n = simd.sub_f32s(shifted, constant(ROUND));
    let r = simd.mul_add_e_f32s(n, constant(-LN_2_HIGH), x);
    let r = simd.mul_add_e_f32s(n, constant(-LN_2_LOW), r);

    let mut sum = constant(1.987_569_1e-4);
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = simd.mul_add_e_f32s(sum, r, constant(coefficient));
    }
    let power = simd.mul_add_e_f32s(sum, simd.mul_f32s(r, r), simd.add_f32s(r, constant(1.0)));

    let bits = simd.transmute_u32s_f32s(shifted);
    let scale = simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23));
    simd.mul_f32s(power, simd.transmute_f32s_u32s(scale))
}

/// Replaces each number by e to the power of it less `offset`, and returns their sum.
#[inline(always)]
pub fn exp_and_sum<S: Simd>(simd: S, numbers: &mut [f32], offset: f32) -> f32 {
    let offset = simd.splat_f32s(offset);
    let (whole, tail) = S::as_mut_simd_f32s(numbers);
    let mut sum = simd.splat_f32s(0.0);
    for x in whole {
        *x = exp(simd, simd.sub_f32s(*x, offset));
        sum = simd.add_f32s(sum, *x);
    }
    let last = exp(simd, simd.sub_f32s(simd.partial_load_f32s(tail), offset));
    simd.partial_store_f32s(tail, last);
    // Stored and loaded again: the lanes beyond the tail come back as zeros.
    let last = simd.partial_load_f32s(tail);
    simd.reduce_sum_f32s(simd.add_f32s(sum, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    struct Softmaxed<'a>(&'a mut [f32], f32);

    impl WithSimd for Softmaxed<'_> {
        type Output = f32;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            exp_and_sum(simd, self.0, self.1)
        }
    }

    #[test]
    fn is_the_exponential_function_within_two_ulp() {
        let inputs: Vec<f32> = (-87_000..=88_000).map(|i| i as f32 / 1000.0).collect();
        let mut outputs = inputs.clone();
        Arch::new().dispatch(Softmaxed(&mut outputs, 0.0));
        for (x, y) in inputs.iter().zip(&outputs) {
            let exact = f64::from(*x).exp();
            let error = (f64::from(*y) - exact).abs() / exact;
            assert!(error < 2.0 * f64::from(f32::EPSILON), "exp({x}) = {y}, expected {exact}");
        }
    }

    #[test]
    fn is_the_same_in_a_register_and_in_the_tail() {
        for length in 1..70 {
            let mut numbers = vec![-1.25; length];
            let sum = Arch::new().dispatch(Softmaxed(&mut numbers, 0.5));
            assert!(numbers.iter().all(|y| y.to_bits() == numbers[0].to_bits()));
            assert!((sum - length as f32 * (-1.75f32).exp()).abs() < 1e-5 * length as f32);
        }
    }

    #[test]
    fn what_is_too_small_or_too_large_stays_finite_and_nan_shows() {
        let mut numbers = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN];
        Arch::new().dispatch(Softmaxed(&mut numbers, 0.0));
        assert!(numbers[0] < 1e-37 && numbers[1].is_finite() && numbers[2].is_nan());
    }
}
