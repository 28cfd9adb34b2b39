//! Training errors.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The training text is shorter than one row of a batch.
    #[error("the training text has {tokens} tokens, fewer than the context length of {context}")]
    TextTooShort { tokens: usize, context: usize },

    /// Training diverged: the loss or the gradient is not finite.
    #[error("training diverged at step {step}: loss {loss}, gradient norm {gradient_norm}")]
    Diverged { step: usize, loss: f64, gradient_norm: f64 },

    /// The saved state belongs to an incompatible training run.
    #[error("{} does not match this training run: different {what}", file.display())]
    ForeignState { file: PathBuf, what: String },

    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] content::fs::Error),

    /// An error in the model or its files.
    #[error(transparent)]
    Model(#[from] gpt2::Error),

    /// A computation in candle failed, for example because of a device fault or insufficient memory.
    #[error("the computation failed")]
    Compute(#[from] candle_core::Error),
}

pub type Result<T> = std::result::Result<T, Error>;
