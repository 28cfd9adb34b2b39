//! A linear layer, y = x W + b. Linear layers account for most of GPT-2's arithmetic.
//!
//! W is packed once into panels of [`PANEL`] columns, so a product reads memory sequentially. A task
//! multiplies two panels by all rows of x, one register tile of rows at a time. Thus the weights are
//! read from memory once for any number of rows, and the next panel is prefetched while the current one
//! is in use.

use std::marker::PhantomData;
use std::ops::Range;

use super::format::{Format, GROUP, PANEL};
use super::owned_or_mapped::OwnedOrMapped;
use super::simd::{Kernel, LANES, Level, Simd};

/// Number of columns per task.
pub const COLUMNS: usize = 2 * PANEL;

/// A packed linear layer.
pub struct Linear<F: Format> {
    inputs: usize,
    outputs: usize,
    /// ceil(N / COLUMNS) pairs of panels, padded with zeros. A panel has ceil(K / GROUP) blocks.
    blocks: OwnedOrMapped<F::Block>,
    /// Bias, padded with zeros to a multiple of [`COLUMNS`].
    bias: Vec<f32>,
}

/// One row's results in a task's columns.
pub type Results = [f32; COLUMNS];

impl<F: Format> Linear<F> {
    /// Returns the number of blocks in a layer of this size.
    pub fn blocks(inputs: usize, outputs: usize) -> usize {
        inputs.div_ceil(GROUP) * outputs.div_ceil(COLUMNS) * (COLUMNS / PANEL)
    }

    /// Creates a layer from packed blocks.
    pub fn new(
        inputs: usize,
        outputs: usize,
        blocks: OwnedOrMapped<F::Block>,
        bias: &[f32],
    ) -> Self {
        assert_eq!(blocks.len(), Self::blocks(inputs, outputs));
        let mut bias = bias.to_vec();
        bias.resize(outputs.next_multiple_of(COLUMNS), 0.0);
        Self { inputs, outputs, blocks, bias }
    }

    /// Packs a weight (K, N) into `blocks`.
    pub fn pack(
        level: Level,
        (inputs, outputs): (usize, usize),
        weight: &impl Matrix,
        blocks: &mut [F::Block],
    ) {
        let groups = inputs.div_ceil(GROUP);
        for (panel, blocks) in blocks.chunks_exact_mut(groups).enumerate() {
            pack_panel::<F>(level, (inputs, outputs), weight, panel, blocks);
        }
    }

    pub fn packed(&self) -> &[F::Block] {
        &self.blocks
    }

    /// Whether the packed weight is in a memory-mapped file.
    pub fn is_mapped(&self) -> bool {
        self.blocks.is_mapped()
    }

    /// Number of outputs (N).
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Number of tasks in a product.
    pub fn tasks(&self) -> usize {
        self.outputs.div_ceil(COLUMNS)
    }

    /// Columns of a task, without padding.
    pub fn columns(&self, task: usize) -> Range<usize> {
        task * COLUMNS..self.outputs.min((task + 1) * COLUMNS)
    }

    /// Returns a column of W, decoded from the number format.
    pub fn column(&self, column: usize) -> impl Iterator<Item = f32> {
        let groups = self.inputs.div_ceil(GROUP);
        let panel = &self.blocks[column / PANEL * groups..][..groups];
        panel.iter().flat_map(move |block| F::column(block, column % PANEL)).take(self.inputs)
    }

    /// Computes one task of the product with `x` (rows, ceil(K / GROUP)), and returns each row's
    /// results. `memory` is scratch space.
    pub fn forward<'a>(
        &self,
        level: Level,
        task: usize,
        x: &[F::Group],
        memory: &'a mut Vec<Results>,
    ) -> &'a mut [Results] {
        let groups = self.inputs.div_ceil(GROUP);
        let rows = x.len() / groups;
        if memory.len() < rows {
            memory.resize(rows, [0.0; COLUMNS]);
        }
        let results = &mut memory[..rows];
        for part in 0..COLUMNS / PANEL {
            let panel = task * (COLUMNS / PANEL) + part;
            multiply::<F>(
                level,
                x,
                &self.blocks[panel * groups..(panel + 1) * groups],
                self.blocks.get((panel + 1) * groups..(panel + 2) * groups),
                &self.bias[panel * PANEL..(panel + 1) * PANEL],
                results,
                part,
            );
        }
        results
    }
}

/// Multiplies `x` (rows, groups) by a panel (groups), adds `bias` (PANEL), and writes each row's
/// results to the columns of panel `part` of the task. `next` is the panel to prefetch.
pub fn multiply<F: Format>(
    level: Level,
    x: &[F::Group],
    panel: &[F::Block],
    next: Option<&[F::Block]>,
    bias: &[f32],
    results: &mut [Results],
    part: usize,
) {
    let (groups, rows) = (panel.len(), results.len());
    assert_eq!(x.len(), rows * groups);
    if let (Some(amx), Some(bias)) = (level.amx(), bias.as_chunks().0.first_chunk())
        && F::multiply_with_amx(amx, x, panel, bias, results, part * PANEL)
    {
        return;
    }
    let tiles = rows.div_ceil(level.run(MostRows::<F>(PhantomData)));
    let mut row = 0;
    for tile in 0..tiles {
        // Split rows evenly, because a small last tile would not keep the CPU busy.
        let end = row + (rows - row).div_ceil(tiles - tile);
        level.run(Tile::<F> {
            x: &x[row * groups..end * groups],
            groups,
            panel,
            next,
            share: (tile, tiles),
            bias,
            results: &mut results[row..end],
            part,
        });
        row = end;
    }
}

/// Packs one panel of a weight (K, N) into `blocks` (groups).
pub fn pack_panel<F: Format>(
    level: Level,
    (inputs, outputs): (usize, usize),
    weight: &impl Matrix,
    panel: usize,
    blocks: &mut [F::Block],
) {
    let first = panel * PANEL;
    let columns = first.min(outputs)..outputs.min(first + PANEL);
    for (group, block) in blocks.iter_mut().enumerate() {
        let mut weights = [[0.0; PANEL]; GROUP];
        let rows = group * GROUP..inputs.min((group + 1) * GROUP);
        weight.read(rows, columns.clone(), &mut weights);
        *block = level.run(Pack::<F>(&weights, PhantomData));
    }
}

struct Pack<'a, F>(&'a [[f32; PANEL]; GROUP], PhantomData<F>);

impl<F: Format> Kernel for Pack<'_, F> {
    type Output = F::Block;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> F::Block {
        F::pack(simd, self.0)
    }
}

/// A weight matrix before packing.
pub trait Matrix {
    /// Copies a range of rows and columns to `to`.
    fn read(&self, rows: Range<usize>, columns: Range<usize>, to: &mut [[f32; PANEL]; GROUP]);
}

/// Maximum number of rows in a tile.
const MOST_ROWS: usize = 12;

/// Width of a tile in vectors.
const fn across<S: Simd>() -> usize {
    // With enough registers, a tile is two vectors wide, so each input is used twice.
    if S::ACCUMULATORS >= 24 { 2 } else { 1 }
}

/// A kernel that returns the largest number of rows for which a tile's accumulators fit in the
/// registers.
struct MostRows<F>(PhantomData<F>);

impl<F: Format> Kernel for MostRows<F> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        (F::accumulators::<S>() / across::<S>()).clamp(1, MOST_ROWS)
    }
}

/// The product of a few rows and a panel.
struct Tile<'a, F: Format> {
    /// (rows, groups).
    x: &'a [F::Group],
    groups: usize,
    panel: &'a [F::Block],
    /// The panel to prefetch.
    next: Option<&'a [F::Block]>,
    /// Index of this tile and number of tiles; each tile prefetches its share of the next panel.
    share: (usize, usize),
    /// (PANEL).
    bias: &'a [f32],
    /// (rows).
    results: &'a mut [Results],
    /// Index of the panel within its task.
    part: usize,
}

impl<F: Format> Kernel for Tile<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        match self.results.len() {
            1 => self.rows::<S, 1>(simd),
            2 => self.rows::<S, 2>(simd),
            3 => self.rows::<S, 3>(simd),
            4 => self.rows::<S, 4>(simd),
            5 => self.rows::<S, 5>(simd),
            6 => self.rows::<S, 6>(simd),
            7 => self.rows::<S, 7>(simd),
            8 => self.rows::<S, 8>(simd),
            9 => self.rows::<S, 9>(simd),
            10 => self.rows::<S, 10>(simd),
            11 => self.rows::<S, 11>(simd),
            _ => self.rows::<S, 12>(simd),
        }
    }
}

impl<F: Format> Tile<'_, F> {
    #[inline(always)]
    fn rows<S: Simd, const ROWS: usize>(&mut self, simd: S) {
        if ROWS > 1 && ROWS * across::<S>() > F::accumulators::<S>() {
            // `multiply` never creates such a tile, so compile no code for it.
            return;
        }
        if across::<S>() == 2 {
            self.product::<S, ROWS, 2>(simd, 0);
        } else {
            self.product::<S, ROWS, 1>(simd, 0);
            self.product::<S, ROWS, 1>(simd, 1);
        }
    }

    /// Computes the tile's product. For any `ROWS`, each result accumulates over the groups in order,
    /// and the bias is added last.
    #[inline(always)]
    fn product<S: Simd, const ROWS: usize, const ACROSS: usize>(&mut self, simd: S, first: usize) {
        let groups = self.groups;
        let panel = &self.panel[..groups];
        let mut x = [&self.x[..groups]; ROWS];
        for (row, x) in x.iter_mut().enumerate() {
            *x = &self.x[row * groups..][..groups];
        }
        let next = match (self.next, first) {
            (Some(next), 0) => &next[..groups],
            _ => &[],
        };
        let mut sums = [[simd.splat(0.0); ACROSS]; ROWS];
        for (group, block) in panel.iter().enumerate() {
            if let Some(next) = next.get(group) {
                self.fetch(simd, next);
            }
            let mut inputs = [&x[0][group]; ROWS];
            for (input, x) in inputs.iter_mut().zip(x) {
                *input = &x[group];
            }
            sums = F::multiply(simd, sums, inputs, block, first);
        }
        let bias = &self.bias.as_chunks::<LANES>().0[first..];
        let vector = self.part * (PANEL / LANES) + first;
        for (results, sums) in self.results.iter_mut().zip(sums) {
            let results = &mut results.as_chunks_mut::<LANES>().0[vector..];
            for ((result, sum), bias) in results.iter_mut().zip(sums).zip(bias) {
                simd.store(result, simd.add(sum, simd.load(bias)));
            }
        }
    }

    /// Prefetches this tile's share of a block.
    #[inline(always)]
    fn fetch<S: Simd>(&self, simd: S, block: &F::Block) {
        let lines = bytemuck::bytes_of(block).as_chunks::<64>().0;
        let (tile, tiles) = self.share;
        for line in &lines[lines.len() * tile / tiles..lines.len() * (tile + 1) / tiles] {
            simd.prefetch(line);
        }
    }
}
