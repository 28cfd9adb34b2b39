//! Hand-written CPU kernels for GPT-2.
//!
//! One rule makes a text independent of the rest of the batch: **every number in a token's result is
//! computed by one chain of operations, whose order depends only on the model's dimensions and the
//! token's position.** The number of tokens determines how the work is split into tasks and register
//! tiles, but never the order within a chain. So results are bit-identical for any batch size and
//! number of threads, whether a prompt is processed at once or token by token. (Libraries do not
//! guarantee this for matrix products; gemm, for example, switches to another kernel for one row.)
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
