//! Hand-written CPU kernels for GPT-2.
//!
//! One rule makes a text independent of the rest of the batch: **every number of a token's result is
//! one chain of operations, whose order depends only on the model's sizes and the token's own
//! position.** The number of tokens determines how the work is split into tasks and register tiles, but
//! never the order within a chain. So results are bit-identical for any batch size, for any number of
//! threads, and whether a prompt is processed at once or token by token. (Libraries do not guarantee
//! this for matrix products; gemm, for example, switches to another kernel for one row.)
//!
//! All `unsafe` code is in `simd`.

pub mod attention;
pub mod detokenizer;
pub mod distribution;
pub mod exp;
pub mod format;
pub mod gelu;
pub mod layer_norm;
pub mod linear;
pub mod owned_or_mapped;
pub mod sampling;
pub mod simd;

#[cfg(test)]
mod tests;
