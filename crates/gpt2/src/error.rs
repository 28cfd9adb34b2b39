//! What can go wrong between a checkpoint's files and a text, with what was expected and what was
//! found instead.

use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        source: std::io::Error,
    },

    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        source: std::io::Error,
    },

    /// A checkpoint lacks a file.
    #[error("{} holds no {expected}", dir.display())]
    MissingFile {
        /// The checkpoint's directory.
        dir: PathBuf,
        /// What any of which would do.
        expected: String,
    },

    /// A JSON file is not JSON, or not of the shape it should have.
    #[error("{origin} is not valid")]
    Json {
        /// The file.
        origin: String,
        source: serde_json::Error,
    },

    /// A value of config.json that no GPT-2 of this crate can have.
    #[error("{origin}: `{key}` is {got}, expected {expected}")]
    Config {
        /// The file.
        origin: String,
        key: &'static str,
        expected: String,
        got: String,
    },

    /// A weights file that cannot be parsed.
    #[error("{origin} is not a readable weights file")]
    Weights {
        /// The file.
        origin: String,
        source: candle_core::Error,
    },

    /// A tensor the architecture needs is not in the checkpoint.
    #[error("{origin} has no tensor `{name}`, expected one of shape {expected:?}")]
    MissingTensor { origin: String, name: String, expected: Vec<usize> },

    /// A tensor of another shape than config.json calls for.
    #[error("{origin}: tensor `{name}` has shape {got:?}, expected {expected:?} by config.json")]
    TensorShape { origin: String, name: String, expected: Vec<usize>, got: Vec<usize> },

    /// A tensor whose numbers are not floating point.
    #[error("{origin}: tensor `{name}` holds {got}, expected f32, f16, bf16 or f64")]
    TensorType { origin: String, name: String, got: String },

    /// A layer in the checkpoint that config.json does not know of.
    #[error("{origin} has a tensor `{name}`, but `n_layer` is {n_layer} in config.json")]
    ExtraLayer { origin: String, name: String, n_layer: usize },

    /// A tokenizer that cannot be built from its files.
    #[error("{origin} is not a usable tokenizer")]
    Tokenizer {
        /// The file or files.
        origin: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A text that the tokenizer refuses, or tokens that it cannot spell.
    #[error("the tokenizer failed")]
    Tokenize { source: Box<dyn std::error::Error + Send + Sync> },

    /// Tokenizer and weights do not belong together.
    #[error(
        "{origin}: the tokenizer knows token {token} but the model has only {vocab_size} (`vocab_size`)"
    )]
    Vocabulary { origin: String, token: u32, vocab_size: usize },

    /// A number format that this device does not compute in.
    #[error("{dtype} is not computed on the {device}, expected {expected}")]
    DType { dtype: &'static str, device: &'static str, expected: &'static str },

    /// A prompt without a token has nothing to continue.
    #[error(
        "prompt {id} is empty, expected at least one token (the end-of-text token starts a text from nothing)"
    )]
    EmptyPrompt { id: u64 },

    /// A prompt that leaves no position for a new token.
    #[error(
        "prompt {id} has {tokens} tokens, expected at most {most}: the model has {n_positions} positions"
    )]
    PromptTooLong { id: u64, tokens: usize, most: usize, n_positions: usize },

    /// A token id outside the vocabulary.
    #[error(
        "token {token} is outside the vocabulary, expected an id below {vocab_size} (`vocab_size`)"
    )]
    TokenOutOfRange { token: u32, vocab_size: usize },

    /// A position outside the model's.
    #[error("position {position} does not exist, expected one below {n_positions} (`n_positions`)")]
    PositionOutOfRange { position: usize, n_positions: usize },

    /// A row that the cache has no room for.
    #[error("the cache has no slot {slot}, expected one below {slots}")]
    SlotOutOfRange { slot: usize, slots: usize },

    /// Two tokens of a pass in one place.
    #[error("position {position} of slot {slot} is given twice in a pass")]
    PlaceTakenTwice { slot: usize, position: usize },

    /// Logits after a token that the pass does not have.
    #[error("logits are wanted after token {index} of a pass of {tokens}")]
    WantedOutOfRange { index: u32, tokens: usize },

    /// A cache that another kind of model made.
    #[error("the cache belongs to a model of other sizes or another number format")]
    ForeignCache,

    /// Memory that the system does not give.
    #[error("{bytes} bytes of memory for keys and values are not to be had")]
    Memory { bytes: usize, source: std::io::Error },

    /// No GPU that could be computed on.
    #[error("no {kind} GPU can be used here: {reason}")]
    NoGpu { kind: &'static str, reason: String },

    /// A network that the kernels for GPUs were not written for.
    #[error("the network has {got} {what}, expected at most {most} on a GPU")]
    GpuSize { what: &'static str, got: usize, most: usize },

    /// Memory that a GPU does not have.
    #[error("the GPU has no {bytes} bytes of memory left")]
    GpuMemory { bytes: usize },

    /// A call that a GPU's driver refused, or a fault of the GPU.
    #[error("the GPU failed: {call}: {reason}")]
    Gpu { call: &'static str, reason: String },

    /// A piece of text that cannot be trained on.
    #[error(
        "a window of {tokens} tokens cannot be learned, expected 2 to one more than the model's \
         {n_positions} positions"
    )]
    Window { tokens: usize, n_positions: usize },

    /// Less text than one row of a batch.
    #[error("there are {tokens} tokens to learn, expected at least the context of {context}")]
    TextTooShort { tokens: usize, context: usize },

    /// Training that has lost its way: the numbers are no longer numbers.
    #[error("the loss at step {step} is {loss}, the norm of the gradient {gradient_norm}")]
    Diverged { step: usize, loss: f64, gradient_norm: f64 },

    /// A state of another training run.
    #[error("{} belongs to a training run of another {what}", file.display())]
    ForeignState { file: PathBuf, what: String },

    /// The caller's own error, handed through.
    #[error("a finished text could not be handed over")]
    Work { source: Box<dyn std::error::Error + Send + Sync> },

    /// A computation failed in candle (out of memory, a device's fault).
    #[error("the computation failed")]
    Compute(#[from] candle_core::Error),
}

impl Error {
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_path_buf(), source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_path_buf(), source }
    }
}
