//! Checks that no kernel reads or writes out of bounds: inaccessible guard pages surround the kernel's
//! memory, so such an access terminates the test program with a signal.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::MmapMut;
use rustix::mm::{MprotectFlags, mprotect};

use super::attention::{CachedText, WIDTHS, store};
use super::linear::{Weight, product};
use super::numbers::{bits, encoded, in_every_format, random};
use crate::attention::Head;
use crate::distribution::{above, sum_of_exponentials, tame};
use crate::format::{Format, GROUP};
use crate::gelu::Activation;
use crate::gelu::activate;
use crate::layer_norm::{LayerNorm, encode};
use crate::linear::Linear;
use crate::owned_or_mapped::OwnedOrMapped;
use crate::simd::{LANES, Lanes, Level};

/// Size of a guard page in bytes; a multiple of every system's page size.
const PAGE: usize = 1 << 16;

/// The end of the numbers that is placed against a guard page.
#[derive(Debug, Clone, Copy)]
enum End {
    First,
    Last,
}

const ENDS: [End; 2] = [End::First, End::Last];

/// Returns memory with room for a guard page on both sides, and the byte range of the numbers in it.
fn mapped<T: Pod>(end: End, numbers: &[T]) -> (MmapMut, Range<usize>) {
    let bytes: &[u8] = bytemuck::cast_slice(numbers);
    let room = bytes.len().next_multiple_of(PAGE);
    let mut memory = MmapMut::map_anon(room + 2 * PAGE).unwrap();
    let start = match end {
        End::First => PAGE,
        End::Last => PAGE + room - bytes.len(),
    };
    let part = start..start + bytes.len();
    memory[part.clone()].copy_from_slice(bytes);
    (memory, part)
}

/// Makes the first and the last page inaccessible.
fn guard(memory: &[u8]) {
    for start in [0, memory.len() - PAGE] {
        let page = memory[start..].as_ptr().cast_mut().cast();
        // SAFETY: these are whole pages of a mapping and contain no data.
        unsafe { mprotect(page, PAGE, MprotectFlags::empty()) }.unwrap();
    }
}

struct Guarded<T> {
    memory: MmapMut,
    part: Range<usize>,
    of: PhantomData<T>,
}

impl<T: Pod> Guarded<T> {
    fn new(end: End, numbers: &[T]) -> Self {
        let (memory, part) = mapped(end, numbers);
        guard(&memory);
        Self { memory, part, of: PhantomData }
    }
}

impl<T: Pod> Deref for Guarded<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        bytemuck::cast_slice(&self.memory[self.part.clone()])
    }
}

impl<T: Pod> DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.memory[self.part.clone()])
    }
}

/// Returns a layer's blocks as mapped memory.
fn stored<T: Pod>(end: End, blocks: &[T]) -> OwnedOrMapped<T> {
    let (memory, part) = mapped(end, blocks);
    let memory = memory.make_read_only().unwrap();
    guard(&memory);
    OwnedOrMapped::Mapped(Arc::new(memory), part)
}

fn everywhere(test: impl Fn(Level, End)) {
    for level in Level::available() {
        ENDS.into_iter().for_each(|end| test(level, end));
    }
}

#[test]
fn products_stay_in_bounds() {
    fn stays_within<F: Format>(level: Level, end: End) {
        for (inputs, outputs) in [(1, 1), (63, 31), (64, 64), (65, 33), (130, 100)] {
            let weight = Weight::random(1, (inputs, outputs));
            let blocks = weight.packed::<F>(level);
            let plain =
                Linear::new(inputs, outputs, OwnedOrMapped::Owned(blocks.clone()), &weight.bias);
            let guarded = Linear::new(inputs, outputs, stored(end, &blocks), &weight.bias);
            for rows in [1, 2, 3, 4, 6, 7, 11, 12, 13, 25] {
                let x = encoded::<F>(level, &random(2, rows * inputs), inputs);
                let expected = product::<F>(level, &plain, &x);
                let got = product::<F>(level, &guarded, &Guarded::new(end, &x));
                assert_eq!(bits(&got), bits(&expected));
            }
        }
    }
    everywhere(|level, end| {
        in_every_format!(stays_within(level, end));
    });
}

#[test]
fn attention_stays_in_bounds() {
    fn stays_within<F: Format>(level: Level, end: End) {
        for head_dim in WIDTHS {
            for length in [1, 15, 16, 17, 40] {
                let text = CachedText::<F>::random(1, level, length, head_dim);
                let blocks = length.next_multiple_of(LANES);
                let scales = if F::SCALED { blocks } else { 0 };
                let read = blocks * head_dim;
                let keys = Guarded::new(end, &text.keys[..read]);
                let next_keys = Guarded::new(end, &text.keys[..read]);
                let values = text.shape.value(0).len() * length;
                let values = Guarded::new(end, &text.values[..values]);
                let key_scales = Guarded::new(end, &text.key_scales[..scales]);
                let value_scales = Guarded::new(end, &text.value_scales[..scales]);
                let q = Guarded::new(end, &random(2, head_dim));
                let mut y = Guarded::new(end, &vec![f32::NAN; head_dim]);
                level.run(Head::<F> {
                    shape: text.shape,
                    q: &q,
                    keys: &keys,
                    next_keys: &next_keys,
                    values: &values,
                    key_scales: &key_scales,
                    value_scales: &value_scales,
                    scale: 0.3,
                    scores: &mut Vec::new(),
                    length,
                    y: &mut y,
                });
                assert!(y.iter().all(|y| y.is_finite()));
            }
        }
    }
    everywhere(|level, end| {
        in_every_format!(stays_within(level, end));
    });
}

#[test]
fn row_operations_stay_in_bounds() {
    fn stays_within<F: Format>(level: Level, end: End) {
        for width in [1usize, 63, 64, 65, 320] {
            let filled_up = width.next_multiple_of(GROUP);
            let [x, weight, bias] = [1, 2, 3].map(|seed| random(seed, width));
            let norm = LayerNorm::new(weight, bias, 1e-5);
            let x = Guarded::new(end, &[x, vec![0.0; filled_up - width]].concat());
            let groups: Vec<F::Group> = bytemuck::zeroed_vec(filled_up / GROUP);
            let mut y = Guarded::new(end, &groups);
            norm.forward::<F>(level, &x, &mut y);
            encode::<F>(level, &x, &mut y);
            assert!(bytemuck::cast_slice::<_, u8>(&y[..]).iter().any(|byte| *byte != 0));
        }
    }
    everywhere(|level, end| {
        in_every_format!(stays_within(level, end));
        for vectors in [1, 2, 5] {
            let numbers: Vec<Lanes<f32>> = vec![[1.0; LANES]; vectors];
            let mut numbers = Guarded::new(end, &numbers);
            activate(level, Activation::GeluTanh, &mut numbers);
            activate(level, Activation::GeluErf, &mut numbers);
            assert!(numbers.as_flattened().iter().all(|x| (0.6..0.7).contains(x)));
        }
    });
}

#[test]
fn vocabulary_operations_stay_in_bounds() {
    everywhere(|level, end| {
        for length in [1, 3, 15, 16, 17, 33, 257, 1025] {
            let mut logits = Guarded::new(end, &random(1, length));
            let largest = tame(level, &mut logits);
            assert!(sum_of_exponentials(level, &logits, largest, 0.5) >= 1.0);
            let mut found = 0;
            above(level, &logits, f32::MIN, |_, _| {
                found += 1;
                f32::MIN
            });
            assert_eq!(found, length);
        }
    });
}

#[test]
fn cache_writes_stay_in_bounds() {
    fn stays_within<F: Format>(level: Level, end: End) {
        for vectors in [1, 2, 4, 5] {
            let numbers = random(1, vectors * LANES);
            let numbers = Guarded::new(end, numbers.as_chunks::<LANES>().0);
            let cached: Vec<Lanes<F::Cached>> = bytemuck::zeroed_vec(vectors);
            let mut cached = Guarded::new(end, &cached);
            assert!(store::<F>(level, &numbers, &mut cached).0 > 0.0);
        }
    }
    everywhere(|level, end| {
        in_every_format!(stays_within(level, end));
    });
}
