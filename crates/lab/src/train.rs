//! Training of GPT-2 models.
//!
//! ```text
//! documents --> Dataset --batches--> Trainer::step --> weights --> export
//!                                    forward, backward, AdamW
//! ```
//!
//! `network` defines the network once, over the operations of `tape`: kernels on the CPU, whose gradients
//! the tape computes in reverse, and candle's operations on other devices. All random numbers
//! come from ChaCha, keyed by the random seed and the step, so a resumed run gives the same results as
//! an uninterrupted one.

mod error;

mod folder;
mod growth;
mod options;
mod run;

pub mod dataset;
mod vocabulary;

mod network;
mod ops;
mod tape;

mod matmul;
mod optimizer;
mod schedule;
mod state;
mod trainer;

mod card;
mod curve;
mod log;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use gpt2::Device;
use kernels::simd::Level;

/// Whether this build can train on a GPU.
pub const ON_GPU: bool = cfg!(any(feature = "cuda-training", feature = "metal"));

pub use error::Error;
pub use folder::RunFolder;
pub use options::{BaseModel, HeldOut, ModelSize, RunLength, RunOptions};
pub use run::{BestEvaluation, TrainingEvent, TrainingRun};
pub use schedule::{Decay, Schedule};
pub use trainer::{Batch, StepMetrics, Trainer};

/// Training settings. Together with the text, the initial weights and the number format, they determine
/// the trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingSettings {
    /// Number of optimiser steps in the whole run.
    pub steps: usize,
    /// Number of rows per batch.
    pub batch_size: usize,
    /// Number of batches per step (gradient accumulation).
    pub accumulation: usize,
    /// Number of tokens per row; at most the model's number of positions.
    pub context: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    pub schedule: Schedule,
    /// AdamW's decay rates for the moving averages of the gradients and of the squared gradients.
    pub betas: (f64, f64),
    /// AdamW's epsilon, added to the denominator.
    pub epsilon: f64,
    /// Decoupled weight decay, for matrices only.
    pub weight_decay: f64,
    /// Maximum global gradient norm (gradient clipping).
    pub clip: f64,
    /// Dropout rate, after the embeddings and after the attention and MLP of each block.
    pub dropout: f64,
    /// Decay rate of the moving average of the weights. The average is evaluated and exported; if the
    /// rate is 0, the weights themselves are.
    pub averaged: f64,
    /// Random seed for initial weights, dropout and the order of the documents.
    pub seed: u64,
}

impl TrainingSettings {
    /// Number of tokens that a step predicts.
    pub fn tokens_per_step(&self) -> usize {
        self.accumulation * self.batch_size * self.context
    }
}

impl Default for TrainingSettings {
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

/// Number format of the operands of matrix products. All other numbers are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// No rounding.
    F32,
    /// Rounds to bf16, two to three decimal digits. Twice as fast as f32 on processors with bf16
    /// instructions.
    Bf16,
}

impl Precision {
    /// Returns the fastest format on this processor that is precise enough for training.
    pub fn best() -> Self {
        if Level::best().multiplies_bf16() { Self::Bf16 } else { Self::F32 }
    }

    /// Returns the fastest format on a device that is precise enough for training.
    pub fn best_on(device: &Device) -> Self {
        match device {
            Device::Cpu => Self::best(),
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => Self::Bf16,
            Device::Metal(_) => Self::F32,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}
