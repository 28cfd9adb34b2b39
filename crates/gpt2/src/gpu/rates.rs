//! Measures a GPU's memory bandwidth and arithmetic throughput.

use std::time::{Duration, Instant};

use super::arguments::{ProductsArguments, ReadArguments};
use super::{Gpu, Launch};
use crate::dtype::Dtype;
use crate::error::Result;

/// Threads per block.
const THREADS: u32 = 256;
/// Blocks per multiprocessor, enough to keep the GPU fully occupied.
const BLOCKS: u32 = 8;

/// Number of measurements, of which the best is used: other work on the device can only slow a
/// measurement down.
const ROUNDS: usize = 5;
/// Minimum duration of a measurement.
const ROUND: Duration = Duration::from_millis(15);

/// Measures the read bandwidth, in bytes per second, by repeatedly reading a buffer of `bytes` bytes.
pub fn read(gpu: &Gpu, bytes: usize) -> Result<f64> {
    let from = gpu.buffer(bytes.next_multiple_of(16))?;
    let launch = launch(gpu);
    let to = gpu.buffer((launch.grid[0] * THREADS) as usize * size_of::<u32>())?;
    let count = from.bytes() as u64 / 16;
    let arguments = ReadArguments { from: from.address(), count, to: to.address(), unused: 0 };
    let kernel = gpu.kernel("rate_read")?;
    // SAFETY: the arguments match the allocated memory.
    best(gpu, from.bytes(), || unsafe { gpu.launch(kernel, launch, &arguments) })
}

/// Measures the number of multiply-adds per second in the number format, using the same instructions as
/// the linear layers.
pub fn products(gpu: &Gpu, dtype: Dtype) -> Result<f64> {
    rate_of_products(gpu, dtype, 1 << 12)
}

fn rate_of_products(gpu: &Gpu, dtype: Dtype, rounds: u32) -> Result<f64> {
    let launch = launch(gpu);
    let threads = launch.grid[0] * THREADS;
    let to = gpu.buffer(threads as usize * size_of::<f32>())?;
    let arguments = ProductsArguments { to: to.address(), rounds, unused: 0 };
    let kernel = gpu.kernel(&format!("rate_{}", dtype.name()))?;
    let units = threads as usize * rounds as usize * products_of_a_round(dtype);
    // SAFETY: the arguments match the allocated memory.
    best(gpu, units, || unsafe { gpu.launch(kernel, launch, &arguments) })
}

/// Number of multiply-adds per thread in one round of the kernel.
fn products_of_a_round(dtype: Dtype) -> usize {
    const CHAINS: usize = 8;
    if dtype == Dtype::F32 { CHAINS } else { CHAINS * 16 * 8 * 16 / 32 }
}

fn launch(gpu: &Gpu) -> Launch {
    Launch { grid: [gpu.multiprocessors() as u32 * BLOCKS, 1], block: THREADS, shared: 0 }
}

/// Times repeated launches, each of which processes `units` units, and returns the best rate in units
/// per second.
fn best(gpu: &Gpu, units: usize, queue: impl Fn() -> Result<()>) -> Result<f64> {
    let time = |launches: usize| -> Result<Duration> {
        let start = Instant::now();
        (0..launches).try_for_each(|_| queue())?;
        gpu.mark()?.wait()?;
        Ok(start.elapsed().max(Duration::from_nanos(1)))
    };
    time(1)?;
    let launches = ROUND.as_nanos().div_ceil(time(1)?.as_nanos()) as usize;
    let mut least = time(launches)?;
    for _ in 1..ROUNDS {
        least = least.min(time(launches)?);
    }
    Ok((units * launches) as f64 / least.as_secs_f64())
}

#[cfg(test)]
#[cfg(feature = "emulated-gpu")]
mod tests {
    use super::*;

    /// Runs a kernel and returns its raw results.
    fn results(kernel: &str, rounds: u32) -> Vec<f32> {
        let gpu = Gpu::emulated(1 << 20);
        let launch = Launch { grid: [2, 1], block: THREADS, shared: 0 };
        let to = gpu.buffer(2 * THREADS as usize * size_of::<f32>()).unwrap();
        let arguments = ProductsArguments { to: to.address(), rounds, unused: 0 };
        // SAFETY: the arguments match the allocated memory.
        unsafe { gpu.launch(gpu.kernel(kernel).unwrap(), launch, &arguments).unwrap() };
        to.read(2 * THREADS as usize).unwrap()
    }

    #[test]
    fn kernels_compute_as_many_products_as_are_counted() {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            let results = results(&format!("rate_{}", dtype.name()), 3);
            let made: f32 = results.iter().sum();
            assert_eq!(made as usize, results.len() * 3 * products_of_a_round(dtype), "{dtype:?}");
        }
    }

    #[test]
    fn every_byte_is_read() {
        let gpu = Gpu::emulated(1 << 20);
        let numbers: Vec<u32> = (0..4000).collect();
        let (from, launch) = (gpu.buffer_from(&numbers).unwrap(), launch(&gpu));
        let threads = (launch.grid[0] * THREADS) as usize;
        let to = gpu.buffer(threads * size_of::<u32>()).unwrap();
        let (from, to_address) = (from.address(), to.address());
        let arguments = ReadArguments { from, count: 1000, to: to_address, unused: 0 };
        // SAFETY: the arguments match the allocated memory.
        unsafe { gpu.launch(gpu.kernel("rate_read").unwrap(), launch, &arguments).unwrap() };
        let sum: u32 = to.read::<u32>(threads).unwrap().iter().sum();
        assert_eq!(sum, numbers.iter().sum::<u32>());
    }

    #[test]
    fn rates_are_measured() {
        let gpu = Gpu::emulated(1 << 20);
        assert!(read(&gpu, 1 << 16).unwrap() > 0.0);
        assert!(rate_of_products(&gpu, Dtype::F32, 2).unwrap() > 0.0);
    }
}
