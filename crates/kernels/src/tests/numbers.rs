//! Test numbers, and error bounds for computations with them.

use candle_core::{Device, Tensor};
use half::bf16;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::format::{Bf16, F32, Format, GROUP, Int8};
use crate::layer_norm::encode;
use crate::simd::Level;

/// Maximum relative error of rounding to f32.
pub const UNIT: f64 = f32::EPSILON as f64 / 2.0;

/// Error bound for a sum of `n` numbers, relative to the sum of their absolute values, if each is
/// rounded at most `n` times (Higham, "Accuracy and Stability of Numerical Algorithms", lemma 3.1).
pub fn gamma(n: usize) -> f64 {
    n as f64 * UNIT / (1.0 - n as f64 * UNIT)
}

/// Returns pseudorandom numbers between -1 and 1, with occasional outliers up to a hundred times as
/// large.
pub fn random(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut number = || rng.next_u32().cast_signed() as f32 / 2f32.powi(31);
    (0..count).map(|_| if number() > 0.98 { 100.0 * number() } else { number() }).collect()
}

pub fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

/// Converts numbers to a candle tensor in f64.
pub fn tensor<T: Copy + Into<f64>>(numbers: &[T], shape: &[usize]) -> Tensor {
    let numbers: Vec<f64> = numbers.iter().map(|x| (*x).into()).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}

pub fn numbers_of(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Asserts that every number is within its tolerance. NaN is never within tolerance.
pub fn assert_near(what: &str, got: &[f32], expected: &[f64], tolerance: &[f64]) {
    assert_eq!((got.len(), got.len()), (expected.len(), tolerance.len()), "{what}");
    for (i, ((got, expected), tolerance)) in got.iter().zip(expected).zip(tolerance).enumerate() {
        let distance = (f64::from(*got) - expected).abs();
        assert!(
            distance <= *tolerance,
            "{what}: number {i} is {got}, expected {expected} within {tolerance}, not {distance}"
        );
    }
}

/// Asserts that the results of `run` are within the tolerance at every SIMD level, and that all levels
/// with fused multiply-add give the same bits.
pub fn assert_near_at_every_level(
    what: &str,
    expected: &[f64],
    tolerance: &[f64],
    run: impl Fn(Level) -> Vec<f32>,
) {
    let mut fused = None;
    for level in Level::available() {
        let got = run(level);
        assert_near(&format!("{what} on {}", level.name()), &got, expected, tolerance);
        if !is_portable(level) {
            let got = bits(&got);
            assert!(*fused.get_or_insert_with(|| got.clone()) == got, "{what} on {}", level.name());
        }
    }
}

/// Pads rows to whole groups and encodes them.
pub fn encoded<F: Format>(level: Level, x: &[f32], width: usize) -> Vec<F::Group> {
    let mut groups = Vec::new();
    for row in x.chunks(width) {
        let mut row = row.to_vec();
        row.resize(width.next_multiple_of(GROUP), 0.0);
        let mut written = vec![bytemuck::Zeroable::zeroed(); row.len() / GROUP];
        encode::<F>(level, &row, &mut written);
        groups.extend(written);
    }
    groups
}

/// A number format with its expected precision.
pub trait KnownPrecision: Format {
    const NAME: &str;

    /// Returns the expected values of a group of numbers after encoding, and the maximum error.
    fn kept(group: &[f32]) -> (Vec<f64>, f64);
}

impl KnownPrecision for F32 {
    const NAME: &str = "f32";

    fn kept(group: &[f32]) -> (Vec<f64>, f64) {
        (group.iter().map(|x| f64::from(*x)).collect(), 0.0)
    }
}

impl KnownPrecision for Bf16 {
    const NAME: &str = "bf16";

    fn kept(group: &[f32]) -> (Vec<f64>, f64) {
        (group.iter().map(|x| bf16::from_f32(*x).to_f64()).collect(), 0.0)
    }
}

impl KnownPrecision for Int8 {
    const NAME: &str = "int8";

    /// The error is half a quantisation step, plus up to three roundings (the inverse, the product, the
    /// scale) of a multiple of at most 127. Numbers so small that the inverse of the step overflows may
    /// be lost entirely.
    fn kept(group: &[f32]) -> (Vec<f64>, f64) {
        let largest = group.iter().fold(0f32, |largest, x| largest.max(x.abs()));
        let scale = f64::from(largest) / 127.0;
        let numbers = group.iter().map(|x| f64::from(*x)).collect();
        let smallest = f32::MAX.recip();
        let off = if largest / 127.0 > smallest { 0.5 + 127.0 * gamma(4) } else { 127.0 };
        (numbers, scale * off)
    }
}

/// Calls a generic function for every number format.
macro_rules! in_every_format {
    ($function:ident($($argument:expr),*)) => {
        $function::<crate::format::F32>($($argument),*);
        $function::<crate::format::Bf16>($($argument),*);
        $function::<crate::format::Int8>($($argument),*);
    };
}
pub(super) use in_every_format;

/// Whether the level rounds products and sums separately.
pub fn is_portable(level: Level) -> bool {
    level.name() == "portable"
}

/// Whether the level uses the CPU's bf16 dot product, which rounds differently.
pub fn has_bf16(level: Level) -> bool {
    level.name().contains("BF16")
}
