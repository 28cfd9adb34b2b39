//! Responses in OpenAI's format.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// The fields at the start of every piece of an answer.
#[derive(Debug, Clone, Serialize)]
pub struct Heading {
    pub id: String,
    pub object: &'static str,
    pub created: u64,
    pub model: String,
    /// Identifies the model's weights.
    pub system_fingerprint: String,
}

impl Heading {
    /// Creates the heading of an answer, with the current time. `weights` is the hash of the model's
    /// weights.
    pub fn new(id: String, model: &str, weights: &str) -> Self {
        // This time only informs the client. Nothing else depends on the clock.
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let weights = weights.get(..12).unwrap_or(weights);
        Self {
            id,
            object: "text_completion",
            created,
            model: model.to_owned(),
            system_fingerprint: format!("venti-{weights}"),
        }
    }
}

/// An answer, or a streamed piece of one.
#[derive(Debug, Serialize)]
pub struct CompletionResponse<'a> {
    #[serde(flatten)]
    pub heading: &'a Heading,
    pub choices: &'a [Choice],
    /// The token counts. `None` omits the field; `Some(None)` sets it to null, as in all streamed pieces
    /// before the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Option<Usage>>,
}

impl CompletionResponse<'_> {
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers serialise to JSON")
    }
}

/// A choice of an answer, or a streamed piece of a choice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    pub text: String,
    pub index: usize,
    pub logprobs: Option<LogProbs>,
    pub finish_reason: Option<&'static str>,
}

impl Choice {
    /// Appends the next piece.
    pub fn join(&mut self, next: Self) {
        self.text.push_str(&next.text);
        self.finish_reason = next.finish_reason.or(self.finish_reason);
        match (&mut self.logprobs, next.logprobs) {
            (Some(logprobs), Some(next)) => logprobs.join(next),
            (None, next) => self.logprobs = next,
            (Some(_), None) => {}
        }
    }
}

/// Tokens with their natural-log probabilities, top alternatives and offsets, in four lists of equal
/// length.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LogProbs {
    pub tokens: Vec<String>,
    /// Log probability of each token; `None` for the first token of an echoed prompt.
    pub token_logprobs: Vec<Option<f32>>,
    pub top_logprobs: Vec<Option<TopLogprobs>>,
    /// Offset of each token in the text, in characters.
    pub text_offset: Vec<usize>,
}

impl LogProbs {
    fn join(&mut self, next: Self) {
        self.tokens.extend(next.tokens);
        self.token_logprobs.extend(next.token_logprobs);
        self.top_logprobs.extend(next.top_logprobs);
        self.text_offset.extend(next.text_offset);
    }
}

/// Texts of the top tokens with their log probabilities, likeliest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TopLogprobs(pub Vec<(String, f32)>);

impl Serialize for TopLogprobs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(token, log_prob)| (token, log_prob)))
    }
}

/// Token counts of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Number of tokens in the prompts. Each prompt counts once, regardless of its number of choices.
    pub prompt_tokens: usize,
    pub completion_tokens: usize,
    pub total_tokens: usize,
}

impl Usage {
    pub fn new(prompt_tokens: usize, completion_tokens: usize) -> Self {
        let total_tokens = prompt_tokens + completion_tokens;
        Self { prompt_tokens, completion_tokens, total_tokens }
    }
}

/// An available model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelInfo {
    pub id: String,
    pub object: &'static str,
    /// Always 0, because clients require a number but the creation date is unknown.
    pub created: u64,
    pub owned_by: &'static str,
}

impl ModelInfo {
    pub fn new(id: String) -> Self {
        Self { id, object: "model", created: 0, owned_by: "venti" }
    }
}

/// The available models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelList {
    pub object: &'static str,
    pub data: Vec<ModelInfo>,
}
