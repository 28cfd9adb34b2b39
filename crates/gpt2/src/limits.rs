//! What a step of writing needs at least, and how fast this machine could do it.
//!
//! A step carries a batch of texts on by one token each. However well it is programmed, it reads every
//! weight once, and the keys and values of every text; and it multiplies every weight with a number
//! of every text. A processor does the two at the same time, so that the longer of them is the least
//! time that the step can take (Williams et al. 2009, "Roofline", doi:10.1145/1498765.1498785).
//!
//! The machine's rates are measured, not looked up: see [`read_rate`] and [`product_rate`].

use std::hint::black_box;
use std::time::{Duration, Instant};

use half::bf16;
use rayon::prelude::*;

use crate::config::Config;
use crate::device::Device;
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::gpu::rates;
use crate::kernels::format::{Bf16, F32, Format, Int8};
use crate::kernels::linear::Linear;
use crate::kernels::simd::{Kernel, LANES, Lanes, Level, Pairs, Quads, Simd};
use crate::model::Dtype;

/// What a step needs. Embeddings, biases and norms are left out, which together are less than a
/// hundredth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Bytes to read: packed weights, keys and values.
    pub bytes: u64,
    /// Products of the linear layers, in the model's number format.
    pub products: u64,
    /// Products of attention, which are in f32 in every format.
    pub attention_products: u64,
}

impl Work {
    /// One step of `batch` texts, which attend to `context` tokens each. None for a format that the
    /// device does not compute in, or not by kernels of this crate.
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
                    products: (weights * batch) as u64,
                    attention_products: cached as u64,
                })
            }
            _ => None,
        }
    }

    fn in_format<F: Format>(config: &Config, batch: usize, context: usize) -> Self {
        let layers = || config.linear_layers();
        let blocks: usize = layers().map(|(k, n)| Linear::<F>::blocks(k, n)).sum();
        let weights: usize = layers().map(|(k, n)| k * n).sum();
        // A key and a value of every head for every token, each with its scale if it has one.
        let keys_and_values = 2 * config.n_layer * batch * context;
        let scales = if F::SCALED { config.n_head * size_of::<f32>() } else { 0 };
        let cached = keys_and_values * (config.n_embd * size_of::<F::Cached>() + scales);
        Self {
            bytes: (blocks * size_of::<F::Block>() + cached) as u64,
            products: (weights * batch) as u64,
            attention_products: (keys_and_values * config.n_embd) as u64,
        }
    }
}

/// What a device can do, each number a second. The CPU is all threads of the current rayon pool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Bytes read of as many as a step reads; see [`read_rate`].
    pub bytes: f64,
    /// Products in the model's number format.
    pub products: f64,
    /// Products in f32.
    pub f32_products: f64,
}

/// What a step spends its time on, at best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Reading,
    Multiplying,
}

impl Rates {
    /// The least time that a step can take, in seconds, and what with.
    pub fn least_time(&self, work: &Work) -> (f64, Bound) {
        let reading = work.bytes as f64 / self.bytes;
        let multiplying = work.products as f64 / self.products
            + work.attention_products as f64 / self.f32_products;
        if reading > multiplying {
            (reading, Bound::Reading)
        } else {
            (multiplying, Bound::Multiplying)
        }
    }
}

/// The instruction set that this processor computes with here.
pub fn instruction_set() -> &'static str {
    Level::best().name()
}

/// Bytes that are surely not in a processor's caches when they are read again.
pub const OUT_OF_CACHE: usize = 512 << 20;

/// How often a rate is measured. The best is taken: whatever else the machine does only takes away.
const ROUNDS: usize = 10;
/// How long at least each time, so that waking the threads does not count.
const ROUND: Duration = Duration::from_millis(15);

/// Bytes that a device reads a second when it goes through the same `bytes` bytes again and again, which
/// is what writing does with weights. A model that is small enough for the caches is read from there, so
/// the rate depends on how many they are, up to [`OUT_OF_CACHE`]. None where it is not known.
///
/// # Errors
/// When the device fails.
pub fn read_rate(device: &Device, bytes: usize) -> Result<Option<f64>> {
    match device {
        Device::Cpu => Ok(Some(read_rate_of_cpu(bytes))),
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => rates::read(gpu, bytes.min(OUT_OF_CACHE)).map(Some),
        Device::Metal(_) => Ok(None),
    }
}

/// Products, each added to a sum, that a device makes a second when nothing has to be waited for: numbers
/// and sums stay in registers. None for a format that it does not compute in, or where it is not known.
///
/// # Errors
/// When the device fails.
pub fn product_rate(device: &Device, dtype: Dtype) -> Result<Option<f64>> {
    match device {
        Device::Cpu => Ok(product_rate_of_cpu(dtype)),
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) if dtype != Dtype::Int8 => rates::products(gpu, dtype).map(Some),
        _ => Ok(None),
    }
}

fn read_rate_of_cpu(bytes: usize) -> f64 {
    let vectors = bytes.min(OUT_OF_CACHE).div_ceil(size_of::<Lanes<f32>>());
    // Written: memory that never was is not read, either.
    let numbers: Vec<Lanes<f32>> = (0..vectors).into_par_iter().map(|_| [1.0; LANES]).collect();
    let level = Level::best();
    rate(size_of_val(&*numbers), |thread, threads| {
        let part = vectors * thread / threads..vectors * (thread + 1) / threads;
        black_box(level.run(Sum(&numbers[part])));
    })
}

fn product_rate_of_cpu(dtype: Dtype) -> Option<f64> {
    let level = Level::best();
    let products = level.run(Products(dtype))? as usize;
    Some(rate(products * rayon::current_num_threads(), |_, _| {
        black_box(level.run(Products(dtype)));
    }))
}

/// How many units a second are done by `pass`, which does `units` on all threads together. It is
/// given the thread's number, and how many there are.
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

/// Reads numbers, adding them up so that they must be read.
struct Sum<'a>(&'a [Lanes<f32>]);

/// Places at which a thread reads at once. A processor fetches ahead at each of them.
const STREAMS: usize = 4;

impl Kernel for Sum<'_> {
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

/// Multiplies ones and adds them up; gives the sum, which is how many products there were.
#[derive(Clone, Copy)]
struct Products(Dtype);

/// Products that each chain of sums adds, one after the other, to each lane or its part of a lane. Few
/// enough for an f32 to count.
const LINKS: usize = 1 << 16;

impl Kernel for Products {
    type Output = Option<f64>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<f64> {
        // Enough chains to hide that each link waits for the one before, as registers allow.
        match S::ACCUMULATORS {
            24.. => self.in_chains::<S, 12>(simd),
            6.. => self.in_chains::<S, 6>(simd),
            _ => self.in_chains::<S, 4>(simd),
        }
    }
}

impl Products {
    /// The numbers go through `black_box`, lest a compiler multiplies less than is written here.
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
                    let x = black_box([1; 4]);
                    for (sum, weights) in wholes.iter_mut().zip(&weights) {
                        *sum = simd.dot_i8(*sum, weights, x);
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

    /// One block of one head; all sizes are whole blocks of packed weights.
    fn config() -> Config {
        let json = br#"{"n_embd": 64, "n_head": 1, "n_layer": 1, "vocab_size": 128,
                        "eos_token_id": null}"#;
        Config::from_json(json, "config.json").unwrap()
    }

    const WEIGHTS: u64 = 64 * 192 + 64 * 64 + 2 * 64 * 256 + 64 * 128;

    #[test]
    fn a_step_reads_each_weight_once_and_every_key_and_value() {
        let bytes = |dtype, batch, context| {
            Work::of_step(&config(), &Device::Cpu, dtype, batch, context).unwrap().bytes
        };
        assert_eq!(bytes(Dtype::F32, 1, 0), 4 * WEIGHTS);
        assert_eq!(bytes(Dtype::F32, 9, 0), 4 * WEIGHTS);
        assert_eq!(bytes(Dtype::Bf16, 1, 0), 2 * WEIGHTS);
        // A scale for sixty-four weights, and one for each key and value.
        assert_eq!(bytes(Dtype::Int8, 1, 0), WEIGHTS + WEIGHTS / 64 * 4);
        let cached = |dtype| bytes(dtype, 3, 10) - bytes(dtype, 3, 0);
        assert_eq!(cached(Dtype::F32), 2 * 3 * 10 * 64 * 4);
        assert_eq!(cached(Dtype::Bf16), 2 * 3 * 10 * 64 * 2);
        assert_eq!(cached(Dtype::Int8), 2 * 3 * 10 * (64 + 4));
        assert_eq!(Work::of_step(&config(), &Device::Cpu, Dtype::F16, 1, 0), None);
    }

    #[test]
    fn a_step_multiplies_each_weight_for_each_text() {
        let work = Work::of_step(&config(), &Device::Cpu, Dtype::Int8, 3, 10).unwrap();
        assert_eq!(work.products, 3 * WEIGHTS);
        assert_eq!(work.attention_products, 3 * 10 * 2 * 64);
    }

    #[test]
    fn the_longer_of_reading_and_multiplying_is_the_least_time() {
        let rates = Rates { bytes: 10.0, products: 100.0, f32_products: 50.0 };
        let work = Work { bytes: 20, products: 100, attention_products: 25 };
        assert_eq!(rates.least_time(&work), (2.0, Bound::Reading));
        let work = Work { bytes: 10, ..work };
        assert_eq!(rates.least_time(&work), (1.5, Bound::Multiplying));
    }

    #[test]
    fn as_many_products_are_made_as_are_counted() {
        for level in Level::available() {
            let made = |dtype| level.run(Products(dtype)).unwrap();
            let lanes = made(Dtype::F32);
            assert!(lanes >= (LINKS * LANES) as f64 && lanes % (LINKS * LANES) as f64 == 0.0);
            assert_eq!(made(Dtype::Bf16), 2.0 * lanes, "{}", level.name());
            assert_eq!(made(Dtype::Int8), 4.0 * lanes, "{}", level.name());
            assert_eq!(level.run(Products(Dtype::F16)), None);
        }
    }

    #[test]
    fn every_number_is_read() {
        let numbers = vec![[1.0; LANES]; 4 * STREAMS];
        for level in Level::available() {
            assert_eq!(level.run(Sum(&numbers)), (4 * STREAMS * LANES) as f32);
        }
    }
}
