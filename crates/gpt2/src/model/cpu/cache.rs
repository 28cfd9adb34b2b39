//! The KV cache on the CPU, in the layout of the attention kernel.

use bytemuck::Zeroable;
use memmap2::MmapMut;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::thread_team::SharedSlice;
use kernels::attention::{Head, Shape};
use kernels::format::Format;
use kernels::simd::{Kernel, LANES, Lanes, Level, Simd};

/// Keys and values of every block, and the scratch memory of a pass.
pub struct Cache {
    shape: Shape,
    layers: Vec<Layer>,
    pub(super) scratch: Scratch,
}

/// Intermediate results of a pass, reused to avoid allocations.
#[derive(Default)]
pub(super) struct Scratch {
    pub numbers: [Vec<f32>; 3],
    pub encoded: [Vec<u32>; 2],
}

/// One block's keys and values. The system allocates pages on first write, so memory use depends on the
/// actual length of the texts.
pub(super) struct Layer {
    keys: MmapMut,
    values: MmapMut,
    key_scales: MmapMut,
    value_scales: MmapMut,
}

impl Cache {
    /// Creates an empty cache with `slots` batch slots.
    pub fn new<F: Format>(config: &Config, slots: usize) -> Result<Self> {
        let shape = Shape::new(config.n_positions, config.head_dim());
        let heads = slots * config.n_head;
        let number = size_of::<F::Cached>();
        let scales = if F::SCALED { heads * shape.scales() * size_of::<f32>() } else { 0 };
        let memory = |bytes: usize| {
            // The system rejects empty mappings.
            MmapMut::map_anon(bytes.max(1)).map_err(|source| Error::Memory { bytes, source })
        };
        let layer = |_| {
            Ok(Layer {
                keys: memory(heads * shape.keys() * number)?,
                values: memory(heads * shape.values() * number)?,
                key_scales: memory(scales)?,
                value_scales: memory(scales)?,
            })
        };
        let layers = (0..config.n_layer).map(layer).collect::<Result<_>>()?;
        Ok(Self { shape, layers, scratch: Scratch::default() })
    }
}

impl Cache {
    /// Returns the keys and values of all blocks, shared for concurrent writes, and the scratch memory.
    pub(super) fn share<F: Format>(&mut self) -> (Vec<SharedLayer<'_, F>>, &mut Scratch) {
        let layers = self.layers.iter_mut().map(|layer| layer.share(self.shape)).collect();
        (layers, &mut self.scratch)
    }
}

impl Layer {
    fn share<F: Format>(&mut self, shape: Shape) -> SharedLayer<'_, F> {
        fn numbers<T: bytemuck::Pod>(memory: &mut MmapMut) -> SharedSlice<'_, T> {
            let whole = memory.len() / size_of::<T>() * size_of::<T>();
            SharedSlice::new(bytemuck::cast_slice_mut(&mut memory[..whole]))
        }
        SharedLayer {
            shape,
            keys: numbers(&mut self.keys),
            values: numbers(&mut self.values),
            key_scales: numbers(&mut self.key_scales),
            value_scales: numbers(&mut self.value_scales),
        }
    }
}

/// One block's keys and values, shared by the threads of a pass.
pub(super) struct SharedLayer<'a, F: Format> {
    shape: Shape,
    keys: SharedSlice<'a, F::Cached>,
    values: SharedSlice<'a, F::Cached>,
    key_scales: SharedSlice<'a, f32>,
    value_scales: SharedSlice<'a, f32>,
}

impl<F: Format> SharedLayer<'_, F> {
    /// Writes the key and the value (D) of one position. `head` is the head's index among the heads of
    /// all slots.
    ///
    /// # Safety
    /// No other task may read this head's keys and values or write this position in this stage.
    pub unsafe fn write_kv(
        &self,
        level: Level,
        head: usize,
        position: usize,
        [key, value]: [&[f32]; 2],
        scratch: &mut KvScratch<F>,
    ) {
        let shape = self.shape;
        let scale_at = head * shape.scales() + position;

        let scale = scratch.write(level, key);
        let at = head * shape.keys() + shape.key(position);
        for (d, number) in scratch.cached.as_flattened()[..key.len()].iter().enumerate() {
            // SAFETY: the caller guarantees exclusive access to this position.
            unsafe { self.keys.set(at + d * LANES, *number) };
        }
        if F::SCALED {
            // SAFETY: as above.
            unsafe { self.key_scales.set(scale_at, scale) };
        }

        let scale = scratch.write(level, value);
        let (start, at) = (head * shape.values(), shape.value(position));
        // SAFETY: as above.
        let values = unsafe { self.values.write(start + at.start..start + at.end) };
        values.copy_from_slice(scratch.cached.as_flattened());
        if F::SCALED {
            // SAFETY: as above.
            unsafe { self.value_scales.set(scale_at, scale) };
        }
    }

    /// Computes the attention of a query (D) over the first `length` positions of a head and writes it
    /// to `y` (D).
    ///
    /// # Safety
    /// No task may write this head's keys and values in this stage.
    pub unsafe fn attention(
        &self,
        level: Level,
        head: usize,
        length: usize,
        (q, scale): (&[f32], f32),
        scores: &mut Vec<Lanes<f32>>,
        y: &mut [f32],
    ) {
        let shape = self.shape;
        let (keys, values) = (head * shape.keys(), head * shape.values());
        let scales =
            if F::SCALED { head * shape.scales()..(head + 1) * shape.scales() } else { 0..0 };
        // SAFETY: the caller guarantees that no task writes these keys and values.
        let head = unsafe {
            Head::<F> {
                shape,
                q,
                keys: self.keys.read(keys..keys + shape.keys()),
                next_keys: self.keys.read_from(keys + shape.keys()),
                values: self.values.read(values..values + shape.values()),
                key_scales: self.key_scales.read(scales.clone()),
                value_scales: self.value_scales.read(scales),
                scale,
                scores,
                length,
                y,
            }
        };
        level.run(head);
    }
}

/// Scratch memory for converting a key or value to the cache's format.
pub(super) struct KvScratch<F: Format> {
    numbers: Vec<Lanes<f32>>,
    cached: Vec<Lanes<F::Cached>>,
}

impl<F: Format> KvScratch<F> {
    pub fn new(head_dim: usize) -> Self {
        let vectors = head_dim.div_ceil(LANES);
        Self {
            numbers: vec![[0.0; LANES]; vectors],
            cached: vec![[F::Cached::zeroed(); LANES]; vectors],
        }
    }

    /// Converts `numbers` (D) to the cache's format, stores them in `cached`, padded with zeros, and
    /// returns their scale.
    fn write(&mut self, level: Level, numbers: &[f32]) -> f32 {
        self.numbers.as_flattened_mut()[..numbers.len()].copy_from_slice(numbers);
        level.run(EncodeKernel::<F> { numbers: &self.numbers, cached: &mut self.cached })
    }
}

struct EncodeKernel<'a, F: Format> {
    numbers: &'a [Lanes<f32>],
    cached: &'a mut [Lanes<F::Cached>],
}

impl<F: Format> Kernel for EncodeKernel<'_, F> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        F::store(simd, self.numbers, self.cached)
    }
}
