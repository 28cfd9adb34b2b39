//! int8: 8 bits per number and one scale per group.
//!
//! A quantisation group of 64 numbers is stored as integers within ±127 and an f32 scale, so an outlier
//! costs precision only in its own group. Inputs are grouped along a row, weights along a column, so
//! the dot product of two groups is an integer times two scales. The integer part is exact, and
//! therefore independent of the CPU and of summation order.
//!
//! Most CPU instructions multiply unsigned by signed bytes. So weights are stored with an offset of 128,
//! and each sum starts at a correction of -128 times the sum of the input group.

use bytemuck::{Pod, Zeroable};

use super::{Format, GROUP, PANEL};
use crate::simd::{LANES, Lanes, Quads, Simd};

/// Weights, inputs and cache in 8 bits; sums in i32 within a group and in f32 across groups.
#[derive(Clone, Copy)]
pub struct Int8;

/// Largest quantised value.
const LARGEST: f32 = 127.0;
/// Offset added to quantised weights.
const OFFSET: i32 = 128;

/// A quantised group of inputs.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Group {
    values: [[i8; 4]; GROUP / 4],
    /// Size of one quantisation step.
    scale: f32,
    /// Initial value of a sum of products, which compensates for [`OFFSET`].
    correction: i32,
}

/// Quantised weights of 64 inputs and 32 outputs.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Int8Block {
    /// (GROUP / 4, PANEL, 4): four adjacent inputs per column.
    values: [[Quads; PANEL / LANES]; GROUP / 4],
    /// (PANEL): scale of each column.
    scales: [Lanes<f32>; PANEL / LANES],
}

impl Format for Int8 {
    type Group = Group;
    type Block = Int8Block;
    type Cached = i8;
    const SCALED: bool = true;

    #[inline(always)]
    fn accumulators<S: Simd>() -> usize {
        S::I32_ACCUMULATORS
    }

    #[inline(always)]
    fn encode<S: Simd>(simd: S, numbers: &[f32; GROUP]) -> Group {
        let mut values = [[0; LANES]; GROUP / LANES];
        let (scale, sum) = quantise(simd, numbers.as_chunks().0, &mut values);
        Group { values: bytemuck::cast(values), scale, correction: -OFFSET * sum as i32 }
    }

    #[inline(always)]
    fn pack<S: Simd>(simd: S, weights: &[[f32; PANEL]; GROUP]) -> Int8Block {
        let mut block = Int8Block::zeroed();
        for vector in 0..PANEL / LANES {
            let row = |i: usize| simd.load(&weights[i].as_chunks().0[vector]);
            let mut largest = simd.splat(0.0);
            // Becomes NaN in columns with NaN or infinity; stays 0 in others.
            let mut nothing = simd.splat(0.0);
            for i in 0..GROUP {
                largest = simd.max(simd.abs(row(i)), largest);
                nothing = simd.mul_add(row(i), simd.splat(0.0), nothing);
            }
            let scales = simd.div(largest, simd.splat(LARGEST));
            simd.store(&mut block.scales[vector], simd.add(scales, nothing));
            // Avoid division by zero in a column of zeros.
            let scales = simd.max(scales, simd.splat(f32::MIN_POSITIVE));
            for i in 0..GROUP {
                let mut wholes = [0; LANES];
                simd.store_i8(&mut wholes, within(simd, simd.div(row(i), scales)));
                for (lane, whole) in wholes.into_iter().enumerate() {
                    let whole = (i32::from(whole) + OFFSET) as u8;
                    block.values[i / 4][vector][4 * lane + i % 4] = whole;
                }
            }
        }
        block
    }

    fn column(block: &Int8Block, column: usize) -> [f32; GROUP] {
        let (vector, lane) = (column / LANES, column % LANES);
        std::array::from_fn(|i| {
            let whole = i32::from(block.values[i / 4][vector][4 * lane + i % 4]) - OFFSET;
            whole as f32 * block.scales[vector][lane]
        })
    }

    #[inline(always)]
    fn multiply<S: Simd, const ROWS: usize, const ACROSS: usize>(
        simd: S,
        mut sums: [[S::F32; ACROSS]; ROWS],
        inputs: [&Group; ROWS],
        block: &Int8Block,
        first: usize,
    ) -> [[S::F32; ACROSS]; ROWS] {
        let mut wholes = [[simd.splat_i32(0); ACROSS]; ROWS];
        for (wholes, input) in wholes.iter_mut().zip(inputs) {
            let start = if S::SIGNED_WEIGHTS { 0 } else { input.correction };
            *wholes = [simd.splat_i32(start); ACROSS];
        }
        // Indices instead of iterators: only then does the compiler remove this where nothing is widened.
        let mut widened = [simd.widen(&inputs[0].values); ROWS];
        for row in 1..ROWS {
            widened[row] = simd.widen(&inputs[row].values);
        }
        if !S::KEEPS_SUMS {
            // Keep the f32 sums in memory until the end of the group: the inner loop needs all registers.
            std::hint::black_box(&mut sums);
        }
        for (quad, weights) in block.values.iter().enumerate() {
            for row in 0..ROWS {
                let x = (&inputs[row].values, &widened[row]);
                for (v, whole) in wholes[row].iter_mut().enumerate() {
                    *whole = simd.dot_i8(*whole, &weights[first + v], x, quad);
                }
            }
        }
        let mut scales = [simd.splat(0.0); ACROSS];
        for (v, scales) in scales.iter_mut().enumerate() {
            *scales = simd.load(&block.scales[first + v]);
        }
        for ((sums, wholes), input) in sums.iter_mut().zip(wholes).zip(inputs) {
            let scale = simd.splat(input.scale);
            for ((sum, whole), scales) in sums.iter_mut().zip(wholes).zip(scales) {
                *sum = simd.mul_add(simd.to_f32(whole), simd.mul(scale, scales), *sum);
            }
        }
        sums
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &Lanes<i8>) -> S::F32 {
        simd.load_i8(from)
    }

    #[inline(always)]
    fn store<S: Simd>(simd: S, numbers: &[Lanes<f32>], cached: &mut [Lanes<i8>]) -> f32 {
        quantise(simd, numbers, cached).0
    }
}

/// Quantises numbers; returns their scale and the sum of the quantised values. If a number is infinite
/// or NaN, the scale is NaN, so the error propagates.
#[inline(always)]
fn quantise<S: Simd>(
    simd: S,
    numbers: &[Lanes<f32>],
    whole_numbers: &mut [Lanes<i8>],
) -> (f32, f32) {
    let mut largest = simd.splat(0.0);
    let mut nothing = simd.splat(0.0);
    for x in numbers {
        let x = simd.load(x);
        largest = simd.max(simd.abs(x), largest);
        nothing = simd.mul_add(x, simd.splat(0.0), nothing);
    }
    let largest = simd.largest(largest);
    let inverse = if largest > 0.0 { LARGEST / largest } else { 0.0 };
    let inverse = simd.splat(inverse.min(f32::MAX));
    let mut sum = simd.splat(0.0);
    for (x, whole) in numbers.iter().zip(whole_numbers) {
        let x = within(simd, simd.mul(simd.load(x), inverse));
        simd.store_i8(whole, x);
        sum = simd.add(sum, x);
    }
    (largest / LARGEST + simd.sum(nothing), simd.sum(sum))
}

/// Rounds to the nearest integers and clamps them to ±127.
#[inline(always)]
fn within<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    simd.max(simd.min(simd.round(x), simd.splat(LARGEST)), simd.splat(-LARGEST))
}
