//! Answers requests as a static host does, with a file, a redirect or the 404 page. Supports entity
//! tags, ranges and the headers in `_headers`.
//!
//! Paths are looked up in the list of the site's files, never on disk, so no request can reach anything
//! outside the site.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Response, StatusCode};

use crate::live;
use crate::site_snapshot::{ServedFile, SiteSnapshot};
use site::NOT_FOUND;

/// The result of looking up a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileLookup {
    File(String, Arc<ServedFile>),
    /// A folder whose path lacks the trailing slash.
    Folder,
    /// Nothing was found. Holds the site's 404 page, if there is one.
    Nothing(Option<Arc<ServedFile>>),
}

/// Looks up `path`, the percent-encoded path of a request without its query. `prefix` is the site's path
/// on its host, such as `/` or `/blog/`.
pub fn find(snapshot: &SiteSnapshot, prefix: &str, path: &str) -> FileLookup {
    let nothing = || FileLookup::Nothing(snapshot.get(NOT_FOUND).cloned());
    let file = |path: &str| {
        snapshot.get(path).map(|served| FileLookup::File(path.to_owned(), served.clone()))
    };
    if prefix.strip_suffix('/').is_some_and(|folder| !folder.is_empty() && folder == path) {
        return FileLookup::Folder;
    }
    let Some(path) = decoded(prefix, path) else { return nothing() };
    if path.is_empty() || path.ends_with('/') {
        return file(&format!("{path}index.html")).unwrap_or_else(nothing);
    }
    if snapshot.get(&format!("{path}/index.html")).is_some() {
        return FileLookup::Folder;
    }
    let lately =
        || snapshot.lately(&path).map(|served| FileLookup::File(path.clone(), served.clone()));
    let found = file(&path).or_else(|| file(&format!("{path}.html"))).or_else(lately);
    found.unwrap_or_else(nothing)
}

/// Returns the decoded path of a request, relative to the site's root; `None` if it is not valid UTF-8
/// or not under `prefix`.
pub fn decoded(prefix: &str, path: &str) -> Option<String> {
    let path = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    Some(path.strip_prefix(prefix)?.to_owned())
}

/// Answers a request for a file in the site.
pub fn answer(
    snapshot: &SiteSnapshot,
    prefix: &str,
    method: &Method,
    path: &str,
    query: Option<&str>,
    request_headers: &HeaderMap,
) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let allow = (header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n", allow);
    }
    let (path, served, status) = match find(snapshot, prefix, path) {
        FileLookup::File(path, served) => (path, served, StatusCode::OK),
        FileLookup::Nothing(Some(served)) => (NOT_FOUND.to_owned(), served, StatusCode::NOT_FOUND),
        FileLookup::Nothing(None) => {
            return plain(StatusCode::NOT_FOUND, "page not found\n", no_store());
        }
        FileLookup::Folder => {
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            // The target has exactly one leading slash, because `//host/` would lead to another host.
            let target = format!("/{}/{query}", path.trim_matches('/'));
            let Ok(target) = HeaderValue::from_str(&target) else {
                return plain(StatusCode::NOT_FOUND, "page not found\n", no_store());
            };
            let target = (header::LOCATION, target);
            return plain(StatusCode::MOVED_PERMANENTLY, "moved: add a slash\n", target);
        }
    };
    let mut response = with_body(status, &served, &path, request_headers);
    let headers = response.headers_mut();
    for (name, value) in snapshot.headers.of(&format!("/{path}")) {
        let value = match name.eq_ignore_ascii_case("content-security-policy") {
            true => live::allowed_by(value),
            false => value.to_owned(),
        };
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    // The next build may change any file, so browsers must revalidate.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    if *method == Method::HEAD {
        let length = headers.get(header::CONTENT_LENGTH).cloned();
        *response.body_mut() = Body::empty();
        if let Some(length) = length {
            response.headers_mut().insert(header::CONTENT_LENGTH, length);
        }
    }
    response
}

fn with_body(
    status: StatusCode,
    served: &ServedFile,
    path: &str,
    request_headers: &HeaderMap,
) -> Response<Body> {
    let text = |name| request_headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&served.etag) {
        headers.insert(header::ETAG, etag);
    }
    if status == StatusCode::OK
        && text(header::IF_NONE_MATCH).is_some_and(|tags| matches(tags, &served.etag))
    {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(header::CONTENT_TYPE, content_type(path));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // A part of the current file is useless to a client that holds other parts of an older version.
    let still = text(header::IF_RANGE).is_none_or(|tag| tag == served.etag);
    let range = text(header::RANGE).filter(|_| still && status == StatusCode::OK);
    let length = served.body.len();
    let (status, body) = match range.map(|range| Range::parse(range, length)) {
        Some(Range::Part(first, last)) => {
            let content = format!("bytes {first}-{last}/{length}");
            let content = HeaderValue::from_str(&content).expect("digits and `bytes -/` are valid");
            headers.insert(header::CONTENT_RANGE, content);
            (StatusCode::PARTIAL_CONTENT, served.body.slice(first..=last))
        }
        Some(Range::Beyond) => {
            let content = HeaderValue::from_str(&format!("bytes */{length}"));
            headers
                .insert(header::CONTENT_RANGE, content.expect("digits and `bytes */` are valid"));
            (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new())
        }
        Some(Range::Whole) | None => (status, served.body.clone()),
    };
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    *response.status_mut() = status;
    *response.body_mut() = Body::from(body);
    response
}

/// Whether `tags` contains `etag`, using weak comparison (RFC 9110, 13.1.2).
fn matches(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// The part of a file that a request asks for (RFC 9110, 14.1.2).
enum Range {
    /// First and last byte, inclusive.
    Part(usize, usize),
    /// The range lies outside the file.
    Beyond,
    /// The request has several ranges, or no valid byte range. A server may then send the whole file.
    Whole,
}

impl Range {
    fn parse(text: &str, length: usize) -> Self {
        let Ok(ranges) = http_range_header::parse_range_header(text) else { return Self::Whole };
        match ranges.validate(length as u64).as_deref() {
            Ok([one]) => match (usize::try_from(*one.start()), usize::try_from(*one.end())) {
                (Ok(first), Ok(last)) if first <= last && last < length => Self::Part(first, last),
                _ => Self::Beyond,
            },
            Ok(_) => Self::Whole,
            Err(_) => Self::Beyond,
        }
    }
}

/// Returns the content type of a file, guessed from its name.
pub fn content_type(path: &str) -> HeaderValue {
    let guess = mime_guess::from_path(path).first_or_octet_stream();
    let textual = guess.type_() == mime_guess::mime::TEXT
        || matches!(guess.subtype().as_str(), "javascript" | "json" | "manifest+json")
        || guess.suffix() == Some(mime_guess::mime::XML)
        || guess.subtype() == mime_guess::mime::XML;
    let text = if textual { format!("{guess}; charset=utf-8") } else { guess.to_string() };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

fn no_store() -> (HeaderName, HeaderValue) {
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// Returns a plain-text response with one extra header.
pub fn plain(
    status: StatusCode,
    text: &'static str,
    (name, value): (HeaderName, HeaderValue),
) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(name, value);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site_snapshot::snapshot_of;

    fn site() -> SiteSnapshot {
        snapshot_of(&[
            ("index.html", "<p>home"),
            ("about/index.html", "<p>about"),
            ("note.html", "<p>note"),
            ("é ü.txt", "letters"),
            ("404.html", "<p>lost"),
            ("_headers", "/*\n  X-All: yes\n/note.html\n  Cache-Control: max-age=9\n"),
        ])
    }

    /// Looks up a path in the test site. Returns the path of the file if one is found, `folder` for a
    /// folder, otherwise `nothing` and whether the site has a 404 page.
    fn found(prefix: &str, path: &str) -> String {
        match find(&site(), prefix, path) {
            FileLookup::File(path, _) => path,
            FileLookup::Folder => "folder".to_owned(),
            FileLookup::Nothing(page) => format!("nothing, {}", page.is_some()),
        }
    }

    fn get(
        method: &str,
        path: &str,
        request_headers: &[(&'static str, &'static str)],
    ) -> Response<Body> {
        let headers = request_headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        answer(&site(), "/", &method, path, Some("q=1"), &headers.collect())
    }

    fn header(response: &Response<Body>, name: &str) -> String {
        response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    #[test]
    fn paths_resolve_as_on_a_static_host() {
        for (path, file) in [
            ("/", "index.html"),
            ("/about/", "about/index.html"),
            ("/about", "folder"),
            ("/note", "note.html"),
            ("/note.html", "note.html"),
            ("/%C3%A9%20%c3%bc.txt", "é ü.txt"),
            ("/no", "nothing, true"),
            ("/about/index.html/", "nothing, true"),
            ("/../index.html", "nothing, true"),
            ("/%2e%2e/index.html", "nothing, true"),
            ("/about%2Findex.html", "about/index.html"),
            ("/%00", "nothing, true"),
            ("/%ff", "nothing, true"),
            ("//", "nothing, true"),
        ] {
            assert_eq!(found("/", path), file, "{path}");
        }
        for (path, file) in [
            ("/blog/about/", "about/index.html"),
            ("/blog", "folder"),
            ("/about/", "nothing, true"),
            ("/blogs/about/", "nothing, true"),
        ] {
            assert_eq!(found("/blog/", path), file, "{path}");
        }
    }

    #[test]
    fn responses_carry_the_headers_of_their_path() {
        let note = get("GET", "/note.html", &[]);
        assert_eq!((header(&note, "x-all").as_str(), note.status()), ("yes", StatusCode::OK));
        assert_eq!(header(&note, "cache-control"), "max-age=9");
        assert_eq!(header(&note, "content-type"), "text/html; charset=utf-8");
        let lost = get("GET", "/lost", &[]);
        assert_eq!(lost.status(), StatusCode::NOT_FOUND);
        assert_eq!(header(&lost, "cache-control"), "no-cache");
        let folder = get("GET", "//about", &[]);
        assert_eq!(folder.status(), StatusCode::NOT_FOUND);
        let folder = get("GET", "/about", &[]);
        assert_eq!(
            (folder.status().as_u16(), header(&folder, "location").as_str()),
            (301, "/about/?q=1")
        );
        let post = get("POST", "/", &[]);
        assert_eq!((post.status().as_u16(), header(&post, "allow").as_str()), (405, "GET, HEAD"));
    }
}
