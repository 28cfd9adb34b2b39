//! Reads and checks the body of `POST /v1/completions`. Unknown and unsupported parameters are rejected
//! by name, not ignored.

mod fields;
mod settings;

use serde_json::Value;

use super::error::ApiError;
use fields::Fields;
use generator::Generation;
use settings::generation;

#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    pub model: String,
    pub prompts: Vec<PromptInput>,
    /// Number of choices per prompt.
    pub n: usize,
    pub generation: Generation,
    pub max_tokens: usize,
    pub seed: Option<u64>,
    /// Number of top tokens to return per position, or `None` to return no log probabilities.
    pub logprobs: Option<usize>,
    /// Whether the returned text starts with the prompt.
    pub echo: bool,
    pub stream: bool,
    pub include_usage: bool,
}

/// A prompt, as text or as token ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptInput {
    Text(String),
    Tokens(Vec<u32>),
}

/// OpenAI's maximum for `logprobs`.
const MAX_LOGPROBS: usize = 5;
/// OpenAI's default for `max_tokens`.
const DEFAULT_MAX_TOKENS: usize = 16;

impl CompletionRequest {
    /// Reads the body of a request. `max_choices` is the maximum number of choices across all prompts.
    ///
    /// # Errors
    /// Returns the first error in the body.
    pub fn read(body: &[u8], max_choices: usize) -> Result<Self, ApiError> {
        let mut fields = Fields::read(body)?;
        let model = fields
            .text("model")?
            .ok_or_else(|| ApiError::invalid("model", "`model` is missing"))?;
        let prompts = match fields.take("prompt") {
            Some(prompt) => prompts(prompt)?,
            None => vec![PromptInput::Text(String::new())],
        };
        let n = fields.count("n")?.unwrap_or(1);
        if n == 0 {
            return Err(ApiError::invalid("n", "`n` must be at least 1"));
        }
        if prompts.len().saturating_mul(n) > max_choices {
            let message = format!(
                "{} prompts with {n} choices each exceed the limit of {max_choices} choices per \
                 request",
                prompts.len()
            );
            return Err(ApiError::invalid("n", message));
        }
        if fields.count("best_of")?.is_some_and(|best_of| best_of != n) {
            let message = "`best_of` must equal `n`: every generated choice is returned";
            return Err(ApiError::invalid("best_of", message));
        }
        let max_tokens = fields.count("max_tokens")?.unwrap_or(DEFAULT_MAX_TOKENS);
        let generation = generation(&mut fields, max_tokens)?;
        let seed = fields.integer("seed")?;
        let logprobs = fields.count("logprobs")?;
        if logprobs.is_some_and(|logprobs| logprobs > MAX_LOGPROBS) {
            let message = format!("`logprobs` must be from 0 to {MAX_LOGPROBS}");
            return Err(ApiError::invalid("logprobs", message));
        }
        let echo = fields.flag("echo")?;
        let stream = fields.flag("stream")?;
        let include_usage = match fields.take("stream_options") {
            Some(_) if !stream => {
                let message = "`stream_options` requires `stream`";
                return Err(ApiError::invalid("stream_options", message));
            }
            Some(options) => include_usage(options)?,
            None => false,
        };
        fields.text("user")?;
        refuse_unsupported(&mut fields)?;
        fields.end("")?;
        Ok(Self {
            model,
            prompts,
            n,
            generation,
            max_tokens,
            seed,
            logprobs,
            echo,
            stream,
            include_usage,
        })
    }
}

/// Reads one or more prompts, given as strings or token ids.
fn prompts(prompt: Value) -> Result<Vec<PromptInput>, ApiError> {
    let invalid = |message: &str| ApiError::invalid("prompt", message);
    let list = match prompt {
        Value::String(text) => return Ok(vec![PromptInput::Text(text)]),
        Value::Array(list) => list,
        _ => return Err(invalid("`prompt` must be a string or an array of strings or token ids")),
    };
    match list.first() {
        None => Err(invalid("`prompt` must not be an empty array")),
        Some(Value::Number(_)) => Ok(vec![PromptInput::Tokens(tokens(&list)?)]),
        Some(_) => list
            .into_iter()
            .map(|one| match one {
                Value::String(text) => Ok(PromptInput::Text(text)),
                Value::Array(ids) if ids.is_empty() => {
                    Err(invalid("`prompt` must not contain an empty array"))
                }
                Value::Array(ids) => Ok(PromptInput::Tokens(tokens(&ids)?)),
                _ => Err(invalid("each item of `prompt` must be a string or an array of tokens")),
            })
            .collect(),
    }
}

fn tokens(ids: &[Value]) -> Result<Vec<u32>, ApiError> {
    let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
    let tokens = ids.iter().map(id).collect::<Option<Vec<u32>>>();
    tokens.ok_or_else(|| {
        ApiError::invalid("prompt", "token ids in `prompt` must be unsigned 32-bit integers")
    })
}

fn include_usage(options: Value) -> Result<bool, ApiError> {
    let Value::Object(options) = options else {
        return Err(ApiError::invalid("stream_options", "`stream_options` must be an object"));
    };
    let mut options = Fields::from(options);
    let include_usage = options
        .flag("include_usage")
        .map_err(|error| ApiError { param: Some("stream_options".into()), ..error })?;
    options.end("stream_options.")?;
    Ok(include_usage)
}

/// Refuses the OpenAI parameters that Venti does not support, unless their values have no effect.
fn refuse_unsupported(fields: &mut Fields) -> Result<(), ApiError> {
    for name in ["presence_penalty", "frequency_penalty"] {
        if fields.number(name)?.is_some_and(|penalty| penalty != 0.0) {
            let message = format!("`{name}` is not supported: use `repetition_penalty` instead");
            return Err(ApiError::invalid(name, message));
        }
    }
    match fields.take("logit_bias") {
        None => {}
        Some(Value::Object(bias)) if bias.is_empty() => {}
        Some(_) => return Err(ApiError::invalid("logit_bias", "`logit_bias` is not supported")),
    }
    match fields.text("suffix")?.as_deref() {
        None | Some("") => Ok(()),
        Some(_) => Err(ApiError::invalid(
            "suffix",
            "`suffix` is not supported: GPT-2 can only continue a prompt",
        )),
    }
}

#[cfg(test)]
mod tests;
