//! Loads a checkpoint's tensors into GPU memory.

use bytemuck::Pod;
use candle_core::{DType, Device};
use half::{bf16, f16};
use rayon::prelude::*;

use crate::dtype::Dtype;
use crate::error::Result;
use crate::gpu::{Buffer, Gpu};
use crate::weights::{Checkpoint, Weights};

/// Maximum number of rows in a tile; the row count of a weight is padded to a multiple of this.
pub const TILE_ROWS: usize = 128;
/// Number of inputs that the kernels process per step; the length of a row is padded to a multiple of
/// this.
pub const TILE_INPUTS: usize = 64;

/// Number of columns transposed together: one cache line.
const COLUMNS_TOGETHER: usize = 16;

/// Loads a checkpoint's tensors in the layout of the kernels.
pub struct Loader<'a> {
    pub gpu: &'a Gpu,
    pub dtype: Dtype,
    weights: Weights<'a>,
}

impl<'a> Loader<'a> {
    pub fn new(checkpoint: &'a Checkpoint, gpu: &'a Gpu, dtype: Dtype) -> Result<Self> {
        Ok(Self { gpu, dtype, weights: checkpoint.weights(&Device::Cpu, DType::F32)? })
    }

    /// Loads a small tensor as f32.
    pub fn vector(&self, length: usize, name: &str) -> Result<Buffer> {
        self.gpu.buffer_from(&self.weights.get(&[length], name)?.to_vec1::<f32>()?)
    }

    /// Loads a matrix (rows, columns), padded with zeros to whole tiles.
    pub fn matrix(&self, rows: usize, columns: usize, name: &str) -> Result<Buffer> {
        let weights = match name {
            "lm_head.weight" => self.weights.outside(),
            _ => self.weights.clone(),
        };
        let numbers = weights.get(&[rows, columns], name)?.flatten_all()?.to_vec1::<f32>()?;
        self.upload(rows, columns, |row, to| {
            to.copy_from_slice(&numbers[row * columns..][..columns]);
        })
    }

    /// Loads and transposes a linear layer's weight, which is (inputs, outputs) in GPT-2's checkpoints.
    pub fn transposed_matrix(&self, inputs: usize, outputs: usize, name: &str) -> Result<Buffer> {
        let numbers =
            self.weights.get(&[inputs, outputs], name)?.flatten_all()?.to_vec1::<f32>()?;
        let mut transposed = vec![0.0f32; numbers.len()];
        transposed.par_chunks_mut(COLUMNS_TOGETHER * inputs).enumerate().for_each(
            |(part, rows)| {
                for (k, row) in numbers.chunks_exact(outputs).enumerate() {
                    for (n, to) in rows.chunks_exact_mut(inputs).enumerate() {
                        to[k] = row[part * COLUMNS_TOGETHER + n];
                    }
                }
            },
        );
        self.upload(outputs, inputs, |row, to| {
            to.copy_from_slice(&transposed[row * inputs..][..inputs]);
        })
    }

    /// Converts a matrix to the model's number format and uploads it. `fill` writes one row of the
    /// matrix.
    fn upload(
        &self,
        rows: usize,
        columns: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Result<Buffer> {
        match self.dtype {
            Dtype::F16 => self.converted(rows, columns, fill, f16::from_f32),
            Dtype::Bf16 => self.converted(rows, columns, fill, bf16::from_f32),
            _ => self.converted(rows, columns, fill, |number| number),
        }
    }

    fn converted<T: Pod + Send>(
        &self,
        rows: usize,
        columns: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
        convert: impl Fn(f32) -> T + Sync,
    ) -> Result<Buffer> {
        let stride = columns.next_multiple_of(TILE_INPUTS);
        let mut numbers = vec![T::zeroed(); rows.next_multiple_of(TILE_ROWS) * stride];
        let filled = numbers.par_chunks_mut(stride).enumerate().take(rows);
        filled.for_each_init(
            || vec![0.0; columns],
            |row_of_f32, (row, to)| {
                fill(row, row_of_f32);
                to.iter_mut().zip(row_of_f32).for_each(|(to, from)| *to = convert(*from));
            },
        );
        self.gpu.buffer_from(&numbers)
    }
}
