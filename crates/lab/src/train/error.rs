//! Errors of training.

use std::path::{Path, PathBuf};

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

    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        source: std::io::Error,
    },

    /// The model or its files are at fault.
    #[error(transparent)]
    Model(#[from] gpt2::Error),

    /// A computation failed in candle, for example out of memory or on a device fault.
    #[error("the computation failed")]
    Compute(#[from] candle_core::Error),
}

/// The result of a step in training.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(super) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| gpt2::Error::Read { path: path.to_path_buf(), source }.into()
    }

    pub(super) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_path_buf(), source }
    }
}
