//! Products of two matrices that both change from one step of training to the next.
//!
//! The left one is encoded, row by row along the sum; the right one is packed into panels, as the weights
//! of a linear layer are. So the kernel is the same, and so is its rule: each number is one chain of
//! operations whose order the sizes alone decide.

use std::ops::Range;

use rayon::prelude::*;

use super::format::{Format, GROUP, PANEL};
use super::linear::{COLUMNS, Linear, Matrix, Results, multiply, pack_panel};
use super::simd::{Kernel, Level, Simd};

/// A matrix that lies in memory row after row, or column after column.
#[derive(Clone, Copy)]
pub struct View<'a> {
    numbers: &'a [f32],
    rows: usize,
    columns: usize,
    /// From a row to the next, or from a column to the next where it is transposed.
    stride: usize,
    is_transposed: bool,
}

impl<'a> View<'a> {
    /// `rows` rows of `columns` numbers, each beginning `stride` after the one before.
    pub fn new(numbers: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(columns <= stride && rows.max(1) * stride - stride + columns <= numbers.len());
        Self { numbers, rows, columns, stride, is_transposed: false }
    }

    /// The matrix (rows, columns) without gaps.
    pub fn of(numbers: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(numbers.len(), rows * columns);
        Self { numbers, rows, columns, stride: columns, is_transposed: false }
    }

    /// Rows for columns.
    pub fn transposed(self) -> Self {
        let Self { rows, columns, is_transposed, .. } = self;
        Self { rows: columns, columns: rows, is_transposed: !is_transposed, ..self }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A part of it: (rows, columns) as they lie in memory.
    fn line(&self, line: usize, part: Range<usize>) -> &'a [f32] {
        &self.numbers[line * self.stride..][part]
    }
}

impl Matrix for View<'_> {
    #[inline(always)]
    fn read(&self, rows: Range<usize>, columns: Range<usize>, to: &mut [[f32; PANEL]; GROUP]) {
        if self.is_transposed {
            for (to_column, column) in columns.enumerate() {
                let line = self.line(column, rows.clone());
                for (to, number) in to.iter_mut().zip(line) {
                    to[to_column] = *number;
                }
            }
        } else {
            for (to, row) in to.iter_mut().zip(rows) {
                let line = self.line(row, columns.clone());
                match line.first_chunk() {
                    Some(line) => *to = *line,
                    None => to[..columns.len()].copy_from_slice(line),
                }
            }
        }
    }
}

/// The left matrix of a product, (rows, ceil(K / GROUP)).
pub fn encoded<F: Format>(level: Level, view: View<'_>) -> Vec<F::Group> {
    let groups = view.columns.div_ceil(GROUP);
    let mut encoded = vec![bytemuck::Zeroable::zeroed(); view.rows * groups];
    encoded.par_chunks_mut(groups * GROUP).enumerate().for_each(|(block, encoded)| {
        let first = block * GROUP;
        level.run(Encode::<F> { view, rows: first..view.rows.min(first + GROUP), encoded });
    });
    encoded
}

/// A few rows, written down along the sum.
struct Encode<'a, F: Format> {
    view: View<'a>,
    rows: Range<usize>,
    /// (rows, groups).
    encoded: &'a mut [F::Group],
}

impl<F: Format> Kernel for Encode<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { view, rows, encoded } = self;
        let groups = view.columns.div_ceil(GROUP);
        let mut tile = [[0.0; GROUP]; GROUP];
        for group in 0..groups {
            let part = group * GROUP..view.columns.min((group + 1) * GROUP);
            if !view.is_transposed && part.len() == GROUP {
                for (row, line) in rows.clone().enumerate() {
                    if let Some(numbers) = view.line(line, part.clone()).first_chunk() {
                        encoded[row * groups + group] = F::encode(simd, numbers);
                    }
                }
                continue;
            }
            if view.is_transposed {
                // Lines of the memory are columns of the tile.
                for (to, line) in part.clone().enumerate() {
                    let line = view.line(line, rows.clone());
                    for (tile, number) in tile.iter_mut().zip(line) {
                        tile[to] = *number;
                    }
                }
                if part.len() < GROUP {
                    tile.iter_mut().for_each(|row| row[part.len()..].fill(0.0));
                }
            } else {
                for (tile, row) in tile.iter_mut().zip(rows.clone()) {
                    tile[..part.len()].copy_from_slice(view.line(row, part.clone()));
                    tile[part.len()..].fill(0.0);
                }
            }
            for (row, tile) in tile[..rows.len()].iter().enumerate() {
                encoded[row * groups + group] = F::encode(simd, tile);
            }
        }
    }
}

/// The right matrix of a product (K, N), packed.
pub fn packed<F: Format>(level: Level, view: View<'_>) -> Vec<F::Block> {
    let size = (view.rows, view.columns);
    let mut blocks = vec![bytemuck::Zeroable::zeroed(); Linear::<F>::blocks(size.0, size.1)];
    Linear::<F>::pack(level, size, &view, &mut blocks);
    blocks
}

/// What becomes of a product's results.
pub enum Into<'a> {
    /// They begin from a bias (N).
    Biased(&'a [f32]),
    /// They take the place of what was there.
    Replace,
    /// They are added to what is there.
    Add,
}

/// The product of `x` (rows, groups) with `blocks` (groups, columns) goes to `y` (rows, columns).
pub fn product<F: Format>(
    level: Level,
    x: &[F::Group],
    blocks: &[F::Block],
    columns: usize,
    into: Into<'_>,
    y: &mut [f32],
) {
    let rows = y.len() / columns;
    let groups = x.len() / rows.max(1);
    // Few enough rows that they stay in a processor's own cache while the panels pass, and enough
    // blocks that no thread waits long for the last.
    let in_cache = ((256 << 10) / (groups * size_of::<F::Group>())).max(1);
    let shared = rows.div_ceil(4 * rayon::current_num_threads());
    let together = in_cache.min(shared).max(12).min(rows.max(1));
    let no_bias = [0.0; COLUMNS];
    let tasks = columns.div_ceil(COLUMNS);
    y.par_chunks_mut(together * columns).zip(x.par_chunks(together * groups)).for_each(|(y, x)| {
        let mut results: Vec<Results> = vec![[0.0; COLUMNS]; y.len() / columns];
        for task in 0..tasks {
            let part = task * COLUMNS..columns.min((task + 1) * COLUMNS);
            let mut bias = no_bias;
            if let Into::Biased(all) = into {
                bias[..part.len()].copy_from_slice(&all[part.clone()]);
            }
            for half in 0..COLUMNS / PANEL {
                let panel = task * (COLUMNS / PANEL) + half;
                multiply::<F>(
                    level,
                    x,
                    &blocks[panel * groups..(panel + 1) * groups],
                    blocks.get((panel + 1) * groups..(panel + 2) * groups),
                    &bias[half * PANEL..(half + 1) * PANEL],
                    &mut results,
                    half,
                );
            }
            for (y, results) in y.chunks_exact_mut(columns).zip(&results) {
                let y = &mut y[part.clone()];
                match (&into, y.first_chunk_mut::<COLUMNS>()) {
                    (Into::Add, _) => y.iter_mut().zip(results).for_each(|(y, new)| *y += new),
                    (_, Some(y)) => *y = *results,
                    (_, None) => y.copy_from_slice(&results[..part.len()]),
                }
            }
        }
    });
}

/// A product of two views, f32 in and out.
pub fn multiplied<F: Format>(
    level: Level,
    a: View<'_>,
    b: View<'_>,
    into: Into<'_>,
    y: &mut [f32],
) {
    assert_eq!(a.columns, b.rows);
    assert_eq!(y.len(), a.rows * b.columns);
    let (a, blocks) = (encoded::<F>(level, a), packed::<F>(level, b));
    product::<F>(level, &a, &blocks, b.columns, into, y);
}

/// The same as [`encoded`], on this thread.
pub fn encoded_here<F: Format>(level: Level, view: View<'_>) -> Vec<F::Group> {
    let groups = view.columns.div_ceil(GROUP);
    let mut encoded = vec![bytemuck::Zeroable::zeroed(); view.rows * groups];
    for (block, encoded) in encoded.chunks_mut(groups * GROUP).enumerate() {
        let first = block * GROUP;
        level.run(Encode::<F> { view, rows: first..view.rows.min(first + GROUP), encoded });
    }
    encoded
}

/// The same as [`packed`], on this thread.
pub fn packed_here<F: Format>(level: Level, view: View<'_>) -> Vec<F::Block> {
    let (size, groups) = ((view.rows, view.columns), view.rows.div_ceil(GROUP));
    let mut blocks = vec![bytemuck::Zeroable::zeroed(); Linear::<F>::blocks(size.0, size.1)];
    for (panel, blocks) in blocks.chunks_exact_mut(groups).enumerate() {
        pack_panel::<F>(level, size, &view, panel, blocks);
    }
    blocks
}
