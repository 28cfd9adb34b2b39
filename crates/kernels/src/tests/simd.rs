//! Compares vector operations of every SIMD level with scalar Rust, lane by lane.

use half::bf16;

use super::numbers::{has_bf16, is_portable, random};
use crate::simd::{Kernel, LANES, Lanes, Level, Pairs, Quads, Simd};

/// Returns test numbers that include special values.
fn numbers(seed: u64) -> Lanes<f32> {
    let special = [0.0, -0.0, 1e-40, f32::MIN_POSITIVE, 3e38, f32::MAX, f32::INFINITY, f32::NAN];
    let random = random(seed, 2 * LANES);
    let is_special = |lane: usize| random[LANES + lane] > 0.5;
    std::array::from_fn(|lane| {
        let special = special[(seed as usize + lane) % special.len()];
        if is_special(lane) { special.copysign(random[lane]) } else { random[lane] }
    })
}

/// Whether two numbers are bitwise equal; all NaNs count as equal.
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

fn stored<S: Simd>(simd: S, x: S::F32) -> Lanes<f32> {
    let mut lanes = [f32::NAN; LANES];
    simd.store(&mut lanes, x);
    lanes
}

struct Operations {
    a: Lanes<f32>,
    b: Lanes<f32>,
    c: Lanes<f32>,
    portable: bool,
}

impl Kernel for Operations {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { a, b, c, portable } = self;
        let [x, y, z] = [&a, &b, &c].map(|lanes| simd.load(lanes));
        let is = |name: &str, got: S::F32, expected: &dyn Fn(usize) -> f32| {
            for (lane, got) in stored(simd, got).into_iter().enumerate() {
                let expected = expected(lane);
                assert!(
                    same(got, expected),
                    "{name} of {}, {}, {} is {got}, expected {expected}",
                    a[lane],
                    b[lane],
                    c[lane]
                );
            }
        };
        is("load", x, &|i| a[i]);
        is("splat", simd.splat(a[3]), &|_| a[3]);
        is("add", simd.add(x, y), &|i| a[i] + b[i]);
        is("sub", simd.sub(x, y), &|i| a[i] - b[i]);
        is("mul", simd.mul(x, y), &|i| a[i] * b[i]);
        is("div", simd.div(x, y), &|i| a[i] / b[i]);
        is("mul_add", simd.mul_add(x, y, z), &|i| {
            if portable { a[i] * b[i] + c[i] } else { a[i].mul_add(b[i], c[i]) }
        });
        is("abs", simd.abs(x), &|i| a[i].abs());
        is("round", simd.round(simd.mul(x, simd.splat(9.5))), &|i| (a[i] * 9.5).round_ties_even());
        // With NaN, or zeros of different signs, the result is the second operand.
        is("max", simd.max(x, y), &|i| if a[i] > b[i] { a[i] } else { b[i] });
        is("min", simd.min(x, y), &|i| if a[i] < b[i] { a[i] } else { b[i] });
        is("shift_into_exponent", simd.shift_into_exponent(x), &|i| {
            f32::from_bits(a[i].to_bits() << 23)
        });
        let any = (0..LANES).any(|i| a[i] > b[i]);
        assert_eq!(simd.any_greater(x, y), any);
        for lane in 0..LANES {
            let mut one = [0.0; LANES];
            one[lane] = 1.0;
            let (one, zeros) = (simd.load(&one), simd.splat(0.0));
            assert!(simd.any_greater(one, zeros) && !simd.any_greater(zeros, one));
        }

        let mut sum = a;
        let mut largest = a;
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                sum[i] += sum[i + half];
                largest[i] = largest[i].max(largest[i + half]);
            }
        }
        assert!(same(simd.sum(x), sum[0]) && same(simd.largest(x), largest[0]));

        let mut rounded = [bf16::ZERO; LANES];
        simd.store_bf16(&mut rounded, x);
        for (rounded, a) in rounded.iter().zip(a) {
            assert!(same(rounded.to_f32(), bf16::from_f32(a).to_f32()), "{rounded} of {a}");
        }
        is("load_bf16", simd.load_bf16(&rounded), &|i| rounded[i].to_f32());

        let within = a.map(|a| if a.is_finite() { (a * 127.4).clamp(-127.0, 127.0) } else { 2.5 });
        let mut wholes = [0i8; LANES];
        simd.store_i8(&mut wholes, simd.load(&within));
        assert_eq!(wholes, within.map(|x| x.round_ties_even() as i8));
        is("load_i8", simd.load_i8(&wholes), &|i| f32::from(wholes[i]));
    }
}

#[test]
fn operations_match_scalar_rust() {
    for level in Level::available() {
        for seed in 0..300 {
            let [a, b, c] = [0, 1, 2].map(|more| numbers(3 * seed + more));
            level.run(Operations { a, b, c, portable: is_portable(level) });
        }
    }
}

#[test]
fn bf16_rounds_to_nearest_with_ties_to_even() {
    struct Rounded([u32; LANES]);

    impl Kernel for Rounded {
        type Output = Lanes<bf16>;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Lanes<bf16> {
            let mut to = [bf16::ZERO; LANES];
            simd.store_bf16(&mut to, simd.load(&self.0.map(f32::from_bits)));
            to
        }
    }

    for level in Level::available() {
        for high in [0x0000, 0x0001, 0x3f80, 0x3f81, 0x7f7f, 0x8000, 0xff7f, 0x7f80, 0xff80] {
            let lows = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff];
            let bits = std::array::from_fn(|lane| high << 16 | lows[lane % lows.len()]);
            for (got, bits) in level.run(Rounded(bits)).into_iter().zip(bits) {
                let expected = bf16::from_f32(f32::from_bits(bits)).to_f32();
                assert!(same(got.to_f32(), expected), "{bits:#x} on {}: {got}", level.name());
            }
        }
    }
}

struct DotI8 {
    sum: i32,
    weights: Quads,
    x: [i8; 4],
}

impl Kernel for DotI8 {
    type Output = Lanes<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Lanes<f32> {
        let mut group = [[1; 4]; LANES];
        group[3] = self.x;
        let x = (&group, &simd.widen(&group));
        // Undo what a level subtracts from the weights.
        let offset = if S::SIGNED_WEIGHTS { 128 } else { 0 };
        let sum = self.sum + offset * self.x.map(i32::from).iter().sum::<i32>();
        stored(simd, simd.to_f32(simd.dot_i8(simd.splat_i32(sum), &self.weights, x, 3)))
    }
}

#[test]
fn bytes_are_multiplied_exactly() {
    let bytes = |seed| random(seed, 4 * LANES).into_iter().map(|x| (x * 1000.0) as i32 as u8);
    for level in Level::available() {
        for seed in 0..100 {
            // The first two seeds use the largest values.
            let weights: Vec<u8> =
                if seed < 2 { vec![255; 64] } else { bytes(seed).map(|w| w.max(1)).collect() };
            let weights: Quads = weights.try_into().unwrap();
            let x = match seed {
                0 => [127; 4],
                1 => [-127; 4],
                _ => std::array::from_fn(|i| {
                    bytes(seed + 1000).nth(i).unwrap().cast_signed().max(-127)
                }),
            };
            let sum = 1000 - 20 * seed as i32;
            let expected = std::array::from_fn(|lane| {
                let products = weights[4 * lane..].iter().zip(x);
                let sum = products.fold(sum, |sum, (w, x)| sum + i32::from(*w) * i32::from(x));
                sum as f32
            });
            let got = level.run(DotI8 { sum, weights, x });
            assert_eq!(got, expected, "{} on {}", seed, level.name());
        }
    }
}

struct DotBf16 {
    sum: f32,
    weights: Pairs,
    x: [bf16; 2],
}

impl Kernel for DotBf16 {
    type Output = Lanes<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Lanes<f32> {
        stored(simd, simd.dot_bf16(simd.splat(self.sum), &self.weights, self.x))
    }
}

#[test]
fn bf16_products_have_a_fixed_order() {
    for level in Level::available() {
        for seed in 0..100 {
            let numbers = random(seed, 2 * LANES + 3);
            let weights: Pairs = std::array::from_fn(|i| bf16::from_f32(numbers[i]));
            let x = [bf16::from_f32(numbers[32]), bf16::from_f32(numbers[33])];
            let got = level.run(DotBf16 { sum: numbers[34], weights, x });
            for (lane, got) in got.into_iter().enumerate() {
                let [first, second] =
                    [0, 1].map(|i| (weights[2 * lane + i].to_f32(), x[i].to_f32()));
                let expected = if is_portable(level) {
                    first.0 * first.1 + (second.0 * second.1 + numbers[34])
                } else {
                    first.0.mul_add(first.1, second.0.mul_add(second.1, numbers[34]))
                };
                let near = 2.0
                    * f32::EPSILON
                    * (numbers[34].abs() + (first.0 * first.1).abs() + (second.0 * second.1).abs());
                let is_right = if has_bf16(level) {
                    (got - expected).abs() <= near
                } else {
                    got.to_bits() == expected.to_bits()
                };
                assert!(is_right, "{got}, expected {expected} on {}", level.name());
            }
        }
    }
}
