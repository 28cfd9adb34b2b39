//! An essay: a cleaned completion with its provenance, one Markdown file in the store.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::config::Generation;

/// Which essay: the seed's slug and the take.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EssayId {
    pub slug: String,
    /// Counts from 1.
    pub take: u32,
}

/// An essay as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Essay {
    pub front: FrontMatter,
    /// CommonMark; what the model wrote is escaped so that it parses back to its plain text.
    pub body: String,
}

/// What the file says above its body: everything needed to tell where the text came from
/// and to write it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrontMatter {
    pub title: String,
    /// A sentence of the body worth setting apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_quote: Option<String>,
    /// A person has read it; see `publish: reviewed`.
    #[serde(default)]
    pub reviewed: bool,
    /// Why no candidate passed the gate, when none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flagged: Option<String>,

    /// The seed's slug.
    pub seed: String,
    pub take: u32,
    /// The quote at the time of writing.
    pub quote: String,
    /// The day it was written.
    pub written: Date,

    /// The model's id, as `venti.lock` names it.
    pub model: String,
    /// Hash of its weights.
    pub weights: String,
    pub generation: Generation,
    pub rng_seed: u64,
    /// Which candidate of which round was kept; both count from 1.
    pub round: u32,
    pub candidate: u32,
    /// Raised when the same inputs would give other words.
    pub revision: u32,
    /// `venti 0.1.0`.
    pub engine: String,
    pub device: String,
    pub dtype: String,

    pub figures: Figures,

    /// BLAKE3 over all that decides the words; equal key, nothing to do.
    pub key: String,
    /// BLAKE3 over what the seed alone contributes; other hash, the seed changed.
    pub seed_hash: String,
    /// BLAKE3 of title and body, line ends and trailing space normalised; other hash, a person edited it.
    pub hash: String,
}

/// How good the text is, measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub words: usize,
    pub prompt_tokens: usize,
    /// Tokens the model wrote for the kept candidate, before cleaning.
    pub new_tokens: usize,
    /// Share of n-grams (of words) that are distinct, n = 1..4.
    pub distinct: [f64; 4],
    pub repeated_sentences: usize,
    /// Mean natural-log likelihood a token under the model at temperature 1.
    pub mean_log_likelihood: f64,
    /// Rounds of candidates it took.
    pub rounds: u32,
}
