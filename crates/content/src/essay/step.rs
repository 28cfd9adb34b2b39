//! A step in steering a text at the desk. In each step after the first, a person let the model continue
//! from some token of the text so far, perhaps after choosing another token there.

use serde::{Deserialize, Serialize};

use generator::{FinishReason, GenerationOverrides};

/// A step in which a text was written. The first keeps no tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Number of tokens kept from the previous text.
    pub kept: usize,
    /// Text of the token that a person put after the kept ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// Number of tokens that the model then wrote.
    pub wrote: usize,
    /// Why the model stopped.
    pub ended: FinishReason,
    /// Settings that differ from the essay's.
    #[serde(default, skip_serializing_if = "GenerationOverrides::is_empty")]
    pub generation: GenerationOverrides,
}
