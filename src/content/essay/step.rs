//! A step: how a person steered a text at the desk. Where the first ended, or anywhere before,
//! they had the model go on: from some token, perhaps with another one put there.

use serde::{Deserialize, Serialize};

use crate::config::GenerationOverrides;

/// One of the steps in which a text was written. The first keeps nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Tokens kept of what was there before.
    pub kept: usize,
    /// The text of a token that a person put after those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// Tokens that the model then wrote.
    pub wrote: usize,
    /// Why it wrote no more.
    pub ended: Ending,
    /// Settings other than the essay's.
    #[serde(default, skip_serializing_if = "GenerationOverrides::is_empty")]
    pub generation: GenerationOverrides,
}

/// Why a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The model ended the text, or a person chose that it ends there.
    EndOfText,
    /// A stop string was reached.
    Stop,
    /// `max_new_tokens` were written.
    Length,
    /// The model had no position left.
    ContextFull,
    /// It was stopped.
    Cancelled,
}
