//! Benchmarks the parts of a decoding step, with the layer sizes of GPT-2 small.
//!
//! ```text
//! cargo bench -p gpt2
//! ```
//!
//! To measure end-to-end generation, use `venti bench`.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use generator::Generation;
use kernels::attention::{Head, Shape};
use kernels::format::{Bf16, F32, Format, GROUP, Int8, PANEL};
use kernels::layer_norm::{LayerNorm, encode};
use kernels::linear::{Linear, Matrix};
use kernels::owned_or_mapped::OwnedOrMapped;
use kernels::sampling::Sampler;
use kernels::simd::Level;

const WIDTH: usize = 768;
const HEAD_DIM: usize = 64;
const VOCABULARY: usize = 50257;

fn main() {
    divan::main();
}

/// Returns the `i`-th test value. Like weights, the values are small and distinct.
fn number(i: usize) -> f32 {
    (i as f32 * 0.618_034).fract() - 0.5
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(number).collect()
}

struct Weight;

impl Matrix for Weight {
    fn read(
        &self,
        rows: std::ops::Range<usize>,
        columns: std::ops::Range<usize>,
        to: &mut [[f32; PANEL]; GROUP],
    ) {
        for (row, to) in rows.zip(to) {
            columns.clone().zip(to).for_each(|(column, to)| *to = number(31 * row + column));
        }
    }
}

fn layer<F: Format>(inputs: usize, outputs: usize) -> Linear<F> {
    let mut blocks = bytemuck::zeroed_vec(Linear::<F>::blocks(inputs, outputs));
    Linear::<F>::pack(Level::best(), (inputs, outputs), &Weight, &mut blocks);
    Linear::new(inputs, outputs, OwnedOrMapped::Owned(blocks), &numbers(outputs))
}

/// Runs the MLP's first layer on one thread; throughput is measured in multiply-adds.
#[divan::bench(types = [F32, Bf16, Int8], args = [1, 8, 50, 512])]
fn linear<F: Format>(bencher: Bencher, rows: usize) {
    let (inputs, outputs) = (WIDTH, 4 * WIDTH);
    let layer = layer::<F>(inputs, outputs);
    let mut x = bytemuck::zeroed_vec(rows * inputs / GROUP);
    encode::<F>(Level::best(), &numbers(rows * inputs), &mut x);
    let mut memory = Vec::new();
    bencher.counter(ItemsCount::new(rows * inputs * outputs)).bench_local(|| {
        for task in 0..layer.tasks() {
            divan::black_box(layer.forward(Level::best(), task, &x, &mut memory));
        }
    });
}

/// Runs one attention head for one token on one thread; throughput is measured in bytes of keys and
/// values.
#[divan::bench(types = [F32, Bf16, Int8], args = [64, 256, 1024])]
fn attention<F: Format>(bencher: Bencher, length: usize) {
    let shape = Shape::new(length, HEAD_DIM);
    let keys = bytemuck::zeroed_vec(shape.keys());
    let values = bytemuck::zeroed_vec(shape.values());
    let scales = numbers(shape.scales());
    let (q, mut y, mut scores) = (numbers(HEAD_DIM), vec![0.0; HEAD_DIM], Vec::new());
    let bytes = 2 * length * HEAD_DIM * size_of::<F::Cached>();
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        Level::best().run(Head::<F> {
            shape,
            q: &q,
            keys: &keys,
            next_keys: &[],
            values: &values,
            key_scales: if F::SCALED { &scales } else { &[] },
            value_scales: if F::SCALED { &scales } else { &[] },
            scale: 0.125,
            scores: &mut scores,
            length,
            y: &mut y,
        });
        divan::black_box(&mut y);
    });
}

/// Normalises one row and encodes it as the input of the next matrix product.
#[divan::bench(types = [F32, Bf16, Int8])]
fn layer_norm<F: Format>(bencher: Bencher) {
    let norm = LayerNorm::new(numbers(WIDTH), numbers(WIDTH), 1e-5);
    let (x, mut y) = (numbers(WIDTH), bytemuck::zeroed_vec(WIDTH / GROUP));
    bencher.bench_local(|| {
        norm.forward::<F>(Level::best(), divan::black_box(&x), &mut y);
        divan::black_box(&mut y);
    });
}

/// Samples one token from a vocabulary of 50,257, after a context of 300 tokens.
#[divan::bench(args = ["greedy", "top-k 40", "top-p 0.9", "min-p 0.15", "everything"])]
fn sample(bencher: Bencher, rule: &str) {
    let on = Generation { temperature: 0.8, repetition_penalty: 1.2, ..Generation::unmodified() };
    let settings = match rule {
        "greedy" => Generation { temperature: 0.0, ..on },
        "top-k 40" => Generation { top_k: 40, ..on },
        "top-p 0.9" => Generation { top_p: 0.9, ..on },
        "min-p 0.15" => Generation { min_p: 0.15, ..on },
        _ => on,
    };
    let mut logits: Vec<f32> = numbers(VOCABULARY).into_iter().map(|x| 16.0 * x).collect();
    let context: Vec<u32> = (0..300).map(|i| i * 97 % VOCABULARY as u32).collect();
    let mut sampler = Sampler::new(&settings, [7; 32]);
    bencher.bench_local(|| sampler.sample(&mut logits, &context, 200, None, 0));
}
