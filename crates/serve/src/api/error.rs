//! Error responses in OpenAI's format, so that OpenAI's clients raise the right exceptions.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: StatusCode,
    pub message: String,
    /// Name of the invalid parameter, if the error is due to one.
    pub param: Option<String>,
    /// Machine-readable name of the error.
    pub code: Option<&'static str>,
}

impl ApiError {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), param: None, code: None }
    }

    /// Creates the error for an invalid parameter (status 400).
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        let param = Some(param.into());
        Self { param, ..Self::new(StatusCode::BAD_REQUEST, message) }
    }

    /// Creates an internal error (status 500).
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    #[must_use]
    pub fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// Returns the error as JSON, for a response or for an event in a stream.
    pub fn to_json(&self) -> String {
        let Self { status, message, param, code } = self;
        let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
        let error = json!({ "message": message, "type": kind, "param": param, "code": code });
        json!({ "error": error }).to_string()
    }
}

/// Number of seconds after which a client should retry when the queue is full.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            _ => {}
        }
        response
    }
}
