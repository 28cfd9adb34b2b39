//! The settings of one essay's generation: what was said ([`GenerationOverrides`],
//! from `venti.yaml`, a seed, a take or the command line) laid over what holds
//! otherwise ([`Generation`]).

use serde::{Deserialize, Serialize};

/// Every setting resolved. The names are those of transformers where it has the setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// 0 is greedy, and then one candidate is all there is.
    pub temperature: f64,
    /// Keep the k most likely tokens; 0 is off.
    pub top_k: usize,
    /// Keep the smallest set of tokens whose probability reaches this; 1 is off.
    pub top_p: f64,
    /// Drop tokens less likely than this times the likeliest; 0 is off.
    pub min_p: f64,
    /// Locally typical sampling's mass; 1 is off.
    pub typical_p: f64,
    /// Divides (or multiplies, below zero) the logits of tokens already there; 1 is off.
    pub repetition_penalty: f64,
    /// No n-gram of this many tokens occurs twice; 0 is off.
    pub no_repeat_ngram_size: usize,
    /// A completion ends before the first of these strings.
    pub stop: Vec<String>,
    pub min_new_tokens: usize,
    /// None: as many as `max_words` can need and the model's positions allow.
    pub max_new_tokens: Option<usize>,
    pub min_words: usize,
    pub max_words: usize,
    /// Completions generated for one essay, of which the best is kept.
    pub candidates: usize,
    /// Rounds of candidates before the best of all is kept and flagged.
    pub max_rounds: usize,
}

impl Default for Generation {
    fn default() -> Self {
        Self {
            temperature: 0.8,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.0,
            typical_p: 1.0,
            repetition_penalty: 1.1,
            no_repeat_ngram_size: 0,
            stop: Vec::new(),
            min_new_tokens: 0,
            max_new_tokens: None,
            min_words: 220,
            max_words: 500,
            candidates: 4,
            max_rounds: 3,
        }
    }
}

/// The settings somebody gave; the others stay as they were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationOverrides {
    pub temperature: Option<f64>,
    pub top_k: Option<usize>,
    pub top_p: Option<f64>,
    pub min_p: Option<f64>,
    pub typical_p: Option<f64>,
    pub repetition_penalty: Option<f64>,
    pub no_repeat_ngram_size: Option<usize>,
    pub stop: Option<Vec<String>>,
    pub min_new_tokens: Option<usize>,
    pub max_new_tokens: Option<usize>,
    pub min_words: Option<usize>,
    pub max_words: Option<usize>,
    pub candidates: Option<usize>,
    pub max_rounds: Option<usize>,
}
