//! The network on the CPU, on hand-written kernels: the same layers as `tensors`, top to bottom, over
//! plain memory.
//!
//! Shapes stand at line ends, with the letters of `tensors`; C and I are filled up to whole groups
//! (see `kernels::format`). Every stage is shared out among the threads of the rayon pool.

mod cache;

use std::ops::Range;

use self::cache::{SharedLayer, WriteScratch};
use super::packing::Packing;
use crate::config::{Activation, Config};
use crate::error::Result;
use crate::kernels::attention::Shape;
use crate::kernels::format::{Format, GROUP};
use crate::kernels::gelu::activate;
use crate::kernels::layer_norm::{LayerNorm, encode};
use crate::kernels::linear::{Linear, Results};
use crate::kernels::simd::{Lanes, Level};
use crate::kernels::team::{self, Member, Shared};
use crate::kv_cache::Token;

pub use self::cache::Cache;

/// Stages of a block, and those around the blocks.
const STAGES_OF_A_BLOCK: usize = 9;
const OTHER_STAGES: usize = 2;

/// Rows of logits computed together: as many as the processor's caches can hold.
const LOGITS_TOGETHER: usize = 64;

/// A GPT-2 in the number format `F`.
pub struct Network<F: Format> {
    level: Level,
    activation: Activation,
    heads: usize,
    head_dim: usize,
    /// Row stride of the residual stream, and of the MLP's hidden layer, in groups.
    groups: usize,
    inner_groups: usize,
    /// Token embeddings, where they are not the columns of `lm_head`; (V, C).
    wte: Option<Vec<f32>>,
    /// (T, C).
    wpe: Vec<f32>,
    h: Vec<Block<F>>,
    ln_f: LayerNorm,
    lm_head: Linear<F>,
}

struct Block<F: Format> {
    ln_1: LayerNorm,
    c_attn: Linear<F>,
    c_proj: Linear<F>,
    /// What attention's scores are multiplied by.
    scale: f32,
    ln_2: LayerNorm,
    mlp_c_fc: Linear<F>,
    mlp_c_proj: Linear<F>,
}

impl<F: Format> Network<F> {
    /// Builds the network from a checkpoint's tensors, in the order in which they are packed.
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

    /// All linear layers, in the order in which they are packed.
    pub fn layers(&self) -> impl Iterator<Item = &Linear<F>> {
        let blocks = self.h.iter();
        blocks
            .flat_map(|block| [&block.c_attn, &block.c_proj, &block.mlp_c_fc, &block.mlp_c_proj])
            .chain([&self.lm_head])
    }

    /// Bytes of their weights.
    pub fn weight_bytes(&self) -> usize {
        self.layers().map(|layer| size_of_val(layer.packed())).sum()
    }

    /// Takes `tokens` (N) into the cache and gives the logits (W, V) after the `wanted` ones of them.
    pub fn forward(
        &self,
        cache: &mut Cache,
        tokens: &[Token],
        wanted: &[u32],
        logits: &mut Vec<f32>,
    ) {
        let rows = tokens.len();
        let width = self.heads * self.head_dim;
        let vocabulary = self.lm_head.outputs();
        logits.resize(wanted.len() * vocabulary, 0.0);
        let scratch = &mut cache.scratch;
        let lengths = [self.groups * GROUP, 3 * width, self.groups * GROUP];
        for (numbers, length) in scratch.numbers.iter_mut().zip(lengths) {
            numbers.resize(rows * length, 0.0);
        }
        let groups = [rows.max(wanted.len()) * self.groups, rows * self.inner_groups];
        for (bytes, groups) in scratch.encoded.iter_mut().zip(groups) {
            bytes.resize(groups * size_of::<F::Group>() / 4, 0);
        }
        let [x, qkv, y] = &mut scratch.numbers;
        let [a, hidden] = &mut scratch.encoded;
        let pass = Pass {
            tokens,
            wanted,
            x: Shared::new(x),
            qkv: Shared::new(qkv),
            y: Shared::new(y),
            a: Shared::new(bytemuck::cast_slice_mut(a)),
            hidden: Shared::new(bytemuck::cast_slice_mut(hidden)),
            logits: Shared::new(logits),
            layers: cache.layers.iter_mut().map(|layer| layer.share::<F>()).collect(),
            shape: cache.shape,
        };
        let parts = wanted.len().div_ceil(LOGITS_TOGETHER);
        let stages = OTHER_STAGES + STAGES_OF_A_BLOCK * self.h.len() + parts;
        team::run(stages, |member| self.take_part(member, &pass));
    }

    /// One thread's part of a pass.
    fn take_part(&self, member: &mut Member<'_>, pass: &Pass<'_, F>) {
        let (rows, inner) = (pass.tokens.len(), self.inner_groups);
        let (mut scratch, mut scores) = (WriteScratch::new(pass.shape), Vec::new());
        let mut memory = Vec::new();
        member.stage(rows, |row| self.embed(pass, row)); // x (N, C)
        for (block, cache) in self.h.iter().zip(&pass.layers) {
            member.stage(rows, |row| self.norm(pass, &block.ln_1, row, row)); // a (N, C)
            self.product(
                member,
                &mut memory,
                &block.c_attn,
                || pass.a(self.groups, 0..rows),
                |row, columns, results| {
                    let start = row * 3 * self.heads * self.head_dim;
                    write(&pass.qkv, start, columns, results);
                },
            ); // qkv (N, 3C)
            member.stage(rows, |row| self.remember(pass, cache, row, &mut scratch));
            member.stage(rows * self.heads, |task| {
                let place = (task / self.heads, task % self.heads);
                self.attend(pass, cache, block.scale, place, &mut scores);
            }); // y (N, C)
            member.stage(rows, |row| self.encode(pass, row)); // a (N, C)
            self.product(
                member,
                &mut memory,
                &block.c_proj,
                || pass.a(self.groups, 0..rows),
                |row, columns, results| {
                    self.add(pass, row, columns, results);
                },
            ); // x (N, C)
            member.stage(rows, |row| self.norm(pass, &block.ln_2, row, row)); // a (N, C)
            self.hidden(member, &mut memory, &block.mlp_c_fc, pass); // hidden (N, I)
            // SAFETY: hidden was written before this stage.
            let hidden = || unsafe { pass.hidden.read(0..rows * inner) };
            self.product(
                member,
                &mut memory,
                &block.mlp_c_proj,
                hidden,
                |row, columns, results| {
                    self.add(pass, row, columns, results);
                },
            ); // x (N, C)
        }
        let wanted = pass.wanted.len();
        member.stage(wanted, |row| self.norm(pass, &self.ln_f, pass.wanted[row] as usize, row)); // a (W, C)
        for first in (0..wanted).step_by(LOGITS_TOGETHER) {
            let part = first..wanted.min(first + LOGITS_TOGETHER);
            self.product(
                member,
                &mut memory,
                &self.lm_head,
                || pass.a(self.groups, part.clone()),
                |row, columns, results| {
                    write(&pass.logits, (first + row) * self.lm_head.outputs(), columns, results);
                },
            ); // logits (W, V)
        }
    }

    /// A stage: `x` (N, K) by a layer; `finish` is given each row's results in some columns.
    fn product<'a>(
        &self,
        member: &mut Member<'_>,
        memory: &mut Vec<Results>,
        layer: &Linear<F>,
        x: impl Fn() -> &'a [F::Group],
        finish: impl Fn(usize, Range<usize>, &[f32]),
    ) {
        member.stage(layer.tasks(), |task| {
            let columns = layer.columns(task);
            let results = layer.forward(self.level, task, x(), memory);
            for (row, results) in results.iter().enumerate() {
                finish(row, columns.clone(), &results[..columns.len()]);
            }
        });
    }

    /// A stage: the MLP's hidden layer, activated and written down. A task's columns are a group of
    /// what the next product reads.
    fn hidden(
        &self,
        member: &mut Member<'_>,
        memory: &mut Vec<Results>,
        layer: &Linear<F>,
        pass: &Pass<'_, F>,
    ) {
        let rows = pass.tokens.len();
        member.stage(layer.tasks(), |task| {
            let a = pass.a(self.groups, 0..rows);
            let results = layer.forward(self.level, task, a, memory);
            for (row, results) in results.iter_mut().enumerate() {
                activate(self.level, self.activation, results.as_chunks_mut().0);
                let group = row * self.inner_groups + task;
                // SAFETY: each task has its own group of each row.
                let hidden = unsafe { pass.hidden.write(group..group + 1) };
                encode::<F>(self.level, results, hidden);
            }
        });
    }

    /// The norm of a row of the residual stream, as row `to` of what the next product reads.
    fn norm(&self, pass: &Pass<'_, F>, norm: &LayerNorm, from: usize, to: usize) {
        let stride = self.groups * GROUP;
        // SAFETY: each task has its own row of a; x is only read in this stage.
        let (x, a) = unsafe {
            (
                pass.x.read(from * stride..(from + 1) * stride),
                pass.a.write(to * self.groups..(to + 1) * self.groups),
            )
        };
        norm.forward::<F>(self.level, x, a);
    }

    /// A row of attention's results, written down for the next product.
    fn encode(&self, pass: &Pass<'_, F>, row: usize) {
        let stride = self.groups * GROUP;
        // SAFETY: each task has its own row; y was written before this stage.
        let (y, a) = unsafe {
            (
                pass.y.read(row * stride..(row + 1) * stride),
                pass.a.write(row * self.groups..(row + 1) * self.groups),
            )
        };
        encode::<F>(self.level, y, a);
    }

    /// Begins a row of the residual stream: its token's embedding and its position's.
    fn embed(&self, pass: &Pass<'_, F>, row: usize) {
        let Token { id, position, .. } = pass.tokens[row];
        let (id, width) = (id as usize, self.heads * self.head_dim);
        let stride = self.groups * GROUP;
        // SAFETY: each task has its own row.
        let x = unsafe { pass.x.write(row * stride..(row + 1) * stride) };
        let wpe = &self.wpe[position * width..][..width];
        match &self.wte {
            Some(wte) => {
                let wte = &wte[id * width..][..width];
                x.iter_mut().zip(wte.iter().zip(wpe)).for_each(|(x, (wte, wpe))| *x = wte + wpe);
            }
            None => {
                let wte = self.lm_head.column(id);
                x.iter_mut().zip(wte.zip(wpe)).for_each(|(x, (wte, wpe))| *x = wte + wpe);
            }
        }
        x[width..].fill(0.0);
    }

    /// Adds to the residual stream.
    fn add(&self, pass: &Pass<'_, F>, row: usize, columns: Range<usize>, results: &[f32]) {
        let start = row * self.groups * GROUP;
        // SAFETY: each task has its own columns.
        let x = unsafe { pass.x.write(start + columns.start..start + columns.end) };
        x.iter_mut().zip(results).for_each(|(x, result)| *x += result);
    }

    /// Writes a row's keys and values into a block's cache.
    fn remember(
        &self,
        pass: &Pass<'_, F>,
        cache: &SharedLayer<'_, F>,
        row: usize,
        scratch: &mut WriteScratch<F>,
    ) {
        let Token { slot, position, .. } = pass.tokens[row];
        let (width, head_dim) = (self.heads * self.head_dim, self.head_dim);
        // SAFETY: qkv was written before this stage.
        let qkv = unsafe { pass.qkv.read(row * 3 * width..(row + 1) * 3 * width) };
        for head in 0..self.heads {
            let part = |third: usize| &qkv[third * width + head * head_dim..][..head_dim];
            let (head, new) = (slot * self.heads + head, [part(1), part(2)]);
            // SAFETY: each task has its own position, and nothing is read in this stage.
            unsafe { cache.remember(self.level, pass.shape, head, position, new, scratch) };
        }
    }

    /// A row's attention in one head.
    fn attend(
        &self,
        pass: &Pass<'_, F>,
        cache: &SharedLayer<'_, F>,
        scale: f32,
        (row, head): (usize, usize),
        scores: &mut Vec<Lanes<f32>>,
    ) {
        let Token { slot, position, .. } = pass.tokens[row];
        let (width, head_dim) = (self.heads * self.head_dim, self.head_dim);
        let q = row * 3 * width + head * head_dim;
        let y = row * self.groups * GROUP + head * head_dim;
        let place = slot * self.heads + head;
        // SAFETY: qkv and the cache were written before this stage; each task has its own head of a
        // row of y.
        unsafe {
            let (q, y) = (pass.qkv.read(q..q + head_dim), pass.y.write(y..y + head_dim));
            cache.attend(self.level, pass.shape, place, position + 1, (q, scale), scores, y);
        }
    }
}

/// Writes a product's results into some columns of the row that begins at `start`.
fn write(to: &Shared<'_, f32>, start: usize, columns: Range<usize>, results: &[f32]) {
    // SAFETY: each task of a product has its own columns.
    let to = unsafe { to.write(start + columns.start..start + columns.end) };
    to.copy_from_slice(results);
}

/// What a pass reads and writes.
struct Pass<'a, F: Format> {
    tokens: &'a [Token],
    wanted: &'a [u32],
    shape: Shape,
    /// The residual stream (N, C).
    x: Shared<'a, f32>,
    /// Queries, keys and values (N, 3C).
    qkv: Shared<'a, f32>,
    /// Attention's results (N, C).
    y: Shared<'a, f32>,
    /// What a product reads: (N, C), in the end (W, C).
    a: Shared<'a, F::Group>,
    /// The MLP's hidden layer (N, I).
    hidden: Shared<'a, F::Group>,
    /// (W, V).
    logits: Shared<'a, f32>,
    layers: Vec<SharedLayer<'a, F>>,
}

impl<F: Format> Pass<'_, F> {
    /// Some rows of what a product reads. Only for stages after the one that wrote it.
    fn a(&self, groups: usize, rows: Range<usize>) -> &[F::Group] {
        // SAFETY: no product writes it.
        unsafe { self.a.read(rows.start * groups..rows.end * groups) }
    }
}
