//! Training: a GPT-2 that gets better at predicting a text.
//!
//! ```text
//! documents --> text (windows of tokens) --> Trainer::step --> weights --> export
//!                                             network, its gradient, AdamW
//! ```
//!
//! The network is written once, in `network`, over operations that `ops` has twice: as kernels for the
//! CPU, and in candle's operations. candle keeps the tape. Everything random comes from ChaCha, keyed by
//! the settings' seed and the step, so that a run that was interrupted goes on as if it had not been.

mod network;
mod ops;
mod optimizer;
mod schedule;
mod state;
pub mod text;
mod trainer;
pub mod vocabulary;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::kernels::simd::Level;

/// Whether this program can train on a GPU, if there is one.
pub const ON_GPU: bool = cfg!(any(feature = "cuda-training", feature = "metal"));

pub use ops::Arithmetic;
pub use schedule::{Decay, Schedule};
pub use trainer::{Batch, Step, Trainer};

/// Everything that a trained model depends on beside the text, the start and the number format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Optimizer steps of the whole run.
    pub steps: usize,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Batches of a step.
    pub accumulation: usize,
    /// Tokens of a row; at most the model's positions.
    pub context: usize,
    /// The peak of the learning rate.
    pub learning_rate: f64,
    /// Its course.
    pub schedule: Schedule,
    /// Decay of the averages of gradients and of their squares.
    pub betas: (f64, f64),
    /// Added to the root of the second.
    pub epsilon: f64,
    /// By how much of itself, times the learning rate, a weight of a matrix shrinks in a step.
    pub weight_decay: f64,
    /// The largest norm of all gradients together; larger ones are scaled down to it.
    pub clip: f64,
    /// Share of the numbers that are dropped behind the embeddings and each block's two layers.
    pub dropout: f64,
    /// Decay of the average of the weights over the steps, which is what is evaluated and exported; 0 for
    /// the weights themselves.
    pub averaged: f64,
    /// Of initial weights, dropout and the order of the text.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            steps: 1000,
            batch_size: 8,
            accumulation: 1,
            context: 1024,
            learning_rate: 1e-3,
            schedule: Schedule::default(),
            betas: (0.9, 0.95),
            epsilon: 1e-8,
            weight_decay: 0.1,
            clip: 1.0,
            dropout: 0.0,
            averaged: 0.0,
            seed: 0,
        }
    }
}

/// What the inputs of matrix products are rounded to. Everything else is f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Not at all.
    F32,
    /// Three decimal digits, twice as fast where the processor multiplies them.
    Bf16,
}

impl Precision {
    /// What this processor computes quickest in without losing what training needs.
    pub fn best() -> Self {
        if Level::best().multiplies_bf16() { Self::Bf16 } else { Self::F32 }
    }

    /// The same for a device.
    pub fn best_on(device: &Device) -> Self {
        match device {
            Device::Cpu => Self::best(),
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => Self::Bf16,
            Device::Metal(_) => Self::F32,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

/// Has the process keep memory that it no longer uses. Every step of a training asks for the same few
/// hundred large pieces again, and a system that takes them back clears each anew: a fifth of the time.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let options =
            [(libc::M_MMAP_MAX, 0), (libc::M_TRIM_THRESHOLD, -1), (libc::M_TOP_PAD, 64 << 20)];
        for (option, value) in options {
            // SAFETY: it changes numbers that the allocator looks at; refused, it does nothing.
            unsafe { libc::mallopt(option, value) };
        }
    }
}
