//! The network for training: GPT-2 from token ids to the loss, over trainable weights.
//!
//! Shapes are at line ends. B: rows of a batch; T: tokens per row; N = B T. C: `n_embd`. I: `n_inner`.
//! V: `vocab_size`.

use candle_core::{Device, Result, Tensor};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::ops::Arithmetic;
use gpt2::{Activation, Config};

/// A weight: its name in checkpoints, its shape and its initialization.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    pub name: String,
    pub shape: Vec<usize>,
    pub initial: Initial,
}

/// Initialization of a weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Initial {
    Zeros,
    Ones,
    /// Normal distribution with this standard deviation.
    Normal(f64),
}

impl Weight {
    /// Returns all weights in network order, initialized as in GPT-2: the projections into the residual
    /// stream get smaller values the more layers there are.
    pub fn all(config: &Config) -> Vec<Self> {
        let (c, i, v) = (config.n_embd, config.n_inner, config.vocab_size);
        let normal = Initial::Normal(0.02);
        let residual = Initial::Normal(0.02 / (2.0 * config.n_layer as f64).sqrt());
        let (zeros, ones) = (Initial::Zeros, Initial::Ones);
        let mut all = vec![
            ("wte.weight".to_owned(), vec![v, c], normal),
            ("wpe.weight".to_owned(), vec![config.n_positions, c], normal),
        ];
        for layer in 0..config.n_layer {
            let block = [
                ("ln_1.weight", vec![c], ones),
                ("ln_1.bias", vec![c], zeros),
                ("attn.c_attn.weight", vec![c, 3 * c], normal),
                ("attn.c_attn.bias", vec![3 * c], zeros),
                ("attn.c_proj.weight", vec![c, c], residual),
                ("attn.c_proj.bias", vec![c], zeros),
                ("ln_2.weight", vec![c], ones),
                ("ln_2.bias", vec![c], zeros),
                ("mlp.c_fc.weight", vec![c, i], normal),
                ("mlp.c_fc.bias", vec![i], zeros),
                ("mlp.c_proj.weight", vec![i, c], residual),
                ("mlp.c_proj.bias", vec![c], zeros),
            ];
            let named = |(name, shape, initial)| (format!("h.{layer}.{name}"), shape, initial);
            all.extend(block.map(named));
        }
        all.push(("ln_f.weight".to_owned(), vec![c], ones));
        all.push(("ln_f.bias".to_owned(), vec![c], zeros));
        if !config.tie_word_embeddings {
            all.push((OUTPUT.to_owned(), vec![v, c], normal));
        }
        all.into_iter().map(|(name, shape, initial)| Self { name, shape, initial }).collect()
    }

    /// Draws the initial values.
    pub fn begin(&self, rng: &mut ChaCha20Rng) -> Vec<f32> {
        let count = self.shape.iter().product();
        match self.initial {
            Initial::Zeros => vec![0.0; count],
            Initial::Ones => vec![1.0; count],
            Initial::Normal(deviation) => {
                (0..count).map(|_| (normal(rng) * deviation) as f32).collect()
            }
        }
    }

    /// Returns the name with the prefix used in checkpoints.
    pub fn in_checkpoint(&self) -> String {
        if self.name == OUTPUT { self.name.clone() } else { format!("transformer.{}", self.name) }
    }
}

/// Weight of the output layer, if it is not tied to the embeddings.
pub const OUTPUT: &str = "lm_head.weight";

/// Draws from the standard normal distribution (Box and Muller 1958).
fn normal(rng: &mut ChaCha20Rng) -> f64 {
    // In (0, 1], so that the logarithm is finite.
    let mut uniform = || ((rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
    (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
}

/// A GPT-2 with trainable weights.
pub struct Network {
    arithmetic: Arithmetic,
    heads: usize,
    epsilon: f64,
    activation: Activation,
    wte: Tensor,
    wpe: Tensor,
    h: Vec<Block>,
    ln_f: Pair,
    lm_head: Tensor,
}

struct Block {
    ln_1: Pair,
    c_attn: Pair,
    attn_c_proj: Pair,
    ln_2: Pair,
    c_fc: Pair,
    mlp_c_proj: Pair,
    /// Scale of the attention scores.
    scale: f64,
}

/// Weight and bias.
type Pair = (Tensor, Tensor);

impl Network {
    /// Builds the network over `weights`, in the order of [`Weight::all`].
    pub fn new(config: &Config, arithmetic: Arithmetic, weights: &[Tensor]) -> Self {
        let mut weights = weights.iter().cloned();
        // The caller passes one tensor per weight.
        let mut next = || weights.next().expect("a weight for each of Weight::all");
        let (wte, wpe) = (next(), next());
        let h = (0..config.n_layer)
            .map(|layer| Block {
                ln_1: (next(), next()),
                c_attn: (next(), next()),
                attn_c_proj: (next(), next()),
                ln_2: (next(), next()),
                c_fc: (next(), next()),
                mlp_c_proj: (next(), next()),
                scale: config.attention_scale(layer),
            })
            .collect();
        let ln_f = (next(), next());
        let lm_head = if config.tie_word_embeddings { wte.clone() } else { next() };
        Self {
            arithmetic,
            heads: config.n_head,
            epsilon: config.layer_norm_epsilon,
            activation: config.activation,
            wte,
            wpe,
            h,
            ln_f,
            lm_head,
        }
    }

    /// Returns the device of the weights.
    pub fn device(&self) -> &Device {
        self.wte.device()
    }

    /// Returns the mean cross entropy in nats of the targets `followed` (B, T) given `tokens` (B, T).
    /// Dropout is for training only. The loss can only be differentiated if `with_gradient` is set.
    pub fn loss(
        &self,
        (tokens, followed): (&[u32], &[u32]),
        rows: usize,
        mut dropout: Option<&mut Dropout>,
        with_gradient: bool,
    ) -> Result<Tensor> {
        let Self { arithmetic, heads, epsilon, .. } = *self;
        let (length, c) = (tokens.len() / rows, self.wte.dim(1)?);
        let mut dropped = |x: Tensor| match &mut dropout {
            Some(dropout) => dropout.apply(&x),
            None => Ok(x),
        };
        let linear = |x: &Tensor, (weight, bias): &Pair| arithmetic.linear(x, weight, bias);
        let norm =
            |x: &Tensor, (weight, bias): &Pair| arithmetic.layer_norm(x, weight, bias, epsilon);

        let ids = Tensor::new(tokens, self.wte.device())?;
        let wte = self.wte.index_select(&ids, 0)?.reshape((rows, length, c))?; // (B, T, C)
        let x = wte.broadcast_add(&self.wpe.narrow(0, 0, length)?)?; // (B, T, C)
        let mut x = dropped(x.reshape((rows * length, c))?)?; // (N, C)
        for block in &self.h {
            let qkv = linear(&norm(&x, &block.ln_1)?, &block.c_attn)?; // (N, 3C)
            let y = arithmetic.attention(&qkv, rows, heads, block.scale)?; // (N, C)
            x = arithmetic.sum(&x, &dropped(linear(&y, &block.attn_c_proj)?)?)?; // (N, C)
            let y = linear(&norm(&x, &block.ln_2)?, &block.c_fc)?; // (N, I)
            let y = arithmetic.activate(&y, self.activation)?; // (N, I)
            x = arithmetic.sum(&x, &dropped(linear(&y, &block.mlp_c_proj)?)?)?; // (N, C)
        }
        let x = norm(&x, &self.ln_f)?; // (N, C)
        arithmetic.cross_entropy(&x, &self.lm_head, followed, with_gradient)
    }
}

/// Inverted dropout (Srivastava et al. 2014).
pub struct Dropout {
    share: f64,
    rng: ChaCha20Rng,
}

impl Dropout {
    /// Creates dropout with rate `share`, or returns `None` if it is 0.
    pub fn new(share: f64, key: [u8; 32]) -> Option<Self> {
        (share > 0.0).then(|| Self { share, rng: ChaCha20Rng::from_seed(key) })
    }

    pub(super) fn apply(&mut self, x: &Tensor) -> Result<Tensor> {
        let (least, kept) = ((self.share * 65536.0) as u32, (1.0 / (1.0 - self.share)) as f32);
        let mut draws = vec![0u8; 2 * x.elem_count()];
        self.rng.fill_bytes(&mut draws);
        let mask: Vec<f32> = draws
            .as_chunks::<2>()
            .0
            .iter()
            .map(|draw| if u32::from(u16::from_le_bytes(*draw)) < least { 0.0 } else { kept })
            .collect();
        x * Tensor::from_vec(mask, x.shape(), &Device::Cpu)?.to_device(x.device())?
    }
}
