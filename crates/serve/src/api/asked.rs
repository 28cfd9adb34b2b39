//! Reads and checks the body of `POST /v1/completions`. Nothing is silently ignored: an unknown or
//! unsupported parameter is an error that names it.

mod fields;

use serde_json::Value;

use super::problem::Problem;
use fields::Fields;
use generator::{Generation, GenerationOverrides};

/// A request for completions.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub model: String,
    pub prompts: Vec<Prompt>,
    /// Number of choices per prompt.
    pub n: usize,
    pub generation: Generation,
    pub max_tokens: usize,
    pub seed: Option<u64>,
    /// Number of top tokens to return per position; `None` for no log probabilities.
    pub logprobs: Option<usize>,
    /// Whether the text starts with the prompt.
    pub echo: bool,
    pub stream: bool,
    pub include_usage: bool,
}

/// The text to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
}

/// OpenAI's limits and defaults.
const MOST_LOGPROBS: usize = 5;
const MOST_STOPS: usize = 4;
const MAX_TOKENS: usize = 16;

impl Asked {
    /// Reads a body. `most_choices` limits the choices over all prompts.
    ///
    /// # Errors
    /// The first problem found.
    pub fn read(body: &[u8], most_choices: usize) -> Result<Self, Problem> {
        let mut fields = Fields::read(body)?;
        let model =
            fields.text("model")?.ok_or_else(|| Problem::of("model", "`model` is missing"))?;
        let prompts = match fields.take("prompt") {
            Some(prompt) => prompts(prompt)?,
            None => vec![Prompt::Text(String::new())],
        };
        let n = fields.count("n")?.unwrap_or(1);
        if n == 0 {
            return Err(Problem::of("n", "`n` must be at least 1"));
        }
        if prompts.len().saturating_mul(n) > most_choices {
            let message = format!(
                "{} prompts with {n} choices each exceed the limit of {most_choices} choices per \
                 request",
                prompts.len()
            );
            return Err(Problem::of("n", message));
        }
        if fields.count("best_of")?.is_some_and(|best_of| best_of != n) {
            let message = "`best_of` must equal `n`: every choice that is written is returned";
            return Err(Problem::of("best_of", message));
        }
        let max_tokens = fields.count("max_tokens")?.unwrap_or(MAX_TOKENS);
        let generation = generation(&mut fields, max_tokens)?;
        let seed = fields.integer("seed")?;
        let logprobs = fields.count("logprobs")?;
        if logprobs.is_some_and(|logprobs| logprobs > MOST_LOGPROBS) {
            let message = format!("`logprobs` must be from 0 to {MOST_LOGPROBS}");
            return Err(Problem::of("logprobs", message));
        }
        let echo = fields.flag("echo")?;
        let stream = fields.flag("stream")?;
        let include_usage = match fields.take("stream_options") {
            Some(_) if !stream => {
                let message = "`stream_options` requires `stream`";
                return Err(Problem::of("stream_options", message));
            }
            Some(options) => include_usage(options)?,
            None => false,
        };
        fields.text("user")?;
        refuse_what_cannot_be(&mut fields)?;
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
fn prompts(prompt: Value) -> Result<Vec<Prompt>, Problem> {
    let problem = |message: &str| Problem::of("prompt", message);
    let list = match prompt {
        Value::String(text) => return Ok(vec![Prompt::Text(text)]),
        Value::Array(list) => list,
        _ => return Err(problem("`prompt` must be a string or an array of strings or token ids")),
    };
    match list.first() {
        None => Err(problem("`prompt` must not be an empty array")),
        Some(Value::Number(_)) => Ok(vec![Prompt::Tokens(tokens(&list)?)]),
        Some(_) => list
            .into_iter()
            .map(|one| match one {
                Value::String(text) => Ok(Prompt::Text(text)),
                Value::Array(ids) if ids.is_empty() => {
                    Err(problem("`prompt` must not contain an empty array"))
                }
                Value::Array(ids) => Ok(Prompt::Tokens(tokens(&ids)?)),
                _ => Err(problem("each item of `prompt` must be a string or an array of tokens")),
            })
            .collect(),
    }
}

fn tokens(ids: &[Value]) -> Result<Vec<u32>, Problem> {
    let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
    let tokens = ids.iter().map(id).collect::<Option<Vec<u32>>>();
    tokens.ok_or_else(|| {
        Problem::of("prompt", "token ids in `prompt` must be unsigned 32-bit integers")
    })
}

/// Reads OpenAI's and Venti's settings. The defaults leave the model's distribution unchanged; the
/// site's settings for essays do not apply.
fn generation(fields: &mut Fields, max_tokens: usize) -> Result<Generation, Problem> {
    let temperature = fields.number("temperature")?;
    if temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        return Err(Problem::of("temperature", "`temperature` must be from 0 to 2"));
    }
    let min_tokens = fields.count("min_tokens")?;
    if min_tokens.is_some_and(|min_tokens| min_tokens > max_tokens) {
        let message = format!("`min_tokens` must not exceed `max_tokens`, which is {max_tokens}");
        return Err(Problem::of("min_tokens", message));
    }
    let said = GenerationOverrides {
        temperature,
        top_k: fields.count("top_k")?,
        top_p: fields.number("top_p")?,
        min_p: fields.number("min_p")?,
        typical_p: fields.number("typical_p")?,
        repetition_penalty: fields.number("repetition_penalty")?,
        no_repeat_ngram_size: fields.count("no_repeat_ngram_size")?,
        stop: fields.take("stop").map(stops).transpose()?,
        ..GenerationOverrides::default()
    };
    said.check().map_err(|invalid| {
        Problem::of(invalid.key, format!("`{}` must {}", invalid.key, invalid.rule))
    })?;
    let plain = Generation {
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        typical_p: 1.0,
        repetition_penalty: 1.0,
        no_repeat_ngram_size: 0,
        stop: Vec::new(),
        min_new_tokens: min_tokens.unwrap_or(0),
        max_new_tokens: Some(max_tokens),
        ..Generation::default()
    };
    Ok(plain.with(&said))
}

fn stops(stop: Value) -> Result<Vec<String>, Problem> {
    let problem = |message: &str| Problem::of("stop", message);
    let stops = match stop {
        Value::String(text) => vec![text],
        Value::Array(list) => list
            .into_iter()
            .map(|text| match text {
                Value::String(text) => Ok(text),
                _ => Err(problem("`stop` must be a string or an array of strings")),
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(problem("`stop` must be a string or an array of strings")),
    };
    if stops.len() > MOST_STOPS {
        return Err(problem(&format!("`stop` must have at most {MOST_STOPS} strings")));
    }
    if stops.iter().any(String::is_empty) {
        return Err(problem("`stop` must not contain an empty string"));
    }
    Ok(stops)
}

fn include_usage(options: Value) -> Result<bool, Problem> {
    let Value::Object(options) = options else {
        return Err(Problem::of("stream_options", "`stream_options` must be an object"));
    };
    let mut options = Fields::from(options);
    let include_usage = options
        .flag("include_usage")
        .map_err(|problem| Problem { param: Some("stream_options".into()), ..problem })?;
    options.end("stream_options.")?;
    Ok(include_usage)
}

/// Refuses the OpenAI parameters that Venti does not support, unless their value has no effect.
fn refuse_what_cannot_be(fields: &mut Fields) -> Result<(), Problem> {
    for name in ["presence_penalty", "frequency_penalty"] {
        if fields.number(name)?.is_some_and(|penalty| penalty != 0.0) {
            let message = format!("`{name}` is not supported: use `repetition_penalty` instead");
            return Err(Problem::of(name, message));
        }
    }
    match fields.take("logit_bias") {
        None => {}
        Some(Value::Object(bias)) if bias.is_empty() => {}
        Some(_) => return Err(Problem::of("logit_bias", "`logit_bias` is not supported")),
    }
    match fields.text("suffix")?.as_deref() {
        None | Some("") => Ok(()),
        Some(_) => Err(Problem::of(
            "suffix",
            "`suffix` is not supported: GPT-2 can only continue a prompt",
        )),
    }
}

#[cfg(test)]
mod tests;
