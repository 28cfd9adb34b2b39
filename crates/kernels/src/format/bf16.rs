//! bf16: 16 bits, with the exponent range of f32 and two to three decimal digits of precision.

use bytemuck::{Pod, Zeroable, cast_slice};
use half::bf16;

use super::{Format, GROUP, PANEL};
use crate::simd::{Amx, LANES, Lanes, Pairs, Simd};

/// Weights, inputs and cache in bf16; sums in f32.
#[derive(Clone, Copy)]
pub struct Bf16;

/// A block of weights, (GROUP / 2, PANEL, 2): two adjacent inputs per column.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Bf16Block([[Pairs; PANEL / LANES]; GROUP / 2]);

impl Format for Bf16 {
    type Group = [bf16; GROUP];
    type Block = Bf16Block;
    type Cached = bf16;
    const SCALED: bool = false;

    #[inline(always)]
    fn encode<S: Simd>(simd: S, numbers: &[f32; GROUP]) -> Self::Group {
        let mut group = [bf16::ZERO; GROUP];
        let (from, to) = (numbers.as_chunks().0, group.as_chunks_mut().0);
        for (from, to) in from.iter().zip(to) {
            simd.store_bf16(to, simd.load(from));
        }
        group
    }

    #[inline(always)]
    fn pack<S: Simd>(simd: S, weights: &[[f32; PANEL]; GROUP]) -> Bf16Block {
        let mut block = Bf16Block::zeroed();
        let mut rounded = [[bf16::ZERO; LANES]; 2];
        for (rows, pair) in weights.as_chunks::<2>().0.iter().zip(&mut block.0) {
            for (v, to) in pair.iter_mut().enumerate() {
                for (row, rounded) in rows.iter().zip(&mut rounded) {
                    simd.store_bf16(rounded, simd.load(&row.as_chunks().0[v]));
                }
                for lane in 0..LANES {
                    to[2 * lane] = rounded[0][lane];
                    to[2 * lane + 1] = rounded[1][lane];
                }
            }
        }
        block
    }

    fn column(block: &Bf16Block, column: usize) -> [f32; GROUP] {
        let (vector, lane) = (column / LANES, column % LANES);
        std::array::from_fn(|i| block.0[i / 2][vector][2 * lane + i % 2].to_f32())
    }

    #[inline(always)]
    fn multiply<S: Simd, const ROWS: usize, const ACROSS: usize>(
        simd: S,
        mut sums: [[S::F32; ACROSS]; ROWS],
        inputs: [&Self::Group; ROWS],
        block: &Bf16Block,
        first: usize,
    ) -> [[S::F32; ACROSS]; ROWS] {
        for (pair, weights) in block.0.iter().enumerate() {
            for (sums, input) in sums.iter_mut().zip(inputs) {
                let input = [input[2 * pair], input[2 * pair + 1]];
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.dot_bf16(*sum, &weights[first + v], input);
                }
            }
        }
        sums
    }

    fn multiply_with_amx<const WIDTH: usize>(
        amx: Amx,
        x: &[Self::Group],
        panel: &[Bf16Block],
        bias: &[Lanes<f32>; PANEL / LANES],
        results: &mut [[f32; WIDTH]],
        first: usize,
    ) -> bool {
        amx.multiply_bf16(x.as_flattened(), cast_slice(panel), bias, results, first);
        true
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &Lanes<bf16>) -> S::F32 {
        simd.load_bf16(from)
    }

    #[inline(always)]
    fn store<S: Simd>(simd: S, numbers: &[Lanes<f32>], cached: &mut [Lanes<bf16>]) -> f32 {
        for (numbers, cached) in numbers.iter().zip(cached) {
            simd.store_bf16(cached, simd.load(numbers));
        }
        1.0
    }
}
