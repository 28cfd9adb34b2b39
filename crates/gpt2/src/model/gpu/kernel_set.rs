//! The kernels of a network, and the choice of a kernel for each linear layer.

use super::weights::TILE_INPUTS;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::gpu::{Gpu, KernelHandle};

/// The kernels for one number format and head dimension.
pub struct Kernels {
    pub embed: KernelHandle,
    pub layer_norm: KernelHandle,
    pub attention: KernelHandle,
    pub sample: KernelHandle,
    /// Kernels for linear layers, sorted by tile size, largest first.
    pub linear: Vec<(Tile, KernelHandle)>,
}

/// The tile that one thread block of a linear layer's kernel computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    pub rows: usize,
    pub columns: usize,
    pub threads: u32,
    pub shared: u32,
}

impl Tile {
    /// Creates a tile for tensor cores, with `stages` pipeline stages of inputs in shared memory.
    pub const fn of_stages(rows: usize, columns: usize, threads: u32, stages: usize) -> Self {
        let shared = (rows + columns) * TILE_INPUTS * 2 * stages;
        Self { rows, columns, threads, shared: shared as u32 }
    }

    /// Creates a tile for f32. A row in shared memory has 16 inputs and one element of padding.
    pub const fn of_f32(rows: usize, columns: usize) -> Self {
        let shared = (rows + columns) * 17 * size_of::<f32>();
        Self { rows, columns, threads: 256, shared: shared as u32 }
    }
}

/// Tiles for tensor cores, sorted by size, largest first. The last tile is for few rows.
const TENSOR_TILES: [Tile; 4] = [
    Tile::of_stages(128, 128, 256, 3),
    Tile::of_stages(64, 64, 128, 4),
    Tile::of_stages(64, 32, 128, 8),
    Tile::of_stages(16, 32, 128, 12),
];
const F32_TILES: [Tile; 2] = [Tile::of_f32(64, 64), Tile::of_f32(16, 64)];

impl Kernels {
    pub fn new(gpu: &Gpu, dtype: Dtype, head_stride: usize) -> Result<Self> {
        let name = dtype.name();
        let linear = |tile: Tile| {
            let Tile { rows, columns, .. } = tile;
            Ok((tile, gpu.kernel(&format!("linear_{name}_{rows}_{columns}"))?))
        };
        let tiles: Vec<Tile> =
            if dtype == Dtype::F32 { F32_TILES.to_vec() } else { TENSOR_TILES.to_vec() };
        Ok(Self {
            embed: gpu.kernel(&format!("embed_{name}"))?,
            layer_norm: gpu.kernel(&format!("layer_norm_{name}"))?,
            attention: gpu.kernel(&format!("attention_{name}_{head_stride}"))?,
            sample: gpu.kernel("sample")?,
            linear: tiles.into_iter().map(linear).collect::<Result<_>>()?,
        })
    }

    /// Selects the kernel with the largest tile that still keeps every multiprocessor busy. All kernels
    /// give the same bits, so the choice affects only speed.
    pub fn linear(&self, gpu: &Gpu, rows: usize, outputs: usize) -> (Tile, KernelHandle) {
        let (many, few) = self.linear.split_at(self.linear.len() - 1);
        if rows <= few[0].0.rows {
            return few[0];
        }
        let blocks = |tile: Tile| rows.div_ceil(tile.rows) * outputs.div_ceil(tile.columns);
        let wastes = |tile: Tile| tile.rows >= 2 * rows.next_multiple_of(64);
        let fits =
            many.iter().find(|(tile, _)| !wastes(*tile) && blocks(*tile) >= gpu.multiprocessors());
        *fits.unwrap_or(&many[many.len() - 1])
    }
}
