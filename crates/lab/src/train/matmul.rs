//! Matrix products for training, where both operands change at every step.
//!
//! The left operand is encoded row by row; the right operand is packed into panels like the weights of a
//! linear layer. Training therefore uses the same kernel as the linear layers, with the same guarantee:
//! the order in which a result is computed depends only on the sizes of the matrices.

use std::ops::Range;

use rayon::prelude::*;

use kernels::format::{Format, GROUP, PANEL};
use kernels::linear::{COLUMNS, Linear, Matrix, Results, multiply, pack_panel};
use kernels::simd::{Kernel, Level, Simd};

/// A view of a matrix in row-major or, if transposed, column-major order.
#[derive(Clone, Copy)]
pub struct MatrixView<'a> {
    numbers: &'a [f32],
    rows: usize,
    columns: usize,
    /// Distance between the starts of adjacent rows, or of adjacent columns if transposed.
    stride: usize,
    is_transposed: bool,
}

impl<'a> MatrixView<'a> {
    /// Creates a view of `rows` rows of `columns` numbers each, with the starts of adjacent rows `stride`
    /// numbers apart.
    pub fn new(numbers: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(columns <= stride && rows.max(1) * stride - stride + columns <= numbers.len());
        Self { numbers, rows, columns, stride, is_transposed: false }
    }

    /// Creates a view of `numbers` as a contiguous `rows` x `columns` matrix.
    pub fn of(numbers: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(numbers.len(), rows * columns);
        Self { numbers, rows, columns, stride: columns, is_transposed: false }
    }

    /// Returns the transposed view.
    pub fn transposed(self) -> Self {
        let Self { rows, columns, is_transposed, .. } = self;
        Self { rows: columns, columns: rows, is_transposed: !is_transposed, ..self }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the given columns of the view.
    fn columns(self, part: Range<usize>) -> Self {
        let distance = if self.is_transposed { self.stride } else { 1 };
        Self { numbers: &self.numbers[part.start * distance..], columns: part.len(), ..self }
    }

    /// Returns the given part of a line, which is contiguous in memory: a row, or a column if the view is
    /// transposed.
    fn line(&self, line: usize, part: Range<usize>) -> &'a [f32] {
        &self.numbers[line * self.stride..][part]
    }
}

impl Matrix for MatrixView<'_> {
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

/// Encodes the left operand (rows, K) of a product into groups (rows, ceil(K / GROUP)).
fn encode<F: Format>(level: Level, view: MatrixView<'_>) -> Vec<F::Group> {
    let groups = view.columns.div_ceil(GROUP);
    let mut encoded = vec![bytemuck::Zeroable::zeroed(); view.rows * groups];
    encoded.par_chunks_mut(groups * GROUP).enumerate().for_each(|(block, encoded)| {
        let first = block * GROUP;
        level.run(Encode::<F> { view, rows: first..view.rows.min(first + GROUP), encoded });
    });
    encoded
}

/// A kernel that encodes up to [`GROUP`] rows.
struct Encode<'a, F: Format> {
    view: MatrixView<'a>,
    rows: Range<usize>,
    /// The encoded groups, (rows, groups).
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
                // A row in memory is a column of the tile.
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

/// Maximum number of rows of a right operand that are multiplied together, so that a panel of them stays
/// in a core's cache.
const DEPTH: usize = 1024;

/// A right operand (K, N) of a product, packed into panels.
pub struct Packed<F: Format> {
    columns: usize,
    /// Up to [`DEPTH`] rows each.
    parts: Vec<(Range<usize>, Vec<F::Block>)>,
}

impl<F: Format> Packed<F> {
    pub fn new(level: Level, view: MatrixView<'_>) -> Self {
        let starts = (0..view.rows).step_by(DEPTH);
        let parts = starts.map(|start| {
            let part = start..view.rows.min(start + DEPTH);
            let view = view.transposed().columns(part.clone()).transposed();
            let size = (view.rows, view.columns);
            let mut blocks =
                vec![bytemuck::Zeroable::zeroed(); Linear::<F>::blocks(size.0, size.1)];
            gpt2::model::packing::pack::<F>(level, size, &view, &mut blocks);
            (part, blocks)
        });
        Self { columns: view.columns, parts: parts.collect() }
    }

    /// Multiplies `a` (rows, K) by this operand and writes the product to `y` (rows, N) as specified by
    /// `epilogue`. The inputs and the output are f32 regardless of the format.
    pub fn multiply(&self, level: Level, a: MatrixView<'_>, epilogue: Epilogue<'_>, y: &mut [f32]) {
        assert_eq!(a.columns, self.parts.last().map_or(0, |(part, _)| part.end));
        assert_eq!(y.len(), a.rows * self.columns);
        for (part, blocks) in &self.parts {
            let x = encode::<F>(level, a.columns(part.clone()));
            let epilogue = if part.start == 0 { epilogue } else { Epilogue::Accumulate };
            multiply_packed::<F>(level, &x, blocks, self.columns, epilogue, y);
        }
    }
}

/// How the results of a product are written to the output.
#[derive(Clone, Copy)]
pub enum Epilogue<'a> {
    /// Adds this bias (N) to the results and overwrites the output.
    Bias(&'a [f32]),
    /// Overwrites the output with the results.
    Overwrite,
    /// Adds the results to the output.
    Accumulate,
}

/// Multiplies `x` (rows, groups) by `blocks` (groups, columns) and writes the product to `y` (rows,
/// columns) as specified by `epilogue`.
fn multiply_packed<F: Format>(
    level: Level,
    x: &[F::Group],
    blocks: &[F::Block],
    columns: usize,
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) {
    let rows = y.len() / columns;
    let groups = x.len() / rows.max(1);
    // A task has few enough rows that they stay in a core's cache while the panels are read. There are
    // enough tasks that no thread waits long for the last task.
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
            if let Epilogue::Bias(all) = epilogue {
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
                match (epilogue, y.first_chunk_mut::<COLUMNS>()) {
                    (Epilogue::Accumulate, _) => {
                        y.iter_mut().zip(results).for_each(|(y, new)| *y += new)
                    }
                    (_, Some(y)) => *y = *results,
                    (_, None) => y.copy_from_slice(&results[..part.len()]),
                }
            }
        }
    });
}

/// Like [`encode`], but only on the current thread.
pub fn encode_serially<F: Format>(level: Level, view: MatrixView<'_>) -> Vec<F::Group> {
    let groups = view.columns.div_ceil(GROUP);
    let mut encoded = vec![bytemuck::Zeroable::zeroed(); view.rows * groups];
    for (block, encoded) in encoded.chunks_mut(groups * GROUP).enumerate() {
        let first = block * GROUP;
        level.run(Encode::<F> { view, rows: first..view.rows.min(first + GROUP), encoded });
    }
    encoded
}

/// Packs a right operand (K, N) on the current thread.
pub fn pack_serially<F: Format>(level: Level, view: MatrixView<'_>) -> Vec<F::Block> {
    let (size, groups) = ((view.rows, view.columns), view.rows.div_ceil(GROUP));
    let mut blocks = vec![bytemuck::Zeroable::zeroed(); Linear::<F>::blocks(size.0, size.1)];
    for (panel, blocks) in blocks.chunks_exact_mut(groups).enumerate() {
        pack_panel::<F>(level, size, &view, panel, blocks);
    }
    blocks
}
