//! NEON, the vectors of 64-bit Arm: four registers per vector.
//!
//! The 8-bit and bf16 dot products are in inline assembly, because their intrinsics are not stable.

use std::arch::aarch64::*;
use std::arch::asm;

use half::bf16;

use super::{Kernel, Lanes, Pairs, Quads, Simd};

/// Proof that this CPU supports NEON, and with `DOTPROD` and `BF16` also those; `BF16` includes I8MM.
#[derive(Clone, Copy)]
pub struct Neon<const DOTPROD: bool, const BF16: bool>(());

/// Runs a kernel with NEON.
///
/// # Safety
/// The CPU must support NEON.
#[target_feature(enable = "neon")]
pub unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon::<false, false>(()))
}

/// Runs a kernel with NEON and its 8-bit dot products.
///
/// # Safety
/// The CPU must support NEON and DotProd.
#[target_feature(enable = "neon,dotprod")]
pub unsafe fn run_dotprod<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon::<true, false>(()))
}

/// Runs a kernel with NEON and its 8-bit and bf16 dot products.
///
/// # Safety
/// The CPU must support NEON, DotProd, I8MM and BF16.
#[target_feature(enable = "neon,dotprod,i8mm,bf16")]
pub unsafe fn run_bf16<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon::<true, true>(()))
}

/// Applies an operation to the four registers of each vector.
macro_rules! quarters {
    ($operation:ident, $($x:ident),+) => {{
        let at = |i: usize| unsafe { $operation($($x[i]),+) };
        [at(0), at(1), at(2), at(3)]
    }};
}

/// Adds four products of bytes to each lane of a register. `.arch_extension` lets the assembler accept
/// the instruction in copies of this code that are compiled for plain NEON and never run.
macro_rules! dot {
    ($instruction:literal, $extension:literal, $sum:ident, $weights:ident, $x:ident) => {
        asm!(
            concat!(".arch_extension ", $extension),
            $instruction,
            sum = inout(vreg) $sum,
            weights = in(vreg) $weights,
            x = in(vreg) $x,
            options(pure, nomem, nostack, preserves_flags),
        )
    };
}

// SAFETY, for all blocks below: `self` proves that the CPU supports the instructions, and references to
// arrays prove that the memory is valid.
impl<const DOTPROD: bool, const BF16: bool> Simd for Neon<DOTPROD, BF16> {
    type F32 = [float32x4_t; 4];
    type I32 = [int32x4_t; 4];
    type Widened = ();
    const ACCUMULATORS: usize = 6;
    const I32_ACCUMULATORS: usize = 6;
    const KEEPS_SUMS: bool = false;
    // Only I8MM multiplies unsigned by signed bytes.
    const SIGNED_WEIGHTS: bool = !BF16;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        unsafe { [vdupq_n_f32(x); 4] }
    }
    #[inline(always)]
    fn load(self, from: &Lanes<f32>) -> Self::F32 {
        unsafe {
            let quarter = |i: usize| vld1q_f32(from[i..].as_ptr());
            [quarter(0), quarter(4), quarter(8), quarter(12)]
        }
    }
    #[inline(always)]
    fn store(self, to: &mut Lanes<f32>, x: Self::F32) {
        unsafe {
            vst1q_f32(to.as_mut_ptr(), x[0]);
            vst1q_f32(to[4..].as_mut_ptr(), x[1]);
            vst1q_f32(to[8..].as_mut_ptr(), x[2]);
            vst1q_f32(to[12..].as_mut_ptr(), x[3]);
        }
    }
    #[inline(always)]
    fn load_bf16(self, from: &Lanes<bf16>) -> Self::F32 {
        unsafe {
            let quarter = |i: usize| {
                let bits = vld1_u16(from[i..].as_ptr().cast());
                vreinterpretq_f32_u32(vshll_n_u16::<16>(bits))
            };
            [quarter(0), quarter(4), quarter(8), quarter(12)]
        }
    }
    #[inline(always)]
    fn load_i8(self, from: &Lanes<i8>) -> Self::F32 {
        unsafe {
            let bytes = vld1q_s8(from.as_ptr());
            let (low, high) = (vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes));
            self.to_f32([
                vmovl_s16(vget_low_s16(low)),
                vmovl_high_s16(low),
                vmovl_s16(vget_low_s16(high)),
                vmovl_high_s16(high),
            ])
        }
    }
    #[inline(always)]
    fn store_bf16(self, to: &mut Lanes<bf16>, x: Self::F32) {
        for (i, x) in x.into_iter().enumerate() {
            unsafe {
                let bits = vreinterpretq_u32_f32(x);
                // Add just under half a unit in the last kept place, plus the last kept bit, so ties go
                // to even.
                let odd = vandq_u32(vshrq_n_u32::<16>(bits), vdupq_n_u32(1));
                let rounding = vaddq_u32(odd, vdupq_n_u32(0x7fff));
                let rounded = vshrn_n_u32::<16>(vaddq_u32(bits, rounding));
                let is_number = vmovn_u32(vceqq_f32(x, x));
                let rounded = vbsl_u16(is_number, rounded, vdup_n_u16(0x7fc0));
                vst1_u16(to[4 * i..].as_mut_ptr().cast(), rounded);
            }
        }
    }
    #[inline(always)]
    fn store_i8(self, to: &mut Lanes<i8>, x: Self::F32) {
        let x = quarters!(vcvtnq_s32_f32, x);
        unsafe {
            let low = vcombine_s16(vmovn_s32(x[0]), vmovn_s32(x[1]));
            let high = vcombine_s16(vmovn_s32(x[2]), vmovn_s32(x[3]));
            vst1q_s8(to.as_mut_ptr(), vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
        }
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        quarters!(vaddq_f32, a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        quarters!(vsubq_f32, a, b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        quarters!(vmulq_f32, a, b)
    }
    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        quarters!(vdivq_f32, a, b)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        quarters!(vfmaq_f32, c, a, b)
    }
    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        let is_greater = quarters!(vcgtq_f32, a, b);
        quarters!(vbslq_f32, is_greater, a, b)
    }
    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        let is_less = quarters!(vcltq_f32, a, b);
        quarters!(vbslq_f32, is_less, a, b)
    }
    #[inline(always)]
    fn abs(self, x: Self::F32) -> Self::F32 {
        quarters!(vabsq_f32, x)
    }
    #[inline(always)]
    fn round(self, x: Self::F32) -> Self::F32 {
        quarters!(vrndnq_f32, x)
    }
    #[inline(always)]
    fn any_greater(self, a: Self::F32, b: Self::F32) -> bool {
        let [a, b, c, d] = quarters!(vcgtq_f32, a, b);
        unsafe { vmaxvq_u32(vorrq_u32(vorrq_u32(a, b), vorrq_u32(c, d))) != 0 }
    }
    #[inline(always)]
    fn shift_into_exponent(self, x: Self::F32) -> Self::F32 {
        let shifted =
            |x| unsafe { vreinterpretq_f32_u32(vshlq_n_u32::<23>(vreinterpretq_u32_f32(x))) };
        x.map(shifted)
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> Self::I32 {
        unsafe { [vdupq_n_s32(x); 4] }
    }
    #[inline(always)]
    fn widen(self, _: &Lanes<[i8; 4]>) {}
    #[inline(always)]
    fn dot_i8(
        self,
        sum: Self::I32,
        weights: &Quads,
        x: (&Lanes<[i8; 4]>, &Self::Widened),
        quad: usize,
    ) -> Self::I32 {
        unsafe {
            let x = vreinterpretq_s8_s32(vdupq_n_s32(bytemuck::cast(x.0[quad])));
            let dot = |mut sum: int32x4_t, weights: &[u8]| {
                let weights = vld1q_u8(weights.as_ptr());
                if BF16 {
                    dot!("usdot {sum:v}.4s, {weights:v}.16b, {x:v}.16b", "i8mm", sum, weights, x);
                    return sum;
                }
                // Flipping the highest bit subtracts 128.
                let weights = vreinterpretq_s8_u8(veorq_u8(weights, vdupq_n_u8(0x80)));
                if DOTPROD {
                    dot!("sdot {sum:v}.4s, {weights:v}.16b, {x:v}.16b", "dotprod", sum, weights, x);
                    return sum;
                }
                // A sum of two products of signed bytes fits in 16 bits.
                let low = vmull_s8(vget_low_s8(weights), vget_low_s8(x));
                let high = vmull_high_s8(weights, x);
                vpadalq_s16(sum, vpaddq_s16(low, high))
            };
            [
                dot(sum[0], &weights[..16]),
                dot(sum[1], &weights[16..32]),
                dot(sum[2], &weights[32..48]),
                dot(sum[3], &weights[48..]),
            ]
        }
    }
    #[inline(always)]
    fn dot_bf16(self, sum: Self::F32, weights: &Pairs, x: [bf16; 2]) -> Self::F32 {
        unsafe {
            let pair = u32::from(x[0].to_bits()) | u32::from(x[1].to_bits()) << 16;
            let pair = vdupq_n_u32(pair);
            let x = x.map(|x| vdupq_n_f32(x.to_f32()));
            let dot = |mut sum: float32x4_t, weights: &[bf16]| {
                let weights = vreinterpretq_u32_u16(vld1q_u16(weights.as_ptr().cast()));
                if BF16 {
                    dot!("bfdot {sum:v}.4s, {weights:v}.8h, {x:v}.8h", "bf16", sum, weights, pair);
                    return sum;
                }
                let first = vreinterpretq_f32_u32(vshlq_n_u32::<16>(weights));
                let high = vdupq_n_u32(0xffff_0000);
                let second = vreinterpretq_f32_u32(vandq_u32(weights, high));
                vfmaq_f32(vfmaq_f32(sum, second, x[1]), first, x[0])
            };
            [
                dot(sum[0], &weights[..8]),
                dot(sum[1], &weights[8..16]),
                dot(sum[2], &weights[16..24]),
                dot(sum[3], &weights[24..]),
            ]
        }
    }
    #[inline(always)]
    fn to_f32(self, x: Self::I32) -> Self::F32 {
        quarters!(vcvtq_f32_s32, x)
    }

    #[inline(always)]
    fn prefetch<T>(self, of: &T) {
        unsafe {
            asm!(
                "prfm pldl1keep, [{of}]",
                of = in(reg) std::ptr::from_ref(of),
                options(readonly, nostack, preserves_flags),
            );
        }
    }
}
