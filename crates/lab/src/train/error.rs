//! Errors of training.

use std::path::PathBuf;

/// An error in training, with the expected and the actual value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The training text is shorter than one row of a batch.
    #[error("the training text has {tokens} tokens, expected at least the context of {context}")]
    TextTooShort { tokens: usize, context: usize },

    /// Training diverged: the loss or the gradient is not finite.
    #[error("training diverged at step {step}: loss {loss}, gradient norm {gradient_norm}")]
    Diverged { step: usize, loss: f64, gradient_norm: f64 },

    /// A saved state from an incompatible training run.
    #[error("{} does not match this training run: different {what}", file.display())]
    ForeignState { file: PathBuf, what: String },

    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] content::fs::Error),

    /// The model or its files are at fault.
    #[error(transparent)]
    Model(#[from] gpt2::Error),

    /// A computation failed in candle, for example out of memory or on a device fault.
    #[error("the computation failed")]
    Compute(#[from] candle_core::Error),
}

/// The result of an operation of training.
pub type Result<T> = std::result::Result<T, Error>;
