//! Operations for training on the CPU, as kernels with hand-written gradients, and the choice between
//! them and candle's operations. The tests compare the two.
//!
//! In shapes, N is the number of tokens in all rows of the batch, and C is the width of the model. All
//! tensors are f32; [`Precision`] sets the number format for the operands of matrix products.

pub mod attention;
pub mod elementwise;
pub mod gelu;
pub mod layer_norm;
pub mod linear;
pub mod output;

use candle_core::{CpuStorage, DType, Device, Layout, Result, Shape, Storage, Tensor, bail};

use super::Precision;
use kernels::simd::Level;

/// Implementation of the operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// CPU kernels.
    Kernels(Level, Precision),
    /// candle's operations, with matrix products computed in this type.
    Candle(DType),
}

impl Backend {
    /// Returns the fastest implementation on a device.
    pub fn on(device: &Device, precision: Precision) -> Self {
        match (device, precision) {
            (Device::Cpu, _) => Self::Kernels(Level::best(), precision),
            (_, Precision::F32) => Self::Candle(DType::F32),
            (_, Precision::Bf16) => Self::Candle(DType::BF16),
        }
    }

    /// Adds two tensors of the same shape.
    pub fn add(self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        match self {
            Self::Kernels(level, _) => elementwise::add(level, a, b),
            Self::Candle(_) => a + b,
        }
    }
}

pub fn cast(x: &Tensor, dtype: DType) -> Result<Tensor> {
    x.to_dtype(dtype)
}

/// Returns the elements of a contiguous tensor as a slice.
pub fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => Err(candle_core::Error::RequiresContiguous { op: "training" }.bt()),
    }
}

/// Reads contiguous tensors on the CPU.
fn read<const N: usize, T>(
    tensors: [&Tensor; N],
    compute: impl FnOnce([&[f32]; N]) -> Result<T>,
) -> Result<T> {
    let stored = tensors.map(Tensor::storage_and_layout);
    let mut numbers = [&[][..]; N];
    for (numbers, (storage, layout)) in numbers.iter_mut().zip(&stored) {
        let Storage::Cpu(storage) = &**storage else { bail!("not on the CPU") };
        *numbers = contiguous(storage, layout)?;
    }
    compute(numbers)
}

/// Computes a tensor from contiguous tensors on the CPU.
fn compute<const N: usize>(
    tensors: [&Tensor; N],
    shape: impl Into<Shape>,
    compute: impl FnOnce([&[f32]; N]) -> Vec<f32>,
) -> Result<Tensor> {
    read(tensors, |numbers| Tensor::from_vec(compute(numbers), shape.into(), &Device::Cpu))
}
