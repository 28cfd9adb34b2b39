//! A linear layer, y = x W + b: nearly all of a GPT-2's arithmetic.
//!
//! On the CPU, W is packed once at load into panels as wide as two vector registers, row after row,
//! so that a product streams through memory. A task takes a panel past all rows of x, a register
//! tile of rows at a time: the weights are read once, however many texts there are.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{numbers, result, tensor_by_hand};

/// A linear layer.
pub enum Linear {
    /// For the CPU in f32.
    Packed(Packed),
    /// For other devices and dtypes: weight (K, N) and bias (N).
    Plain(Tensor, Option<Tensor>),
}

impl Linear {
    /// `weight` (K, N) as GPT-2's `Conv1D` stores it, `bias` (N).
    pub fn new(weight: &Tensor, bias: Option<&Tensor>) -> Result<Self> {
        if tensor_by_hand(weight) {
            Ok(Self::Packed(Packed::new(weight, bias)?))
        } else {
            Ok(Self::Plain(weight.contiguous()?, bias.cloned()))
        }
    }

    /// (M, K) to (M, N).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Packed(packed) => x.apply_op1_no_bwd(packed),
            Self::Plain(weight, bias) => reference(x, weight, bias.as_ref()),
        }
    }
}

fn reference(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let y = x.matmul(weight)?;
    match bias {
        Some(bias) => y.broadcast_add(bias),
        None => Ok(y),
    }
}

/// Vector registers across a panel.
const ACROSS: usize = 2;

/// A weight in panels.
pub struct Packed {
    arch: Arch,
    /// Columns of a panel.
    width: usize,
    /// (K, N).
    inputs: usize,
    outputs: usize,
    /// ceil(N / width) panels of (K, width), the last filled up with zeros.
    panels: Vec<f32>,
    /// Filled up likewise.
    bias: Vec<f32>,
}

impl Packed {
    fn new(weight: &Tensor, bias: Option<&Tensor>) -> Result<Self> {
        let (inputs, outputs) = weight.dims2()?;
        let arch = Arch::new();
        let width = ACROSS * arch.dispatch(Lanes);
        let padded = outputs.next_multiple_of(width);

        let rows = weight.to_vec2::<f32>()?;
        let mut panels = vec![0.0; inputs * padded];
        let pack = |(panel, packed): (usize, &mut [f32])| {
            let columns = panel * width..outputs.min((panel + 1) * width);
            for (row, packed) in rows.iter().zip(packed.chunks_exact_mut(width)) {
                packed[..columns.len()].copy_from_slice(&row[columns.clone()]);
            }
        };
        panels.par_chunks_exact_mut(inputs * width).enumerate().for_each(pack);

        let mut bias = bias.map_or(Ok(Vec::new()), Tensor::to_vec1)?;
        bias.resize(padded, 0.0);
        Ok(Self { arch, width, inputs, outputs, panels, bias })
    }
}

impl CustomOp1 for Packed {
    fn name(&self) -> &'static str {
        "linear-packed"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, inputs) = layout.shape().dims2()?;
        if inputs != self.inputs {
            bail!("linear layer of {} inputs over {:?}", self.inputs, layout.dims());
        }
        let x = numbers(storage, layout)?;
        let mut y = vec![0.0; rows * self.outputs];
        let out = Columns { y: y.as_mut_ptr(), stride: self.outputs };
        let panels = self.panels.par_chunks_exact(inputs * self.width);
        panels.zip(self.bias.par_chunks_exact(self.width)).enumerate().for_each(
            |(panel, (weight, bias))| {
                let first = panel * self.width;
                let columns = self.width.min(self.outputs - first);
                self.arch.dispatch(Panel { x, rows, inputs, weight, bias, out, first, columns });
            },
        );
        result(y, (rows, self.outputs))
    }
}

/// Where tasks write their columns of y.
#[derive(Clone, Copy)]
struct Columns {
    y: *mut f32,
    stride: usize,
}

// SAFETY: each task writes the columns of its own panel and reads none.
unsafe impl Send for Columns {}
// SAFETY: as above.
unsafe impl Sync for Columns {}

/// One panel's product with all rows of x.
struct Panel<'a> {
    /// (rows, inputs).
    x: &'a [f32],
    rows: usize,
    inputs: usize,
    /// (inputs, width).
    weight: &'a [f32],
    /// (width).
    bias: &'a [f32],
    out: Columns,
    /// The panel's first column in y, and how many it has there.
    first: usize,
    columns: usize,
}

impl WithSimd for Panel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut row = 0;
        // Accumulators, the panel's row and one number of x fill the registers there are.
        if S::REGISTER_COUNT >= 32 {
            row = self.tiles::<S, 12>(simd, row);
            row = self.tiles::<S, 8>(simd, row);
        } else {
            row = self.tiles::<S, 6>(simd, row);
        }
        row = self.tiles::<S, 4>(simd, row);
        row = self.tiles::<S, 2>(simd, row);
        self.tiles::<S, 1>(simd, row);
    }
}

impl Panel<'_> {
    /// As many tiles of `ROWS` rows as there are from `row` on; returns the row after them.
    #[inline(always)]
    fn tiles<S: Simd, const ROWS: usize>(&self, simd: S, mut row: usize) -> usize {
        while row + ROWS <= self.rows {
            self.tile::<S, ROWS>(simd, row);
            row += ROWS;
        }
        row
    }

    /// Each number of the tile is the chain x₀w₀, + x₁w₁, + … , + bias, whatever `ROWS` is.
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize>(&self, simd: S, row: usize) {
        let inputs = self.inputs;
        let x: [&[f32]; ROWS] = std::array::from_fn(|r| &self.x[(row + r) * inputs..][..inputs]);
        let weight = &S::as_simd_f32s(self.weight).0[..ACROSS * inputs];

        let mut sums = [[simd.splat_f32s(0.0); ACROSS]; ROWS];
        for k in 0..inputs {
            let (left, right) = (weight[ACROSS * k], weight[ACROSS * k + 1]);
            for (sums, x) in sums.iter_mut().zip(x) {
                let x = simd.splat_f32s(x[k]);
                sums[0] = simd.mul_add_e_f32s(x, left, sums[0]);
                sums[1] = simd.mul_add_e_f32s(x, right, sums[1]);
            }
        }

        let bias = S::as_simd_f32s(self.bias).0;
        for (r, sums) in sums.into_iter().enumerate() {
            let start = (row + r) * self.out.stride + self.first;
            // SAFETY: row + r is a row of y and the columns are this panel's, which lie in y and
            // which no other task touches.
            let y = unsafe { std::slice::from_raw_parts_mut(self.out.y.add(start), self.columns) };
            let mut parts = y.chunks_mut(S::F32_LANES);
            for (sum, bias) in sums.into_iter().zip(bias) {
                if let Some(part) = parts.next() {
                    simd.partial_store_f32s(part, simd.add_f32s(sum, *bias));
                }
            }
        }
    }
}

/// Numbers in a vector register.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    fn random(shape: (usize, usize)) -> Tensor {
        Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn agrees_with_candle_at_sizes_that_fill_no_panel_and_no_tile() {
        for (rows, inputs, outputs) in
            [(1, 1, 1), (1, 320, 960), (3, 7, 33), (13, 48, 100), (31, 65, 31), (64, 33, 257)]
        {
            let (x, weight) = (random((rows, inputs)), random((inputs, outputs)));
            let bias = random((1, outputs)).squeeze(0).unwrap();
            for bias in [None, Some(&bias)] {
                let ours = Linear::new(&weight, bias).unwrap().forward(&x).unwrap();
                let distance = (ours - reference(&x, &weight, bias).unwrap()).unwrap();
                let distance = distance.abs().unwrap().max_all().unwrap();
                let distance = distance.to_scalar::<f32>().unwrap();
                assert!(distance < 1e-4, "({rows}, {inputs}, {outputs}): {distance}");
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_among_any_others() {
        let (x, weight) = (random((67, 1300)), random((1300, 75)));
        let linear = Linear::new(&weight, None).unwrap();
        let together = linear.forward(&x).unwrap().to_vec2::<f32>().unwrap();
        for rows in [1, 2, 3, 5, 8, 11, 12, 30] {
            for start in [0, 1, 17, 67 - rows] {
                let few = linear.forward(&x.narrow(0, start, rows).unwrap()).unwrap();
                assert_eq!(few.to_vec2::<f32>().unwrap(), together[start..start + rows]);
            }
        }
    }

    #[test]
    fn other_number_formats_go_through_candle() {
        let (x, weight) = (random((5, 20)), random((20, 9)));
        let half = Linear::new(&weight.to_dtype(DType::F16).unwrap(), None).unwrap();
        let ours = half.forward(&x.to_dtype(DType::F16).unwrap()).unwrap();
        let distance =
            (ours.to_dtype(DType::F32).unwrap() - reference(&x, &weight, None).unwrap()).unwrap();
        let distance = distance.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(distance < 0.05, "{distance}");
    }
}
