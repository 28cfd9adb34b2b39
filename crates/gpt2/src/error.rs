//! Errors of this crate. Messages state the expected and the actual value.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

pub type Result<T, E = Error> = std::result::Result<T, E>;

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

    /// A checkpoint's directory does not exist, or is a file.
    #[error("there is no folder {}", dir.display())]
    MissingFolder { dir: PathBuf },

    /// A checkpoint lacks a file.
    #[error("{} contains no {expected}", dir.display())]
    MissingFile {
        /// The checkpoint's directory.
        dir: PathBuf,
        /// The acceptable file names.
        expected: String,
    },

    /// A JSON file has a syntax error or an unexpected structure.
    #[error("{origin} is not valid")]
    Json {
        /// Name of the file.
        origin: String,
        source: serde_json::Error,
    },

    /// One of a model's own sampling settings has an invalid value.
    #[error("{origin}: {invalid}")]
    Settings {
        /// Name of the file.
        origin: String,
        invalid: generator::InvalidSetting,
    },

    /// The index of a sharded checkpoint does not name files in its folder.
    #[error("{origin} {what}")]
    ShardIndex {
        /// Name of the index.
        origin: String,
        what: String,
    },

    /// A value in config.json is not supported by this crate.
    #[error("{origin}: `{key}` is {got}, expected {expected}")]
    Config {
        /// Name of the file.
        origin: String,
        key: &'static str,
        expected: String,
        got: String,
    },

    /// A weights file could not be parsed.
    #[error("{origin} is not a readable weights file")]
    Weights {
        /// Name of the file.
        origin: String,
        source: candle_core::Error,
    },

    /// A required tensor is missing from the checkpoint.
    #[error("{origin} has no tensor `{name}`, expected one of shape {expected:?}")]
    MissingTensor { origin: String, name: String, expected: Vec<usize> },

    /// A tensor's shape disagrees with config.json.
    #[error("{origin}: tensor `{name}` has shape {got:?}, expected {expected:?} as in config.json")]
    TensorShape { origin: String, name: String, expected: Vec<usize>, got: Vec<usize> },

    /// A tensor does not hold floating-point numbers.
    #[error("{origin}: tensor `{name}` holds {got}, expected f32, f16, bf16 or f64")]
    TensorType { origin: String, name: String, got: String },

    /// A tensor has a number that is NaN or infinite.
    #[error(
        "{origin}: tensor `{name}` has numbers that are not finite: the file is damaged, or training diverged"
    )]
    NotFinite { origin: String, name: String },

    /// The model computes something other than numbers.
    #[error(
        "the model's results are no longer finite numbers: its weights are damaged, or too large for this number format (try --dtype f32)"
    )]
    NotFiniteLogits,

    /// A tensor is stored in a form that cannot be read.
    #[error(
        "{origin}: tensor `{name}` is not stored contiguously; save it again from Python, after `.contiguous()`"
    )]
    Strided { origin: String, name: String },

    /// A weights file has another format.
    #[error("{origin} {what}")]
    WeightsFormat { origin: String, what: &'static str, hint: &'static str },

    /// The checkpoint has more layers than config.json declares.
    #[error("{origin} has a tensor `{name}`, but `n_layer` is {n_layer} in config.json")]
    ExtraLayer { origin: String, name: String, n_layer: usize },

    /// A tokenizer could not be built from its files.
    #[error("{origin} is not a usable tokenizer")]
    Tokenizer {
        /// Name of the file or files.
        origin: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The tokenizer failed to encode a text or to serialise itself.
    #[error("the tokenizer failed")]
    Tokenize { source: Box<dyn std::error::Error + Send + Sync> },

    /// The tokenizer has token ids that the model lacks.
    #[error(
        "{origin}: the tokenizer has the token `{content}` with id {token}, but the model has only {vocab_size} tokens (`vocab_size`)"
    )]
    Vocabulary { origin: String, content: String, token: u32, vocab_size: usize },

    /// The device does not support the number format.
    #[error("{dtype} is not supported on the {device}; use {expected}")]
    DType { dtype: &'static str, device: &'static str, expected: &'static str },

    /// A prompt has no tokens.
    #[error(
        "prompt {id} is empty, expected at least one token (use the end-of-text token to start a new text)"
    )]
    EmptyPrompt { id: u64 },

    /// A prompt leaves no position for a new token.
    #[error(
        "prompt {id} has {tokens} tokens, expected at most {most}: the model has {n_positions} positions"
    )]
    PromptTooLong { id: u64, tokens: usize, most: usize, n_positions: usize },

    /// A guided request has no unconditional prompt, or one that is longer than its prompt.
    #[error("the unconditional prompt of text {id} has {got} tokens, expected 1 to {most}")]
    UnconditionalPrompt { id: u64, got: usize, most: usize },

    /// A token id is outside the vocabulary.
    #[error(
        "token {token} is outside the vocabulary, expected an id below {vocab_size} (`vocab_size`)"
    )]
    TokenOutOfRange { token: u32, vocab_size: usize },

    /// A position is beyond the model's context length.
    #[error("position {position} does not exist, expected one below {n_positions} (`n_positions`)")]
    PositionOutOfRange { position: usize, n_positions: usize },

    /// A token refers to a slot outside the cache.
    #[error("the cache has no slot {slot}, expected one below {slots}")]
    SlotOutOfRange { slot: usize, slots: usize },

    /// Two tokens in a pass share a slot and a position.
    #[error("position {position} of slot {slot} appears twice in one pass")]
    PositionTakenTwice { slot: usize, position: usize },

    /// Logits were requested for a token that is not in the pass.
    #[error("logits requested for token {index} in a pass of {tokens} tokens")]
    WantedOutOfRange { index: u32, tokens: usize },

    /// The cache was created for an incompatible model.
    #[error("the cache belongs to a model with different sizes or a different number format")]
    ForeignCache,

    /// The system has too little memory for the KV cache.
    #[error("cannot allocate {bytes} bytes for the KV cache")]
    Memory { bytes: usize, source: std::io::Error },

    /// The machine has no usable GPU.
    #[error("no usable {kind} GPU: {reason}")]
    NoGpu { kind: &'static str, reason: String },

    /// The network exceeds a size limit of the GPU kernels.
    #[error("the network's {what} is {got}, expected at most {most} on a GPU")]
    GpuSize { what: &'static str, got: usize, most: usize },

    /// The GPU has too little free memory.
    #[error("cannot allocate {bytes} bytes of GPU memory")]
    GpuMemory { bytes: usize },

    /// A driver call failed, or the GPU reported a fault.
    #[error("the GPU call {call} failed: {reason}")]
    Gpu { call: &'static str, reason: String },

    /// A training window is too short or too long.
    #[error(
        "cannot train on a window of {tokens} tokens, expected at least 2 and at most one more than the \
         model's {n_positions} positions"
    )]
    Window { tokens: usize, n_positions: usize },

    /// A computation in candle failed, for example because of a device fault or too little memory.
    #[error("the computation failed")]
    Compute(#[from] candle_core::Error),
}

impl Error {
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_path_buf(), source }
    }
}

/// Hints for errors that people can do something about.
impl Diagnostic for Error {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(match self {
            Self::MissingFolder { .. } => {
                "a relative path starts at the site's folder, or at the current one if there is no site"
            }
            Self::MissingFile { .. } => {
                "a model's folder has config.json, its tokenizer and its weights in the layout of \
                 Hugging Face"
            }
            Self::Json { .. }
            | Self::Tokenizer { .. }
            | Self::Weights { .. }
            | Self::NotFinite { .. } => {
                "copy or download the file again if it is incomplete or damaged"
            }
            Self::Config { key: "eos_token_id", .. } => {
                "write the ids of the tokens that end a text, or null if there are none"
            }
            Self::WeightsFormat { hint, .. } => hint,
            Self::ShardIndex { .. } => "copy the index and its shards into the model's folder",
            Self::Vocabulary { .. } => {
                "use the tokenizer that belongs to the weights, or give the token a row in Python: \
                 model.resize_token_embeddings(len(tokenizer))"
            }
            _ => return None,
        }))
    }
}
