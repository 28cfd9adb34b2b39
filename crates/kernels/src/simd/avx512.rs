//! AVX-512: one register per vector.

use std::arch::x86_64::*;
use std::mem::transmute;

use half::bf16;

use super::{Kernel, LANES, Lanes, Pairs, Quads, Simd};

/// Proof that this CPU supports AVX-512 F, BW, DQ and VL, and with `VNNI` and `BF16` also those.
#[derive(Clone, Copy)]
pub struct Avx512<const VNNI: bool, const BF16: bool>(());

/// Runs a kernel with AVX-512.
///
/// # Safety
/// The CPU must support AVX-512 F, BW, DQ and VL.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512::<false, false>(()))
}

/// Runs a kernel with AVX-512 and its 8-bit dot products.
///
/// # Safety
/// The CPU must support AVX-512 F, BW, DQ, VL and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
pub unsafe fn run_vnni<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512::<true, false>(()))
}

/// Runs a kernel with AVX-512 and its 8-bit and bf16 dot products.
///
/// # Safety
/// The CPU must support AVX-512 F, BW, DQ, VL, VNNI and BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma")]
pub unsafe fn run_bf16<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512::<true, true>(()))
}

// SAFETY, for all blocks below: `self` proves that the CPU supports the instructions, and references to
// arrays prove that the memory is valid.
impl<const VNNI: bool, const BF16: bool> Simd for Avx512<VNNI, BF16> {
    type F32 = __m512;
    type I32 = __m512i;
    /// As with AVX2.
    type Widened = [Lanes<i32>; 2];
    const ACCUMULATORS: usize = 24;
    const I32_ACCUMULATORS: usize = if VNNI { 12 } else { 24 };
    const KEEPS_SUMS: bool = VNNI;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    fn load(self, from: &Lanes<f32>) -> __m512 {
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, to: &mut Lanes<f32>, x: __m512) {
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), x) }
    }
    #[inline(always)]
    fn load_bf16(self, from: &Lanes<bf16>) -> __m512 {
        unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        }
    }
    #[inline(always)]
    fn load_i8(self, from: &Lanes<i8>) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.as_ptr().cast()))) }
    }
    #[inline(always)]
    fn store_bf16(self, to: &mut Lanes<bf16>, x: __m512) {
        unsafe {
            let bits = _mm512_castps_si512(x);
            // Add just under half a unit in the last kept place, plus the last kept bit, so ties go to
            // even.
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let rounding = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
            let rounded = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits, rounding));
            let nan = _mm512_set1_epi32(0x7fc0);
            let is_nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
            let rounded = _mm512_mask_mov_epi32(rounded, is_nan, nan);
            _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm512_cvtepi32_epi16(rounded));
        }
    }
    #[inline(always)]
    fn store_i8(self, to: &mut Lanes<i8>, x: __m512) {
        unsafe {
            let bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x));
            _mm_storeu_si128(to.as_mut_ptr().cast(), bytes);
        }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    fn abs(self, x: __m512) -> __m512 {
        unsafe { _mm512_abs_ps(x) }
    }
    #[inline(always)]
    fn round(self, x: __m512) -> __m512 {
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x) }
    }
    #[inline(always)]
    fn any_greater(self, a: __m512, b: __m512) -> bool {
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) != 0 }
    }
    #[inline(always)]
    fn shift_into_exponent(self, x: __m512) -> __m512 {
        unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(x))) }
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(x) }
    }
    #[inline(always)]
    fn widen(self, x: &Lanes<[i8; 4]>) -> Self::Widened {
        let mut widened = [[0; LANES]; 2];
        if !VNNI {
            unsafe {
                let x = _mm512_loadu_si512(x.as_ptr().cast());
                let even = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(x));
                let odd = _mm512_srai_epi16::<8>(x);
                _mm512_storeu_si512(widened[0].as_mut_ptr().cast(), even);
                _mm512_storeu_si512(widened[1].as_mut_ptr().cast(), odd);
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
            let weights = _mm512_loadu_si512(weights.as_ptr().cast());
            let all = _mm512_set1_epi32(bytemuck::cast(x.0[quad]));
            let (x_even, x_odd) =
                (_mm512_set1_epi32(x.1[0][quad]), _mm512_set1_epi32(x.1[1][quad]));
            if VNNI {
                return _mm512_dpbusd_epi32(sum, weights, all);
            }
            let even = _mm512_and_si512(weights, _mm512_set1_epi16(0xff));
            let odd = _mm512_srli_epi16::<8>(weights);
            let sum = _mm512_add_epi32(sum, _mm512_madd_epi16(even, x_even));
            _mm512_add_epi32(sum, _mm512_madd_epi16(odd, x_odd))
        }
    }
    #[inline(always)]
    fn dot_bf16(self, sum: __m512, weights: &Pairs, x: [bf16; 2]) -> __m512 {
        unsafe {
            let weights = _mm512_loadu_si512(weights.as_ptr().cast());
            if BF16 {
                let x = u32::from(x[0].to_bits()) | u32::from(x[1].to_bits()) << 16;
                let x = _mm512_set1_epi32(x.cast_signed());
                let weights = transmute::<__m512i, __m512bh>(weights);
                let x = transmute::<__m512i, __m512bh>(x);
                return _mm512_dpbf16_ps(sum, weights, x);
            }
            let first = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(weights));
            let high = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
            let second = _mm512_castsi512_ps(_mm512_and_si512(weights, high));
            let sum = _mm512_fmadd_ps(second, _mm512_set1_ps(x[1].to_f32()), sum);
            _mm512_fmadd_ps(first, _mm512_set1_ps(x[0].to_f32()), sum)
        }
    }
    #[inline(always)]
    fn to_f32(self, x: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(x) }
    }

    #[inline(always)]
    fn prefetch<T>(self, of: &T) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(of).cast()) }
    }
}
