//! Number formats: what weights, the inputs of matrix products and the cache are kept as.
//!
//! Everything between two matrix products (residual stream, layer norm, softmax, GELU) is f32 in
//! every format. A format says what becomes of the numbers at the products: how the inputs are
//! written down, how a block of weights is, and how the one is multiplied by the other.

mod bf16;
mod f32;
mod int8;

use bytemuck::Pod;

use super::simd::{LANES, Lanes, Simd};

pub use self::bf16::Bf16;
pub use self::f32::F32;
pub use self::int8::Int8;

/// Inputs that are written down together.
pub const GROUP: usize = 64;

/// Columns of a panel of weights.
pub const PANEL: usize = 2 * LANES;

/// A number format.
pub trait Format: Copy + Send + Sync + 'static {
    /// [`GROUP`] numbers of an input.
    type Group: Pod + Send + Sync;
    /// The weights of [`GROUP`] inputs in [`PANEL`] outputs.
    type Block: Pod + Send + Sync;
    /// A number of the cache.
    type Cached: Pod + Send + Sync;
    /// Whether numbers of the cache are to be multiplied by a scale.
    const SCALED: bool;
    /// Registers that an accumulator takes.
    const REGISTERS: usize;

    /// Numbers of an input, written down.
    fn encode<S: Simd>(simd: S, numbers: &[f32; GROUP]) -> Self::Group;

    /// Weights, written down. `weights` has the columns of each input.
    fn pack<S: Simd>(simd: S, weights: &[[f32; PANEL]; GROUP]) -> Self::Block;

    /// A column of a block, as numbers again.
    fn column(block: &Self::Block, column: usize) -> [f32; GROUP];

    /// Adds the products of `ROWS` inputs with `ACROSS` vectors of a block's columns from vector
    /// `first` on.
    fn multiply<S: Simd, const ROWS: usize, const ACROSS: usize>(
        simd: S,
        sums: [[S::F32; ACROSS]; ROWS],
        inputs: [&Self::Group; ROWS],
        block: &Self::Block,
        first: usize,
    ) -> [[S::F32; ACROSS]; ROWS];

    /// Numbers of the cache, converted.
    fn load<S: Simd>(simd: S, from: &Lanes<Self::Cached>) -> S::F32;

    /// Writes numbers as the cache keeps them; gives their scale.
    fn store<S: Simd>(simd: S, numbers: &[Lanes<f32>], cached: &mut [Lanes<Self::Cached>]) -> f32;
}
