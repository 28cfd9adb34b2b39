//! The files of the desk's page, embedded in the program. Their policy blocks everything else.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use rust_embed::Embed;

use super::Rejection;
use crate::host::content_type;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src 'self' data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

#[derive(Embed)]
#[folder = "src/desk/page/"]
struct Files;

/// Adds the trailing slash, since links in the page are relative to its folder.
pub async fn redirect() -> Redirect {
    Redirect::permanent("/_venti/")
}

pub async fn page() -> Response {
    answer("desk.html")
}

pub async fn file(Path(name): Path<String>) -> Response {
    answer(&name)
}

fn answer(name: &str) -> Response {
    let Some(file) = Files::get(name) else {
        return Rejection::new(StatusCode::NOT_FOUND, "file not found").into_response();
    };
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, content_type(name)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, file.data).into_response()
}
