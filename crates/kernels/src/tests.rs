//! Compares the kernels with candle's operations, with tolerances derived from rounding errors, at
//! every SIMD level and in every number format. `guarded` checks for out-of-bounds memory accesses.

mod attention;
mod gelu;
#[cfg(unix)]
mod guarded;
mod layer_norm;
mod linear;
mod numbers;
mod simd;
