//! Error responses of the desk.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use miette::Diagnostic;
use serde_json::{Value, json};

use super::library;
use super::session::SessionError;
use crate::engine::SubmitError;
use content::fs;
use content::lock::LockHeld;
use content::problem::{Problem, Problems, plain_text};

/// An error response: the status, the error and how to fix it.
#[derive(Debug)]
pub struct Rejection {
    pub status: StatusCode,
    pub error: String,
    pub help: Option<String>,
    /// Additional fields of the response.
    pub more: Value,
}

impl Rejection {
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), help: None, more: json!({}) }
    }

    /// Names the invalid form field.
    #[must_use]
    pub fn field(self, name: &str) -> Self {
        Self { more: json!({ "field": name }), ..self }
    }

    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Creates the error for an invalid request (status 422).
    pub fn invalid(error: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }

    /// Creates an internal error (status 500).
    pub fn failed(error: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }
}

/// Most errors are due to the request or to the site's own files, so the default status is 422.
impl From<miette::Report> for Rejection {
    fn from(report: miette::Report) -> Self {
        if report.downcast_ref::<Problem>().is_some() || report.downcast_ref::<Problems>().is_some()
        {
            return Self::invalid(plain_text(&report));
        }
        let causes: Vec<String> = report.chain().map(ToString::to_string).collect();
        let status = if report.downcast_ref::<LockHeld>().is_some() {
            StatusCode::SERVICE_UNAVAILABLE
        } else if report.downcast_ref::<fs::Error>().is_some() {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        let help = report.help().map(|help| help.to_string());
        Self { help, ..Self::new(status, causes.join(": ")) }
    }
}

impl From<SubmitError> for Rejection {
    fn from(refused: SubmitError) -> Self {
        let status = match refused {
            SubmitError::Full { .. } | SubmitError::Closed => StatusCode::SERVICE_UNAVAILABLE,
            SubmitError::Empty | SubmitError::TooLong { .. } | SubmitError::NoToken { .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
        };
        Self::new(status, refused.to_string())
    }
}

impl From<library::Refusal> for Rejection {
    fn from(refusal: library::Refusal) -> Self {
        use library::Refusal;
        let status = match refusal {
            Refusal::NotFound(_) => StatusCode::NOT_FOUND,
            Refusal::Conflict(_) => StatusCode::CONFLICT,
            Refusal::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let help = refusal.help().map(|help| help.to_string());
        let rejection = Self { help, ..Self::new(status, refusal.to_string()) };
        match refusal {
            Refusal::Conflict(now) => Self { more: json!(now), ..rejection },
            _ => rejection,
        }
    }
}

impl From<SessionError> for Rejection {
    fn from(fault: SessionError) -> Self {
        match fault {
            SessionError::NotFound => {
                Self::new(StatusCode::NOT_FOUND, "this draft no longer exists")
            }
            SessionError::Impossible(why) => Self::new(StatusCode::CONFLICT, why),
            SessionError::Refused(refused) => refused.into(),
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let Self { status, error, help, more } = self;
        let mut body = json!({ "error": error, "help": help });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }
}
