//! Differentiable operations for training: kernels with hand-written gradients on the CPU, and candle's
//! operations on other devices. The tests compare the kernels with candle's operations.
//!
//! In shapes, N is the number of tokens in all rows of the batch, and C is the width of the model. All
//! tensors are f32; [`Precision`] sets the number format for the operands of matrix products.

mod add;
mod attention;
mod gelu;
mod layer_norm;
mod linear;
mod output;

use candle_core::{CpuStorage, DType, Device, Layout, Result, Shape, Storage, Tensor, bail};

use super::Precision;
use gpt2::Activation;
use kernels::format::{Bf16, F32};
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

    /// Computes x W + b: `x` (N, K), `weight` (K, M), `bias` (M) -> (N, M).
    pub fn linear(self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        match self {
            Self::Kernels(level, Precision::F32) => {
                x.contiguous()?.apply_op3(weight, bias, linear::Linear::<F32>::new(level))
            }
            Self::Kernels(level, Precision::Bf16) => {
                x.contiguous()?.apply_op3(weight, bias, linear::Linear::<Bf16>::new(level))
            }
            Self::Candle(dtype) => cast(x, dtype)?
                .matmul(&cast(weight, dtype)?)?
                .to_dtype(DType::F32)?
                .broadcast_add(bias),
        }
    }

    /// Normalises each row of `x` (N, C) to mean 0 and variance 1, then applies `weight` and `bias`.
    pub fn layer_norm(
        self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        epsilon: f64,
    ) -> Result<Tensor> {
        match self {
            Self::Kernels(level, _) => {
                let norm = layer_norm::LayerNorm { level, epsilon: epsilon as f32 };
                x.contiguous()?.apply_op3(weight, bias, norm)
            }
            Self::Candle(_) => {
                let x = x.broadcast_sub(&x.mean_keepdim(1)?)?;
                let variance = x.sqr()?.mean_keepdim(1)?;
                let x = x.broadcast_div(&(variance + epsilon)?.sqrt()?)?;
                x.broadcast_mul(weight)?.broadcast_add(bias)
            }
        }
    }

    /// Applies `activation`, a variant of GELU, elementwise.
    pub fn activate(self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        match (self, activation) {
            (Self::Kernels(level, _), Activation::GeluTanh) => {
                x.contiguous()?.apply_op1(gelu::Gelu { level })
            }
            (Self::Candle(_), Activation::GeluTanh) => x.gelu(),
            // The exact GELU has no kernel, because no published GPT-2 uses it.
            (_, Activation::GeluErf) => x.gelu_erf(),
        }
    }

    /// Computes causal self-attention, softmax(q kᵀ · `scale`) v: `qkv` (N, 3C) -> (N, C). The N tokens
    /// form `rows` rows of equal length.
    pub fn attention(self, qkv: &Tensor, rows: usize, heads: usize, scale: f64) -> Result<Tensor> {
        let sizes = attention::AttentionShape::of(qkv, rows, heads)?;
        match self {
            Self::Kernels(level, Precision::F32) => {
                qkv.contiguous()?.apply_op1(attention::Attention::<F32>::new(level, sizes, scale))
            }
            Self::Kernels(level, Precision::Bf16) => {
                qkv.contiguous()?.apply_op1(attention::Attention::<Bf16>::new(level, sizes, scale))
            }
            Self::Candle(dtype) => attention::with_candle(&cast(qkv, dtype)?, sizes, scale),
        }
    }

    /// Adds two tensors of the same shape.
    pub fn add(self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        match self {
            Self::Kernels(level, _) => {
                a.contiguous()?.apply_op2(&b.contiguous()?, add::Add { level })
            }
            Self::Candle(_) => a + b,
        }
    }

    /// Computes the mean cross entropy, in nats, of `targets` (N) given the logits x Wᵀ: `x` (N, C),
    /// `weight` (V, C). The result can be differentiated only if `with_gradient` is set.
    pub fn cross_entropy(
        self,
        x: &Tensor,
        weight: &Tensor,
        targets: &[u32],
        with_gradient: bool,
    ) -> Result<Tensor> {
        match self {
            Self::Kernels(level, Precision::F32) => {
                let output = output::OutputLoss::<F32>::new(level, targets, with_gradient);
                x.contiguous()?.apply_op2(weight, output)
            }
            Self::Kernels(level, Precision::Bf16) => {
                let output = output::OutputLoss::<Bf16>::new(level, targets, with_gradient);
                x.contiguous()?.apply_op2(weight, output)
            }
            Self::Candle(dtype) => {
                let logits = cast(x, dtype)?.matmul(&cast(&weight.t()?, dtype)?)?;
                let targets = Tensor::new(targets, x.device())?;
                candle_nn::loss::cross_entropy(&logits.to_dtype(DType::F32)?, &targets)
            }
        }
    }
}

fn cast(x: &Tensor, dtype: DType) -> Result<Tensor> {
    x.to_dtype(dtype)
}

/// Returns the elements of a contiguous tensor as a slice.
pub(super) fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => Err(candle_core::Error::RequiresContiguous { op: "training" }.bt()),
    }
}

/// Wraps a kernel's result for candle.
fn result(numbers: Vec<f32>, shape: impl Into<Shape>) -> Result<(CpuStorage, Shape)> {
    Ok((CpuStorage::F32(numbers), shape.into()))
}

/// Computes a gradient from contiguous tensors on the CPU.
fn gradient<const N: usize>(
    tensors: [&Tensor; N],
    shape: impl Into<Shape>,
    compute: impl FnOnce([&[f32]; N]) -> Vec<f32>,
) -> Result<Tensor> {
    let stored = tensors.map(Tensor::storage_and_layout);
    let mut numbers = [&[][..]; N];
    for (numbers, (storage, layout)) in numbers.iter_mut().zip(&stored) {
        let Storage::Cpu(storage) = &**storage else { bail!("not on the CPU") };
        *numbers = contiguous(storage, layout)?;
    }
    Tensor::from_vec(compute(numbers), shape.into(), &Device::Cpu)
}
