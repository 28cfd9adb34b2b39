//! Quality metrics stored with each essay.

use serde::{Deserialize, Serialize};

/// Quality metrics of a text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub words: usize,
    pub prompt_tokens: usize,
    /// Number of tokens generated for the kept candidate, before cleaning.
    pub new_tokens: usize,
    /// Share of distinct word n-grams, for n from 1 to 4.
    pub distinct: [f64; 4],
    pub repeated_sentences: usize,
    /// Mean log-likelihood per token, in nats at temperature 1.
    pub mean_log_likelihood: f64,
    /// How much likelier the prompt makes the text: the mean log-likelihood minus the same without the
    /// prompt, in nats per token. `None` if the text is not guided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_gain: Option<f64>,
    /// Number of rounds in which candidates were generated.
    pub rounds: u32,
}
