//! Reads the fields of a JSON object one by one, checking their types. Any field left over at the end
//! is unknown. As in OpenAI's API, a null field counts as missing.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::api::error::ApiError;

pub struct Fields(Map<String, Value>);

impl From<Map<String, Value>> for Fields {
    fn from(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

impl Fields {
    pub fn read(body: &[u8]) -> Result<Self, ApiError> {
        let invalid = |message: String| ApiError::new(StatusCode::BAD_REQUEST, message);
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(invalid("the body must be a JSON object".to_owned())),
            Err(error) => Err(invalid(format!("the body is not JSON: {error}"))),
        }
    }

    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    pub fn number(&mut self, name: &str) -> Result<Option<f64>, ApiError> {
        self.typed(name, "a number", |value| value.as_f64())
    }

    pub fn count(&mut self, name: &str) -> Result<Option<usize>, ApiError> {
        let count = |value: Value| value.as_u64().and_then(|count| usize::try_from(count).ok());
        self.typed(name, "a non-negative integer", count)
    }

    /// Reads a 64-bit integer, signed or unsigned, and returns its bits.
    pub fn integer(&mut self, name: &str) -> Result<Option<u64>, ApiError> {
        let bits = |value: Value| value.as_u64().or_else(|| value.as_i64().map(i64::cast_unsigned));
        self.typed(name, "a 64-bit integer", bits)
    }

    pub fn text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        self.typed(name, "a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    pub fn flag(&mut self, name: &str) -> Result<bool, ApiError> {
        Ok(self.typed(name, "true or false", |value| value.as_bool())?.unwrap_or(false))
    }

    /// Checks that no field is left over. The error message prefixes the field's name with `within`.
    pub fn end(self, within: &str) -> Result<(), ApiError> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                let name = format!("{within}{name}");
                let message = format!("unrecognized request argument: `{name}`");
                Err(ApiError::invalid(name, message))
            }
        }
    }

    fn typed<T>(
        &mut self,
        name: &str,
        kind: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(ApiError::invalid(name, format!("`{name}` must be {kind}"))),
        }
    }
}
