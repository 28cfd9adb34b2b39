//! The four computations of a GPT-2 that are worth writing by hand on the CPU, each beside the
//! plain candle operations that say what it computes: they are its oracle in the tests, and what
//! runs on other devices and in other number formats.
//!
//! The hand-written kernels keep one rule, from which it follows that a text does not depend on
//! its neighbours in the batch: **every number of a token's result is one chain of operations whose
//! order depends on the model's sizes and that token's own length alone.** How many tokens there
//! are decides how the work is cut into tasks and register tiles, never the order inside a chain.
//! So one row and fifty, one thread and many, a prompt at once or token by token: the same bits.
//! (A library's matrix product does not promise this; gemm, for one, changes kernel at one row.)
//!
//! Vector width is chosen at run time ([`pulp`]); another processor may give other bits.

pub mod attention;
pub mod exp;
pub mod gelu;
pub mod layer_norm;
pub mod linear;

use candle_core::{CpuStorage, DType, Device, Layout, Result, Shape, Tensor, bail};

/// Whether tensors of this device and dtype are computed by the hand-written kernels.
pub fn by_hand(device: &Device, dtype: DType) -> bool {
    device.is_cpu() && dtype == DType::F32
}

/// Whether this tensor is computed by the hand-written kernels.
fn tensor_by_hand(tensor: &Tensor) -> bool {
    by_hand(tensor.device(), tensor.dtype())
}

/// The numbers of a contiguous f32 tensor.
fn numbers<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(all), Some((start, end))) => Ok(&all[start..end]),
        (CpuStorage::F32(_), None) => bail!("expected a contiguous tensor, got {layout:?}"),
        _ => bail!("expected f32"),
    }
}

/// A kernel's result, as candle takes it.
fn result(numbers: Vec<f32>, shape: impl Into<Shape>) -> Result<(CpuStorage, Shape)> {
    Ok((CpuStorage::F32(numbers), shape.into()))
}
