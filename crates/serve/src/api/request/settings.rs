//! Reads the generation settings of a request.

use super::fields::Fields;
use crate::api::error::ApiError;
use generator::{Generation, GenerationOverrides, Kind, Role, SETTINGS, Value};
use serde_json::Value as Json;

/// OpenAI's maximum `temperature`.
const MAX_TEMPERATURE: f64 = 2.0;
/// OpenAI's maximum number of stop strings.
const MAX_STOPS: usize = 4;

/// Reads the settings of OpenAI's API and those that Venti adds. The defaults leave the model's
/// distribution unchanged. The site's settings for essays do not apply.
pub fn generation(fields: &mut Fields, max_tokens: usize) -> Result<Generation, ApiError> {
    let min_tokens = fields.count("min_tokens")?;
    if min_tokens.is_some_and(|min_tokens| min_tokens > max_tokens) {
        let message = format!("`min_tokens` must not exceed `max_tokens`, which is {max_tokens}");
        return Err(ApiError::invalid("min_tokens", message));
    }
    let mut given = GenerationOverrides {
        stop: fields.take("stop").map(stops).transpose()?,
        ..GenerationOverrides::default()
    };
    for setting in SETTINGS.iter().filter(|setting| setting.role == Role::Sampling) {
        let value = match setting.kind {
            Kind::Number => fields.number(setting.name)?.map(Value::Number),
            Kind::Count => fields.count(setting.name)?.map(Value::Count),
            Kind::Texts => fields.take(setting.name).map(stops).transpose()?.map(Value::Texts),
        };
        if let Some(value) = value {
            given.set(setting.name, value);
        }
    }
    if given.temperature.is_some_and(|temperature| !(0.0..=MAX_TEMPERATURE).contains(&temperature))
    {
        let message = format!("`temperature` must be from 0 to {MAX_TEMPERATURE}");
        return Err(ApiError::invalid("temperature", message));
    }
    given.check().map_err(|invalid| {
        ApiError::invalid(invalid.key, format!("`{}` must {}", invalid.key, invalid.rule))
    })?;
    let unmodified = Generation {
        min_new_tokens: min_tokens.unwrap_or(0),
        max_new_tokens: Some(max_tokens),
        ..Generation::unmodified()
    };
    Ok(unmodified.with(&given))
}

fn stops(stop: Json) -> Result<Vec<String>, ApiError> {
    let invalid = |message: &str| ApiError::invalid("stop", message);
    let stops = match stop {
        Json::String(text) => vec![text],
        Json::Array(list) => list
            .into_iter()
            .map(|text| match text {
                Json::String(text) => Ok(text),
                _ => Err(invalid("`stop` must be a string or an array of strings")),
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(invalid("`stop` must be a string or an array of strings")),
    };
    if stops.len() > MAX_STOPS {
        return Err(invalid(&format!("`stop` must have at most {MAX_STOPS} strings")));
    }
    if stops.iter().any(String::is_empty) {
        return Err(invalid("`stop` must not contain an empty string"));
    }
    Ok(stops)
}
