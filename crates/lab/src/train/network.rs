//! The network for training: GPT-2 from token ids to the loss, with trainable weights.
//!
//! End-of-line comments give the shape of the result. B: rows per batch; T: tokens per row; N = B T; C:
//! `n_embd`; I: `n_inner`; V: `vocab_size`.

use candle_core::{Device, Result, Tensor};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::ops::Backend;
use super::tape::{Tape, WeightAndBias};
use gpt2::{Activation, Config};

/// Name, shape and initialisation of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSpec {
    pub name: String,
    pub shape: Vec<usize>,
    pub initializer: Initializer,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Initializer {
    Zeros,
    Ones,
    /// Normal distribution with this standard deviation.
    Normal(f64),
}

impl ParameterSpec {
    /// Returns the specifications of all parameters in network order, initialised as in GPT-2: the more
    /// layers, the smaller the initial weights of the projections into the residual stream.
    pub fn all(config: &Config) -> Vec<Self> {
        let (c, i, v) = (config.n_embd, config.n_inner, config.vocab_size);
        let normal = Initializer::Normal(0.02);
        let residual = Initializer::Normal(0.02 / (2.0 * config.n_layer as f64).sqrt());
        let (zeros, ones) = (Initializer::Zeros, Initializer::Ones);
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
            let named =
                |(name, shape, initializer)| (format!("h.{layer}.{name}"), shape, initializer);
            all.extend(block.map(named));
        }
        all.push(("ln_f.weight".to_owned(), vec![c], ones));
        all.push(("ln_f.bias".to_owned(), vec![c], zeros));
        if !config.tie_word_embeddings {
            all.push((LM_HEAD.to_owned(), vec![v, c], normal));
        }
        all.into_iter()
            .map(|(name, shape, initializer)| Self { name, shape, initializer })
            .collect()
    }

    /// Draws the initial values.
    pub fn initial_values(&self, rng: &mut ChaCha20Rng) -> Vec<f32> {
        let count = self.shape.iter().product();
        match self.initializer {
            Initializer::Zeros => vec![0.0; count],
            Initializer::Ones => vec![1.0; count],
            Initializer::Normal(deviation) => {
                (0..count).map(|_| (standard_normal(rng) * deviation) as f32).collect()
            }
        }
    }

    /// Returns the name with the prefix used in checkpoints.
    pub fn checkpoint_name(&self) -> String {
        if self.name == LM_HEAD { self.name.clone() } else { format!("transformer.{}", self.name) }
    }
}

/// Name of the output layer's weight, which exists only if it is not shared with the token embeddings.
pub const LM_HEAD: &str = "lm_head.weight";

/// Draws from the standard normal distribution (Box and Muller 1958).
fn standard_normal(rng: &mut ChaCha20Rng) -> f64 {
    // Draw from (0, 1], so the logarithm is finite.
    let mut uniform = || ((rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
    (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
}

/// A GPT-2 model with trainable weights.
pub struct TrainingNetwork {
    backend: Backend,
    heads: usize,
    epsilon: f64,
    activation: Activation,
    wte: Tensor,
    wpe: Tensor,
    h: Vec<TransformerBlock>,
    ln_f: WeightAndBias,
    lm_head: Tensor,
    /// All weights, in the order of [`ParameterSpec::all`].
    weights: Vec<Tensor>,
}

struct TransformerBlock {
    ln_1: WeightAndBias,
    c_attn: WeightAndBias,
    attn_c_proj: WeightAndBias,
    ln_2: WeightAndBias,
    c_fc: WeightAndBias,
    mlp_c_proj: WeightAndBias,
    /// Scale of the attention scores.
    scale: f64,
}

impl TrainingNetwork {
    /// Builds the network from `weights`, which must be in the order of [`ParameterSpec::all`].
    pub fn new(config: &Config, backend: Backend, weights: &[Tensor]) -> Self {
        let mut each = weights.iter().cloned();
        // The caller passes one tensor per weight.
        let mut next = || each.next().expect("a weight for each parameter");
        let (wte, wpe) = (next(), next());
        let h = (0..config.n_layer)
            .map(|layer| TransformerBlock {
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
            backend,
            heads: config.n_head,
            epsilon: config.layer_norm_epsilon,
            activation: config.activation,
            wte,
            wpe,
            h,
            ln_f,
            lm_head,
            weights: weights.to_vec(),
        }
    }

    pub fn device(&self) -> &Device {
        self.wte.device()
    }

    /// Returns the mean cross entropy of `targets` (B, T) given `tokens` (B, T), in nats.
    pub fn loss(&self, (tokens, targets): (&[u32], &[u32]), rows: usize) -> Result<f64> {
        let mut tape = Tape::new(self.backend, false);
        let x = self.forward(&mut tape, tokens, rows, None)?;
        tape.loss(&x, &self.lm_head, targets)
    }

    /// Returns the loss, and `share` times its gradients, in the order of the weights.
    pub fn loss_and_gradients(
        &self,
        (tokens, targets): (&[u32], &[u32]),
        rows: usize,
        dropout: Option<&mut Dropout>,
        share: f64,
    ) -> Result<(f64, Vec<Tensor>)> {
        let mut tape = Tape::new(self.backend, true);
        let x = self.forward(&mut tape, tokens, rows, dropout)?;
        tape.gradients((&x, &self.lm_head), targets, share, &self.weights)
    }

    /// Returns the input of the output layer, (N, C).
    fn forward(
        &self,
        tape: &mut Tape,
        tokens: &[u32],
        rows: usize,
        mut dropout: Option<&mut Dropout>,
    ) -> Result<Tensor> {
        let Self { heads, epsilon, .. } = *self;
        let mut dropped = |tape: &mut Tape, x: Tensor| match &mut dropout {
            Some(dropout) => tape.mask(&x, dropout.mask(&x)?),
            None => Ok(x),
        };
        let x = tape.embed((&self.wte, &self.wpe), tokens, rows)?; // (N, C)
        let mut x = dropped(tape, x)?;
        for block in &self.h {
            tape.fork();
            let y = tape.layer_norm(&x, &block.ln_1, epsilon)?;
            let y = tape.linear(&y, &block.c_attn)?; // (N, 3C)
            let y = tape.attention(&y, rows, heads, block.scale)?; // (N, C)
            let y = tape.linear(&y, &block.attn_c_proj)?;
            let y = dropped(tape, y)?;
            x = tape.join(&x, &y)?;

            tape.fork();
            let y = tape.layer_norm(&x, &block.ln_2, epsilon)?;
            let y = tape.linear(&y, &block.c_fc)?; // (N, I)
            let y = tape.activate(&y, self.activation)?;
            let y = tape.linear(&y, &block.mlp_c_proj)?; // (N, C)
            let y = dropped(tape, y)?;
            x = tape.join(&x, &y)?;
        }
        tape.layer_norm(&x, &self.ln_f, epsilon)
    }
}

/// Inverted dropout (Srivastava et al. 2014).
pub struct Dropout {
    rate: f64,
    rng: ChaCha20Rng,
}

impl Dropout {
    /// Returns dropout with the given rate, or `None` if the rate is 0.
    pub fn new(rate: f64, key: [u8; 32]) -> Option<Self> {
        (rate > 0.0).then(|| Self { rate, rng: ChaCha20Rng::from_seed(key) })
    }

    /// Draws a mask of the shape of `x`: each element is 0 or what keeps the mean at 1.
    pub(super) fn mask(&mut self, x: &Tensor) -> Result<Tensor> {
        let (least, kept) = ((self.rate * 65536.0) as u32, (1.0 / (1.0 - self.rate)) as f32);
        let mut draws = vec![0u8; 2 * x.elem_count()];
        self.rng.fill_bytes(&mut draws);
        let mask: Vec<f32> = draws
            .as_chunks::<2>()
            .0
            .iter()
            .map(|draw| if u32::from(u16::from_le_bytes(*draw)) < least { 0.0 } else { kept })
            .collect();
        Tensor::from_vec(mask, x.shape(), &Device::Cpu)?.to_device(x.device())
    }
}
