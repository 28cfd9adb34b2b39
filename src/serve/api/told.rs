//! What is told: the forms of OpenAI's answers.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// What every piece of one answer begins with.
#[derive(Debug, Clone, Serialize)]
pub struct Heading {
    pub id: String,
    pub object: &'static str,
    pub created: u64,
    pub model: String,
    /// Which weights wrote it.
    pub system_fingerprint: String,
}

impl Heading {
    /// The heading of an answer that is given now, by the model of this name and weights' hash.
    pub fn new(id: String, model: &str, weights: &str) -> Self {
        // The one place that looks at the clock: programs are told when, and nothing depends on it.
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

/// An answer, or a piece of one that is streamed.
#[derive(Debug, Serialize)]
pub struct Completion<'a> {
    #[serde(flatten)]
    pub heading: &'a Heading,
    pub choices: &'a [Choice],
    /// Null in the pieces before the one that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Option<Usage>>,
}

impl Completion<'_> {
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers have a form as JSON")
    }
}

/// A text of an answer, or what came to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    pub text: String,
    pub index: usize,
    pub logprobs: Option<LogProbs>,
    pub finish_reason: Option<&'static str>,
}

impl Choice {
    /// Puts what came next behind it.
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

/// Tokens and their natural-log probabilities, in four lists of one length.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LogProbs {
    pub tokens: Vec<String>,
    /// Null where nothing came before.
    pub token_logprobs: Vec<Option<f32>>,
    pub top_logprobs: Vec<Option<Likeliest>>,
    /// In characters of the text.
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

/// Tokens by their texts, likeliest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Likeliest(pub Vec<(String, f32)>);

impl Serialize for Likeliest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(token, log_prob)| (token, log_prob)))
    }
}

/// What an answer took, in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Of each prompt once, however many choices continue it.
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

/// A model that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    pub id: String,
    pub object: &'static str,
    /// Clients want a number; nobody knows when a model was made.
    pub created: u64,
    pub owned_by: &'static str,
}

impl Model {
    pub fn new(id: String) -> Self {
        Self { id, object: "model", created: 0, owned_by: "venti" }
    }
}

/// The models that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Models {
    pub object: &'static str,
    pub data: Vec<Model>,
}
