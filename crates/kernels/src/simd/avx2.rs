//! AVX2: two registers per vector.

use std::arch::x86_64::*;

use half::bf16;

use super::{Kernel, LANES, Lanes, Pairs, Quads, Simd};

/// Proof that this CPU supports AVX2 and FMA, and with `VNNI` also AVX-VNNI.
#[derive(Clone, Copy)]
pub struct Avx2<const VNNI: bool>(());

/// Runs a kernel with AVX2.
///
/// # Safety
/// The CPU must support AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2::<false>(()))
}

/// Runs a kernel with AVX2 and AVX-VNNI's 8-bit dot products.
///
/// # Safety
/// The CPU must support AVX2, FMA and AVX-VNNI.
#[target_feature(enable = "avx2,fma,avxvnni")]
pub unsafe fn run_vnni<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2::<true>(()))
}

/// Applies an operation to both registers of each vector.
macro_rules! halves {
    ($operation:ident, $($x:ident),+) => {
        unsafe { [$operation($($x[0]),+), $operation($($x[1]),+)] }
    };
}

// SAFETY, for all blocks below: `self` proves that the CPU supports the instructions, and references to
// arrays prove that the memory is valid.
impl<const VNNI: bool> Simd for Avx2<VNNI> {
    type F32 = [__m256; 2];
    type I32 = [__m256i; 2];
    /// Without VNNI: the even and the odd bytes in 16 bits, because 16-bit sums of byte products would
    /// overflow.
    type Widened = [Lanes<i32>; 2];
    const ACCUMULATORS: usize = 6;
    const I32_ACCUMULATORS: usize = if VNNI { 3 } else { 5 };
    const KEEPS_SUMS: bool = VNNI;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        unsafe { [_mm256_set1_ps(x); 2] }
    }
    #[inline(always)]
    fn load(self, from: &Lanes<f32>) -> Self::F32 {
        unsafe { [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from[8..].as_ptr())] }
    }
    #[inline(always)]
    fn store(self, to: &mut Lanes<f32>, x: Self::F32) {
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), x[0]);
            _mm256_storeu_ps(to[8..].as_mut_ptr(), x[1]);
        }
    }
    #[inline(always)]
    fn load_bf16(self, from: &Lanes<bf16>) -> Self::F32 {
        unsafe {
            let half = |half: &[bf16]| {
                let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(half.as_ptr().cast()));
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
            };
            [half(&from[..8]), half(&from[8..])]
        }
    }
    #[inline(always)]
    fn load_i8(self, from: &Lanes<i8>) -> Self::F32 {
        unsafe {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            let high = _mm_unpackhi_epi64(bytes, bytes);
            [bytes, high].map(|bytes| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)))
        }
    }
    #[inline(always)]
    fn store_bf16(self, to: &mut Lanes<bf16>, x: Self::F32) {
        let mut lanes = [0.0; 16];
        self.store(&mut lanes, x);
        *to = lanes.map(bf16::from_f32);
    }
    #[inline(always)]
    fn store_i8(self, to: &mut Lanes<i8>, x: Self::F32) {
        unsafe {
            let [low, high] = x.map(|x| {
                let whole = _mm256_cvtps_epi32(x);
                let (low, high) =
                    (_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
                _mm_packs_epi32(low, high)
            });
            _mm_storeu_si128(to.as_mut_ptr().cast(), _mm_packs_epi16(low, high));
        }
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_add_ps, a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_sub_ps, a, b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_mul_ps, a, b)
    }
    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_div_ps, a, b)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        halves!(_mm256_fmadd_ps, a, b, c)
    }
    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_max_ps, a, b)
    }
    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_min_ps, a, b)
    }
    #[inline(always)]
    fn abs(self, x: Self::F32) -> Self::F32 {
        unsafe { x.map(|x| _mm256_andnot_ps(_mm256_set1_ps(-0.0), x)) }
    }
    #[inline(always)]
    fn round(self, x: Self::F32) -> Self::F32 {
        unsafe {
            x.map(|x| _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x))
        }
    }
    #[inline(always)]
    fn any_greater(self, a: Self::F32, b: Self::F32) -> bool {
        unsafe {
            let low = _mm256_cmp_ps::<_CMP_GT_OQ>(a[0], b[0]);
            let high = _mm256_cmp_ps::<_CMP_GT_OQ>(a[1], b[1]);
            _mm256_movemask_ps(_mm256_or_ps(low, high)) != 0
        }
    }
    #[inline(always)]
    fn shift_into_exponent(self, x: Self::F32) -> Self::F32 {
        unsafe { x.map(|x| _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(x)))) }
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> Self::I32 {
        unsafe { [_mm256_set1_epi32(x); 2] }
    }
    #[inline(always)]
    fn widen(self, x: &Lanes<[i8; 4]>) -> Self::Widened {
        let mut widened = [[0; LANES]; 2];
        if !VNNI {
            for half in [0, 8] {
                unsafe {
                    let x = _mm256_loadu_si256(x[half..].as_ptr().cast());
                    let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(x));
                    let odd = _mm256_srai_epi16::<8>(x);
                    _mm256_storeu_si256(widened[0][half..].as_mut_ptr().cast(), even);
                    _mm256_storeu_si256(widened[1][half..].as_mut_ptr().cast(), odd);
                }
            }
        }
        widened
    }
    #[inline(always)]
    fn dot_i8(
        self,
        sum: Self::I32,
        weights: &Quads,
        x: (&Lanes<[i8; 4]>, &Self::Widened),
        quad: usize,
    ) -> Self::I32 {
        unsafe {
            let all = _mm256_set1_epi32(bytemuck::cast(x.0[quad]));
            let (x_even, x_odd) =
                (_mm256_set1_epi32(x.1[0][quad]), _mm256_set1_epi32(x.1[1][quad]));
            let dot = |sum, weights: &[u8]| {
                let weights = _mm256_loadu_si256(weights.as_ptr().cast());
                if VNNI {
                    return _mm256_dpbusd_avx_epi32(sum, weights, all);
                }
                let even = _mm256_and_si256(weights, _mm256_set1_epi16(0xff));
                let odd = _mm256_srli_epi16::<8>(weights);
                let sum = _mm256_add_epi32(sum, _mm256_madd_epi16(even, x_even));
                _mm256_add_epi32(sum, _mm256_madd_epi16(odd, x_odd))
            };
            [dot(sum[0], &weights[..32]), dot(sum[1], &weights[32..])]
        }
    }
    #[inline(always)]
    fn dot_bf16(self, sum: Self::F32, weights: &Pairs, x: [bf16; 2]) -> Self::F32 {
        unsafe {
            let x = x.map(|x| _mm256_set1_ps(x.to_f32()));
            let high = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
            let dot = |sum, weights: &[bf16]| {
                let weights = _mm256_loadu_si256(weights.as_ptr().cast());
                let first = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(weights));
                let second = _mm256_castsi256_ps(_mm256_and_si256(weights, high));
                _mm256_fmadd_ps(first, x[0], _mm256_fmadd_ps(second, x[1], sum))
            };
            [dot(sum[0], &weights[..16]), dot(sum[1], &weights[16..])]
        }
    }
    #[inline(always)]
    fn to_f32(self, x: Self::I32) -> Self::F32 {
        unsafe { x.map(|x| _mm256_cvtepi32_ps(x)) }
    }

    #[inline(always)]
    fn prefetch<T>(self, of: &T) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(of).cast()) }
    }
}
