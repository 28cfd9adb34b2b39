//! The network on a GPU: launches the kernels of a pass on preallocated memory.
//!
//! The kernels are in `gpu/kernels/`. Trailing comments give shapes. N: tokens of this pass, from any
//! mix of texts (see `kv_cache`). C: `n_embd`. H: heads, each of dimension D. I: `n_inner`. V:
//! `vocab_size`. W: tokens whose logits are wanted.

mod cache;
mod kernel_set;
mod pass;
mod weights;

use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::gpu::arguments::To;
use crate::gpu::sampling::{
    self, LARGEST_VOCABULARY, SampleArguments, SampleRequest, SamplingRules,
};
use crate::gpu::{Buffer, Gpu};
use crate::model::InputToken;
use crate::weights::Checkpoint;
use kernels::gelu::Activation;
use kernels::sampling::{SampleParams, SampledToken};

pub use cache::{Cache, PROMPT_TOKENS};

use cache::{InputAddresses, Layout, SubmittedPass};
use kernel_set::Kernels;
use pass::Pass;
use weights::{Loader, TILE_INPUTS};

/// A GPT-2 model in a GPU's memory.
pub struct Network {
    gpu: Gpu,
    sizes: NetworkSizes,
    kernels: Kernels,
    wte: Buffer,
    wpe: Buffer,
    h: Vec<Block>,
    ln_f: LayerNorm,
    /// The output layer's weight; `None` if the token embeddings are reused.
    lm_head: Option<Buffer>,
}

/// The network's sizes and options.
#[derive(Debug, Clone, Copy)]
pub struct NetworkSizes {
    layers: usize,
    heads: usize,
    head_dim: usize,
    /// Head dimension D with padding; the stride of keys and values in memory.
    head_stride: usize,
    width: usize,
    inner: usize,
    vocab_size: usize,
    positions: usize,
    epsilon: f32,
    activation: Activation,
    /// Size in bytes of a number in the network's number format.
    number: usize,
}

impl NetworkSizes {
    /// Row stride, in elements, of a matrix with C columns.
    fn stride(&self) -> usize {
        self.width.next_multiple_of(TILE_INPUTS)
    }

    /// Row stride, in elements, of a matrix with V columns; a multiple of a cache line.
    fn logits_stride(&self) -> usize {
        self.vocab_size.next_multiple_of(32)
    }

    /// Row stride, in elements, of a matrix with I columns.
    fn inner_stride(&self) -> usize {
        self.inner.next_multiple_of(TILE_INPUTS)
    }
}

struct Block {
    ln_1: LayerNorm,
    c_attn: Linear,
    c_proj: Linear,
    /// Factor applied to attention scores.
    scale: f32,
    ln_2: LayerNorm,
    mlp_c_fc: Linear,
    mlp_c_proj: Linear,
}

struct LayerNorm {
    weight: Buffer,
    bias: Buffer,
}

struct Linear {
    weight: Buffer,
    bias: Buffer,
    inputs: usize,
    outputs: usize,
}

/// Upper bound of the search in `slots_in_memory`.
const MOST_SLOTS: usize = 1 << 16;

/// Largest head dimension that the kernels support.
const MOST_HEAD_DIM: usize = 256;

impl Network {
    /// Loads a checkpoint's weights into the memory of `gpu`, converted to `dtype`.
    pub fn new(checkpoint: &Checkpoint, gpu: &Gpu, dtype: Dtype) -> Result<Self> {
        let config = checkpoint.config();
        let sizes = NetworkSizes {
            layers: config.n_layer,
            heads: config.n_head,
            head_dim: config.head_dim(),
            head_stride: config.head_dim().next_power_of_two().max(32),
            width: config.n_embd,
            inner: config.n_inner,
            vocab_size: config.vocab_size,
            positions: config.n_positions,
            epsilon: config.layer_norm_epsilon as f32,
            activation: config.activation,
            number: dtype.size_in_bytes(),
        };
        if sizes.head_stride > MOST_HEAD_DIM {
            let got = sizes.head_dim;
            return Err(Error::GpuSize { what: "head dimension", got, most: MOST_HEAD_DIM });
        }
        if sizes.vocab_size > LARGEST_VOCABULARY {
            let got = sizes.vocab_size;
            let what = "vocabulary size";
            return Err(Error::GpuSize { what, got, most: LARGEST_VOCABULARY });
        }
        let (c, i, v) = (sizes.width, sizes.inner, sizes.vocab_size);
        let load = Loader::new(checkpoint, gpu, dtype)?;
        let norm = |name: &str| -> Result<LayerNorm> {
            let weight = load.vector(c, &format!("{name}.weight"))?;
            Ok(LayerNorm { weight, bias: load.vector(c, &format!("{name}.bias"))? })
        };
        let linear = |inputs, outputs, name: &str| -> Result<Linear> {
            let weight = load.transposed_matrix(inputs, outputs, &format!("{name}.weight"))?;
            let bias = load.vector(outputs, &format!("{name}.bias"))?;
            Ok(Linear { weight, bias, inputs: inputs.next_multiple_of(TILE_INPUTS), outputs })
        };
        let h = (0..config.n_layer)
            .map(|layer| {
                let name = |part: &str| format!("h.{layer}.{part}");
                Ok(Block {
                    ln_1: norm(&name("ln_1"))?,
                    c_attn: linear(c, 3 * c, &name("attn.c_attn"))?,
                    c_proj: linear(c, c, &name("attn.c_proj"))?,
                    scale: config.attention_scale(layer) as f32,
                    ln_2: norm(&name("ln_2"))?,
                    mlp_c_fc: linear(c, i, &name("mlp.c_fc"))?,
                    mlp_c_proj: linear(i, c, &name("mlp.c_proj"))?,
                })
            })
            .collect::<Result<_>>()?;
        let tied = config.tie_word_embeddings;
        Ok(Self {
            gpu: gpu.clone(),
            sizes,
            kernels: Kernels::new(gpu, dtype, sizes.head_stride)?,
            wte: load.matrix(v, c, "wte.weight")?,
            wpe: load.matrix(sizes.positions, c, "wpe.weight")?,
            h,
            ln_f: norm("ln_f")?,
            lm_head: (!tied).then(|| load.matrix(v, c, "lm_head.weight")).transpose()?,
        })
    }

    /// Total size of the weights in bytes.
    pub fn bytes(&self) -> usize {
        let norm = |norm: &LayerNorm| norm.weight.bytes() + norm.bias.bytes();
        let linear = |linear: &Linear| linear.weight.bytes() + linear.bias.bytes();
        let blocks: usize = self
            .h
            .iter()
            .map(|block| {
                norm(&block.ln_1)
                    + linear(&block.c_attn)
                    + linear(&block.c_proj)
                    + norm(&block.ln_2)
                    + linear(&block.mlp_c_fc)
                    + linear(&block.mlp_c_proj)
            })
            .sum();
        let head = self.lm_head.as_ref().map_or(0, Buffer::bytes);
        self.wte.bytes() + self.wpe.bytes() + blocks + norm(&self.ln_f) + head
    }

    /// Number of batch slots that fit in half of the free memory. The other half is left to other
    /// programs; the GPU may drive a display.
    pub fn slots_in_memory(&self) -> Result<usize> {
        let room = self.gpu.memory()?.free / 2;
        let (mut fits, mut too_many) = (1, MOST_SLOTS + 1);
        while too_many - fits > 1 {
            let slots = fits.midpoint(too_many);
            if Cache::bytes(&self.sizes, slots) <= room {
                fits = slots;
            } else {
                too_many = slots;
            }
        }
        Ok(fits)
    }

    /// Creates an empty KV cache with `slots` batch slots.
    pub fn new_cache(&self, slots: usize) -> Result<Cache> {
        Cache::new(&self.gpu, &self.sizes, slots)
    }

    /// Adds `tokens` (N) to the cache and computes the next-token logits (W, V) for the tokens whose
    /// indices are in `wanted`. Waits for the result.
    pub fn forward(
        &self,
        cache: &mut Cache,
        tokens: &[InputToken],
        wanted: &[u32],
        logits: &mut Vec<f32>,
    ) -> Result<()> {
        let inputs = cache.upload(&self.gpu, &self.sizes, tokens, wanted)?;
        self.blocks(cache, tokens.len(), inputs)?;
        logits.clear();
        let together = cache.scratch.logits_rows;
        for first in (0..wanted.len()).step_by(together) {
            let count = (wanted.len() - first).min(together);
            self.head(cache, inputs.wanted + (first * size_of::<u32>()) as u64, count)?;
            let (stride, vocab_size) = (self.sizes.logits_stride(), self.sizes.vocab_size);
            let rows = cache.scratch.logits.read::<f32>(count * stride)?;
            rows.chunks_exact(stride).for_each(|row| logits.extend(&row[..vocab_size]));
        }
        Ok(())
    }

    /// Queues a pass that adds `tokens` (N) to the cache and samples the next token after each token
    /// whose index is in `wanted`. Does not wait for the results.
    pub fn submit(
        &self,
        cache: &mut Cache,
        tokens: &[InputToken],
        wanted: &[u32],
        params: &[SampleParams],
    ) -> Result<()> {
        let Some(mut staging) = cache.free_staging.pop() else {
            unreachable!("there are never more passes in flight than staging buffers")
        };
        // Decoding passes, with one token per text, are padded to a few sizes; each size is recorded
        // once.
        let is_step = tokens.len() == wanted.len();
        let layout = if is_step {
            let rows = rows_of_a_step(tokens.len());
            Layout { tokens: rows, wanted: rows, requests: rows }
        } else {
            Layout { tokens: tokens.len(), wanted: wanted.len(), requests: wanted.len() }
        };
        layout.write(staging.inputs.numbers_mut(), tokens, wanted, params);
        cache.scratch.inputs.queue_upload(&staging.inputs, layout.bytes())?;
        if is_step {
            let recording = match cache.recordings.remove(&layout.tokens) {
                Some(recording) => recording,
                None => self.gpu.record(|| self.launch_pass(cache, layout))?,
            };
            // SAFETY: recordings are cleared when memory is reallocated.
            unsafe { recording.replay()? };
            cache.recordings.insert(layout.tokens, recording);
        } else {
            self.launch_pass(cache, layout)?;
        }
        cache
            .scratch
            .sampled
            .queue_download(&staging.sampled, wanted.len() * size_of::<SampledToken>())?;
        let mark = self.gpu.mark()?;
        cache.in_flight.push_back(SubmittedPass { mark, staging, samples: wanted.len() });
        Ok(())
    }

    /// Waits for the oldest pass in flight and returns the tokens that it sampled.
    pub fn collect(&self, cache: &mut Cache) -> Result<Vec<SampledToken>> {
        let Some(SubmittedPass { mark, staging, samples }) = cache.in_flight.pop_front() else {
            return Ok(Vec::new());
        };
        mark.wait()?;
        let sampled = staging.sampled.numbers::<SampledToken>()[..samples].to_vec();
        cache.free_staging.push(staging);
        Ok(sampled)
    }

    /// Launches a whole pass, including sampling. Its inputs must already be on the device.
    fn launch_pass(&self, cache: &Cache, layout: Layout) -> Result<()> {
        let inputs = layout.addresses(cache.scratch.inputs.address());
        self.blocks(cache, layout.tokens, inputs)?;
        let together = cache.scratch.logits_rows;
        for first in (0..layout.wanted).step_by(together) {
            let count = (layout.wanted - first).min(together);
            self.head(cache, inputs.wanted + (first * size_of::<u32>()) as u64, count)?;
            self.sample(cache, inputs, first, count)?;
        }
        Ok(())
    }

    /// Samples a token for each of the wanted rows `first..first + count`, whose logits must already be
    /// computed.
    fn sample(
        &self,
        cache: &Cache,
        inputs: InputAddresses,
        first: usize,
        count: usize,
    ) -> Result<()> {
        let Cache { batch, scratch, .. } = cache;
        let sizes = &self.sizes;
        let arguments = SampleArguments {
            logits: scratch.logits.address(),
            requests: inputs.requests + (first * size_of::<SampleRequest>()) as u64,
            rules: inputs.rules + (first * size_of::<SamplingRules>()) as u64,
            history: batch.history.address(),
            sampled: scratch.sampled.address() + (first * size_of::<SampledToken>()) as u64,
            vocab_size: sizes.vocab_size as u32,
            stride: sizes.logits_stride() as u32,
            positions: sizes.positions as u32,
            unused: 0,
        };
        let launch = sampling::launch(count, sizes.vocab_size);
        // SAFETY: the pass has that many rows, and the cache has their slots and positions.
        unsafe { self.gpu.launch(self.kernels.sample, launch, &arguments) }
    }

    /// Launches all transformer blocks for `tokens` tokens, which must already be on the device.
    fn blocks(&self, cache: &Cache, tokens: usize, inputs: InputAddresses) -> Result<()> {
        let pass = Pass { network: self, cache, tokens, slot_positions: inputs.slot_positions };
        let (a, hidden) = (&cache.scratch.a, &cache.scratch.hidden);
        pass.embed(inputs.ids)?; // x (N, C)
        for (layer, block) in self.h.iter().enumerate() {
            pass.norm(&block.ln_1, 0, tokens)?; // a (N, C)
            pass.linear(&block.c_attn, a, layer, To::Qkv)?; // q (N, H, D), keys and values
            pass.attention(layer, block.scale)?; // a (N, C)
            pass.linear(&block.c_proj, a, layer, To::Residual)?; // x (N, C)
            pass.norm(&block.ln_2, 0, tokens)?; // a (N, C)
            pass.linear(&block.mlp_c_fc, a, layer, self.activated())?; // hidden (N, I)
            pass.linear(&block.mlp_c_proj, hidden, layer, To::Residual)?; // x (N, C)
        }
        Ok(())
    }

    /// Computes the logits of `count` rows of the residual stream. The indices of the rows are at
    /// device address `wanted`.
    fn head(&self, cache: &Cache, wanted: u64, count: usize) -> Result<()> {
        let pass = Pass { network: self, cache, tokens: count, slot_positions: 0 };
        pass.norm(&self.ln_f, wanted, count)?; // a (W, C)
        pass.logits() // logits (W, V)
    }

    fn activated(&self) -> To {
        match self.sizes.activation {
            Activation::GeluTanh => To::HiddenTanh,
            Activation::GeluErf => To::HiddenErf,
        }
    }
}

/// Returns the row count of a decoding pass for `texts` texts, rounded up to one of a few sizes.
fn rows_of_a_step(texts: usize) -> usize {
    match texts {
        0..=16 => texts.next_power_of_two(),
        17..=128 => texts.next_multiple_of(16),
        _ => texts.next_multiple_of(64),
    }
}

#[cfg(test)]
#[cfg(feature = "emulated-gpu")]
mod tests;
