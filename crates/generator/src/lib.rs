//! The interface of text generation: a [`Generator`] takes [`Request`]s from a [`Work`] and returns
//! [`Token`]s, text and [`Completion`]s. Everything that generates or displays text uses these types.
//! The crate does not depend on an engine, on essays or on sites.

mod engine;
mod setting;
mod settings;

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use engine::{DevicePreference, DtypePreference};
pub use setting::{InvalidSetting, Kind, Role, Setting, Value};
pub use settings::{Generation, GenerationOverrides, SETTINGS};

/// Name of the model that may be embedded in the program.
pub const EMBEDDED_MODEL: &str = "venti-mini";

/// Name of GPT-2's token between documents.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// A request to generate one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Chosen by the caller, and passed to every callback of [`Work`].
    pub id: u64,
    /// Prompt tokens: at least one, fewer than `n_positions`, or up to `n_positions + 1` if no new
    /// token is requested.
    pub prompt: Vec<u32>,
    pub generation: Generation,
    /// Key of this text's ChaCha stream.
    pub rng_key: [u8; 32],
    /// Number of most likely alternatives returned with each [`Token`].
    pub top_logprobs: usize,
    /// Whether the prompt's tokens, except the first, are scored and returned as well.
    pub score_prompt: bool,
}

/// A token with its position, and its probability before any setting is applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Index in prompt and completion.
    pub position: usize,
    pub id: u32,
    /// Natural-log probability in the raw distribution (temperature 1).
    pub log_prob: f32,
    /// The most likely tokens of that distribution and their log probabilities, best first.
    pub top_logprobs: Vec<(u32, f32)>,
}

/// The result of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The new tokens' text, up to the stop string.
    pub text: String,
    pub prompt_tokens: usize,
    /// The new tokens, without the one that ended the text. After [`FinishReason::Stop`] they include
    /// the stop string.
    pub token_ids: Vec<u32>,
    /// Natural-log probability of each of `token_ids` in the raw distribution (temperature 1).
    pub log_probs: Vec<f32>,
    pub finish_reason: FinishReason,
}

/// Why a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended the text.
    EndOfText,
    /// The text contains a stop string.
    Stop,
    /// `max_new_tokens` were generated.
    Length,
    /// Prompt and completion fill the model's `n_positions`.
    ContextFull,
    /// The caller cancelled it.
    Cancelled,
}

/// A source of requests and a sink for results. The generator asks for the next request whenever a
/// batch slot is free, so a `done` that adds requests keeps the batch full.
pub trait Work {
    /// Returns the next request, if one is waiting.
    fn next(&mut self) -> Option<Request>;

    /// Receives a sampled token, or a scored token of the prompt, before the text it completes.
    fn token(&mut self, _id: u64, _token: Token) {}

    /// Receives text that no later token can change: whole UTF-8 characters that cannot be part of a
    /// stop string. `Break` cancels this request.
    fn text(&mut self, _id: u64, _text: &str) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Receives a finished text. An error ends the run.
    fn done(&mut self, id: u64, completion: Completion) -> miette::Result<()>;
}

/// Converts between text and tokens. Any thread may use it while the model runs.
pub trait Tokenizer: Send + Sync {
    /// Returns the token ids of a text.
    fn tokenize(&self, text: &str) -> miette::Result<Vec<u32>>;
    /// The bytes of a token, which may be part of a character; empty for a special token.
    fn bytes(&self, id: u32) -> &[u8];
    /// Size of the vocabulary; every token id is below it.
    fn vocab_size(&self) -> usize;
    /// Id of the token that ends a text.
    fn end_of_text(&self) -> Option<u32>;
}

/// Generates completions.
pub trait Generator: Send {
    /// Device and number format, to record with each essay.
    fn provenance(&self) -> Provenance;
    fn tokenizer(&self) -> Arc<dyn Tokenizer>;
    /// Context length: maximum number of tokens in prompt and completion together.
    fn n_positions(&self) -> usize;
    /// Maximum number of texts generated together.
    fn batch_size(&self) -> usize;
    /// Runs until `work` has no more requests and every text is finished.
    ///
    /// # Errors
    /// If the model fails, a prompt is invalid, or [`Work::done`] returns an error.
    fn run(&mut self, work: &mut dyn Work) -> miette::Result<()>;
}

/// Device and number format that generated a text; recorded with each essay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    pub device: String,
    pub dtype: String,
}

/// Identifies a model in every essay's key; known without opening the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The model's id as written in the lock file and in essays (`venti-mini`,
    /// `openai-community/gpt2@<commit>`, a path).
    pub id: String,
    /// BLAKE3 hash of the weights, in hex.
    pub weights: String,
    /// BLAKE3 hash of the tokenizer, in hex.
    pub tokenizer: String,
    /// The model's recommended settings: they override Venti's defaults, and the site's override them.
    pub generation: GenerationOverrides,
}

impl Identity {
    /// Resolves the settings of a site that writes with this model: Venti's defaults, the model's own,
    /// then the site's.
    pub fn settings(&self, site: &GenerationOverrides) -> Generation {
        Generation::default().with(&self.generation).with(site)
    }
}

/// The models that a run may use.
pub trait Models {
    /// Returns a model's identity from `venti.lock`, or determines it. Does not open weights that the
    /// lock file pins.
    fn identity(&mut self, model: &str) -> miette::Result<Identity>;
    /// Opens a model; fails if its weights are not those of [`Models::identity`].
    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>>;
}
