//! Compares layer normalisation with candle's.

use proptest::prelude::*;
use proptest::sample::select;

use super::numbers::{
    UNIT, assert_near_at_every_level, bits, encoded, gamma, in_every_format, numbers_of, random,
    tensor,
};
use crate::format::{F32, Format, GROUP};
use crate::layer_norm::LayerNorm;
use crate::simd::Level;

const EPSILON: f64 = 1e-5;

/// Normalises a row and returns it without padding.
fn normalised(level: Level, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let groups = written_down::<F32>(level, x, weight, bias);
    let (row, filling) = groups.as_flattened().split_at(x.len());
    let weighs_nothing = row[0].is_nan() || filling.iter().all(|x| *x == 0.0);
    assert!(weighs_nothing, "padding is not zero: {filling:?}");
    row.to_vec()
}

fn written_down<F: Format>(level: Level, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<F::Group> {
    let norm = LayerNorm::new(weight.to_vec(), bias.to_vec(), EPSILON);
    let mut x = x.to_vec();
    x.resize(x.len().next_multiple_of(GROUP), 0.0);
    let mut y = vec![bytemuck::Zeroable::zeroed(); x.len() / GROUP];
    norm.forward::<F>(level, &x, &mut y);
    y
}

/// Returns candle's result and the kernel's tolerance.
fn reference(x: &[f32], weight: &[f32], bias: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let n = x.len();
    let [exact, w, b] = [x, weight, bias].map(|numbers| tensor(numbers, &[n]));
    let mean = exact.mean_all().unwrap();
    let distances = exact.broadcast_sub(&mean).unwrap();
    let variance = distances.sqr().unwrap().mean_all().unwrap();
    let variance = variance.to_scalar::<f64>().unwrap();
    let inverse = 1.0 / (variance + EPSILON).sqrt();
    let y = (((&distances * inverse).unwrap() * &w).unwrap() + &b).unwrap();

    // Each distance has the error of the mean plus its own rounding error, which carries over to its
    // square. The square root halves the relative error of the sum.
    let sizes = x.iter().map(|x| f64::from(x.abs())).sum::<f64>() / n as f64;
    let mean_off = gamma(n + 2) * sizes;
    let squares = numbers_of(&distances).into_iter().map(|distance| {
        let off = mean_off + UNIT * (distance.abs() + mean_off);
        2.0 * distance.abs() * off + off * off
    });
    let variance_off =
        squares.sum::<f64>() / n as f64 + gamma(n + 3) * (variance + mean_off * mean_off);
    let least = (variance - variance_off).max(0.0) + EPSILON * (1.0 - UNIT);
    let inverse_off = (1.0 / least.sqrt() - inverse) + gamma(4) / least.sqrt();
    let tolerance = numbers_of(&distances)
        .into_iter()
        .zip(weight.iter().zip(bias))
        .map(|(distance, (w, b))| {
            let off = mean_off + UNIT * (distance.abs() + mean_off);
            let (w, b) = (f64::from(w.abs()), f64::from(b.abs()));
            let product = (distance.abs() + off) * (inverse + inverse_off);
            let off = off * (inverse + inverse_off) + distance.abs() * inverse_off;
            w * off + gamma(4) * (w * product + b)
        })
        .collect();
    (numbers_of(&y), tolerance)
}

fn is_candles(x: &[f32], weight: &[f32], bias: &[f32]) {
    let (expected, tolerance) = reference(x, weight, bias);
    assert_near_at_every_level(&format!("{} numbers", x.len()), &expected, &tolerance, |level| {
        normalised(level, x, weight, bias)
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn norms_match_candle(
        width in select(vec![1, 2, 15, 16, 17, 48, 63, 64, 65, 100, 320, 768]),
        // Large offsets, which would cause cancellation in a one-pass variance.
        offset in select(vec![0.0f32, 100.0, -5000.0]),
        seed: u32,
    ) {
        let x: Vec<f32> = random(seed.into(), width).iter().map(|x| x + offset).collect();
        let [weight, bias] = [1, 2].map(|more| random(u64::from(seed) + more, width));
        is_candles(&x, &weight, &bias);
    }
}

#[test]
fn constant_rows_give_the_bias() {
    for x in [0.0, 1.0, -3.5, 1e-40] {
        for width in [1, 40, 64, 768] {
            let (weight, bias) = (random(1, width), random(2, width));
            is_candles(&vec![x; width], &weight, &bias);
            for level in Level::available() {
                assert_eq!(bits(&normalised(level, &vec![x; width], &weight, &bias)), bits(&bias));
            }
        }
    }
}

#[test]
fn every_format_encodes_the_same_norm() {
    fn writes_it_down<F: Format>(level: Level, width: usize) {
        let [x, weight, bias] = [3, 4, 5].map(|seed| random(seed, width));
        let norm = written_down::<F>(level, &x, &weight, &bias);
        let y = normalised(level, &x, &weight, &bias);
        assert_eq!(
            bytemuck::cast_slice::<_, u8>(&norm),
            bytemuck::cast_slice::<_, u8>(&encoded::<F>(level, &y, width)),
            "{} of {width}",
            level.name()
        );
    }
    for level in Level::available() {
        for width in [1, 63, 64, 65, 320] {
            in_every_format!(writes_it_down(level, width));
        }
    }
}

#[test]
fn nan_and_infinity_propagate_to_the_whole_row() {
    let (weight, bias) = (vec![1.0; 70], vec![0.5; 70]);
    for level in Level::available() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38] {
            for at in [0, 15, 63, 64, 69] {
                let mut x = random(9, 70);
                x[at] = odd;
                let y = normalised(level, &x, &weight, &bias);
                // An infinite variance makes all normalised distances zero.
                let is_right = |y: &f32| if odd == 3e38 { *y == 0.5 } else { y.is_nan() };
                assert!(y.iter().all(is_right), "{} at {at} of {odd}: {y:?}", level.name());
            }
        }
    }
}
