//! Compares linear layers with candle's matrix products, and their results across SIMD levels and batch
//! sizes bit for bit.

use std::ops::Range;

use half::bf16;
use proptest::prelude::*;
use proptest::sample::select;

use super::numbers::{
    KnownPrecision, assert_near, bits, encoded, gamma, has_bf16, in_every_format, is_portable,
    numbers_of, random, tensor,
};
use crate::format::{Bf16, F32, Format, GROUP, Int8, PANEL};
use crate::linear::{COLUMNS, Linear, Matrix};
use crate::owned_or_mapped::OwnedOrMapped;
use crate::simd::Level;

/// A weight (K, N) and a bias (N).
pub struct Weight {
    pub inputs: usize,
    pub outputs: usize,
    pub numbers: Vec<f32>,
    pub bias: Vec<f32>,
}

impl Weight {
    pub fn random(seed: u64, (inputs, outputs): (usize, usize)) -> Self {
        let numbers = random(seed, inputs * outputs);
        Self { inputs, outputs, numbers, bias: random(seed + 1, outputs) }
    }

    pub fn packed<F: Format>(&self, level: Level) -> Vec<F::Block> {
        let count = Linear::<F>::blocks(self.inputs, self.outputs);
        let mut blocks = bytemuck::zeroed_vec(count);
        Linear::<F>::pack(level, (self.inputs, self.outputs), self, &mut blocks);
        blocks
    }

    fn layer<F: Format>(&self, level: Level) -> Linear<F> {
        let blocks = OwnedOrMapped::Owned(self.packed::<F>(level));
        Linear::new(self.inputs, self.outputs, blocks, &self.bias)
    }

    fn column(&self, column: usize) -> Vec<f32> {
        self.numbers.iter().skip(column).step_by(self.outputs).copied().collect()
    }
}

impl Matrix for Weight {
    fn read(&self, rows: Range<usize>, columns: Range<usize>, to: &mut [[f32; PANEL]; GROUP]) {
        for (row, to) in rows.zip(to) {
            let row = &self.numbers[row * self.outputs..][..self.outputs];
            to[..columns.len()].copy_from_slice(&row[columns.clone()]);
        }
    }
}

/// Computes all results (rows, N) of a layer.
pub fn product<F: Format>(level: Level, layer: &Linear<F>, x: &[F::Group]) -> Vec<f32> {
    let groups = layer.column(0).count().div_ceil(GROUP);
    let mut y = vec![0.0; x.len() / groups * layer.outputs()];
    // Previous contents must not matter.
    let mut memory = vec![[f32::NAN; COLUMNS]; 3];
    for task in 0..layer.tasks() {
        let columns = layer.columns(task);
        let results = layer.forward(level, task, x, &mut memory);
        for (y, results) in y.chunks_mut(layer.outputs()).zip(results) {
            y[columns.clone()].copy_from_slice(&results[..columns.len()]);
        }
    }
    y
}

/// Multiplies rows `x` by a weight.
fn multiplied<F: Format>(level: Level, x: &[f32], weight: &Weight) -> Vec<f32> {
    product(level, &weight.layer::<F>(level), &encoded::<F>(level, x, weight.inputs))
}

fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
    let sizes = || select(vec![1, 2, 31, 33, 63, 64, 65, 100, 130]);
    (1usize..=70, sizes(), sizes())
}

fn is_candles_product<F: KnownPrecision>(level: Level, x: &[f32], weight: &Weight) {
    let (k, n) = (weight.inputs, weight.outputs);
    let rows = x.len() / k;
    let layer = weight.layer::<F>(level);
    let w: Vec<f32> = (0..n).flat_map(|column| layer.column(column)).collect();
    let w = tensor(&w, &[n, k]).t().unwrap();
    let (mut kept, mut off) = (Vec::new(), Vec::new());
    for row in x.chunks(k) {
        for group in row.chunks(GROUP) {
            let (numbers, distance) = F::kept(group);
            off.extend(vec![distance; numbers.len()]);
            kept.extend(numbers);
        }
    }
    let (kept, off) = (tensor(&kept, &[rows, k]), tensor(&off, &[rows, k]));
    let bias = tensor(&weight.bias, &[1, n]);
    let expected = kept.matmul(&w).unwrap().broadcast_add(&bias).unwrap();
    // The tolerance is the sum of the inputs' encoding error and the rounding errors of every product
    // and sum and of the bias.
    let sizes = kept.abs().unwrap().add(&off).unwrap().matmul(&w.abs().unwrap()).unwrap();
    let sizes = sizes.broadcast_add(&bias.abs().unwrap()).unwrap();
    let tolerance: Vec<f64> = numbers_of(&off.matmul(&w.abs().unwrap()).unwrap())
        .into_iter()
        .zip(numbers_of(&sizes))
        // Products below the normal range may be flushed to zero, as by the BF16 instruction.
        .map(|(off, size)| off + gamma(k + 5) * size + k as f64 * f64::from(f32::MIN_POSITIVE))
        .collect();
    let what = format!("{} on {}, ({rows}, {k}, {n})", F::NAME, level.name());
    let got = product(level, &layer, &encoded::<F>(level, x, k));
    assert_near(&what, &got, &numbers_of(&expected), &tolerance);
}

fn keeps_what_it_was_given<F: KnownPrecision>(level: Level, weight: &Weight) {
    let layer = weight.layer::<F>(level);
    for column in 0..weight.outputs {
        let given = weight.column(column);
        let kept: Vec<f32> = layer.column(column).collect();
        assert_eq!(kept.len(), given.len());
        for (kept, given) in kept.chunks(GROUP).zip(given.chunks(GROUP)) {
            let (expected, distance) = F::kept(given);
            let tolerance = vec![distance; given.len()];
            assert_near(&format!("{} column {column}", F::NAME), kept, &expected, &tolerance);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn products_match_candle((rows, inputs, outputs) in shapes(), seed: u32) {
        let x = random(seed.into(), rows * inputs);
        let weight = Weight::random(u64::from(seed) + 1, (inputs, outputs));
        for level in Level::available() {
            in_every_format!(is_candles_product(level, &x, &weight));
            in_every_format!(keeps_what_it_was_given(level, &weight));
        }
    }
}

/// The dot products of y = x W + b as scalar loops, in the order that the layer documents. `mul_add`
/// computes a · b + c.
trait Scalar: KnownPrecision {
    fn dot(x: &[f32], w: &[f32], mul_add: fn(f32, f32, f32) -> f32) -> f32;
}

impl Scalar for F32 {
    fn dot(x: &[f32], w: &[f32], mul_add: fn(f32, f32, f32) -> f32) -> f32 {
        x.iter().zip(w).fold(0.0, |sum, (x, w)| mul_add(*x, *w, sum))
    }
}

impl Scalar for Bf16 {
    /// Computes the dot product; of every two adjacent inputs, the second is added first.
    fn dot(x: &[f32], w: &[f32], mul_add: fn(f32, f32, f32) -> f32) -> f32 {
        let rounded = |x: f32| bf16::from_f32(x).to_f32();
        let pairs = x.chunks(2).zip(w.chunks(2));
        pairs.fold(0.0, |sum, (x, w)| {
            x.iter().zip(w).rev().fold(sum, |sum, (x, w)| mul_add(rounded(*w), rounded(*x), sum))
        })
    }
}

impl Scalar for Int8 {
    fn dot(x: &[f32], w: &[f32], mul_add: fn(f32, f32, f32) -> f32) -> f32 {
        let largest = |group: &[f32]| group.iter().fold(0f32, |largest, x| largest.max(x.abs()));
        x.chunks(GROUP).zip(w.chunks(GROUP)).fold(0.0, |sum, (x, w)| {
            let (x_scale, w_scale) = (largest(x) / 127.0, largest(w) / 127.0);
            let inverse = 127.0 / largest(x);
            let whole = |x: f32| x.round_ties_even() as i32;
            let products = x.iter().zip(w).map(|(x, w)| whole(x * inverse) * whole(w / w_scale));
            mul_add(products.sum::<i32>() as f32, x_scale * w_scale, sum)
        })
    }
}

fn is_the_scalar_product<F: Scalar>(shape: (usize, usize, usize)) {
    let (rows, inputs, outputs) = shape;
    let (x, weight) = (random(1, rows * inputs), Weight::random(2, (inputs, outputs)));
    for level in Level::available() {
        let mul_add = if is_portable(level) { |a, b, c| a * b + c } else { f32::mul_add };
        let expected = x.chunks(inputs).flat_map(|x| {
            let weight = &weight;
            (0..outputs)
                .map(move |column| F::dot(x, &weight.column(column), mul_add) + weight.bias[column])
        });
        let expected: Vec<f32> = expected.collect();
        if F::NAME == "bf16" && has_bf16(level) {
            // This level was compared with a tolerance above.
            continue;
        }
        assert_eq!(
            bits(&multiplied::<F>(level, &x, &weight)),
            bits(&expected),
            "{} at {shape:?}",
            level.name()
        );
    }
}

#[test]
fn products_have_the_bits_of_scalar_loops() {
    for shape in [(1, 1, 1), (3, 63, 31), (13, 64, 33), (14, 65, 64), (30, 200, 100)] {
        in_every_format!(is_the_scalar_product(shape));
    }
}

#[test]
fn simd_levels_pack_identically() {
    fn packs_alike<F: Format>() {
        let weight = Weight::random(3, (150, 75));
        let x = random(4, 3 * 150);
        let bytes = |level| {
            let weight: Vec<u8> = bytemuck::cast_slice(&weight.packed::<F>(level)).to_vec();
            (weight, bytemuck::cast_slice::<_, u8>(&encoded::<F>(level, &x, 150)).to_vec())
        };
        let expected = bytes(Level::best());
        for level in Level::available() {
            assert!(bytes(level) == expected, "{}", level.name());
        }
    }
    in_every_format!(packs_alike());
}

#[test]
fn a_row_does_not_depend_on_the_other_rows() {
    fn has_the_same_bits<F: Format>(level: Level) {
        let (inputs, outputs) = (200, 75);
        let (x, weight) = (random(5, 50 * inputs), Weight::random(6, (inputs, outputs)));
        let layer = weight.layer::<F>(level);
        let together = product(level, &layer, &encoded::<F>(level, &x, inputs));
        for rows in [1, 2, 3, 5, 12, 13, 49] {
            for start in [0, 1, 17.min(50 - rows), 50 - rows] {
                let few = &x[start * inputs..][..rows * inputs];
                let few = product(level, &layer, &encoded::<F>(level, few, inputs));
                let expected = &together[start * outputs..][..rows * outputs];
                assert_eq!(bits(&few), bits(expected), "{rows} from {start}, {}", level.name());
            }
        }
    }
    for level in Level::available() {
        in_every_format!(has_the_same_bits(level));
    }
}

/// NaN and infinity must reach every result that depends on them, and no other.
#[test]
fn nan_and_infinity_propagate_to_dependent_results() {
    fn reaches<F: KnownPrecision>(level: Level) {
        let (rows, inputs, outputs) = (14, 130, 70);
        let (x, weight) = (random(7, rows * inputs), Weight::random(8, (inputs, outputs)));
        let check = |x: &[f32], weight: &Weight, is_reached: &dyn Fn(usize, usize) -> bool| {
            let y = multiplied::<F>(level, x, weight);
            for (i, y) in y.iter().enumerate() {
                let (row, column) = (i / outputs, i % outputs);
                let what = format!("({row}, {column}) = {y}, {} on {}", F::NAME, level.name());
                assert_eq!(!y.is_finite(), is_reached(row, column), "{what}");
            }
        };
        check(&x, &weight, &|_, _| false);
        for odd in
            [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(0x7f80_0001)]
        {
            for (place, at) in [(0, 0), (3, 63), (12, 64), (13, 129)] {
                let mut x = x.clone();
                x[place * inputs + at] = odd;
                check(&x, &weight, &|row, _| row == place);
            }
            for (at, place) in [(0, 0), (63, 31), (64, 32), (129, 69)] {
                let mut numbers = weight.numbers.clone();
                numbers[at * outputs + place] = odd;
                let odd = Weight { numbers, bias: weight.bias.clone(), ..weight };
                check(&x, &odd, &|_, column| column == place);
                // Zero times NaN or infinity is NaN.
                check(&vec![0.0; x.len()], &odd, &|_, column| column == place);
            }
            let mut bias = weight.bias.clone();
            bias[69] = odd;
            let odd = Weight { numbers: weight.numbers.clone(), bias, ..weight };
            check(&x, &odd, &|_, column| column == 69);
        }
    }
    for level in Level::available() {
        in_every_format!(reaches(level));
    }
}

#[test]
fn zeros_and_extreme_numbers_give_finite_results() {
    fn are_numbers<F: KnownPrecision>(level: Level) {
        let (inputs, outputs) = (130, 40);
        let weight = Weight::random(9, (inputs, outputs));
        let tiny = [f32::MIN_POSITIVE, 1e-40, f32::from_bits(1)];
        for size in tiny.into_iter().chain([0.0, -0.0, 3e38, -3e38]) {
            // One such number in a group, and a whole group.
            for filled in [1, GROUP] {
                let mut x = vec![0.0; inputs];
                x[64..64 + filled].fill(size);
                // The weights are small enough that the sums do not overflow.
                let numbers = weight.numbers.iter().map(|w| w * 1e-4).collect();
                let weight = Weight { numbers, bias: vec![0.0; outputs], ..weight };
                is_candles_product::<F>(level, &x, &weight);

                let mut numbers = weight.numbers.clone();
                numbers[64 * outputs..(64 + filled) * outputs].fill(size);
                let odd = Weight { numbers, bias: vec![0.0; outputs], ..weight };
                keeps_what_it_was_given::<F>(level, &odd);
                let x: Vec<f32> = random(10, inputs).iter().map(|x| x * 1e-4).collect();
                is_candles_product::<F>(level, &x, &odd);
            }
        }
        let nothing = Weight { numbers: vec![0.0; inputs * outputs], ..weight };
        let y = multiplied::<F>(level, &random(11, 2 * inputs), &nothing);
        assert_eq!(bits(&y), bits(&[nothing.bias.clone(), nothing.bias.clone()].concat()));
    }
    for level in Level::available() {
        in_every_format!(are_numbers(level));
    }
}
