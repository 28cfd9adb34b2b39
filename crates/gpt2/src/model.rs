//! GPT-2, the whole network (Radford et al. 2019, "Language Models are Unsupervised Multitask
//! Learners"), under the names of its checkpoints.
//!
//! Shapes stand at line ends. N: tokens of this pass, of any texts, side by side (see `kv_cache`).
//! C: `n_embd`. H: heads, of width D = C / H. I: `n_inner`. V: `vocab_size`. S: slots of the cache,
//! each with T = `n_positions` places.

use candle_core::{DType, Device, Tensor};
use candle_nn::Embedding;
use candle_nn::Module;

use crate::config::{Activation, Config};
use crate::error::{Error, Result};
use crate::kernels::attention::attention;
use crate::kernels::gelu::gelu_tanh;
use crate::kernels::layer_norm::LayerNorm;
use crate::kernels::linear::Linear;
use crate::kv_cache::{KvCache, Pass, Token};
use crate::weights::{Checkpoint, Weights};

/// A GPT-2 ready to compute.
pub struct Gpt2 {
    config: Config,
    device: Device,
    dtype: DType,
    wte: Embedding,
    wpe: Embedding,
    h: Vec<Block>,
    ln_f: LayerNorm,
    lm_head: Linear,
}

impl Gpt2 {
    /// Converts a checkpoint's weights to `dtype` on `device`.
    ///
    /// On the CPU f32 is the number format to use: it runs on hand-written kernels whose results do
    /// not depend on the batch. f16 goes through candle there, slowly, and bf16 not at all, whatever
    /// the checkpoint holds.
    ///
    /// # Errors
    /// When a tensor is missing or of another shape than the configuration says, each by name.
    pub fn load(checkpoint: &Checkpoint, device: &Device, dtype: DType) -> Result<Self> {
        let computed = match device {
            Device::Cpu => matches!(dtype, DType::F32 | DType::F16),
            _ => matches!(dtype, DType::F32 | DType::F16 | DType::BF16),
        };
        if !computed {
            return Err(Error::DType {
                dtype: format!("{dtype:?}").to_lowercase(),
                device: if device.is_cpu() { "CPU" } else { "GPU" },
                expected: if device.is_cpu() { "f32 or f16" } else { "f32, f16 or bf16" },
            });
        }
        let config = checkpoint.config().clone();
        let (c, v) = (config.n_embd, config.vocab_size);
        let weights = checkpoint.weights(device, dtype)?;

        let wte = weights.get(&[v, c], "wte.weight")?;
        let wpe = weights.get(&[config.n_positions, c], "wpe.weight")?;
        let h = (0..config.n_layer)
            .map(|layer| Block::new(&weights.pp(&format!("h.{layer}")), &config, layer))
            .collect::<Result<_>>()?;
        let ln_f = layer_norm(&weights.pp("ln_f"), &config)?;
        let lm_head = if config.tie_word_embeddings {
            Linear::new(&wte.t()?, None)?
        } else {
            Linear::new(&weights.outside().get(&[v, c], "lm_head.weight")?.t()?, None)?
        };
        let (wte, wpe) = (Embedding::new(wte, c), Embedding::new(wpe, c));
        Ok(Self { config, device: device.clone(), dtype, wte, wpe, h, ln_f, lm_head })
    }

    /// Sizes and choices.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What it computes in.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// An empty cache with room for `slots` texts.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn new_cache(&self, slots: usize) -> Result<KvCache> {
        KvCache::new(&self.config, slots, &self.device, self.dtype)
    }

    /// Takes `tokens` (N) into the cache; gives the logits (W, V) that follow the W of them whose
    /// indices are `wanted`, in f32.
    ///
    /// # Errors
    /// When a token, position or slot does not exist, or the device fails.
    pub fn forward(&self, cache: &mut KvCache, tokens: &[Token], wanted: &[u32]) -> Result<Tensor> {
        let pass = Pass::new(tokens, &self.config, cache, &self.device)?;
        let wte = self.wte.forward(&pass.ids)?; // (N, C)
        let wpe = self.wpe.forward(&pass.positions)?; // (N, C)
        let mut x = (wte + wpe)?; // (N, C)
        for (block, (keys, values)) in self.h.iter().zip(&cache.layers) {
            x = block.forward(&x, &pass, keys, values)?; // (N, C)
        }
        let x = x.index_select(&Tensor::new(wanted, &self.device)?, 0)?; // (W, C)
        let x = self.ln_f.forward(&x)?; // (W, C)
        let logits = self.lm_head.forward(&x)?; // (W, V)
        Ok(logits.to_dtype(DType::F32)?)
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
    /// What scores are multiplied by.
    scale: f64,
}

impl Attention {
    fn new(weights: &Weights, config: &Config, layer: usize) -> Result<Self> {
        let c = config.n_embd;
        let mut scale = 1.0;
        if config.scale_attn_weights {
            scale /= (config.head_dim() as f64).sqrt();
        }
        if config.scale_attn_by_inverse_layer_idx {
            scale /= (layer + 1) as f64;
        }
        Ok(Self {
            c_attn: linear(&weights.pp("c_attn"), c, 3 * c)?,
            c_proj: linear(&weights.pp("c_proj"), c, c)?,
            scale,
        })
    }

    /// `keys` and `values` (S, H, T, D) are this block's cache.
    fn forward(&self, x: &Tensor, pass: &Pass, keys: &Tensor, values: &Tensor) -> Result<Tensor> {
        let c = x.dim(1)?;
        let qkv = self.c_attn.forward(x)?; // (N, 3C)
        pass.write(keys, &qkv.narrow(1, c, c)?)?;
        pass.write(values, &qkv.narrow(1, 2 * c, c)?)?;
        let y = attention(&qkv, keys, values, pass.tokens, self.scale)?; // (N, C)
        Ok(self.c_proj.forward(&y)?) // (N, C)
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
            Activation::GeluTanh => gelu_tanh(&x)?,
            Activation::GeluErf => x.gelu_erf()?,
        }; // (N, I)
        Ok(self.c_proj.forward(&x)?) // (N, C)
    }
}

fn layer_norm(weights: &Weights, config: &Config) -> Result<LayerNorm> {
    let shape = &[config.n_embd];
    let (weight, bias) = (weights.get(shape, "weight")?, weights.get(shape, "bias")?);
    Ok(LayerNorm::new(weight, bias, config.layer_norm_epsilon)?)
}

/// GPT-2's checkpoints hold a linear layer's weight as (inputs, outputs).
fn linear(weights: &Weights, inputs: usize, outputs: usize) -> Result<Linear> {
    let weight = weights.get(&[inputs, outputs], "weight")?;
    Ok(Linear::new(&weight, Some(&weights.get(&[outputs], "bias")?))?)
}
