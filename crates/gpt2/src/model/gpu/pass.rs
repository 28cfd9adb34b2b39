//! One forward pass: the launches of its kernels.

use super::cache::Cache;
use super::{LayerNorm, Linear, Network};
use crate::error::Result;
use crate::gpu::arguments::{
    AttentionArguments, EmbedArguments, LayerNormArguments, LinearArguments, To,
};
use crate::gpu::{Buffer, Launch};

/// Threads per block for all kernels except those of the linear layers.
const THREADS: u32 = 128;
const ROWS_OF_A_NORM: usize = THREADS as usize / 32;

/// One forward pass, whose methods launch its kernels.
pub struct Pass<'a> {
    pub network: &'a Network,
    pub cache: &'a Cache,
    /// Number of tokens (N).
    pub tokens: usize,
    /// Device address of the tokens' slots and positions.
    pub slot_positions: u64,
}

impl Pass<'_> {
    pub fn embed(&self, ids: u64) -> Result<()> {
        let Self { network, cache: Cache { batch, scratch, .. }, tokens, slot_positions } = *self;
        let sizes = &network.sizes;
        let arguments = EmbedArguments {
            x: scratch.x.address(),
            wte: network.wte.address(),
            wpe: network.wpe.address(),
            slot_positions,
            ids,
            history: batch.history.address(),
            positions: sizes.positions as u32,
            width: sizes.width as u32,
            stride: sizes.stride() as u32,
            unused: 0,
        };
        let launch = Launch { grid: [tokens as u32, 1], block: THREADS, shared: 0 };
        // SAFETY: `Scratch` has room for the tokens, and the cache has their slots and positions.
        unsafe { network.gpu.launch(network.kernels.embed, launch, &arguments) }
    }

    /// Normalises `count` rows of x. Their indices are at device address `rows`; if `rows` is 0, the
    /// first `count` rows are used.
    pub fn norm(&self, norm: &LayerNorm, rows: u64, count: usize) -> Result<()> {
        let Self { network, cache: Cache { scratch, .. }, .. } = *self;
        let sizes = &network.sizes;
        let arguments = LayerNormArguments {
            x: scratch.x.address(),
            y: scratch.a.address(),
            weight: norm.weight.address(),
            bias: norm.bias.address(),
            rows,
            count: count as u32,
            width: sizes.width as u32,
            stride: sizes.stride() as u32,
            epsilon: sizes.epsilon,
        };
        let blocks = count.div_ceil(ROWS_OF_A_NORM) as u32;
        let launch = Launch { grid: [blocks, 1], block: THREADS, shared: 0 };
        // SAFETY: `Scratch` has room for the rows.
        unsafe { network.gpu.launch(network.kernels.layer_norm, launch, &arguments) }
    }

    /// Computes a linear layer of block `layer` with input `x`.
    pub fn linear(&self, linear: &Linear, x: &Buffer, layer: usize, to: To) -> Result<()> {
        let Self { network, cache: Cache { batch, scratch, .. }, tokens, slot_positions } = *self;
        let sizes = &network.sizes;
        let (y, stride) = match to {
            To::Qkv => (&scratch.q, 0),
            To::Residual => (&scratch.x, sizes.stride()),
            To::HiddenTanh | To::HiddenErf => (&scratch.hidden, sizes.inner_stride()),
            To::Logits => (&scratch.logits, sizes.logits_stride()),
        };
        let (keys, values) = &batch.layers[layer];
        self.product(LinearArguments {
            x: x.address(),
            weight: linear.weight.address(),
            bias: linear.bias.address(),
            y: y.address(),
            keys: keys.address(),
            values: values.address(),
            slot_positions,
            rows: tokens as u32,
            outputs: linear.outputs as u32,
            inputs: linear.inputs as u32,
            stride: stride as u32,
            to: to as u32,
            heads: sizes.heads as u32,
            head_dim: sizes.head_dim as u32,
            head_stride: sizes.head_stride as u32,
            positions: sizes.positions as u32,
            unused: 0,
        })
    }

    fn product(&self, arguments: LinearArguments) -> Result<()> {
        let Self { network, .. } = *self;
        let (rows, outputs) = (arguments.rows as usize, arguments.outputs as usize);
        let (tile, kernel) = network.kernels.linear(&network.gpu, rows, outputs);
        let blocks = [rows.div_ceil(tile.rows) as u32, outputs.div_ceil(tile.columns) as u32];
        let launch = Launch { grid: blocks, block: tile.threads, shared: tile.shared };
        // SAFETY: weights and `Scratch` are padded to whole tiles.
        unsafe { network.gpu.launch(kernel, launch, &arguments) }
    }

    pub fn logits(&self) -> Result<()> {
        let Self { network, cache: Cache { scratch, .. }, tokens, slot_positions } = *self;
        let sizes = &network.sizes;
        self.product(LinearArguments {
            x: scratch.a.address(),
            weight: network.lm_head.as_ref().unwrap_or(&network.wte).address(),
            bias: 0,
            y: scratch.logits.address(),
            keys: 0,
            values: 0,
            slot_positions,
            rows: tokens as u32,
            outputs: sizes.vocab_size as u32,
            inputs: sizes.stride() as u32,
            stride: sizes.logits_stride() as u32,
            to: To::Logits as u32,
            heads: 0,
            head_dim: 0,
            head_stride: 0,
            positions: 0,
            unused: 0,
        })
    }

    pub fn attention(&self, layer: usize, scale: f32) -> Result<()> {
        let Self { network, cache: Cache { batch, scratch, .. }, tokens, slot_positions } = *self;
        let sizes = &network.sizes;
        let (keys, values) = &batch.layers[layer];
        let arguments = AttentionArguments {
            q: scratch.q.address(),
            keys: keys.address(),
            values: values.address(),
            y: scratch.a.address(),
            slot_positions,
            heads: sizes.heads as u32,
            head_dim: sizes.head_dim as u32,
            positions: sizes.positions as u32,
            stride: sizes.stride() as u32,
            scale,
            unused: 0,
        };
        let warps = THREADS / 32;
        let launch = Launch {
            grid: [tokens as u32, sizes.heads as u32],
            block: THREADS,
            shared: warps * (sizes.head_stride as u32 + 2) * size_of::<f32>() as u32,
        };
        // SAFETY: `Scratch` has room for the tokens, and the cache has their slots and positions.
        unsafe { network.gpu.launch(network.kernels.attention, launch, &arguments) }
    }
}
