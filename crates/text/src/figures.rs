//! Quality figures of a text, stored with each essay.

use serde::{Deserialize, Serialize};

/// Measured quality of a text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub words: usize,
    pub prompt_tokens: usize,
    /// Number of tokens that the model wrote for the kept candidate, before cleaning.
    pub new_tokens: usize,
    /// Share of distinct word n-grams, for n from 1 to 4.
    pub distinct: [f64; 4],
    pub repeated_sentences: usize,
    /// Mean natural-log likelihood per token at temperature 1.
    pub mean_log_likelihood: f64,
    /// Number of rounds of candidates.
    pub rounds: u32,
}
