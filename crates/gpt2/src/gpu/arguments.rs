//! Kernel arguments, with the same memory layout as in the kernels' source files, which document each
//! field. Addresses come from [`super::Buffer::address`].

use bytemuck::{Pod, Zeroable};

/// Slot and position of a token; see `pass.cuh`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub struct SlotPosition {
    pub slot: i32,
    pub position: u32,
}

impl SlotPosition {
    /// Marks a padding row.
    pub const NONE: Self = Self { slot: -1, position: 0 };
}

/// Arguments of the embedding kernels; see `embed.cuh`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct EmbedArguments {
    pub x: u64,
    pub wte: u64,
    pub wpe: u64,
    pub slot_positions: u64,
    pub ids: u64,
    pub history: u64,
    pub positions: u32,
    pub width: u32,
    pub stride: u32,
    pub unused: u32,
}

/// Arguments of the layer normalisation kernels; see `layer_norm.cuh`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct LayerNormArguments {
    pub x: u64,
    pub y: u64,
    pub weight: u64,
    pub bias: u64,
    pub rows: u64,
    pub count: u32,
    pub width: u32,
    pub stride: u32,
    pub epsilon: f32,
}

/// Arguments of the linear layers' kernels; see `results.cuh`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct LinearArguments {
    pub x: u64,
    pub weight: u64,
    pub bias: u64,
    pub y: u64,
    pub keys: u64,
    pub values: u64,
    pub slot_positions: u64,
    pub rows: u32,
    pub outputs: u32,
    pub inputs: u32,
    pub stride: u32,
    pub to: u32,
    pub heads: u32,
    pub head_dim: u32,
    pub head_stride: u32,
    pub positions: u32,
    pub unused: u32,
}

/// Destination of a linear layer's results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum To {
    Qkv = 0,
    Residual = 1,
    HiddenTanh = 2,
    HiddenErf = 3,
    Logits = 4,
}

/// Arguments of the attention kernels; see `attention.cuh`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct AttentionArguments {
    pub q: u64,
    pub keys: u64,
    pub values: u64,
    pub y: u64,
    pub slot_positions: u64,
    pub heads: u32,
    pub head_dim: u32,
    pub positions: u32,
    pub stride: u32,
    pub scale: f32,
    pub unused: u32,
}

/// Arguments of the bandwidth kernel; see `rates.cuh`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct ReadArguments {
    pub from: u64,
    pub count: u64,
    pub to: u64,
    pub unused: u64,
}

/// Arguments of the throughput kernels; see `rates.cuh`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct ProductsArguments {
    pub to: u64,
    pub rounds: u32,
    pub unused: u32,
}
