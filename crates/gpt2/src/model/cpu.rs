//! The network on the CPU: the same layers as in `tensors`, but with hand-written kernels.
//!
//! Trailing comments give shapes, using the letters defined in `tensors`. In memory, C and I are padded
//! to whole groups (see `kernels::format`). `pass` implements the stages; all threads of the rayon pool
//! share the work of each stage.

mod cache;
mod pass;

use self::pass::{Destination, Pass, Thread};
use super::packing::Packing;
use crate::config::Config;
use crate::error::Result;
use crate::model::InputToken;
use crate::thread_team;
use kernels::format::{Format, GROUP};
use kernels::gelu::Activation;
use kernels::layer_norm::LayerNorm;
use kernels::linear::Linear;
use kernels::simd::Level;

pub use self::cache::Cache;

/// Number of stages per transformer block.
const STAGES_OF_A_BLOCK: usize = 9;
/// Number of stages outside the transformer blocks, not counting the stages that compute logits.
const OTHER_STAGES: usize = 2;

/// Number of logits rows computed together; chosen to fit in the CPU cache.
const LOGITS_TOGETHER: usize = 64;

/// A GPT-2 model in the number format `F`.
pub struct Network<F: Format> {
    level: Level,
    activation: Activation,
    heads: usize,
    head_dim: usize,
    /// Row stride of the residual stream, in groups.
    groups: usize,
    /// Row stride of the MLP's hidden layer, in groups.
    inner_groups: usize,
    /// Token embeddings (V, C); `None` if they are the columns of `lm_head`.
    wte: Option<Vec<f32>>,
    /// Position embeddings (T, C).
    wpe: Vec<f32>,
    h: Vec<Block<F>>,
    ln_f: LayerNorm,
    lm_head: Linear<F>,
}

struct Block<F: Format> {
    ln_1: LayerNorm,
    c_attn: Linear<F>,
    c_proj: Linear<F>,
    /// Factor applied to attention scores.
    scale: f32,
    ln_2: LayerNorm,
    mlp_c_fc: Linear<F>,
    mlp_c_proj: Linear<F>,
}

impl<F: Format> Network<F> {
    /// Builds the network from a checkpoint's tensors.
    pub fn new(config: &Config, packing: &mut Packing<'_, F>, level: Level) -> Result<Self> {
        let (c, i, v) = (config.n_embd, config.n_inner, config.vocab_size);
        let norm = |packing: &Packing<'_, F>, name: &str| -> Result<LayerNorm> {
            let weight = packing.vector(&[c], &format!("{name}.weight"))?;
            let bias = packing.vector(&[c], &format!("{name}.bias"))?;
            Ok(LayerNorm::new(weight, bias, config.layer_norm_epsilon))
        };
        let h = (0..config.n_layer)
            .map(|layer| {
                let name = |part: &str| format!("h.{layer}.{part}");
                Ok(Block {
                    ln_1: norm(packing, &name("ln_1"))?,
                    c_attn: packing.linear(c, 3 * c, &name("attn.c_attn"))?,
                    c_proj: packing.linear(c, c, &name("attn.c_proj"))?,
                    scale: config.attention_scale(layer) as f32,
                    ln_2: norm(packing, &name("ln_2"))?,
                    mlp_c_fc: packing.linear(c, i, &name("mlp.c_fc"))?,
                    mlp_c_proj: packing.linear(i, c, &name("mlp.c_proj"))?,
                })
            })
            .collect::<Result<_>>()?;
        let ln_f = norm(packing, "ln_f")?;
        let tied = config.tie_word_embeddings;
        let lm_head = packing.head(c, v, if tied { "wte.weight" } else { "lm_head.weight" })?;
        let wte = (!tied).then(|| packing.vector(&[v, c], "wte.weight")).transpose()?;
        Ok(Self {
            level,
            activation: config.activation,
            heads: config.n_head,
            head_dim: config.head_dim(),
            groups: c.div_ceil(GROUP),
            inner_groups: i.div_ceil(GROUP),
            wte,
            wpe: packing.vector(&[config.n_positions, c], "wpe.weight")?,
            h,
            ln_f,
            lm_head,
        })
    }

    /// Returns all linear layers, in packing order.
    pub fn layers(&self) -> impl Iterator<Item = &Linear<F>> {
        let blocks = self.h.iter();
        blocks
            .flat_map(|block| [&block.c_attn, &block.c_proj, &block.mlp_c_fc, &block.mlp_c_proj])
            .chain([&self.lm_head])
    }

    /// Adds `tokens` (N) to the cache and computes the next-token logits (W, V) for the tokens whose
    /// indices are in `wanted`.
    pub fn forward(
        &self,
        cache: &mut Cache,
        tokens: &[InputToken],
        wanted: &[u32],
        logits: &mut Vec<f32>,
    ) {
        let pass = Pass::new(self, cache, tokens, wanted, logits);
        let parts = wanted.len().div_ceil(LOGITS_TOGETHER);
        let stages = OTHER_STAGES + STAGES_OF_A_BLOCK * self.h.len() + parts;
        thread_team::run(stages, |worker| self.run_stages(&mut Thread::new(self, &pass, worker)));
    }

    /// Runs one thread's share of a pass.
    fn run_stages(&self, thread: &mut Thread<'_, '_, F>) {
        thread.embed(); // x (N, C)
        for (layer, block) in self.h.iter().enumerate() {
            thread.norm(&block.ln_1); // a (N, C)
            thread.product(&block.c_attn, Destination::Qkv); // qkv (N, 3C)
            thread.write_kv(layer);
            thread.attention(layer, block.scale); // y (N, C)
            thread.encode(); // a (N, C)
            thread.product(&block.c_proj, Destination::Residual); // x (N, C)
            thread.norm(&block.ln_2); // a (N, C)
            thread.product(&block.mlp_c_fc, Destination::Hidden); // hidden (N, I)
            thread.product(&block.mlp_c_proj, Destination::ResidualFromHidden); // x (N, C)
        }
        thread.norm_of_the_wanted(&self.ln_f); // a (W, C)
        for first in (0..thread.wanted()).step_by(LOGITS_TOGETHER) {
            let part = first..thread.wanted().min(first + LOGITS_TOGETHER);
            thread.product(&self.lm_head, Destination::Logits(part)); // logits (W, V)
        }
    }

    /// Returns a token's embedding (C).
    fn embedding(&self, id: usize) -> Box<dyn Iterator<Item = f32> + '_> {
        match &self.wte {
            Some(wte) => Box::new(wte[id * self.width()..][..self.width()].iter().copied()),
            None => Box::new(self.lm_head.column(id)),
        }
    }

    /// Width of the residual stream (C).
    fn width(&self) -> usize {
        self.heads * self.head_dim
    }
}

#[cfg(test)]
mod tests;
