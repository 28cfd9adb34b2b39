//! A step in steering a text at the desk. In every step after the first, a person keeps the text up to
//! some token, optionally chooses a different next token, and lets the model continue from there.

use serde::{Deserialize, Serialize};

use generator::{FinishReason, GenerationOverrides};

/// One step in steering a text at the desk. The first step keeps no tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Number of tokens kept from the text of the previous step.
    pub kept: usize,
    /// Text of the token that a person chose to follow the kept tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// Number of tokens that the model wrote in this step.
    pub wrote: usize,
    /// Why the model stopped.
    pub ended: FinishReason,
    /// Settings of this step that differ from the essay's settings.
    #[serde(default, skip_serializing_if = "GenerationOverrides::is_empty")]
    pub generation: GenerationOverrides,
}
