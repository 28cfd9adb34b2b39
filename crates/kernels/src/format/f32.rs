//! f32, the reference number format.

use bytemuck::{Pod, Zeroable};

use super::{Format, GROUP, PANEL};
use crate::simd::{LANES, Lanes, Simd};

/// Weights, inputs and cache in f32.
#[derive(Clone, Copy)]
pub struct F32;

/// A block of weights, (GROUP, PANEL).
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct F32Block([[Lanes<f32>; PANEL / LANES]; GROUP]);

impl Format for F32 {
    type Group = [f32; GROUP];
    type Block = F32Block;
    type Cached = f32;
    const SCALED: bool = false;

    #[inline(always)]
    fn encode<S: Simd>(_: S, numbers: &[f32; GROUP]) -> Self::Group {
        *numbers
    }

    #[inline(always)]
    fn pack<S: Simd>(_: S, weights: &[[f32; PANEL]; GROUP]) -> F32Block {
        bytemuck::cast(*weights)
    }

    fn column(block: &F32Block, column: usize) -> [f32; GROUP] {
        block.0.map(|row| row[column / LANES][column % LANES])
    }

    #[inline(always)]
    fn multiply<S: Simd, const ROWS: usize, const ACROSS: usize>(
        simd: S,
        mut sums: [[S::F32; ACROSS]; ROWS],
        inputs: [&Self::Group; ROWS],
        block: &F32Block,
        first: usize,
    ) -> [[S::F32; ACROSS]; ROWS] {
        for (i, row) in block.0.iter().enumerate() {
            let mut weights = [simd.splat(0.0); ACROSS];
            for (v, weights) in weights.iter_mut().enumerate() {
                *weights = simd.load(&row[first + v]);
            }
            for (sums, input) in sums.iter_mut().zip(inputs) {
                let input = simd.splat(input[i]);
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = simd.mul_add(input, weights, *sum);
                }
            }
        }
        sums
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &Lanes<f32>) -> S::F32 {
        simd.load(from)
    }

    #[inline(always)]
    fn store<S: Simd>(_: S, numbers: &[Lanes<f32>], cached: &mut [Lanes<f32>]) -> f32 {
        cached.copy_from_slice(numbers);
        1.0
    }
}
