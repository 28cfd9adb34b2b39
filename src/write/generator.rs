//! The generator: prompts in, completions out, whoever writes them.
//!
//! The trait and its nouns know no engine, so that planning, cleaning and judging
//! build and test without one; the `model` feature adds the GPT-2 of `crates/gpt2`.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::config::Generation;
use crate::content::essay::Ending;

#[cfg(feature = "model")]
pub mod gpt2;
#[cfg(feature = "model")]
pub mod models;

#[cfg(feature = "embedded-model")]
mod embedded;
#[cfg(feature = "model")]
mod hub;
#[cfg(feature = "model")]
mod seen;

/// One text asked of a generator.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The caller's own name for it; handed back with every event.
    pub id: u64,
    /// The tokens of the exact text the model continues: at least one, fewer than `n_positions`; one more
    /// than `n_positions` at most where nothing is to follow.
    pub prompt: Vec<u32>,
    pub generation: Generation,
    /// Key of this text's ChaCha stream.
    pub rng_key: [u8; 32],
    /// So many of the likeliest tokens come with each [`Token`].
    pub likeliest: usize,
    /// The prompt's tokens come, too, all but the first.
    pub scores_prompt: bool,
}

/// A token where it stands, and how likely the model held it before any setting bends that.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its place in prompt and completion, from 0.
    pub position: usize,
    pub id: u32,
    /// Natural-log probability under the raw distribution (temperature 1).
    pub log_prob: f32,
    /// The likeliest tokens of that distribution and their log probabilities, likeliest first.
    pub likeliest: Vec<(u32, f32)>,
}

/// What the model returned for one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    pub text: String,
    pub prompt_tokens: usize,
    pub token_ids: Vec<u32>,
    /// Natural-log probability of each token of `token_ids` under the raw distribution (temperature 1).
    pub log_probs: Vec<f32>,
    pub finish_reason: FinishReason,
}

/// Why a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended the text.
    EndOfText,
    /// A stop string was reached.
    Stop,
    /// `max_new_tokens` were written.
    Length,
    /// The model has no position left.
    ContextFull,
    /// The caller ended it.
    Cancelled,
}

impl From<FinishReason> for Ending {
    fn from(reason: FinishReason) -> Self {
        match reason {
            FinishReason::EndOfText => Self::EndOfText,
            FinishReason::Stop => Self::Stop,
            FinishReason::Length => Self::Length,
            FinishReason::ContextFull => Self::ContextFull,
            FinishReason::Cancelled => Self::Cancelled,
        }
    }
}

/// Who wrote a text and on what; recorded with each essay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    pub device: String,
    pub dtype: String,
}

/// A source of requests and a sink of results. The generator asks for the next request whenever a
/// row of its batch is free, so a `done` that queues another round keeps the batch full.
pub trait Work {
    /// The next text to write; none when nothing is waiting now.
    fn next(&mut self) -> Option<Request>;
    /// A token that was chosen, or one of a prompt that is scored, before the text it makes certain.
    fn token(&mut self, _id: u64, _token: Token) {}
    /// Text that became certain (whole UTF-8, no possible stop string); `Break` cancels this request.
    fn text(&mut self, _id: u64, _text: &str) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    /// A text is finished. An error ends the run.
    fn done(&mut self, id: u64, completion: Completion) -> miette::Result<()>;
}

/// Text to tokens and back, apart from the model: any thread may ask while the model writes.
pub trait Vocabulary: Send + Sync {
    /// Token ids of a text.
    fn tokenize(&self, text: &str) -> miette::Result<Vec<u32>>;
    /// The bytes a token stands for, which may be part of a character; none for a special token.
    fn bytes(&self, id: u32) -> &[u8];
    /// How many tokens the model knows; their ids are below.
    fn size(&self) -> usize;
    /// The token that ends a text.
    fn end_of_text(&self) -> Option<u32>;
}

/// Writes completions.
pub trait Generator: Send {
    /// What runs, for the record.
    fn provenance(&self) -> Provenance;
    /// Its tokens.
    fn vocabulary(&self) -> Arc<dyn Vocabulary>;
    /// Positions of the model: prompt and completion together end before this.
    fn n_positions(&self) -> usize;
    /// Texts written together at most.
    fn batch_size(&self) -> usize;
    /// Runs until `work` has nothing waiting and nothing is being written.
    fn run(&mut self, work: &mut dyn Work) -> miette::Result<()>;
}

/// Which weights a model name stands for; part of every key, known without opening them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The model's id as written in the lock and in essays (`venti-mini`, `openai-community/gpt2@<commit>`, a path).
    pub id: String,
    /// BLAKE3 of the weights, hex.
    pub weights: String,
    /// BLAKE3 of the tokenizer, hex.
    pub tokenizer: String,
}

/// The models a run may use: names to identities (cheap) and to generators (opens the weights).
pub trait Models {
    /// Pinned in `venti.lock`, or found now; never opens the weights when the lock knows them.
    fn identity(&mut self, model: &str) -> miette::Result<Identity>;
    /// Opens the weights; an error when they are not those of [`Models::identity`].
    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>>;
}
