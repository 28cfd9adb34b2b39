//! Causal self-attention and its gradient.
//!
//! A head's scores are computed in tiles of [`GROUP`] queries by [`GROUP`] keys. The forward pass
//! discards the tiles. The backward pass recomputes them twice: with queries as rows for the gradient of
//! the queries, and with keys as rows for the gradients of keys and values (as in FlashAttention-2, Dao
//! 2023, arXiv:2307.08691). This way, no tile has to be transposed.

mod softmax;

use std::ops::Range;

use candle_core::{DType, Result, Tensor, bail};
use rayon::prelude::*;

use super::compute;
use crate::train::matmul::{MatrixView, encode_serially, pack_serially};
use kernels::format::{Format, GROUP, PANEL};
use kernels::linear::{COLUMNS, Results, multiply};
use kernels::simd::Level;
use softmax::{KeyGradientKernel, QueryGradientKernel, SoftmaxKernel};

// A row of a tile is both the result of a product (COLUMNS numbers) and one group to encode (GROUP
// numbers).
const _: () = assert!(COLUMNS == GROUP);

/// A tile of scores: up to GROUP queries by GROUP keys, or up to GROUP keys by GROUP queries.
type Tile = [Results; GROUP];

/// Sizes of a batch and of its attention heads.
#[derive(Debug, Clone, Copy)]
pub struct AttentionShape {
    /// Number of rows in the batch (B).
    rows: usize,
    /// Number of tokens per row (T).
    length: usize,
    heads: usize,
    /// Head dimension (D).
    head: usize,
}

impl AttentionShape {
    /// Derives the sizes from `qkv` (N, 3C), which holds queries, keys and values side by side.
    pub fn of(qkv: &Tensor, rows: usize, heads: usize) -> Result<Self> {
        let (tokens, width) = qkv.dims2()?;
        if rows == 0 || !tokens.is_multiple_of(rows) || !width.is_multiple_of(3 * heads) {
            bail!("attention input ({tokens}, {width}) does not fit {rows} rows and {heads} heads");
        }
        Ok(Self { rows, length: tokens / rows, heads, head: width / 3 / heads })
    }

    /// Returns the width of the model (C).
    fn width(&self) -> usize {
        self.heads * self.head
    }

    /// Returns a view (T, D) of one part of one head, such as its keys, in `numbers` (N, `parts` · C).
    /// `of` is row · heads + head.
    fn view<'a>(&self, numbers: &'a [f32], parts: usize, part: usize, of: usize) -> MatrixView<'a> {
        let (row, head) = (of / self.heads, of % self.heads);
        let stride = parts * self.width();
        let first = row * self.length * stride + part * self.width() + head * self.head;
        MatrixView::new(&numbers[first..], self.length, self.head, stride)
    }

    /// Rearranges the results of the heads from (B, heads, parts, T, D) to (N, parts · C).
    fn gather_heads(&self, of_heads: &[f32], parts: usize) -> Vec<f32> {
        let (width, head, length) = (parts * self.width(), self.head, self.length);
        let mut numbers = vec![0.0; self.rows * length * width];
        numbers.par_chunks_mut(width).enumerate().for_each(|(token, numbers)| {
            let (row, position) = (token / length, token % length);
            for (i, to) in numbers.chunks_exact_mut(head).enumerate() {
                let (part, of) = (i / self.heads, row * self.heads + i % self.heads);
                let from = ((of * parts + part) * length + position) * head;
                to.copy_from_slice(&of_heads[from..from + head]);
            }
        });
        numbers
    }
}

/// Computes attention with candle's operations. The softmax is computed in f32.
pub fn with_candle(qkv: &Tensor, sizes: AttentionShape, scale: f64) -> Result<Tensor> {
    let AttentionShape { rows, length, heads, head } = sizes;
    let (width, dtype, device) = (sizes.width(), qkv.dtype(), qkv.device());
    let part = |part: usize| {
        let part = qkv.narrow(1, part * width, width)?;
        part.reshape((rows, length, heads, head))?.transpose(1, 2)?.contiguous()
    };
    let (q, k, v) = (part(0)?, part(1)?, part(2)?); // (B, H, T, D)
    let place = Tensor::arange(0, length as u32, device)?;
    let is_later = place.unsqueeze(0)?.broadcast_gt(&place.unsqueeze(1)?)?; // (T, T)
    let nothing = Tensor::zeros((length, length), DType::F32, device)?;
    let hidden = Tensor::full(f32::NEG_INFINITY, (length, length), device)?;
    let mask = is_later.where_cond(&hidden, &nothing)?;
    let scores = (q.matmul(&k.t()?.contiguous()?)?.to_dtype(DType::F32)? * scale)?;
    let scores = candle_nn::ops::softmax(&scores.broadcast_add(&mask)?, 3)?; // (B, H, T, T)
    let y = scores.to_dtype(dtype)?.matmul(&v)?.transpose(1, 2)?; // (B, T, H, D)
    y.reshape((rows * length, width))?.to_dtype(DType::F32)
}

/// Computes softmax(q kᵀ · scale) v with a causal mask: `qkv` (N, 3C) -> (N, C).
pub fn forward<F: Format>(
    level: Level,
    sizes: AttentionShape,
    scale: f32,
    qkv: &Tensor,
) -> Result<Tensor> {
    compute([qkv], (sizes.rows * sizes.length, sizes.width()), |[qkv]| {
        let mut y = vec![0.0; qkv.len() / 3];
        y.par_chunks_mut(sizes.length * sizes.head).enumerate().for_each(|(of, y)| {
            let part = |part| sizes.view(qkv, 3, part, of);
            head_forward::<F>(level, sizes, scale, [part(0), part(1), part(2)], y);
        });
        sizes.gather_heads(&y, 1)
    })
}

/// Returns the gradients of queries, keys and values side by side, (N, 3C).
pub fn backward<F: Format>(
    level: Level,
    sizes: AttentionShape,
    scale: f32,
    qkv: &Tensor,
    dy: &Tensor,
) -> Result<Tensor> {
    compute([qkv, dy], qkv.shape(), |[qkv, dy]| {
        let mut of_heads = vec![0.0; qkv.len()];
        of_heads.par_chunks_mut(3 * sizes.length * sizes.head).enumerate().for_each(
            |(of, of_head)| {
                let part = |part| sizes.view(qkv, 3, part, of);
                let views = [part(0), part(1), part(2), sizes.view(dy, 1, 0, of)];
                head_backward::<F>(level, sizes, scale, views, of_head);
            },
        );
        sizes.gather_heads(&of_heads, 3)
    })
}

/// Computes the attention of one head: `q`, `k`, `v` (T, D) -> `y` (T, D).
fn head_forward<F: Format>(
    level: Level,
    sizes: AttentionShape,
    scale: f32,
    [q, k, v]: [MatrixView<'_>; 3],
    y: &mut [f32],
) {
    let queries = EncodedRows::<F>::new(level, q, sizes);
    let keys = PackedColumns::<F>::new(level, k.transposed());
    let values = PackedColumns::<F>::new(level, v);
    let mut tiles = Vec::new();
    for block in 0..queries.blocks() {
        let rows = queries.in_block(block);
        scores(level, &queries, block, &keys, 0..block + 1, &mut tiles);
        let mut weights = vec![bytemuck::Zeroable::zeroed(); rows * (block + 1)];
        level.run(SoftmaxKernel::<F> { tiles: &mut tiles, rows, scale, weights: &mut weights });
        let y = &mut y[block * GROUP * sizes.head..][..rows * sizes.head];
        values.product(level, &weights, 0..block + 1, sizes.head, y);
    }
}

/// Computes the gradients of one head: `q`, `k`, `v` and `dy`, each (T, D) -> (3, T, D).
fn head_backward<F: Format>(
    level: Level,
    sizes: AttentionShape,
    scale: f32,
    [q, k, v, dy]: [MatrixView<'_>; 4],
    of_three: &mut [f32],
) {
    let AttentionShape { length, head, .. } = sizes;
    let rows_of = |view| EncodedRows::<F>::new(level, view, sizes);
    let columns_of = |view| PackedColumns::<F>::new(level, view);
    let (of_q, rest) = of_three.split_at_mut(length * head);
    let (of_k, of_v) = rest.split_at_mut(length * head);
    let blocks = length.div_ceil(GROUP);
    // For each query: the log-sum-exp of its scores and the dot product of its attention weights with
    // their gradients. An infinite log-sum-exp gives padding queries a weight of 0.
    let mut log_sums = vec![f32::INFINITY; blocks * GROUP];
    let mut deltas = vec![0.0; blocks * GROUP];
    let (mut tiles, mut of_weights) = (Vec::new(), Vec::new());

    let (queries, keys) = (rows_of(q), columns_of(k.transposed()));
    let (of_y, values) = (rows_of(dy), columns_of(v.transposed()));
    let keys_by_position = columns_of(k);
    for block in 0..blocks {
        let rows = queries.in_block(block);
        scores(level, &queries, block, &keys, 0..block + 1, &mut tiles);
        scores(level, &of_y, block, &values, 0..block + 1, &mut of_weights);
        let mut of_scores = vec![bytemuck::Zeroable::zeroed(); rows * (block + 1)];
        level.run(QueryGradientKernel::<F> {
            tiles: &mut tiles,
            of_weights: &of_weights,
            rows,
            scale,
            log_sums: &mut log_sums[block * GROUP..][..GROUP],
            deltas: &mut deltas[block * GROUP..][..GROUP],
            of_scores: &mut of_scores,
        });
        let of_q = &mut of_q[block * GROUP * head..][..rows * head];
        keys_by_position.product(level, &of_scores, 0..block + 1, head, of_q);
    }

    let (keys, queries) = (rows_of(k), columns_of(q.transposed()));
    let (values, of_y) = (rows_of(v), columns_of(dy.transposed()));
    let (queries_by_position, of_y_by_position) = (columns_of(q), columns_of(dy));
    for block in 0..blocks {
        let (rows, count) = (keys.in_block(block), blocks - block);
        scores(level, &keys, block, &queries, block..blocks, &mut tiles);
        scores(level, &values, block, &of_y, block..blocks, &mut of_weights);
        let mut weights = vec![bytemuck::Zeroable::zeroed(); rows * count];
        let mut of_scores = weights.clone();
        level.run(KeyGradientKernel::<F> {
            tiles: &mut tiles,
            of_weights: &mut of_weights,
            rows,
            scale,
            log_sums: &log_sums[block * GROUP..],
            deltas: &deltas[block * GROUP..],
            weights: &mut weights,
            of_scores: &mut of_scores,
        });
        let part = block * GROUP * head..(block * GROUP + rows) * head;
        let all = block..blocks;
        of_y_by_position.product(level, &weights, all.clone(), head, &mut of_v[part.clone()]);
        queries_by_position.product(level, &of_scores, all, head, &mut of_k[part]);
    }
}

/// Left operand of a product: a matrix (T, D), encoded by rows.
struct EncodedRows<F: Format> {
    groups: usize,
    length: usize,
    /// The encoded groups, (T, groups).
    encoded: Vec<F::Group>,
}

impl<F: Format> EncodedRows<F> {
    fn new(level: Level, view: MatrixView<'_>, sizes: AttentionShape) -> Self {
        let groups = sizes.head.div_ceil(GROUP);
        Self { groups, length: sizes.length, encoded: encode_serially::<F>(level, view) }
    }

    fn blocks(&self) -> usize {
        self.length.div_ceil(GROUP)
    }

    /// Returns the number of rows in a block, which is smaller than `GROUP` for an incomplete last
    /// block.
    fn in_block(&self, block: usize) -> usize {
        GROUP.min(self.length - block * GROUP)
    }

    fn block(&self, block: usize) -> &[F::Group] {
        &self.encoded[block * GROUP * self.groups..][..self.in_block(block) * self.groups]
    }
}

/// Right operand of a product: a matrix (K, N), packed into panels.
struct PackedColumns<F: Format> {
    groups: usize,
    /// The packed blocks, (panels, groups).
    blocks: Vec<F::Block>,
}

impl<F: Format> PackedColumns<F> {
    fn new(level: Level, view: MatrixView<'_>) -> Self {
        Self { groups: view.rows().div_ceil(GROUP), blocks: pack_serially::<F>(level, view) }
    }

    fn panel(&self, panel: usize) -> &[F::Block] {
        &self.blocks[panel * self.groups..][..self.groups]
    }

    /// Multiplies `x` (rows, groups) by the rows of this matrix in `groups` and writes the product to `y`
    /// (rows, `width`).
    fn product(
        &self,
        level: Level,
        x: &[F::Group],
        groups: Range<usize>,
        width: usize,
        y: &mut [f32],
    ) {
        let mut results = [[0.0; COLUMNS]; GROUP];
        let results = &mut results[..y.len() / width];
        for first in (0..width).step_by(COLUMNS) {
            for half in 0..COLUMNS / PANEL {
                let panel = &self.panel(first / PANEL + half)[groups.clone()];
                multiply::<F>(level, x, panel, None, &NO_BIAS, results, half);
            }
            let end = width.min(first + COLUMNS);
            for (y, results) in y.chunks_exact_mut(width).zip(&*results) {
                y[first..end].copy_from_slice(&results[..end - first]);
            }
        }
    }
}

const NO_BIAS: [f32; PANEL] = [0.0; PANEL];

/// Multiplies a block of rows by each of several blocks of columns, which gives one tile per block of
/// columns.
fn scores<F: Format>(
    level: Level,
    rows: &EncodedRows<F>,
    block: usize,
    columns: &PackedColumns<F>,
    blocks: Range<usize>,
    tiles: &mut Vec<Tile>,
) {
    if tiles.len() < blocks.len() {
        tiles.resize(blocks.len(), [[0.0; COLUMNS]; GROUP]);
    }
    let x = rows.block(block);
    for (tile, columns_of) in tiles.iter_mut().zip(blocks) {
        for half in 0..COLUMNS / PANEL {
            let panel = columns.panel(columns_of * (COLUMNS / PANEL) + half);
            let tile = &mut tile[..rows.in_block(block)];
            multiply::<F>(level, x, panel, None, &NO_BIAS, tile, half);
        }
    }
}
