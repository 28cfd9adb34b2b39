//! Compares the results of the linear layers' tiles with each other, on the emulated GPU.

use half::{bf16, f16};

use super::{Kernels, rows_of_a_step};
use crate::dtype::Dtype;
use crate::gpu::arguments::{LinearArguments, To};
use crate::gpu::{Gpu, Launch};

const MEMORY: usize = 1 << 30;

#[test]
fn decoding_passes_have_few_sizes_with_room_for_every_text() {
    let mut sizes: Vec<usize> = (1..=1024).map(rows_of_a_step).collect();
    assert!(sizes.iter().zip(1..).all(|(rows, texts)| *rows >= texts && *rows < 2 * texts + 16));
    sizes.dedup();
    assert!(sizes.is_sorted() && sizes.len() <= 28, "{sizes:?}");
}

/// Shape of the product, (M, N, K); only K is a multiple of the tile size.
const SHAPE: (usize, usize, usize) = (137, 150, 192);

/// Padding between the rows of y, which kernels must not write.
const STRIDE_EXTRA: usize = 4;

/// Returns test numbers rounded to `dtype`, as f32 and as bytes.
fn numbers(count: usize, seed: usize, dtype: Dtype) -> (Vec<f32>, Vec<u8>) {
    let exact = (0..count).map(|i| ((i * 7919 + seed * 104_729) % 257) as f32 / 64.0 - 2.0);
    let rounded = exact.map(|x| match dtype {
        Dtype::F16 => f16::from_f32(x).to_f32(),
        Dtype::Bf16 => bf16::from_f32(x).to_f32(),
        _ => x,
    });
    let rounded: Vec<f32> = rounded.collect();
    let bytes = rounded.iter().flat_map(|&x| match dtype {
        Dtype::F16 => f16::from_f32(x).to_le_bytes().to_vec(),
        Dtype::Bf16 => bf16::from_f32(x).to_le_bytes().to_vec(),
        _ => x.to_le_bytes().to_vec(),
    });
    (rounded.clone(), bytes.collect())
}

/// Computes the first `rows` rows of a product, using the kernel with index `tile`. Memory that the
/// kernel must not write stays NaN.
fn product(gpu: &Gpu, kernels: &Kernels, tile: usize, dtype: Dtype, rows: usize) -> Vec<f32> {
    let (m, n, k) = SHAPE;
    // The padding to whole tiles has nonzero values, which must not affect the result.
    let whole = |rows: usize| rows.next_multiple_of(128);
    let (x, weight) = (numbers(whole(m) * k, 1, dtype).1, numbers(whole(n) * k, 2, dtype).1);
    let bias: Vec<f32> = (0..n).map(|i| i as f32 / 8.0).collect();
    let stride = n + STRIDE_EXTRA;
    let y = gpu.buffer_from(&vec![f32::NAN; whole(m) * stride]).unwrap();
    let buffers = (gpu.buffer_from(&x).unwrap(), gpu.buffer_from(&weight).unwrap());
    let bias = gpu.buffer_from(&bias).unwrap();
    let (tile, kernel) = kernels.linear[tile];
    let arguments = LinearArguments {
        x: buffers.0.address(),
        weight: buffers.1.address(),
        bias: bias.address(),
        y: y.address(),
        keys: 0,
        values: 0,
        slot_positions: 0,
        rows: rows as u32,
        outputs: n as u32,
        inputs: k as u32,
        stride: stride as u32,
        to: To::Logits as u32,
        heads: 0,
        head_dim: 0,
        head_stride: 0,
        positions: 0,
        unused: 0,
    };
    let grid = [rows.div_ceil(tile.rows) as u32, n.div_ceil(tile.columns) as u32];
    let launch = Launch { grid, block: tile.threads, shared: tile.shared };
    // SAFETY: the buffers have the shapes given in the arguments.
    unsafe { gpu.launch(kernel, launch, &arguments).unwrap() };
    y.read(whole(m) * stride).unwrap()
}

#[test]
fn every_tile_gives_the_same_bits_for_any_number_of_rows() {
    let (m, n, k) = SHAPE;
    let gpu = Gpu::emulated(MEMORY);
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
        let kernels = Kernels::new(&gpu, dtype, 64).unwrap();
        let (x, weight) = (numbers(256 * k, 1, dtype).0, numbers(256 * k, 2, dtype).0);
        let expected = |row: usize, column: usize| {
            let products = x[row * k..][..k].iter().zip(&weight[column * k..][..k]);
            products.map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>() + column as f64 / 8.0
        };
        let first = product(&gpu, &kernels, 0, dtype, m);
        for (i, y) in first.iter().enumerate() {
            let (row, column) = (i / (n + STRIDE_EXTRA), i % (n + STRIDE_EXTRA));
            if row >= m || column >= n {
                assert!(y.is_nan(), "{dtype:?}: padding overwritten at row {row}, column {column}");
                continue;
            }
            let expected = expected(row, column);
            assert!(
                (f64::from(*y) - expected).abs() < 1e-3,
                "{dtype:?}: got {y}, expected {expected} at row {row}, column {column}"
            );
        }
        for tile in 0..kernels.linear.len() {
            for rows in [1, 16, 17, 64, 65, m] {
                let y = product(&gpu, &kernels, tile, dtype, rows);
                let written = rows * (n + STRIDE_EXTRA);
                let is_same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits();
                assert!(
                    y[..written].iter().zip(&first).all(is_same),
                    "{dtype:?}: {rows} rows by {:?}",
                    kernels.linear[tile].0
                );
                assert!(y[written..].iter().all(|y| y.is_nan()), "{dtype:?}: rows after {rows}");
            }
        }
    }
}
