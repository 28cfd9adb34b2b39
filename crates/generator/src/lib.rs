//! The text-generation interface: a [`Generator`] takes [`Request`]s from a [`Work`] and passes
//! [`Token`]s, text and [`Completion`]s back to it. Everything that generates or displays text uses
//! these types. The crate knows nothing of engines, essays or sites.

mod engine;
mod setting;
mod settings;

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use engine::{DevicePreference, DtypePreference, MAX_BATCH_SIZE, MAX_THREADS};
pub use setting::{InvalidSetting, Kind, Role, Setting, Value};
pub use settings::{Generation, GenerationOverrides, SETTINGS};

/// Name of the model that can be embedded in the executable.
pub const EMBEDDED_MODEL: &str = "venti-mini";

/// Name of the token that separates documents in GPT-2's training data.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// A request to generate one completion.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Id chosen by the caller and passed to the callbacks of [`Work`].
    pub id: u64,
    /// Prompt tokens: at least one, and fewer than `n_positions`. If no new token is requested, up to
    /// `n_positions + 1` are allowed.
    pub prompt: Vec<u32>,
    /// Prompt of the unconditional context used for guidance: one to `prompt.len()` tokens, usually
    /// just the token that begins a document. Unused if `guidance_scale` is 1.
    pub unconditional_prompt: Vec<u32>,
    pub generation: Generation,
    /// Key of the ChaCha random stream used to sample the completion.
    pub rng_key: [u8; 32],
    /// Number of top alternatives returned with each [`Token`].
    pub top_logprobs: usize,
    /// Whether to also score and return the tokens of the prompt, except the first.
    pub score_prompt: bool,
}

/// A token with its position and its probability in the raw distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Index of the token, counted from the start of the prompt.
    pub position: usize,
    pub id: u32,
    /// Natural logarithm of the token's probability in the raw distribution (temperature 1).
    pub log_prob: f32,
    /// Log probability of the token in the unconditional context, if the request is guided.
    pub unconditional_log_prob: Option<f32>,
    /// The most likely tokens of the raw distribution and their log probabilities, best first.
    pub top_logprobs: Vec<(u32, f32)>,
}

/// The result of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Text of the new tokens, up to the stop string if there is one.
    pub text: String,
    pub prompt_tokens: usize,
    /// The new tokens, without the end-of-text token. After [`FinishReason::Stop`], they include the
    /// stop string.
    pub token_ids: Vec<u32>,
    /// Natural logarithm of the probability of each of `token_ids` in the raw distribution (temperature
    /// 1).
    pub log_probs: Vec<f32>,
    /// Log probabilities of `token_ids` in the unconditional context; empty if the request is not
    /// guided.
    pub unconditional_log_probs: Vec<f32>,
    pub finish_reason: FinishReason,
}

/// Why a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model generated the end-of-text token.
    EndOfText,
    /// The text contains a stop string.
    Stop,
    /// The limit `max_new_tokens` was reached.
    Length,
    /// The prompt and the completion fill the context (`n_positions`).
    ContextFull,
    /// The caller cancelled the request.
    Cancelled,
}

/// A source of requests and a sink for results. The generator asks for the next request whenever a
/// batch slot is free, so requests that become available during [`Work::done`] keep the batch full.
pub trait Work {
    /// Returns the next request, if there is one.
    fn next(&mut self) -> Option<Request>;

    /// Receives a sampled token or a scored prompt token. The text that the token completes follows in
    /// [`Work::text`].
    fn token(&mut self, _id: u64, _token: Token) {}

    /// Receives text that no later token can change: whole UTF-8 characters that cannot be part of a
    /// stop string. Returning `Break` cancels the request.
    fn text(&mut self, _id: u64, _text: &str) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Receives the finished completion. Returning an error ends the run.
    fn done(&mut self, id: u64, completion: Completion) -> miette::Result<()>;

    /// Receives the error of a request that failed. Returning an error ends the run.
    fn failed(&mut self, _id: u64, error: miette::Report) -> miette::Result<()> {
        Err(error)
    }
}

/// Converts between text and tokens. Can be used from any thread while the model runs.
pub trait Tokenizer: Send + Sync {
    /// Converts a part of a text to token ids.
    fn tokenize(&self, text: &str) -> miette::Result<Vec<u32>>;
    /// Converts an exact prompt to token ids, with those that the model's tokenizer adds to it.
    fn tokenize_prompt(&self, text: &str) -> miette::Result<Vec<u32>> {
        self.tokenize(text)
    }
    /// Returns the bytes of a token, which may be only part of a character; empty for a special token.
    fn bytes(&self, id: u32) -> &[u8];
    /// Returns the size of the vocabulary. Every token id is below it.
    fn vocab_size(&self) -> usize;
    /// Returns the id of the token that begins a document, if there is one.
    fn bos(&self) -> Option<u32> {
        None
    }
    /// Returns the ids of the tokens that end a document.
    fn eos(&self) -> &[u32] {
        &[]
    }
    /// Returns how a special token is written, such as `<|endoftext|>`.
    fn special_token(&self, _id: u32) -> Option<&str> {
        None
    }
    /// Converts the beginning of a document to token ids, the first of which is [`Tokenizer::bos`].
    fn tokenize_document(&self, text: &str) -> miette::Result<Vec<u32>> {
        Ok(self.bos().into_iter().chain(self.tokenize(text)?).collect())
    }
    /// Returns the unconditional prompt to use for guidance with `prompt`: the token that begins a
    /// document or, if there is none, the last token of `prompt`, as in transformers.
    fn unconditional_prompt(&self, prompt: &[u32]) -> Vec<u32> {
        self.bos().or(prompt.last().copied()).into_iter().collect()
    }
}

/// A loaded model that generates completions.
pub trait Generator: Send {
    /// Returns the device and the number format to record with each essay.
    fn provenance(&self) -> Provenance;
    fn tokenizer(&self) -> Arc<dyn Tokenizer>;
    /// Returns the context length: the maximum number of tokens in the prompt and the completion
    /// together.
    fn n_positions(&self) -> usize;
    /// Returns the maximum number of completions generated at once.
    fn batch_size(&self) -> usize;
    /// Runs until `work` has no more requests and every completion is finished.
    ///
    /// # Errors
    /// Returns an error if the model fails, a prompt is invalid, or [`Work::done`] returns an error.
    fn run(&mut self, work: &mut dyn Work) -> miette::Result<()>;
}

/// Device and number format used for generation; recorded with each essay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    pub device: String,
    pub dtype: String,
    /// How the processor computes, if not as an x86 processor with AVX2 does in this number type.
    pub arithmetic: Option<String>,
}

/// The identity of a model. Its hashes are part of every essay's key. The identity of a pinned model
/// is known without opening the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The model's id as written in the lock file and in essays (`venti-mini`,
    /// `openai-community/gpt2@<commit>`, a path).
    pub id: String,
    /// BLAKE3 hash of the weights, in hex.
    pub weights: String,
    /// BLAKE3 hash of the tokenizer, in hex.
    pub tokenizer: String,
    /// Settings that the model recommends. They override Venti's defaults, and the site's settings
    /// override them.
    pub generation: GenerationOverrides,
}

impl Identity {
    /// Resolves a site's settings for this model: Venti's defaults, overridden by the model's, then by
    /// the site's.
    pub fn settings(&self, site: &GenerationOverrides) -> Generation {
        Generation::default().with(&self.generation).with(site)
    }
}

/// The models available to a run.
pub trait Models {
    /// Returns a model's identity, from `venti.lock` if the model is pinned there, otherwise by
    /// examining the model. Never opens pinned weights.
    fn identity(&mut self, model: &str) -> miette::Result<Identity>;
    /// Opens a model; fails if its weights differ from those that [`Models::identity`] describes.
    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>>;
}
