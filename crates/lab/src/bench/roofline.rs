//! Roofline model of a decoding step: the minimum cost of the step, and the minimum time that this
//! machine needs for it.
//!
//! A step adds one token to each text of a batch. Any implementation must read every weight and the keys
//! and values of every text, and multiply every weight once per text. Hardware overlaps reading and
//! arithmetic, so the minimum time of a step is the time that the slower of the two takes (Williams et
//! al. 2009, "Roofline", doi:10.1145/1498765.1498785).
//!
//! The machine's rates are measured, not looked up: see [`memory_bandwidth`] and
//! [`peak_multiply_adds`].

use std::hint::black_box;
use std::time::{Duration, Instant};

use half::bf16;
use rayon::prelude::*;

#[cfg(feature = "gpu")]
use gpt2::gpu::rates;
use gpt2::{Config, Device, Dtype, Result};
use kernels::format::{Bf16, F32, Format, Int8};
use kernels::linear::Linear;
use kernels::simd::{Kernel, LANES, Lanes, Level, Pairs, Quads, Simd};

/// Minimum cost of a decoding step. It excludes embeddings, biases and norms, which together account
/// for less than 1%.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepCost {
    /// Number of bytes read: packed weights, keys and values.
    pub bytes: u64,
    /// Number of multiply-adds of the linear layers, which compute in the model's number format.
    pub multiply_adds: u64,
    /// Number of multiply-adds of attention, which computes in f32 whatever the model's number format.
    pub attention_multiply_adds: u64,
}

impl StepCost {
    /// Returns the cost of one step of `batch` texts that attend to `context` tokens each, or `None` if
    /// Venti has no kernels for this device and format.
    pub fn of_step(
        config: &Config,
        device: &Device,
        dtype: Dtype,
        batch: usize,
        context: usize,
    ) -> Option<Self> {
        match (device, dtype) {
            (Device::Cpu, Dtype::F32) => Some(Self::in_format::<F32>(config, batch, context)),
            (Device::Cpu, Dtype::Bf16) => Some(Self::in_format::<Bf16>(config, batch, context)),
            (Device::Cpu, Dtype::Int8) => Some(Self::in_format::<Int8>(config, batch, context)),
            #[cfg(feature = "gpu")]
            (Device::Gpu(_), Dtype::F32 | Dtype::F16 | Dtype::Bf16) => {
                let weights: usize = config.linear_layers().map(|(k, n)| k * n).sum();
                let cached = 2 * config.n_layer * batch * context * config.n_embd;
                Some(Self {
                    bytes: ((weights + cached) * dtype.size_in_bytes()) as u64,
                    multiply_adds: (weights * batch) as u64,
                    attention_multiply_adds: cached as u64,
                })
            }
            _ => None,
        }
    }

    fn in_format<F: Format>(config: &Config, batch: usize, context: usize) -> Self {
        let layers = || config.linear_layers();
        let blocks: usize = layers().map(|(k, n)| Linear::<F>::blocks(k, n)).sum();
        let weights: usize = layers().map(|(k, n)| k * n).sum();
        // A layer caches a key and a value per head and token, each with a scale if the format has
        // scales.
        let keys_and_values = 2 * config.n_layer * batch * context;
        let scales = if F::SCALED { config.n_head * size_of::<f32>() } else { 0 };
        let cached = keys_and_values * (config.n_embd * size_of::<F::Cached>() + scales);
        Self {
            bytes: (blocks * size_of::<F::Block>() + cached) as u64,
            multiply_adds: (weights * batch) as u64,
            attention_multiply_adds: (keys_and_values * config.n_embd) as u64,
        }
    }
}

/// The roofline of a device: its peak rates per second. For the CPU, these are the rates of all threads
/// in the current rayon pool together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roofline {
    /// Bytes read per second, for as much data as a decoding step reads; see [`memory_bandwidth`].
    pub bandwidth: f64,
    /// Multiply-adds per second in the model's number format.
    pub multiply_adds: f64,
    /// Multiply-adds per second in f32.
    pub f32_multiply_adds: f64,
}

/// The bottleneck of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The step is memory-bound: it waits for weights, keys and values.
    Memory,
    /// The step is compute-bound: it waits for multiplications.
    Compute,
}

impl Roofline {
    /// Returns the minimum time of a step in seconds, and its bottleneck.
    pub fn minimum_time(&self, cost: &StepCost) -> (f64, Bound) {
        let reading = cost.bytes as f64 / self.bandwidth;
        let multiplying = cost.multiply_adds as f64 / self.multiply_adds
            + cost.attention_multiply_adds as f64 / self.f32_multiply_adds;
        if reading > multiplying { (reading, Bound::Memory) } else { (multiplying, Bound::Compute) }
    }
}

/// Returns the name of the instruction set that the kernels use and, if the processor has a faster one,
/// the name of that.
pub fn instruction_set() -> String {
    let (used, fastest) = (Level::best(), Level::fastest());
    match used == fastest {
        true => used.name().to_owned(),
        false => format!("{} (of {})", used.name(), fastest.name()),
    }
}

/// A number of bytes that exceeds the caches of any processor.
pub const OUT_OF_CACHE: usize = 512 << 20;

/// Number of measurements of each rate, of which the highest is used: other load on the machine can
/// only lower the rate.
const ROUNDS: usize = 10;
/// Minimum duration of a measurement, so that the time to wake the threads is negligible.
const ROUND: Duration = Duration::from_millis(15);

/// Measures how many bytes per second a device reads when it reads the same `bytes` bytes repeatedly, as
/// decoding does with weights. The rate depends on `bytes` up to [`OUT_OF_CACHE`], because small models
/// fit in the caches. Returns `None` on Metal, where the bandwidth is not measured.
///
/// # Errors
/// Returns an error if the device fails.
pub fn memory_bandwidth(device: &Device, bytes: usize) -> Result<Option<f64>> {
    match device {
        Device::Cpu => Ok(Some(memory_bandwidth_of_cpu(bytes))),
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => rates::read(gpu, bytes.min(OUT_OF_CACHE)).map(Some),
        Device::Metal(_) => Ok(None),
    }
}

/// Measures the peak number of multiply-adds per second of a device in a number format, with all
/// operands in registers. Returns `None` for a format that the device does not support, and on Metal.
///
/// # Errors
/// Returns an error if the device fails.
pub fn peak_multiply_adds(device: &Device, dtype: Dtype) -> Result<Option<f64>> {
    match device {
        Device::Cpu => Ok(peak_multiply_adds_of_cpu(dtype)),
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) if dtype != Dtype::Int8 => rates::products(gpu, dtype).map(Some),
        _ => Ok(None),
    }
}

fn memory_bandwidth_of_cpu(bytes: usize) -> f64 {
    let vectors = bytes.min(OUT_OF_CACHE).div_ceil(size_of::<Lanes<f32>>());
    // Write the numbers before reading them, because pages that were never written all map to one shared
    // zero page.
    let numbers: Vec<Lanes<f32>> = (0..vectors).into_par_iter().map(|_| [1.0; LANES]).collect();
    let level = Level::best();
    rate(size_of_val(&*numbers), |thread, threads| {
        let part = vectors * thread / threads..vectors * (thread + 1) / threads;
        black_box(level.run(ReadKernel(&numbers[part])));
    })
}

fn peak_multiply_adds_of_cpu(dtype: Dtype) -> Option<f64> {
    let level = Level::best();
    let multiply_adds = level.run(MultiplyAddKernel(dtype))? as usize;
    Some(rate(multiply_adds * rayon::current_num_threads(), |_, _| {
        black_box(level.run(MultiplyAddKernel(dtype)));
    }))
}

/// Returns the combined rate of all threads, in units per second. Each thread calls `pass` repeatedly,
/// with its index and the number of threads. Once every thread has made one call, `units` units have
/// been processed in total.
fn rate(units: usize, pass: impl Fn(usize, usize) + Sync) -> f64 {
    let time = |passes: usize| {
        let start = Instant::now();
        rayon::broadcast(|thread| {
            (0..passes).for_each(|_| pass(thread.index(), thread.num_threads()));
        });
        start.elapsed().max(Duration::from_nanos(1))
    };
    let once = time(1).min(time(1));
    let passes = ROUND.as_nanos().div_ceil(once.as_nanos()) as usize;
    let least = (0..ROUNDS).map(|_| time(passes)).min().unwrap_or(once);
    (units * passes) as f64 / least.as_secs_f64()
}

/// A kernel that reads numbers by summing them.
struct ReadKernel<'a>(&'a [Lanes<f32>]);

/// Number of streams that a thread reads in parallel. The hardware prefetches each stream.
const STREAMS: usize = 4;

impl Kernel for ReadKernel<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let mut sums = [simd.splat(0.0); STREAMS];
        let length = self.0.len() / STREAMS;
        let streams: [&[Lanes<f32>]; STREAMS] =
            std::array::from_fn(|stream| &self.0[stream * length..][..length]);
        for i in 0..length {
            for (sum, stream) in sums.iter_mut().zip(streams) {
                *sum = simd.add(*sum, simd.load(&stream[i]));
            }
        }
        sums.map(|sum| simd.sum(sum)).iter().sum()
    }
}

/// A kernel that sums products of ones, so the sum is the number of products.
#[derive(Clone, Copy)]
struct MultiplyAddKernel(Dtype);

/// Number of dependent multiply-adds per chain, small enough that their sum is exact in f32.
const LINKS: usize = 1 << 16;

impl Kernel for MultiplyAddKernel {
    type Output = Option<f64>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<f64> {
        // Use enough independent chains to hide the latency of a multiply-add, as far as registers
        // allow.
        match S::ACCUMULATORS {
            24.. => self.in_chains::<S, 12>(simd),
            6.. => self.in_chains::<S, 6>(simd),
            _ => self.in_chains::<S, 4>(simd),
        }
    }
}

impl MultiplyAddKernel {
    /// Runs `CHAINS` independent chains. `black_box` prevents the compiler from removing
    /// multiplications.
    #[inline(always)]
    fn in_chains<S: Simd, const CHAINS: usize>(self, simd: S) -> Option<f64> {
        let mut sums = [simd.splat(0.0); CHAINS];
        match self.0 {
            Dtype::F32 => {
                let weights = black_box([[1.0; LANES]; CHAINS]);
                for _ in 0..LINKS {
                    let x = simd.splat(black_box(1.0));
                    for (sum, weights) in sums.iter_mut().zip(&weights) {
                        *sum = simd.mul_add(x, simd.load(weights), *sum);
                    }
                }
            }
            Dtype::Bf16 => {
                let weights: [Pairs; CHAINS] = black_box([[bf16::ONE; 2 * LANES]; CHAINS]);
                for _ in 0..LINKS {
                    let x = black_box([bf16::ONE; 2]);
                    for (sum, weights) in sums.iter_mut().zip(&weights) {
                        *sum = simd.dot_bf16(*sum, weights, x);
                    }
                }
            }
            Dtype::Int8 => {
                let mut wholes = [simd.splat_i32(0); CHAINS];
                let weights: [Quads; CHAINS] = black_box([[1; 4 * LANES]; CHAINS]);
                for _ in 0..LINKS {
                    let x = black_box([[1; 4]; LANES]);
                    let x = (&x, &simd.widen(&x));
                    for (sum, weights) in wholes.iter_mut().zip(&weights) {
                        *sum = simd.dot_i8(*sum, weights, x, 0);
                    }
                }
                sums = wholes.map(|whole| simd.to_f32(whole));
            }
            Dtype::F16 => return None,
        }
        Some(sums.map(|sum| f64::from(simd.sum(sum))).iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Configuration with one layer and one head, where all sizes are multiples of a packed block's
    /// size.
    fn config() -> Config {
        let json = br#"{"n_embd": 64, "n_head": 1, "n_layer": 1, "vocab_size": 128,
                        "eos_token_id": null}"#;
        Config::from_json(json, "config.json").unwrap()
    }

    const WEIGHTS: u64 = 64 * 192 + 64 * 64 + 2 * 64 * 256 + 64 * 128;

    #[test]
    fn a_step_reads_every_weight_key_and_value_once() {
        let bytes = |dtype, batch, context| {
            StepCost::of_step(&config(), &Device::Cpu, dtype, batch, context).unwrap().bytes
        };
        assert_eq!(bytes(Dtype::F32, 1, 0), 4 * WEIGHTS);
        assert_eq!(bytes(Dtype::F32, 9, 0), 4 * WEIGHTS);
        assert_eq!(bytes(Dtype::Bf16, 1, 0), 2 * WEIGHTS);
        // There is one scale per 64 weights, one per key and one per value.
        assert_eq!(bytes(Dtype::Int8, 1, 0), WEIGHTS + WEIGHTS / 64 * 4);
        let cached = |dtype| bytes(dtype, 3, 10) - bytes(dtype, 3, 0);
        assert_eq!(cached(Dtype::F32), 2 * 3 * 10 * 64 * 4);
        assert_eq!(cached(Dtype::Bf16), 2 * 3 * 10 * 64 * 2);
        assert_eq!(cached(Dtype::Int8), 2 * 3 * 10 * (64 + 4));
        assert_eq!(StepCost::of_step(&config(), &Device::Cpu, Dtype::F16, 1, 0), None);
    }

    #[test]
    fn a_step_multiplies_every_weight_once_per_text() {
        let cost = StepCost::of_step(&config(), &Device::Cpu, Dtype::Int8, 3, 10).unwrap();
        assert_eq!(cost.multiply_adds, 3 * WEIGHTS);
        assert_eq!(cost.attention_multiply_adds, 3 * 10 * 2 * 64);
    }

    #[test]
    fn the_minimum_time_is_the_longer_of_reading_and_multiplying() {
        let roofline = Roofline { bandwidth: 10.0, multiply_adds: 100.0, f32_multiply_adds: 50.0 };
        let cost = StepCost { bytes: 20, multiply_adds: 100, attention_multiply_adds: 25 };
        assert_eq!(roofline.minimum_time(&cost), (2.0, Bound::Memory));
        let cost = StepCost { bytes: 10, ..cost };
        assert_eq!(roofline.minimum_time(&cost), (1.5, Bound::Compute));
    }

    #[test]
    fn the_products_kernel_counts_its_multiplications() {
        for level in Level::available() {
            let made = |dtype| level.run(MultiplyAddKernel(dtype)).unwrap();
            let lanes = made(Dtype::F32);
            assert!(lanes >= (LINKS * LANES) as f64 && lanes % (LINKS * LANES) as f64 == 0.0);
            assert_eq!(made(Dtype::Bf16), 2.0 * lanes, "{}", level.name());
            assert_eq!(made(Dtype::Int8), 4.0 * lanes, "{}", level.name());
            assert_eq!(level.run(MultiplyAddKernel(Dtype::F16)), None);
        }
    }

    #[test]
    fn the_sum_kernel_reads_every_number() {
        let numbers = vec![[1.0; LANES]; 4 * STREAMS];
        for level in Level::available() {
            assert_eq!(level.run(ReadKernel(&numbers)), (4 * STREAMS * LANES) as f32);
        }
    }
}
