//! Plain Rust, which the compiler vectorises for the target's baseline instruction set.

use half::bf16;

use super::{LANES, Lanes, Pairs, Quads, Simd};

/// Vector operations without a specific instruction set.
#[derive(Clone, Copy)]
pub struct Portable;

#[inline(always)]
fn each<T: Copy, U>(a: [T; LANES], b: [T; LANES], of: impl Fn(T, T) -> U) -> [U; LANES] {
    std::array::from_fn(|lane| of(a[lane], b[lane]))
}

impl Simd for Portable {
    type F32 = Lanes<f32>;
    type I32 = Lanes<i32>;
    type Widened = ();
    const ACCUMULATORS: usize = 4;
    const I32_ACCUMULATORS: usize = 2;
    const KEEPS_SUMS: bool = true;

    #[inline(always)]
    fn splat(self, x: f32) -> Lanes<f32> {
        [x; LANES]
    }
    #[inline(always)]
    fn load(self, from: &Lanes<f32>) -> Lanes<f32> {
        *from
    }
    #[inline(always)]
    fn store(self, to: &mut Lanes<f32>, x: Lanes<f32>) {
        *to = x;
    }
    #[inline(always)]
    fn load_bf16(self, from: &Lanes<bf16>) -> Lanes<f32> {
        from.map(|x| f32::from_bits(u32::from(x.to_bits()) << 16))
    }
    #[inline(always)]
    fn load_i8(self, from: &Lanes<i8>) -> Lanes<f32> {
        from.map(f32::from)
    }
    #[inline(always)]
    fn store_bf16(self, to: &mut Lanes<bf16>, x: Lanes<f32>) {
        *to = x.map(bf16::from_f32);
    }
    #[inline(always)]
    fn store_i8(self, to: &mut Lanes<i8>, x: Lanes<f32>) {
        *to = x.map(|x| x.round_ties_even() as i8);
    }

    #[inline(always)]
    fn add(self, a: Lanes<f32>, b: Lanes<f32>) -> Lanes<f32> {
        each(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Lanes<f32>, b: Lanes<f32>) -> Lanes<f32> {
        each(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Lanes<f32>, b: Lanes<f32>) -> Lanes<f32> {
        each(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: Lanes<f32>, b: Lanes<f32>) -> Lanes<f32> {
        each(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn mul_add(self, a: Lanes<f32>, b: Lanes<f32>, c: Lanes<f32>) -> Lanes<f32> {
        // Rounds twice, because software FMA would be a hundred times slower.
        std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }
    #[inline(always)]
    fn max(self, a: Lanes<f32>, b: Lanes<f32>) -> Lanes<f32> {
        each(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: Lanes<f32>, b: Lanes<f32>) -> Lanes<f32> {
        each(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn abs(self, x: Lanes<f32>) -> Lanes<f32> {
        x.map(f32::abs)
    }
    #[inline(always)]
    fn round(self, x: Lanes<f32>) -> Lanes<f32> {
        x.map(f32::round_ties_even)
    }
    #[inline(always)]
    fn any_greater(self, a: Lanes<f32>, b: Lanes<f32>) -> bool {
        each(a, b, |a, b| a > b).contains(&true)
    }
    #[inline(always)]
    fn shift_into_exponent(self, x: Lanes<f32>) -> Lanes<f32> {
        x.map(|x| f32::from_bits(x.to_bits() << 23))
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> Lanes<i32> {
        [x; LANES]
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
        let x = x.0[quad].map(i32::from);
        std::array::from_fn(|lane| {
            let products = weights[4 * lane..].iter().zip(x).map(|(w, x)| i32::from(*w) * x);
            sum[lane] + products.sum::<i32>()
        })
    }
    #[inline(always)]
    fn dot_bf16(self, sum: Lanes<f32>, weights: &Pairs, x: [bf16; 2]) -> Lanes<f32> {
        let x = x.map(f32::from);
        std::array::from_fn(|lane| {
            let weights = [weights[2 * lane], weights[2 * lane + 1]].map(f32::from);
            weights[0] * x[0] + (weights[1] * x[1] + sum[lane])
        })
    }
    #[inline(always)]
    fn to_f32(self, x: Lanes<i32>) -> Lanes<f32> {
        x.map(|x| x as f32)
    }

    #[inline(always)]
    fn prefetch<T>(self, _: &T) {}
}
