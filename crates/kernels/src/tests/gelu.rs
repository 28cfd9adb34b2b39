//! Compares GELU with candle's.

use super::numbers::{UNIT, assert_near_at_every_level, numbers_of, tensor};
use crate::gelu::Activation;
use crate::gelu::activate;
use crate::simd::Level;

/// Returns inputs from the range where GELU is neither 0 nor x, and extreme values.
fn inputs() -> Vec<f32> {
    let mut inputs: Vec<f32> = (-6000..6000).map(|i| i as f32 / 400.0).collect();
    inputs.extend([0.0, -0.0, 1e-40, -1e-40, 1e4, -1e4, 1e18, -1e18, 3e38, -3e38]);
    inputs.resize(inputs.len().next_multiple_of(16), 1.0);
    inputs
}

fn activated(level: Level, activation: Activation, inputs: &[f32]) -> Vec<f32> {
    let mut y = inputs.to_vec();
    activate(level, activation, y.as_chunks_mut().0);
    y
}

#[test]
fn both_variants_match_candle() {
    let x = inputs();
    let exact = tensor(&x, &[x.len()]);
    // x / (1 + e^-2u). The error of u (five roundings) contributes in proportion to u, in addition to
    // the exponential's 2 ulp (3 without FMA) and three roundings. Exponents are clamped at 88, where
    // the result should vanish; candle's 1 + tanh suffers from cancellation.
    let tolerance: Vec<f64> = x
        .iter()
        .map(|x| f64::from(*x))
        .map(|x| {
            let u = (1.6 * x * (1.0 + 0.044_715 * x * x)).abs().min(88.0);
            let relative = UNIT * (6.0 * u + 6.0 + 3.0);
            let y = x / (1.0 + (-1.595_769 * x * (1.0 + 0.044_715 * x * x)).exp());
            2.0 * relative * y.abs() + x.abs() * f64::EPSILON + f64::from(f32::MIN_POSITIVE)
        })
        .collect();
    let expected = numbers_of(&exact.gelu().unwrap());
    assert_near_at_every_level("GELU", &expected, &tolerance, |level| {
        activated(level, Activation::GeluTanh, &x)
    });

    // The tolerance is the f32 precision of 1 + erf, which suffers from cancellation.
    let tolerance: Vec<f64> = x.iter().map(|x| 8.0 * UNIT * f64::from(x.abs())).collect();
    let expected = numbers_of(&exact.gelu_erf().unwrap());
    assert_near_at_every_level("exact GELU", &expected, &tolerance, |level| {
        activated(level, Activation::GeluErf, &x)
    });
}

#[test]
fn nan_affects_only_its_own_lane() {
    for level in Level::available() {
        for activation in [Activation::GeluTanh, Activation::GeluErf] {
            for at in 0..16 {
                let mut x = [0.5; 16];
                x[at] = f32::NAN;
                for (i, y) in activated(level, activation, &x).iter().enumerate() {
                    assert_eq!(y.is_nan(), i == at, "{}", level.name());
                }
            }
            let y = activated(level, activation, &[f32::INFINITY; 16]);
            assert_eq!(y, [f32::INFINITY; 16]);
        }
    }
}
