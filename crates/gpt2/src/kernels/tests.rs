//! The kernels compute what candle does, to tolerances that follow from how numbers are rounded; on
//! every processor, in every number format, and in no memory but their own.

mod attention;
mod gelu;
#[cfg(unix)]
mod guarded;
mod layer_norm;
mod linear;
mod numbers;
mod simd;
