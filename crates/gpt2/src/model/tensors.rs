//! The network, implemented with candle's operations. It runs on Metal and is the reference for the CPU
//! and GPU kernels.
//!
//! Trailing comments give shapes. N: tokens of this pass, from any mix of texts (see `kv_cache`). W:
//! tokens whose logits are wanted. C: `n_embd`. H: heads, each of dimension D = C / H. I: `n_inner`. V:
//! `vocab_size`. S: slots of the cache, each with T = `n_positions` positions.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use candle_nn::{Embedding, Module, ops};

use kernels::gelu::Activation;

use crate::config::Config;
use crate::error::Result;
use crate::model::InputToken;
use crate::weights::{Checkpoint, Weights};

/// A GPT-2 model whose weights are candle tensors.
pub struct Network {
    device: Device,
    dtype: DType,
    wte: Embedding,
    wpe: Embedding,
    h: Vec<Block>,
    ln_f: LayerNorm,
    lm_head: Linear,
}

impl Network {
    /// Loads a checkpoint's weights onto `device`, converted to `dtype`.
    pub fn new(checkpoint: &Checkpoint, device: &Device, dtype: DType) -> Result<Self> {
        let config = checkpoint.config();
        let (c, v) = (config.n_embd, config.vocab_size);
        let weights = checkpoint.weights(device, dtype)?;

        let wte = weights.get(&[v, c], "wte.weight")?;
        let wpe = weights.get(&[config.n_positions, c], "wpe.weight")?;
        let h = (0..config.n_layer)
            .map(|layer| Block::new(&weights.pp(&format!("h.{layer}")), config, layer))
            .collect::<Result<_>>()?;
        let ln_f = layer_norm(&weights.pp("ln_f"), config)?;
        let lm_head = if config.tie_word_embeddings {
            wte.clone()
        } else {
            weights.outside().get(&[v, c], "lm_head.weight")?
        };
        let lm_head = Linear { weight: lm_head.t()?.contiguous()?, bias: None };
        let (wte, wpe) = (Embedding::new(wte, c), Embedding::new(wpe, c));
        Ok(Self { device: device.clone(), dtype, wte, wpe, h, ln_f, lm_head })
    }

    /// Creates an empty KV cache with `slots` batch slots.
    pub fn new_cache(&self, config: &Config, slots: usize) -> Result<Cache> {
        Cache::new(config, slots, &self.device, self.dtype)
    }

    /// Adds `tokens` (N) to the cache and computes the next-token logits (W, V) for the tokens whose
    /// indices are in `wanted`.
    pub fn forward(
        &self,
        cache: &Cache,
        tokens: &[InputToken],
        wanted: &[u32],
        logits: &mut Vec<f32>,
    ) -> Result<()> {
        let pass = Pass::new(tokens, cache, &self.device)?;
        let wte = self.wte.forward(&pass.ids)?; // (N, C)
        let wpe = self.wpe.forward(&pass.positions)?; // (N, C)
        let mut x = (wte + wpe)?; // (N, C)
        for (block, (keys, values)) in self.h.iter().zip(&cache.layers) {
            x = block.forward(&x, &pass, keys, values)?; // (N, C)
        }
        let x = x.index_select(&Tensor::new(wanted, &self.device)?, 0)?; // (W, C)
        let x = self.ln_f.forward(&x)?; // (W, C)
        let y = self.lm_head.forward(&x)?; // (W, V)
        logits.clear();
        if !wanted.is_empty() {
            logits.extend(y.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(())
    }
}

struct Block {
    ln_1: LayerNorm,
    attn: Attention,
    ln_2: LayerNorm,
    mlp: Mlp,
}

impl Block {
    fn new(weights: &Weights, config: &Config, layer: usize) -> Result<Self> {
        Ok(Self {
            ln_1: layer_norm(&weights.pp("ln_1"), config)?,
            attn: Attention::new(&weights.pp("attn"), config, layer)?,
            ln_2: layer_norm(&weights.pp("ln_2"), config)?,
            mlp: Mlp::new(&weights.pp("mlp"), config)?,
        })
    }

    fn forward(&self, x: &Tensor, pass: &Pass, keys: &Tensor, values: &Tensor) -> Result<Tensor> {
        let x = (x + self.attn.forward(&self.ln_1.forward(x)?, pass, keys, values)?)?; // (N, C)
        let x = (&x + self.mlp.forward(&self.ln_2.forward(&x)?)?)?; // (N, C)
        Ok(x)
    }
}

struct Attention {
    c_attn: Linear,
    c_proj: Linear,
    /// Factor applied to attention scores.
    scale: f64,
}

impl Attention {
    fn new(weights: &Weights, config: &Config, layer: usize) -> Result<Self> {
        let c = config.n_embd;
        let scale = config.attention_scale(layer);
        Ok(Self {
            c_attn: linear(&weights.pp("c_attn"), c, 3 * c)?,
            c_proj: linear(&weights.pp("c_proj"), c, c)?,
            scale,
        })
    }

    /// Computes attention. `keys` and `values` (S, H, T, D) are this block's cache.
    fn forward(&self, x: &Tensor, pass: &Pass, keys: &Tensor, values: &Tensor) -> Result<Tensor> {
        let c = x.dim(1)?;
        let qkv = self.c_attn.forward(x)?; // (N, 3C)
        pass.write(keys, &qkv.narrow(1, c, c)?)?;
        pass.write(values, &qkv.narrow(1, 2 * c, c)?)?;
        let y = attention(&qkv, keys, values, pass.tokens, self.scale)?; // (N, C)
        self.c_proj.forward(&y) // (N, C)
    }
}

struct Mlp {
    c_fc: Linear,
    c_proj: Linear,
    activation: Activation,
}

impl Mlp {
    fn new(weights: &Weights, config: &Config) -> Result<Self> {
        let (c, i) = (config.n_embd, config.n_inner);
        Ok(Self {
            c_fc: linear(&weights.pp("c_fc"), c, i)?,
            c_proj: linear(&weights.pp("c_proj"), i, c)?,
            activation: config.activation,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.c_fc.forward(x)?; // (N, I)
        let x = match self.activation {
            Activation::GeluTanh => x.gelu()?,
            Activation::GeluErf => x.gelu_erf()?,
        }; // (N, I)
        self.c_proj.forward(&x) // (N, C)
    }
}

/// Layer normalisation of each row: (x - mean) / sqrt(variance + epsilon) * weight + bias.
struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

impl LayerNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::layer_norm(x, &self.weight, &self.bias, self.epsilon)?)
    }
}

/// A linear layer, y = x W + b.
struct Linear {
    /// (inputs, outputs).
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight)?;
        match &self.bias {
            Some(bias) => Ok(y.broadcast_add(bias)?),
            None => Ok(y),
        }
    }
}

fn layer_norm(weights: &Weights, config: &Config) -> Result<LayerNorm> {
    let shape = &[config.n_embd];
    let (weight, bias) = (weights.get(shape, "weight")?, weights.get(shape, "bias")?);
    Ok(LayerNorm { weight, bias, epsilon: config.layer_norm_epsilon as f32 })
}

/// Loads a linear layer, whose weight in GPT-2's checkpoints is (inputs, outputs).
fn linear(weights: &Weights, inputs: usize, outputs: usize) -> Result<Linear> {
    let weight = weights.get(&[inputs, outputs], "weight")?;
    Ok(Linear { weight, bias: Some(weights.get(&[outputs], "bias")?) })
}

/// Keys and values of every block, allocated once and updated in place.
pub struct Cache {
    /// Keys and values per block, each (S, H, T, D): slots, heads, positions, head dimension.
    layers: Vec<(Tensor, Tensor)>,
    heads: usize,
    positions: usize,
    head_dim: usize,
}

impl Cache {
    /// Allocates a cache with `slots` slots of `n_positions` tokens each.
    pub fn new(config: &Config, slots: usize, device: &Device, dtype: DType) -> Result<Self> {
        let (heads, positions, head_dim) = (config.n_head, config.n_positions, config.head_dim());
        let half = || Tensor::zeros((slots, heads, positions, head_dim), dtype, device);
        let layers = (0..config.n_layer).map(|_| Ok((half()?, half()?))).collect::<Result<_>>()?;
        Ok(Self { layers, heads, positions, head_dim })
    }
}

/// The tokens of one forward pass (N), laid out for the device.
struct Pass<'a> {
    tokens: &'a [InputToken],
    /// Token ids and positions, (N).
    ids: Tensor,
    positions: Tensor,
    /// Row index of each token and head in a block's cache when the cache is viewed as (S H T, D).
    /// Broadcast to (N H, D).
    rows: Tensor,
}

impl<'a> Pass<'a> {
    fn new(tokens: &'a [InputToken], cache: &Cache, device: &Device) -> Result<Self> {
        let &Cache { heads, positions: places, head_dim, .. } = cache;
        let row = |slot, head, position| (slot * heads + head) * places + position;
        let rows = tokens.iter().flat_map(|token| {
            (0..heads).map(move |head| row(token.slot, head, token.position) as u32)
        });
        let rows: Vec<u32> = rows.collect();
        let ids = tokens.iter().map(|token| token.id).collect::<Vec<_>>();
        let positions = tokens.iter().map(|token| token.position as u32).collect::<Vec<_>>();
        let count = rows.len();
        Ok(Self {
            tokens,
            ids: Tensor::new(ids, device)?,
            positions: Tensor::new(positions, device)?,
            rows: Tensor::from_vec(rows, (count, 1), device)?
                .broadcast_as((count, head_dim))?
                .contiguous()?,
        })
    }

    /// Writes this pass's keys or values (N, C) into a block's key or value cache (S, H, T, D).
    fn write(&self, cache: &Tensor, new: &Tensor) -> Result<()> {
        let head_dim = cache.dim(3)?;
        let new = new.contiguous()?.reshape(((), head_dim))?;
        // The reshaped tensor shares the cache's memory, so this writes in place.
        cache.reshape(((), head_dim))?.scatter_set(&self.rows, &new, 0)?;
        Ok(())
    }
}

/// Computes causal attention, softmax(q kᵀ · `scale`) v, for every token and head. Takes q from the
/// first third of `qkv` (N, 3C); the caches (S, H, T, D) already hold this pass's keys and values.
/// Returns (N, C). Runs of tokens from the same text are padded to the longest run and masked.
fn attention(
    qkv: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    tokens: &[InputToken],
    scale: f64,
) -> Result<Tensor> {
    let (_, heads, _, head_dim) = keys.dims4()?;
    let (device, dtype, width) = (qkv.device(), qkv.dtype(), heads * head_dim);
    let runs = runs(tokens);
    let count = runs.len();
    let queries = runs.iter().map(|run| run.len()).max().unwrap_or(0);
    let length = tokens.iter().map(|token| token.position + 1).max().unwrap_or(0);

    // The queries of each run, padded to the longest run's length by repeating the last query, and the
    // causal mask.
    let padded: Vec<usize> = runs
        .iter()
        .flat_map(|run| (0..queries).map(move |query| (run.start + query).min(run.end - 1)))
        .collect();
    let mask: Vec<f32> = padded
        .iter()
        .flat_map(|token| {
            let last = tokens[*token].position;
            (0..length).map(move |key| if key <= last { 0.0 } else { f32::NEG_INFINITY })
        })
        .collect();
    let mask = Tensor::from_vec(mask, (count, 1, queries, length), device)?.to_dtype(dtype)?;
    let slots: Vec<u32> = runs.iter().map(|run| tokens[run.start].slot as u32).collect();
    let slots = Tensor::new(slots, device)?;

    let q = qkv.narrow(1, 0, width)?.contiguous()?.index_select(&indices(&padded, device)?, 0)?;
    let q = (q.reshape((count, queries, heads, head_dim))?.transpose(1, 2)? * scale)?; // (R, H, Q, D)
    let k = keys.narrow(2, 0, length)?.contiguous()?.index_select(&slots, 0)?; // (R, H, L, D)
    let v = values.narrow(2, 0, length)?.contiguous()?.index_select(&slots, 0)?; // (R, H, L, D)
    let scores = q.contiguous()?.matmul(&k.t()?.contiguous()?)?.broadcast_add(&mask)?; // (R, H, Q, L)
    // Softmax sums in f32: in half precision a long text's small terms would be lost to rounding.
    let scores = ops::softmax_last_dim(&scores.to_dtype(DType::F32)?)?.to_dtype(dtype)?;
    let y = scores.matmul(&v)?.transpose(1, 2)?.reshape((count * queries, width))?; // (R Q, C)

    let kept: Vec<usize> = runs
        .iter()
        .enumerate()
        .flat_map(|(row, run)| (0..run.len()).map(move |query| row * queries + query))
        .collect();
    Ok(y.index_select(&indices(&kept, device)?, 0)?) // (N, C)
}

fn indices(indices: &[usize], device: &Device) -> Result<Tensor> {
    Ok(Tensor::new(indices.iter().map(|index| *index as u32).collect::<Vec<_>>(), device)?)
}

/// Returns the runs of consecutive tokens that belong to the same text.
fn runs(tokens: &[InputToken]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for end in 1..=tokens.len() {
        if end == tokens.len() || tokens[end].slot != tokens[start].slot {
            runs.push(start..end);
            start = end;
        }
    }
    runs
}
