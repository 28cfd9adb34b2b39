//! Number formats for weights, inputs of matrix products, and the KV cache.
//!
//! Everything between two matrix products (residual stream, layer norm, softmax, GELU) is f32 in every
//! format. A format defines how inputs and blocks of weights are encoded, and how they are multiplied.

mod bf16;
mod f32;
mod int8;

use bytemuck::Pod;

use super::simd::{Amx, LANES, Lanes, Simd};

pub use self::bf16::Bf16;
pub use self::f32::F32;
pub use self::int8::Int8;

/// Size of a quantisation group: the number of inputs encoded together.
pub const GROUP: usize = 64;

/// Number of columns in a panel of weights.
pub const PANEL: usize = 2 * LANES;

pub trait Format: Copy + Send + Sync + 'static {
    /// An encoded group of [`GROUP`] inputs.
    type Group: Pod + Send + Sync;
    /// The encoded weights of [`GROUP`] inputs and [`PANEL`] outputs.
    type Block: Pod + Send + Sync;
    /// A number in the KV cache.
    type Cached: Pod + Send + Sync;
    /// Whether cached numbers must be multiplied by a scale.
    const SCALED: bool;
    /// Number of vectors in the largest tile of a matrix product.
    #[inline(always)]
    fn accumulators<S: Simd>() -> usize {
        S::ACCUMULATORS
    }

    /// Encodes a group of inputs.
    fn encode<S: Simd>(simd: S, numbers: &[f32; GROUP]) -> Self::Group;

    /// Encodes a block of weights of shape (inputs, outputs).
    fn pack<S: Simd>(simd: S, weights: &[[f32; PANEL]; GROUP]) -> Self::Block;

    /// Decodes a column of a block.
    fn column(block: &Self::Block, column: usize) -> [f32; GROUP];

    /// Multiplies `ROWS` input groups by `ACROSS` vectors of a block's columns, starting at vector
    /// `first`, and adds the products to `sums`.
    fn multiply<S: Simd, const ROWS: usize, const ACROSS: usize>(
        simd: S,
        sums: [[S::F32; ACROSS]; ROWS],
        inputs: [&Self::Group; ROWS],
        block: &Self::Block,
        first: usize,
    ) -> [[S::F32; ACROSS]; ROWS];

    /// Multiplies `x` (rows, groups) by the blocks of a panel (groups) with AMX, starting from `bias`, and
    /// writes the sums to columns `first..` of `results` (rows). Returns `false` if the format has no such
    /// product.
    fn multiply_with_amx<const WIDTH: usize>(
        _amx: Amx,
        _x: &[Self::Group],
        _panel: &[Self::Block],
        _bias: &[Lanes<f32>; PANEL / LANES],
        _results: &mut [[f32; WIDTH]],
        _first: usize,
    ) -> bool {
        false
    }

    /// Converts cached numbers to f32 without applying their scale.
    fn load<S: Simd>(simd: S, from: &Lanes<Self::Cached>) -> S::F32;

    /// Converts numbers to the cache's format and returns their scale.
    fn store<S: Simd>(simd: S, numbers: &[Lanes<f32>], cached: &mut [Lanes<Self::Cached>]) -> f32;
}
