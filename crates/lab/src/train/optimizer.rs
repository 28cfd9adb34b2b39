//! AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101): Adam with decoupled weight decay.

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::TrainingSettings;
use super::ops::{Backend, contiguous};
use kernels::simd::{Kernel, Level, Simd};

/// A parameter with its optimiser state.
pub struct TrainedParameter {
    pub weight: Var,
    /// Moving averages of the gradient and of its square.
    pub moments: [Var; 2],
    /// Moving average of the weight.
    pub average: Option<Var>,
}

impl TrainedParameter {
    /// Creates a parameter with the initial value `weight` and zero moments.
    pub fn new(weight: &Tensor, settings: &TrainingSettings) -> Result<Self> {
        let average = (settings.averaged > 0.0).then(|| Var::from_tensor(&weight.copy()?));
        Ok(Self {
            moments: [
                Var::from_tensor(&weight.zeros_like()?)?,
                Var::from_tensor(&weight.zeros_like()?)?,
            ],
            average: average.transpose()?,
            weight: Var::from_tensor(&weight.copy()?)?,
        })
    }

    /// Returns the weight to evaluate and export: the average, if there is one.
    pub fn exported(&self) -> &Tensor {
        self.average.as_ref().unwrap_or(&self.weight)
    }

    /// Performs optimiser step `step`, counted from 0, with the gradient `gradient` · `scale`.
    pub fn step(
        &self,
        backend: Backend,
        settings: &TrainingSettings,
        step: usize,
        learning_rate: f64,
        gradient: &Tensor,
        scale: f64,
    ) -> Result<()> {
        let (first, second) = settings.betas;
        let count = step as i32 + 1;
        let is_matrix = self.weight.dims().len() >= 2;
        let update = AdamWUpdate {
            // Correct the bias of the moving averages, which both start at 0.
            rate: learning_rate / (1.0 - first.powi(count)),
            root: 1.0 / (1.0 - second.powi(count)).sqrt(),
            epsilon: settings.epsilon,
            decay: 1.0 - if is_matrix { learning_rate * settings.weight_decay } else { 0.0 },
        };
        // Average over fewer steps at first, so the initial weights fade quickly.
        let decay = settings.averaged.min(f64::from(count) / (9.0 + f64::from(count)));
        let [mean, square] = &self.moments;
        if let Backend::Kernels(..) = backend {
            mean.inplace_op2(gradient, &MovingAverage { decay: first, scale, is_squared: false })?;
            square
                .inplace_op2(gradient, &MovingAverage { decay: second, scale, is_squared: true })?;
            self.weight.inplace_op3(mean, square, &update)?;
            if let Some(average) = &self.average {
                average.inplace_op2(
                    &self.weight,
                    &MovingAverage { decay, scale: 1.0, is_squared: false },
                )?;
            }
            return Ok(());
        }
        let gradient = (gradient * scale)?;
        mean.set(&((mean.as_tensor() * first)? + (&gradient * (1.0 - first))?)?)?;
        square.set(&((square.as_tensor() * second)? + (gradient.sqr()? * (1.0 - second))?)?)?;
        let root = ((square.sqrt()? * update.root)? + update.epsilon)?;
        let moved = ((mean.as_tensor() / root)? * update.rate)?;
        self.weight.set(&((self.weight.as_tensor() * update.decay)? - moved)?)?;
        if let Some(average) = &self.average {
            let moved =
                ((average.as_tensor() * decay)? + (self.weight.as_tensor() * (1.0 - decay))?)?;
            average.set(&moved)?;
        }
        Ok(())
    }
}

/// Returns the sum of the squares of a gradient.
pub fn sum_of_squares(backend: Backend, gradient: &Tensor) -> Result<f64> {
    if let Backend::Candle(_) = backend {
        return Ok(f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?));
    }
    let gradient = gradient.contiguous()?;
    let (storage, layout) = gradient.storage_and_layout();
    let candle_core::Storage::Cpu(storage) = &*storage else { bail!("not on the CPU") };
    let part = |part: &[f32]| part.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
    let parts: Vec<f64> = contiguous(storage, layout)?.par_chunks(CHUNK).map(part).collect();
    Ok(parts.iter().sum())
}

/// Number of elements per task.
const CHUNK: usize = 1 << 15;

fn contiguous_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let CpuStorage::F32(all) = storage else { bail!("a weight is not f32") };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&mut all[start..end]),
        None => bail!("a weight is not contiguous"),
    }
}

/// Updates a moving average with new values, which are multiplied by `scale` and, if `is_squared` is set,
/// then squared.
struct MovingAverage {
    decay: f64,
    scale: f64,
    is_squared: bool,
}

impl InplaceOp2 for MovingAverage {
    fn name(&self) -> &'static str {
        "average"
    }

    fn cpu_fwd(
        &self,
        average: &mut CpuStorage,
        average_layout: &Layout,
        new: &CpuStorage,
        new_layout: &Layout,
    ) -> Result<()> {
        let (average, new) =
            (contiguous_mut(average, average_layout)?, contiguous(new, new_layout)?);
        let level = Level::best();
        average.par_chunks_mut(CHUNK).zip(new.par_chunks(CHUNK)).for_each(|(average, new)| {
            level.run(MovingAverageKernel { by: self, average, new });
        });
        Ok(())
    }
}

struct MovingAverageKernel<'a> {
    by: &'a MovingAverage,
    average: &'a mut [f32],
    new: &'a [f32],
}

impl Kernel for MovingAverageKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { by, average, new } = self;
        let (decay, scale, rest) = (by.decay as f32, by.scale as f32, (1.0 - by.decay) as f32);
        if by.is_squared {
            for (average, new) in average.iter_mut().zip(new) {
                let new = new * scale;
                *average = *average * decay + new * new * rest;
            }
        } else {
            for (average, new) in average.iter_mut().zip(new) {
                *average = *average * decay + new * scale * rest;
            }
        }
    }
}

/// The update w = w · decay - rate · mean / (√square · root + epsilon).
struct AdamWUpdate {
    rate: f64,
    root: f64,
    epsilon: f64,
    decay: f64,
}

impl InplaceOp3 for AdamWUpdate {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(
        &self,
        weight: &mut CpuStorage,
        weight_layout: &Layout,
        mean: &CpuStorage,
        mean_layout: &Layout,
        square: &CpuStorage,
        square_layout: &Layout,
    ) -> Result<()> {
        let weight = contiguous_mut(weight, weight_layout)?;
        let (mean, square) = (contiguous(mean, mean_layout)?, contiguous(square, square_layout)?);
        let level = Level::best();
        let moments = mean.par_chunks(CHUNK).zip(square.par_chunks(CHUNK));
        weight.par_chunks_mut(CHUNK).zip(moments).for_each(|(weight, (mean, square))| {
            level.run(AdamWKernel { by: self, weight, mean, square });
        });
        Ok(())
    }
}

struct AdamWKernel<'a> {
    by: &'a AdamWUpdate,
    weight: &'a mut [f32],
    mean: &'a [f32],
    square: &'a [f32],
}

impl Kernel for AdamWKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { by, weight, mean, square } = self;
        let (rate, root) = (by.rate as f32, by.root as f32);
        let (epsilon, decay) = (by.epsilon as f32, by.decay as f32);
        for ((weight, mean), square) in weight.iter_mut().zip(mean).zip(square) {
            *weight = *weight * decay - rate * mean / (square.sqrt() * root + epsilon);
        }
    }
}
