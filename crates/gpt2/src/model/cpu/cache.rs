//! Keys and values on the CPU, as attention's kernel reads them.

use bytemuck::Zeroable;
use memmap2::MmapMut;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::kernels::attention::{Head, Shape};
use crate::kernels::format::Format;
use crate::kernels::simd::{Kernel, LANES, Lanes, Level, Simd};
use crate::kernels::team::Shared;

/// Keys and values of every block, and the memory that passes compute in.
pub struct Cache {
    shape: Shape,
    layers: Vec<Layer>,
    pub(super) scratch: Scratch,
}

/// Numbers between the layers of a pass, kept so that no pass has to ask the system for them.
#[derive(Default)]
pub(super) struct Scratch {
    pub numbers: [Vec<f32>; 3],
    pub encoded: [Vec<u32>; 2],
}

/// One block's keys and values. The system hands out the memory as it is first written, so a cache
/// takes what the texts in it need, not what the longest could.
pub(super) struct Layer {
    keys: MmapMut,
    values: MmapMut,
    key_scales: MmapMut,
    value_scales: MmapMut,
}

impl Cache {
    /// Room for `slots` texts.
    pub fn new<F: Format>(config: &Config, slots: usize) -> Result<Self> {
        let shape = Shape::new(config.n_positions, config.head_dim());
        let heads = slots * config.n_head;
        let number = size_of::<F::Cached>();
        let scales = if F::SCALED { heads * shape.scales() * size_of::<f32>() } else { 0 };
        let memory = |bytes: usize| {
            // A mapping of nothing is refused.
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
    /// The blocks' keys and values, to be written by many, and the memory of passes.
    pub(super) fn share<F: Format>(&mut self) -> (Vec<SharedLayer<'_, F>>, &mut Scratch) {
        let layers = self.layers.iter_mut().map(|layer| layer.share(self.shape)).collect();
        (layers, &mut self.scratch)
    }
}

impl Layer {
    fn share<F: Format>(&mut self, shape: Shape) -> SharedLayer<'_, F> {
        fn numbers<T: bytemuck::Pod>(memory: &mut MmapMut) -> Shared<'_, T> {
            let whole = memory.len() / size_of::<T>() * size_of::<T>();
            Shared::new(bytemuck::cast_slice_mut(&mut memory[..whole]))
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

/// One block's keys and values while a pass writes and reads them.
pub(super) struct SharedLayer<'a, F: Format> {
    shape: Shape,
    keys: Shared<'a, F::Cached>,
    values: Shared<'a, F::Cached>,
    key_scales: Shared<'a, f32>,
    value_scales: Shared<'a, f32>,
}

impl<F: Format> SharedLayer<'_, F> {
    /// Writes the key and the value (D) of one position. `head` counts the heads of all slots.
    ///
    /// # Safety
    /// Nobody else reads this head's keys and values or writes this position in this stage.
    pub unsafe fn remember(
        &self,
        level: Level,
        head: usize,
        position: usize,
        [key, value]: [&[f32]; 2],
        scratch: &mut WriteScratch<F>,
    ) {
        let shape = self.shape;
        let scale_at = head * shape.scales() + position;

        let scale = scratch.write(level, key);
        let at = head * shape.keys() + shape.key(position);
        for (d, number) in scratch.cached.as_flattened()[..key.len()].iter().enumerate() {
            // SAFETY: the caller has this position to itself.
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

    /// A query's (D) attention over the first `length` positions of a head; gives (D).
    ///
    /// # Safety
    /// Nobody writes this head's keys and values in this stage.
    pub unsafe fn attend(
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
        // SAFETY: the caller says that nobody writes them.
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

/// A key or value on its way into the cache.
pub(super) struct WriteScratch<F: Format> {
    numbers: Vec<Lanes<f32>>,
    cached: Vec<Lanes<F::Cached>>,
}

impl<F: Format> WriteScratch<F> {
    pub fn new(head_dim: usize) -> Self {
        let vectors = head_dim.div_ceil(LANES);
        Self {
            numbers: vec![[0.0; LANES]; vectors],
            cached: vec![[F::Cached::zeroed(); LANES]; vectors],
        }
    }

    /// Writes numbers (D) into `cached`, filled up with zeros; gives their scale.
    fn write(&mut self, level: Level, numbers: &[f32]) -> f32 {
        self.numbers.as_flattened_mut()[..numbers.len()].copy_from_slice(numbers);
        level.run(Write::<F> { numbers: &self.numbers, cached: &mut self.cached })
    }
}

struct Write<'a, F: Format> {
    numbers: &'a [Lanes<f32>],
    cached: &'a mut [Lanes<F::Cached>],
}

impl<F: Format> Kernel for Write<'_, F> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        F::store(simd, self.numbers, self.cached)
    }
}
