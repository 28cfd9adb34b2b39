//! Vectors of sixteen numbers, for several instruction sets.
//!
//! A kernel is written once against [`Simd`] and compiled for each instruction set. Every vector has
//! sixteen lanes, whether they are in one register, in two, or in memory, so the order of a kernel's
//! additions does not depend on the CPU. AVX-512, AVX2 and NEON round identically (all multiply-adds
//! are fused) and give the same bits. `Portable` rounds products and sums separately and gives the same
//! bits on every machine.
//!
//! # Safety
//! All `unsafe` vector code is in this module's implementations and relies on two rules. First, a
//! proof of an instruction set (`Avx512`, `Avx2`, `Neon`) is created only by [`Level::run`], a [`Level`] exists
//! only for sets that this CPU supports, and instructions of a set are reachable only through its
//! proof. Second, memory is accessed only through references to arrays of exactly the size that is read
//! or written; the interface has no pointers.

#[cfg_attr(not(all(target_arch = "x86_64", target_os = "linux")), path = "simd/no_amx.rs")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "aarch64")]
use std::arch::is_aarch64_feature_detected;
use std::sync::OnceLock;

use half::bf16;

pub use amx::Amx;
use portable::Portable;

/// Number of lanes in a vector.
pub const LANES: usize = 16;

/// A vector in memory.
pub type Lanes<T> = [T; LANES];

/// 8-bit weights of sixteen columns, four rows each, for [`Simd::dot_i8`].
pub type Quads = [u8; 4 * LANES];

/// bf16 weights of sixteen columns, two rows each, for [`Simd::dot_bf16`].
pub type Pairs = [bf16; 2 * LANES];

/// Vector operations for kernels.
pub trait Simd: Copy {
    /// Sixteen f32.
    type F32: Copy;
    /// Sixteen i32.
    type I32: Copy;
    /// A group of int8 inputs, widened for [`Self::dot_i8`] if its instructions need that.
    type Widened: Copy;
    /// Number of vectors that fit in the registers as accumulators of a matrix product's tile.
    const ACCUMULATORS: usize;
    /// The same for int8.
    const I32_ACCUMULATORS: usize;
    /// Whether the registers also have room for the f32 sums of that tile.
    const KEEPS_SUMS: bool;
    /// Whether [`Self::dot_i8`] subtracts 128 from each weight before it multiplies.
    const SIGNED_WEIGHTS: bool = false;

    fn splat(self, x: f32) -> Self::F32;
    fn load(self, from: &Lanes<f32>) -> Self::F32;
    fn store(self, to: &mut Lanes<f32>, x: Self::F32);
    fn load_bf16(self, from: &Lanes<bf16>) -> Self::F32;
    fn load_i8(self, from: &Lanes<i8>) -> Self::F32;
    /// Rounds to the nearest bf16, ties to even.
    fn store_bf16(self, to: &mut Lanes<bf16>, x: Self::F32);
    /// Rounds to the nearest integer, ties to even. The numbers must be within ±127.
    fn store_i8(self, to: &mut Lanes<i8>, x: Self::F32);

    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// a · b + c.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// Maximum per lane; `b` if either is NaN.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// Minimum per lane; `b` if either is NaN.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn abs(self, x: Self::F32) -> Self::F32;
    /// Rounds to the nearest integer, ties to even.
    fn round(self, x: Self::F32) -> Self::F32;
    /// Whether any lane of `a` is greater than the same lane of `b`.
    fn any_greater(self, a: Self::F32, b: Self::F32) -> bool;
    /// Shifts the bits left by 23, which moves the lowest bits into the exponent.
    fn shift_into_exponent(self, x: Self::F32) -> Self::F32;

    fn splat_i32(self, x: i32) -> Self::I32;
    /// Widens a group of int8 inputs, once for many columns.
    fn widen(self, x: &Lanes<[i8; 4]>) -> Self::Widened;
    /// Adds to each lane of `sum` four products of `weights` and the four inputs at `quad`.
    /// Weights are within 128 ± 127, inputs within ±127.
    fn dot_i8(
        self,
        sum: Self::I32,
        weights: &Quads,
        x: (&Lanes<[i8; 4]>, &Self::Widened),
        quad: usize,
    ) -> Self::I32;
    /// Adds two products to each lane of `sum`. A CPU's bf16 dot product instruction may give different
    /// bits, because it flushes subnormal numbers to zero.
    fn dot_bf16(self, sum: Self::F32, weights: &Pairs, x: [bf16; 2]) -> Self::F32;
    fn to_f32(self, x: Self::I32) -> Self::F32;

    /// Prefetches the cache line that `of` points to.
    fn prefetch<T>(self, of: &T);

    /// Returns the sum of all lanes, computed as a tree: the upper half is added to the lower half, and
    /// so on.
    #[inline(always)]
    fn sum(self, x: Self::F32) -> f32 {
        self.fold(x, |a, b| a + b)
    }

    /// Returns the largest lane, ignoring NaN.
    #[inline(always)]
    fn largest(self, x: Self::F32) -> f32 {
        self.fold(x, f32::max)
    }

    /// Reduces all lanes with `fold`, as a tree of halves.
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

/// A computation on vectors, generic over the instruction set.
pub trait Kernel {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set for which kernels are compiled and which this CPU supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Amx,
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    NeonBf16,
    #[cfg(target_arch = "aarch64")]
    NeonDotprod,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

/// The level that the user chose; see [`Level::choose`].
static CHOSEN: OnceLock<Level> = OnceLock::new();

impl Level {
    /// The level to compute at: the one that the user chose, otherwise [`Self::fastest`].
    pub fn best() -> Self {
        CHOSEN.get().copied().unwrap_or_else(Self::fastest)
    }

    /// The fastest level that this CPU supports.
    pub fn fastest() -> Self {
        Self::available().next().unwrap_or(Self(Set::Portable))
    }

    /// Makes [`Self::best`] return this level from now on. Call it before anything is computed; only the
    /// first call has an effect.
    pub fn choose(self) {
        let _ = CHOSEN.set(self);
    }

    /// All levels that this CPU supports, best first.
    pub fn available() -> impl Iterator<Item = Self> {
        let all = [
            #[cfg(target_arch = "x86_64")]
            Set::Amx,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Bf16,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Vnni,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2Vnni,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2,
            #[cfg(target_arch = "aarch64")]
            Set::NeonBf16,
            #[cfg(target_arch = "aarch64")]
            Set::NeonDotprod,
            #[cfg(target_arch = "aarch64")]
            Set::Neon,
            Set::Portable,
        ];
        all.into_iter().filter(|set| set.is_available()).map(Self)
    }

    /// Short name of the instruction set, for the command line.
    pub fn id(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Amx => "amx",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Bf16 => "avx512-bf16",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2Vnni => "avx2-vnni",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Set::NeonBf16 => "neon-bf16",
            #[cfg(target_arch = "aarch64")]
            Set::NeonDotprod => "neon-dotprod",
            #[cfg(target_arch = "aarch64")]
            Set::Neon => "neon",
            Set::Portable => "portable",
        }
    }

    /// Display name of the instruction set.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Amx => "AVX-512 with VNNI, BF16 and AMX",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Bf16 => "AVX-512 with VNNI and BF16",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Vnni => "AVX-512 with VNNI",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2Vnni => "AVX2 with VNNI",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "AVX2",
            #[cfg(target_arch = "aarch64")]
            Set::NeonBf16 => "NEON with DotProd, I8MM and BF16",
            #[cfg(target_arch = "aarch64")]
            Set::NeonDotprod => "NEON with DotProd",
            #[cfg(target_arch = "aarch64")]
            Set::Neon => "NEON",
            Set::Portable => "portable",
        }
    }

    /// Whether the level needs no specific instruction set.
    pub fn is_portable(self) -> bool {
        self.0 == Set::Portable
    }

    /// Whether the instruction set has a bf16 dot product instruction.
    pub fn multiplies_bf16(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return matches!(self.0, Set::Amx | Set::Avx512Bf16);
        #[cfg(target_arch = "aarch64")]
        return self.0 == Set::NeonBf16;
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        false
    }

    /// Returns the proof of AMX, which multiplies whole tiles, if the level has it.
    pub fn amx(self) -> Option<Amx> {
        #[cfg(target_arch = "x86_64")]
        if self.0 == Set::Amx {
            return Amx::get();
        }
        None
    }

    /// Runs the version of a kernel that is compiled for this level.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: a level exists only if the CPU supports it.
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Amx | Set::Avx512Bf16 => unsafe { avx512::run_bf16(kernel) },
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Vnni => unsafe { avx512::run_vnni(kernel) },
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { avx512::run(kernel) },
            #[cfg(target_arch = "x86_64")]
            Set::Avx2Vnni => unsafe { avx2::run_vnni(kernel) },
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { avx2::run(kernel) },
            #[cfg(target_arch = "aarch64")]
            Set::NeonBf16 => unsafe { neon::run_bf16(kernel) },
            #[cfg(target_arch = "aarch64")]
            Set::NeonDotprod => unsafe { neon::run_dotprod(kernel) },
            #[cfg(target_arch = "aarch64")]
            Set::Neon => unsafe { neon::run(kernel) },
            Set::Portable => kernel.run(Portable),
        }
    }
}

impl Set {
    /// Whether this CPU supports the instruction set.
    fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => Self::Avx512Bf16.is_available() && Amx::get().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => {
                Self::Avx512Vnni.is_available() && is_x86_feature_detected!("avx512bf16")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => {
                Self::Avx512.is_available() && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Vnni => Self::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Self::NeonBf16 => {
                Self::NeonDotprod.is_available()
                    && is_aarch64_feature_detected!("i8mm")
                    && is_aarch64_feature_detected!("bf16")
            }
            #[cfg(target_arch = "aarch64")]
            Self::NeonDotprod => {
                Self::Neon.is_available() && is_aarch64_feature_detected!("dotprod")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => is_aarch64_feature_detected!("neon"),
            Self::Portable => true,
        }
    }
}
