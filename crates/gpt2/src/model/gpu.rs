//! The network on a GPU: the kernel launches of a pass, from top to bottom, over memory allocated once.
//!
//! The kernels are in `gpu/kernels/`. Shapes are noted at line ends. N: tokens of this pass, from any
//! mix of texts (see `kv_cache`). C: `n_embd`. H: heads, each of width D. I: `n_inner`. V:
//! `vocab_size`. W: tokens whose logits are wanted.

mod cache;
mod weights;

use crate::config::Activation;
use crate::error::{Error, Result};
use crate::gpu::arguments::{self, To};
use crate::gpu::sampling::{self, Asked, Chosen, LARGEST_VOCABULARY, Rules, Sample};
use crate::gpu::{Buffer, Gpu, Kernel, Launch};
use crate::model::Dtype;
use crate::model::InputToken;
use crate::weights::Checkpoint;
use kernels::sampling::{Choice, Sampled};

pub use cache::{Cache, PROMPT_TOKENS};

use cache::{Layout, Told, UnderWay};
use weights::{Loader, TILE_INPUTS};

/// A GPT-2 in a GPU's memory.
pub struct Network {
    gpu: Gpu,
    sizes: Sizes,
    kernels: Kernels,
    wte: Buffer,
    wpe: Buffer,
    h: Vec<Block>,
    ln_f: LayerNorm,
    /// `None` if tied to the token embedding.
    lm_head: Option<Buffer>,
}

/// The network's sizes and options.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    layers: usize,
    heads: usize,
    head_dim: usize,
    /// D with padding, the stride of keys and values in memory.
    head_stride: usize,
    width: usize,
    inner: usize,
    vocab_size: usize,
    positions: usize,
    epsilon: f32,
    activation: Activation,
    /// Bytes per number.
    number: usize,
}

impl Sizes {
    /// Row stride of C, in numbers.
    fn stride(&self) -> usize {
        self.width.next_multiple_of(TILE_INPUTS)
    }

    /// Row stride of V, in numbers; a multiple of a cache line.
    fn logits_stride(&self) -> usize {
        self.vocab_size.next_multiple_of(32)
    }

    /// Row stride of I, in numbers.
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

/// The kernels for one number format and head width.
struct Kernels {
    embed: Kernel,
    layer_norm: Kernel,
    attention: Kernel,
    sample: Kernel,
    /// Sorted by tile size, largest first.
    linear: Vec<(Tile, Kernel)>,
}

/// The tile that one thread block of a linear layer's kernel computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tile {
    rows: usize,
    columns: usize,
    threads: u32,
    shared: u32,
}

impl Tile {
    /// A tile on tensor cores, with `stages` pipeline stages of inputs in shared memory.
    const fn of_stages(rows: usize, columns: usize, threads: u32, stages: usize) -> Self {
        let shared = (rows + columns) * TILE_INPUTS * 2 * stages;
        Self { rows, columns, threads, shared: shared as u32 }
    }

    /// A tile in f32; rows in shared memory are 16 inputs and one number of padding.
    const fn of_f32(rows: usize, columns: usize) -> Self {
        let shared = (rows + columns) * 17 * size_of::<f32>();
        Self { rows, columns, threads: 256, shared: shared as u32 }
    }
}

/// Sorted by size, largest first; the last tile is for few rows.
const TENSOR_TILES: [Tile; 4] = [
    Tile::of_stages(128, 128, 256, 3),
    Tile::of_stages(64, 64, 128, 4),
    Tile::of_stages(64, 32, 128, 8),
    Tile::of_stages(16, 32, 128, 12),
];
const F32_TILES: [Tile; 2] = [Tile::of_f32(64, 64), Tile::of_f32(16, 64)];

/// Upper limit of the search for the number of slots.
const MOST_SLOTS: usize = 1 << 16;

/// Largest head width with a kernel.
const MOST_HEAD_DIM: usize = 256;

/// Threads per block of the other kernels.
const THREADS: u32 = 128;
const ROWS_OF_A_NORM: usize = THREADS as usize / 32;

impl Kernels {
    fn new(gpu: &Gpu, dtype: Dtype, head_stride: usize) -> Result<Self> {
        let name = dtype.name();
        let linear = |tile: Tile| {
            let Tile { rows, columns, .. } = tile;
            Ok((tile, gpu.kernel(&format!("linear_{name}_{rows}_{columns}"))?))
        };
        let tiles: Vec<Tile> =
            if dtype == Dtype::F32 { F32_TILES.to_vec() } else { TENSOR_TILES.to_vec() };
        Ok(Self {
            embed: gpu.kernel(&format!("embed_{name}"))?,
            layer_norm: gpu.kernel(&format!("layer_norm_{name}"))?,
            attention: gpu.kernel(&format!("attention_{name}_{head_stride}"))?,
            sample: gpu.kernel("sample")?,
            linear: tiles.into_iter().map(linear).collect::<Result<_>>()?,
        })
    }

    /// Selects the kernel: the largest tile that still keeps every multiprocessor busy. All kernels give
    /// the same bits, so the choice affects only speed.
    fn linear(&self, gpu: &Gpu, rows: usize, outputs: usize) -> (Tile, Kernel) {
        let (many, few) = self.linear.split_at(self.linear.len() - 1);
        if rows <= few[0].0.rows {
            return few[0];
        }
        let blocks = |tile: Tile| rows.div_ceil(tile.rows) * outputs.div_ceil(tile.columns);
        let wastes = |tile: Tile| tile.rows >= 2 * rows.next_multiple_of(64);
        let fits =
            many.iter().find(|(tile, _)| !wastes(*tile) && blocks(*tile) >= gpu.multiprocessors());
        *fits.unwrap_or(&many[many.len() - 1])
    }
}

impl Network {
    /// Converts a checkpoint's weights to `dtype` in the memory of `gpu`.
    pub fn new(checkpoint: &Checkpoint, gpu: &Gpu, dtype: Dtype) -> Result<Self> {
        let config = checkpoint.config();
        let sizes = Sizes {
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
            return Err(Error::GpuSize { what: "features per head", got, most: MOST_HEAD_DIM });
        }
        if sizes.vocab_size > LARGEST_VOCABULARY {
            let got = sizes.vocab_size;
            let what = "tokens in its vocabulary";
            return Err(Error::GpuSize { what, got, most: LARGEST_VOCABULARY });
        }
        let (c, i, v) = (sizes.width, sizes.inner, sizes.vocab_size);
        let load = Loader::new(checkpoint, gpu, dtype)?;
        let norm = |name: &str| -> Result<LayerNorm> {
            let weight = load.vector(c, &format!("{name}.weight"))?;
            Ok(LayerNorm { weight, bias: load.vector(c, &format!("{name}.bias"))? })
        };
        let linear = |inputs, outputs, name: &str| -> Result<Linear> {
            let weight = load.turned(inputs, outputs, &format!("{name}.weight"))?;
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

    /// Adds `tokens` (N) to the cache and computes the logits (W, V) after the tokens at the indices
    /// `wanted`. Waits for the result.
    pub fn forward(
        &self,
        cache: &mut Cache,
        tokens: &[InputToken],
        wanted: &[u32],
        logits: &mut Vec<f32>,
    ) -> Result<()> {
        let told = cache.tell(&self.gpu, &self.sizes, tokens, wanted)?;
        self.blocks(cache, tokens.len(), told)?;
        logits.clear();
        let together = cache.scratch.logits_rows;
        for first in (0..wanted.len()).step_by(together) {
            let count = (wanted.len() - first).min(together);
            self.head(cache, told.wanted + (first * size_of::<u32>()) as u64, count)?;
            let (stride, vocab_size) = (self.sizes.logits_stride(), self.sizes.vocab_size);
            let rows = cache.scratch.logits.read::<f32>(count * stride)?;
            rows.chunks_exact(stride).for_each(|row| logits.extend(&row[..vocab_size]));
        }
        Ok(())
    }

    /// Queues a pass that adds `tokens` (N) to the cache and samples the tokens after the indices
    /// `wanted`. Does not wait.
    pub fn submit(
        &self,
        cache: &mut Cache,
        tokens: &[InputToken],
        wanted: &[u32],
        choices: &[Choice],
    ) -> Result<()> {
        let Some(mut lane) = cache.lanes.pop() else {
            unreachable!("there are never more passes in flight than lanes")
        };
        // Decoding passes, with one token per text, are padded to a few sizes; each is recorded once.
        let is_step = tokens.len() == wanted.len();
        let layout = if is_step {
            let rows = rows_of_a_step(tokens.len());
            Layout { tokens: rows, wanted: rows, asked: rows }
        } else {
            Layout { tokens: tokens.len(), wanted: wanted.len(), asked: wanted.len() }
        };
        layout.write(lane.told.numbers_mut(), tokens, wanted, choices);
        cache.scratch.told.queue_upload(&lane.told, layout.bytes())?;
        if is_step {
            let recording = match cache.recordings.remove(&layout.tokens) {
                Some(recording) => recording,
                None => self.gpu.record(|| self.choose(cache, layout))?,
            };
            // SAFETY: recordings are cleared when memory is reallocated.
            unsafe { recording.replay()? };
            cache.recordings.insert(layout.tokens, recording);
        } else {
            self.choose(cache, layout)?;
        }
        cache.scratch.chosen.queue_download(&lane.chosen, choices.len() * size_of::<Chosen>())?;
        let mark = self.gpu.mark()?;
        cache.under_way.push_back(UnderWay { mark, lane, choices: choices.len() });
        Ok(())
    }

    /// Waits for the oldest pass in flight and returns the tokens that it sampled.
    pub fn collect(&self, cache: &mut Cache) -> Result<Vec<Sampled>> {
        let Some(UnderWay { mark, lane, choices }) = cache.under_way.pop_front() else {
            return Ok(Vec::new());
        };
        mark.wait()?;
        let chosen = lane.chosen.numbers::<Chosen>()[..choices].iter().copied();
        let chosen = chosen.map(Sampled::from).collect();
        cache.lanes.push(lane);
        Ok(chosen)
    }

    /// Launches a whole pass, with sampling, on the inputs already on the device.
    fn choose(&self, cache: &Cache, layout: Layout) -> Result<()> {
        let told = layout.told(cache.scratch.told.address());
        self.blocks(cache, layout.tokens, told)?;
        let together = cache.scratch.logits_rows;
        for first in (0..layout.wanted).step_by(together) {
            let count = (layout.wanted - first).min(together);
            self.head(cache, told.wanted + (first * size_of::<u32>()) as u64, count)?;
            self.sample(cache, told, first, count)?;
        }
        Ok(())
    }

    /// Samples the tokens of rows `first..first + count` of those wanted, whose logits are ready.
    fn sample(&self, cache: &Cache, told: Told, first: usize, count: usize) -> Result<()> {
        let Cache { texts, scratch, .. } = cache;
        let sizes = &self.sizes;
        let arguments = Sample {
            logits: scratch.logits.address(),
            asked: told.asked + (first * size_of::<Asked>()) as u64,
            rules: told.rules + (first * size_of::<Rules>()) as u64,
            history: texts.history.address(),
            chosen: scratch.chosen.address() + (first * size_of::<Chosen>()) as u64,
            vocab_size: sizes.vocab_size as u32,
            stride: sizes.logits_stride() as u32,
            positions: sizes.positions as u32,
            unused: 0,
        };
        let launch = sampling::launch(count, sizes.vocab_size);
        // SAFETY: the pass has that many rows, and the cache has their slots and positions.
        unsafe { self.gpu.launch(self.kernels.sample, launch, &arguments) }
    }

    /// Launches all transformer blocks on `tokens` tokens already on the device.
    fn blocks(&self, cache: &Cache, tokens: usize, told: Told) -> Result<()> {
        let pass = Pass { network: self, cache, tokens, places: told.places };
        let (a, hidden) = (&cache.scratch.a, &cache.scratch.hidden);
        pass.embed(told.ids)?; // x (N, C)
        for (layer, block) in self.h.iter().enumerate() {
            pass.norm(&block.ln_1, 0, tokens)?; // a (N, C)
            pass.linear(&block.c_attn, a, layer, To::Qkv)?; // q (N, H, D), keys and values
            pass.attend(layer, block.scale)?; // a (N, C)
            pass.linear(&block.c_proj, a, layer, To::Residual)?; // x (N, C)
            pass.norm(&block.ln_2, 0, tokens)?; // a (N, C)
            pass.linear(&block.mlp_c_fc, a, layer, self.activated())?; // hidden (N, I)
            pass.linear(&block.mlp_c_proj, hidden, layer, To::Residual)?; // x (N, C)
        }
        Ok(())
    }

    /// Computes the logits of `count` rows of the residual stream, whose indices are at address
    /// `wanted`.
    fn head(&self, cache: &Cache, wanted: u64, count: usize) -> Result<()> {
        let pass = Pass { network: self, cache, tokens: count, places: 0 };
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

/// Number of rows of a pass with one token for each of `texts` texts, rounded up so that there are few
/// different sizes.
fn rows_of_a_step(texts: usize) -> usize {
    match texts {
        0..=16 => texts.next_power_of_two(),
        17..=128 => texts.next_multiple_of(16),
        _ => texts.next_multiple_of(64),
    }
}

/// Launches the kernels of one pass.
struct Pass<'a> {
    network: &'a Network,
    cache: &'a Cache,
    /// Number of tokens (N).
    tokens: usize,
    /// Device address of the tokens' slots and positions.
    places: u64,
}

impl Pass<'_> {
    fn embed(&self, ids: u64) -> Result<()> {
        let Self { network, cache: Cache { texts, scratch, .. }, tokens, places } = *self;
        let sizes = &network.sizes;
        let arguments = arguments::Embed {
            x: scratch.x.address(),
            wte: network.wte.address(),
            wpe: network.wpe.address(),
            places,
            ids,
            history: texts.history.address(),
            positions: sizes.positions as u32,
            width: sizes.width as u32,
            stride: sizes.stride() as u32,
            unused: 0,
        };
        let launch = Launch { grid: [tokens as u32, 1], block: THREADS, shared: 0 };
        // SAFETY: `Scratch` has room for the tokens, and the cache has their slots and positions.
        unsafe { network.gpu.launch(network.kernels.embed, launch, &arguments) }
    }

    /// Normalises `count` rows of x: those whose indices are at address `rows`, or the first ones if it
    /// is 0.
    fn norm(&self, norm: &LayerNorm, rows: u64, count: usize) -> Result<()> {
        let Self { network, cache: Cache { scratch, .. }, .. } = *self;
        let sizes = &network.sizes;
        let arguments = arguments::LayerNorm {
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
    fn linear(&self, linear: &Linear, x: &Buffer, layer: usize, to: To) -> Result<()> {
        let Self { network, cache: Cache { texts, scratch, .. }, tokens, places } = *self;
        let sizes = &network.sizes;
        let (y, stride) = match to {
            To::Qkv => (&scratch.q, 0),
            To::Residual => (&scratch.x, sizes.stride()),
            To::HiddenTanh | To::HiddenErf => (&scratch.hidden, sizes.inner_stride()),
            To::Logits => (&scratch.logits, sizes.logits_stride()),
        };
        let (keys, values) = &texts.layers[layer];
        self.product(arguments::Linear {
            x: x.address(),
            weight: linear.weight.address(),
            bias: linear.bias.address(),
            y: y.address(),
            keys: keys.address(),
            values: values.address(),
            places,
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

    fn product(&self, arguments: arguments::Linear) -> Result<()> {
        let Self { network, .. } = *self;
        let (rows, outputs) = (arguments.rows as usize, arguments.outputs as usize);
        let (tile, kernel) = network.kernels.linear(&network.gpu, rows, outputs);
        let blocks = [rows.div_ceil(tile.rows) as u32, outputs.div_ceil(tile.columns) as u32];
        let launch = Launch { grid: blocks, block: tile.threads, shared: tile.shared };
        // SAFETY: weights and `Scratch` are padded to whole tiles.
        unsafe { network.gpu.launch(kernel, launch, &arguments) }
    }

    fn logits(&self) -> Result<()> {
        let Self { network, cache: Cache { scratch, .. }, tokens, places } = *self;
        let sizes = &network.sizes;
        self.product(arguments::Linear {
            x: scratch.a.address(),
            weight: network.lm_head.as_ref().unwrap_or(&network.wte).address(),
            bias: 0,
            y: scratch.logits.address(),
            keys: 0,
            values: 0,
            places,
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

    fn attend(&self, layer: usize, scale: f32) -> Result<()> {
        let Self { network, cache: Cache { texts, scratch, .. }, tokens, places } = *self;
        let sizes = &network.sizes;
        let (keys, values) = &texts.layers[layer];
        let arguments = arguments::Attention {
            q: scratch.q.address(),
            keys: keys.address(),
            values: values.address(),
            y: scratch.a.address(),
            places,
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

#[cfg(test)]
#[cfg(feature = "emulated-gpu")]
mod tests;
