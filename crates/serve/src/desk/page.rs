//! The files of the desk's page, embedded in the program. Their Content-Security-Policy blocks content
//! from other servers.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use rust_embed::Embed;

use super::Rejection;
use super::form::with_settings;
use crate::host::content_type;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src 'self' data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

#[derive(Embed)]
#[folder = "src/desk/page/"]
struct Files;

/// The page, with the inputs for the settings.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    let page = Files::get(NAME).expect("the page is embedded");
    with_settings(std::str::from_utf8(&page.data).expect("the page is UTF-8"))
});

const NAME: &str = "desk.html";

/// The style sheet: the built-in theme's colours and base, then the desk's own rules.
const STYLES: &str = concat!(
    include_str!("../../../../themes/medium/static/css/tokens.css"),
    include_str!("../../../../themes/medium/static/css/base.css"),
    include_str!("page/desk.css"),
);

/// Redirects to the URL with a trailing slash, because links in the page are relative to its folder.
pub async fn redirect() -> Redirect {
    Redirect::permanent("/_venti/")
}

pub async fn page() -> Response {
    respond(NAME, PAGE.as_bytes().into())
}

pub async fn file(Path(name): Path<String>) -> Response {
    match Files::get(&name) {
        Some(_) if name == NAME => page().await,
        Some(_) if name == "desk.css" => respond(&name, STYLES.as_bytes().into()),
        Some(file) => respond(&name, file.data),
        None => Rejection::new(StatusCode::NOT_FOUND, "file not found").into_response(),
    }
}

fn respond(name: &str, body: Cow<'static, [u8]>) -> Response {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, content_type(name)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, body).into_response()
}
