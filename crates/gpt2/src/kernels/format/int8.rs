//! Eight bits and a scale for every group: a quarter of the bytes, and whole-number products.
//!
//! A group of sixty-four numbers is written down as whole numbers within ±127 and the f32 that one
//! of them is worth, so that an outlier costs its own group precision and no other. Inputs have
//! groups along a row, weights along a column, so that the dot product of two groups is a whole
//! number times two scales. It is exact: the same on every processor, in any order.
//!
//! Processors multiply bytes without sign by bytes with sign. So weights are kept with 128 added,
//! and the sum begins at what that adds too much: -128 times the sum of the input's group.

use bytemuck::{Pod, Zeroable};

use super::{Format, GROUP, PANEL};
use crate::kernels::simd::{LANES, Lanes, Quads, Simd};

/// Weights, inputs and cache in eight bits; sums in i32 within a group and f32 across groups.
#[derive(Clone, Copy)]
pub struct Int8;

/// The largest whole number.
const LARGEST: f32 = 127.0;
/// What is added to weights.
const OFFSET: i32 = 128;

/// Sixty-four numbers of an input.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Group {
    values: [[i8; 4]; GROUP / 4],
    /// What a whole number is worth.
    scale: f32,
    /// Where the sum of products begins.
    correction: i32,
}

/// What sixty-four inputs weigh in thirty-two outputs.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Block {
    /// (GROUP / 4, PANEL, 4): four inputs side by side.
    values: [[Quads; PANEL / LANES]; GROUP / 4],
    /// (PANEL): what a whole number is worth in each column.
    scales: [Lanes<f32>; PANEL / LANES],
}

impl Format for Int8 {
    type Group = Group;
    type Block = Block;
    type Cached = i8;
    const SCALED: bool = true;
    const REGISTERS: usize = 2;

    #[inline(always)]
    fn encode<S: Simd>(simd: S, numbers: &[f32; GROUP]) -> Group {
        let mut values = [[0; LANES]; GROUP / LANES];
        let (scale, sum) = quantise(simd, numbers.as_chunks().0, &mut values);
        Group { values: bytemuck::cast(values), scale, correction: -OFFSET * sum as i32 }
    }

    #[inline(always)]
    fn pack<S: Simd>(simd: S, weights: &[[f32; PANEL]; GROUP]) -> Block {
        let mut block = Block::zeroed();
        for vector in 0..PANEL / LANES {
            let row = |i: usize| simd.load(&weights[i].as_chunks().0[vector]);
            let mut largest = simd.splat(0.0);
            // NaN where a column has one, or an infinity.
            let mut nothing = simd.splat(0.0);
            for i in 0..GROUP {
                largest = simd.max(simd.abs(row(i)), largest);
                nothing = simd.mul_add(row(i), simd.splat(0.0), nothing);
            }
            let scales = simd.div(largest, simd.splat(LARGEST));
            simd.store(&mut block.scales[vector], simd.add(scales, nothing));
            // A column of zeros has no scale to divide by.
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

    fn column(block: &Block, column: usize) -> [f32; GROUP] {
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
        block: &Block,
        first: usize,
    ) -> [[S::F32; ACROSS]; ROWS] {
        let mut wholes = [[simd.splat_i32(0); ACROSS]; ROWS];
        for (wholes, input) in wholes.iter_mut().zip(inputs) {
            *wholes = [simd.splat_i32(input.correction); ACROSS];
        }
        for (quad, weights) in block.values.iter().enumerate() {
            for (wholes, input) in wholes.iter_mut().zip(inputs) {
                for (v, whole) in wholes.iter_mut().enumerate() {
                    *whole = simd.dot_i8(*whole, &weights[first + v], input.values[quad]);
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

/// Writes numbers as whole ones; gives what one is worth, and their sum. The scale of numbers among
/// which is an infinity or NaN is NaN, so that it shows.
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

/// The nearest whole numbers within what there is room for.
#[inline(always)]
fn within<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    simd.max(simd.min(simd.round(x), simd.splat(LARGEST)), simd.splat(-LARGEST))
}
