//! One forward pass: its stages, and the memory that they read and write.
//!
//! A stage consists of tasks. Each task writes memory that no other task of the stage accesses and
//! reads only what earlier stages wrote. All `unsafe` code here relies on this; each `SAFETY` comment
//! names the memory that the task owns.

use std::ops::Range;

use super::Network;
use super::cache::{Cache, KvScratch, SharedLayer};
use crate::model::InputToken;
use crate::thread_team::{SharedSlice, Worker};
use kernels::format::{Format, GROUP};
use kernels::gelu::activate;
use kernels::layer_norm::{LayerNorm, encode};
use kernels::linear::{Linear, Results};
use kernels::simd::Lanes;

/// Inputs, outputs and intermediate results of a pass.
pub struct Pass<'a, F: Format> {
    tokens: &'a [InputToken],
    wanted: &'a [u32],
    /// The residual stream (N, C).
    x: SharedSlice<'a, f32>,
    /// Queries, keys and values (N, 3C), without padding.
    qkv: SharedSlice<'a, f32>,
    /// Attention output (N, C).
    y: SharedSlice<'a, f32>,
    /// Input of the next matrix product: (N, C), or (W, C) for the logits.
    a: SharedSlice<'a, F::Group>,
    /// The MLP's hidden layer (N, I).
    hidden: SharedSlice<'a, F::Group>,
    /// Logits (W, V), without padding.
    logits: SharedSlice<'a, f32>,
    layers: Vec<SharedLayer<'a, F>>,
}

impl<'a, F: Format> Pass<'a, F> {
    /// Creates a pass, and resizes the cache's scratch memory and `logits` to fit.
    pub fn new(
        network: &Network<F>,
        cache: &'a mut Cache,
        tokens: &'a [InputToken],
        wanted: &'a [u32],
        logits: &'a mut Vec<f32>,
    ) -> Self {
        let (rows, groups) = (tokens.len(), network.groups);
        let (layers, scratch) = cache.share::<F>();
        let [x, qkv, y] = &mut scratch.numbers;
        x.resize(rows * groups * GROUP, 0.0);
        qkv.resize(rows * 3 * network.width(), 0.0);
        y.resize(rows * groups * GROUP, 0.0);
        let [a, hidden] = &mut scratch.encoded;
        let words = size_of::<F::Group>() / size_of::<u32>();
        a.resize(rows.max(wanted.len()) * groups * words, 0);
        hidden.resize(rows * network.inner_groups * words, 0);
        logits.resize(wanted.len() * network.lm_head.outputs(), 0.0);
        Self {
            tokens,
            wanted,
            x: SharedSlice::new(x),
            qkv: SharedSlice::new(qkv),
            y: SharedSlice::new(y),
            a: SharedSlice::new(bytemuck::cast_slice_mut(a)),
            hidden: SharedSlice::new(bytemuck::cast_slice_mut(hidden)),
            logits: SharedSlice::new(logits),
            layers,
        }
    }
}

/// Destination of a matrix product's results, which also determines the product's input.
pub enum Destination {
    /// Reads `a` and writes `qkv`.
    Qkv,
    /// Reads `a` and adds to the residual stream.
    Residual,
    /// Reads the hidden layer and adds to the residual stream.
    ResidualFromHidden,
    /// Reads `a`, applies the activation, and encodes the result as the next matrix product's input.
    Hidden,
    /// Reads these rows of `a` and writes the logits.
    Logits(Range<usize>),
}

/// A thread of a pass, with its private scratch memory.
pub struct Thread<'a, 'm, F: Format> {
    network: &'a Network<F>,
    pass: &'a Pass<'a, F>,
    worker: &'a mut Worker<'m>,
    results: Vec<Results>,
    scores: Vec<Lanes<f32>>,
    scratch: KvScratch<F>,
}

impl<'a, 'm, F: Format> Thread<'a, 'm, F> {
    /// Joins a pass as one of its threads.
    pub fn new(network: &'a Network<F>, pass: &'a Pass<'a, F>, worker: &'a mut Worker<'m>) -> Self {
        let (results, scores) = (Vec::new(), Vec::new());
        let scratch = KvScratch::new(network.head_dim);
        Self { network, pass, worker, results, scores, scratch }
    }

    /// Number of requested rows of logits (W).
    pub fn wanted(&self) -> usize {
        self.pass.wanted.len()
    }

    /// Initialises the residual stream with the sum of token and position embeddings.
    pub fn embed(&mut self) {
        let Self { network, pass, .. } = *self;
        let width = network.width();
        self.worker.stage(pass.tokens.len(), |row| {
            let InputToken { id, position, .. } = pass.tokens[row];
            // SAFETY: the task owns a row of x.
            let x = unsafe { pass.x.write(rows(row..row + 1, network.groups * GROUP)) };
            let wte = network.embedding(id as usize);
            let wpe = &network.wpe[position * width..][..width];
            x.iter_mut().zip(wte.zip(wpe)).for_each(|(x, (wte, wpe))| *x = wte + wpe);
            x[width..].fill(0.0);
        });
    }

    /// Normalises the residual stream into the input of the next matrix product.
    pub fn norm(&mut self, norm: &LayerNorm) {
        let Self { network, pass, .. } = *self;
        self.worker.stage(pass.tokens.len(), |row| norm_row(network, pass, norm, row, row));
    }

    /// Normalises only the rows of the residual stream whose logits are wanted.
    pub fn norm_of_the_wanted(&mut self, norm: &LayerNorm) {
        let Self { network, pass, .. } = *self;
        self.worker.stage(pass.wanted.len(), |row| {
            norm_row(network, pass, norm, pass.wanted[row] as usize, row);
        });
    }

    /// Encodes the attention output as the input of the next matrix product.
    pub fn encode(&mut self) {
        let Self { network, pass, .. } = *self;
        let groups = network.groups;
        self.worker.stage(pass.tokens.len(), |row| {
            // SAFETY: the task owns a row of a.
            let (y, a) = unsafe {
                (
                    pass.y.read(rows(row..row + 1, groups * GROUP)),
                    pass.a.write(rows(row..row + 1, groups)),
                )
            };
            encode::<F>(network.level, y, a);
        });
    }

    /// Computes a matrix product. Each task computes a range of columns.
    pub fn product(&mut self, layer: &Linear<F>, to: Destination) {
        let Self { network, pass, ref mut worker, ref mut results, .. } = *self;
        let (level, groups, tokens) = (network.level, network.groups, pass.tokens.len());
        let (from, part) = match &to {
            Destination::ResidualFromHidden => {
                (&pass.hidden, rows(0..tokens, network.inner_groups))
            }
            Destination::Logits(part) => (&pass.a, rows(part.clone(), groups)),
            _ => (&pass.a, rows(0..tokens, groups)),
        };
        worker.stage(layer.tasks(), |task| {
            // SAFETY: no product writes its own input.
            let x = unsafe { from.read(part.clone()) };
            let columns = layer.columns(task);
            for (row, results) in layer.forward(level, task, x, results).iter_mut().enumerate() {
                let within = |row: usize, stride: usize| {
                    row * stride + columns.start..row * stride + columns.end
                };
                // SAFETY: in every case the task owns its columns of the row.
                match &to {
                    Destination::Qkv => {
                        let qkv = unsafe { pass.qkv.write(within(row, layer.outputs())) };
                        qkv.copy_from_slice(&results[..columns.len()]);
                    }
                    Destination::Residual | Destination::ResidualFromHidden => {
                        let x = unsafe { pass.x.write(within(row, groups * GROUP)) };
                        x.iter_mut().zip(results).for_each(|(x, result)| *x += *result);
                    }
                    Destination::Hidden => {
                        activate(level, network.activation, results.as_chunks_mut().0);
                        // A task's columns form one group.
                        let group = row * network.inner_groups + task;
                        let hidden = unsafe { pass.hidden.write(group..group + 1) };
                        encode::<F>(level, results, hidden);
                    }
                    Destination::Logits(part) => {
                        let within = within(part.start + row, layer.outputs());
                        let logits = unsafe { pass.logits.write(within) };
                        logits.copy_from_slice(&results[..columns.len()]);
                    }
                }
            }
        });
    }

    /// Writes every token's keys and values into a block's cache.
    pub fn write_kv(&mut self, layer: usize) {
        let Self { network, pass, ref mut worker, ref mut scratch, .. } = *self;
        let (level, heads, head_dim) = (network.level, network.heads, network.head_dim);
        worker.stage(pass.tokens.len(), |row| {
            let InputToken { slot, position, .. } = pass.tokens[row];
            // SAFETY: no task writes qkv in this stage.
            let qkv = unsafe { pass.qkv.read(rows(row..row + 1, 3 * network.width())) };
            let (_, kv) = qkv.split_at(network.width());
            let (k, v) = kv.split_at(network.width());
            let new = k.chunks_exact(head_dim).zip(v.chunks_exact(head_dim));
            for (head, (key, value)) in (slot * heads..).zip(new) {
                // SAFETY: the task owns this position of the slot; no other token of the pass has it.
                unsafe {
                    pass.layers[layer].write_kv(level, head, position, [key, value], scratch);
                }
            }
        });
    }

    /// Computes every token's causal attention, one head per task.
    pub fn attention(&mut self, layer: usize, scale: f32) {
        let Self { network, pass, ref mut worker, ref mut scores, .. } = *self;
        let (heads, head_dim) = (network.heads, network.head_dim);
        worker.stage(pass.tokens.len() * heads, |task| {
            let (row, head) = (task / heads, task % heads);
            let InputToken { slot, position, .. } = pass.tokens[row];
            let q = row * 3 * network.width() + head * head_dim;
            let y = row * network.groups * GROUP + head * head_dim;
            // SAFETY: the task owns one head of a row of y.
            unsafe {
                let q = pass.qkv.read(q..q + head_dim);
                let y = pass.y.write(y..y + head_dim);
                let (head, length) = (slot * heads + head, position + 1);
                pass.layers[layer].attention(network.level, head, length, (q, scale), scores, y);
            }
        });
    }
}

/// Returns the index range of `rows` in memory with row stride `stride`.
fn rows(rows: Range<usize>, stride: usize) -> Range<usize> {
    rows.start * stride..rows.end * stride
}

/// Normalises row `from` of the residual stream into row `to` of the next matrix product's input.
fn norm_row<F: Format>(
    network: &Network<F>,
    pass: &Pass<'_, F>,
    norm: &LayerNorm,
    from: usize,
    to: usize,
) {
    // SAFETY: the task owns a row of a.
    let (x, a) = unsafe {
        (
            pass.x.read(rows(from..from + 1, network.groups * GROUP)),
            pass.a.write(rows(to..to + 1, network.groups)),
        )
    };
    norm.forward::<F>(network.level, x, a);
}
