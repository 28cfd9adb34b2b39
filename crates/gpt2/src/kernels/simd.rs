//! Sixteen numbers at a time, on whatever the processor has for it.
//!
//! A kernel is written once against [`Simd`] and compiled for each instruction set. Every vector is
//! sixteen lanes wide, if need be of two registers or of none, so that the order in which a kernel
//! adds does not depend on the processor. AVX-512 and AVX2 round alike (every product that is
//! added is fused) and give the same bits; `Portable` rounds products and sums each by itself,
//! and gives the same bits on any machine.
//!
//! # Safety
//! All `unsafe` of the vector code is in this module's three implementations, and rests on two rules.
//! A token of an instruction set (`Avx512`, `Avx2`) is made only by [`Level::run`], a [`Level`] only for
//! a set that this processor has, and without a token no instruction of the set can be reached.
//! Memory is touched only through references to arrays of the size that is read or written: there
//! are no pointers in the interface.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use half::bf16;

use portable::Portable;

/// Lanes of a vector.
pub const LANES: usize = 16;

/// Numbers of a vector in memory.
pub type Lanes<T> = [T; LANES];

/// Eight-bit weights of sixteen columns, four rows each, for [`Simd::dot_i8`].
pub type Quads = [u8; 4 * LANES];

/// Weights of sixteen columns, two rows each, for [`Simd::dot_bf16`].
pub type Pairs = [bf16; 2 * LANES];

/// The operations that kernels are made of.
pub trait Simd: Copy {
    /// Sixteen f32.
    type F32: Copy;
    /// Sixteen i32.
    type I32: Copy;
    /// Vectors that a matrix product's register tile may accumulate: what the weights and the input
    /// leave of the registers.
    const ACCUMULATORS: usize;

    fn splat(self, x: f32) -> Self::F32;
    fn load(self, from: &Lanes<f32>) -> Self::F32;
    fn store(self, to: &mut Lanes<f32>, x: Self::F32);
    /// Widened.
    fn load_bf16(self, from: &Lanes<bf16>) -> Self::F32;
    /// Converted.
    fn load_i8(self, from: &Lanes<i8>) -> Self::F32;
    /// The nearest bf16s, ties to even.
    fn store_bf16(self, to: &mut Lanes<bf16>, x: Self::F32);
    /// The nearest whole numbers, ties to even; for numbers within ±127.
    fn store_i8(self, to: &mut Lanes<i8>, x: Self::F32);

    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// a · b + c.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// The larger; where either is NaN, `b`.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// The smaller; where either is NaN, `b`.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn abs(self, x: Self::F32) -> Self::F32;
    /// The nearest whole numbers, ties to even.
    fn round(self, x: Self::F32) -> Self::F32;
    /// Whether any lane of `a` is greater than that of `b`.
    fn any_greater(self, a: Self::F32, b: Self::F32) -> bool;
    /// The bits moved left by 23 places: what is in the lowest bits becomes the exponent.
    fn shift_into_exponent(self, x: Self::F32) -> Self::F32;

    fn splat_i32(self, x: i32) -> Self::I32;
    /// `sum` + four products a lane: bytes of `weights` without sign by bytes of `x` with sign.
    fn dot_i8(self, sum: Self::I32, weights: &Quads, x: [i8; 4]) -> Self::I32;
    /// `sum` + two products a lane. Where the processor has an instruction for it the bits may differ:
    /// it counts numbers under the normal range as zero.
    fn dot_bf16(self, sum: Self::F32, weights: &Pairs, x: [bf16; 2]) -> Self::F32;
    fn to_f32(self, x: Self::I32) -> Self::F32;

    /// Brings the cache line at `of` nearer.
    fn prefetch<T>(self, of: &T);

    /// The sum of all lanes, halves added to halves.
    #[inline(always)]
    fn sum(self, x: Self::F32) -> f32 {
        self.fold(x, |a, b| a + b)
    }

    /// The largest lane; NaN counts for nothing beside a number.
    #[inline(always)]
    fn largest(self, x: Self::F32) -> f32 {
        self.fold(x, f32::max)
    }

    /// All lanes by `fold`, halves with halves.
    #[inline(always)]
    fn fold(self, x: Self::F32, fold: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes, x);
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] = fold(lanes[lane], lanes[lane + half]);
            }
            half /= 2;
        }
        lanes[0]
    }
}

/// Something to compute with vectors.
pub trait Kernel {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that kernels are compiled for and that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Level {
    /// The best that this processor has.
    pub fn best() -> Self {
        Self::available().next().unwrap_or(Self(Set::Portable))
    }

    /// All that this processor has, the best first.
    pub fn available() -> impl Iterator<Item = Self> {
        let all = [
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Bf16,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2Vnni,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2,
            Set::Portable,
        ];
        all.into_iter().filter(|set| set.is_available()).map(Self)
    }

    /// Its name, as people know it.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Bf16 => "AVX-512 with VNNI and BF16",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "AVX-512 with VNNI",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2Vnni => "AVX2 with VNNI",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "AVX2",
            Set::Portable => "portable",
        }
    }

    /// Whether it has an instruction for products of bf16.
    pub fn multiplies_bf16(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.0 == Set::Avx512Bf16;
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Runs a kernel compiled for it.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: a level is only made where the processor has it.
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Bf16 => unsafe { avx512::run_bf16(kernel) },
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { avx512::run(kernel) },
            #[cfg(target_arch = "x86_64")]
            Set::Avx2Vnni => unsafe { avx2::run_vnni(kernel) },
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { avx2::run(kernel) },
            Set::Portable => kernel.run(Portable),
        }
    }
}

impl Set {
    /// Whether this processor has it.
    fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => {
                Self::Avx512.is_available() && is_x86_feature_detected!("avx512bf16")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Vnni => Self::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Portable => true,
        }
    }
}
