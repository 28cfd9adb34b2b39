//! HTTP requests to the hub: the listing of a repository, a file's metadata, and a file's bytes from an
//! offset. Transient failures are retried. Redirects are followed here, not by the HTTP client, because
//! their headers matter and the token must be sent only to the hub.

use std::io::Read;
use std::thread;
use std::time::Duration;

use hf_hub::Repo;
use hf_hub::api::RepoInfo;
use ureq::Agent;
use ureq::http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, LOCATION,
    RANGE, RETRY_AFTER,
};
use ureq::http::{Response, StatusCode, Uri};

use super::name::{is_commit, is_path, is_word};
use super::{Error, HubConfig, ModelName, Result, Retry};

const USER_AGENT: &str = concat!("venti/", env!("CARGO_PKG_VERSION"));
const REDIRECTS: usize = 5;

/// One repository on the hub.
pub(super) struct Remote<'a> {
    config: &'a HubConfig,
    name: &'a ModelName,
    repo: Repo,
    agent: Agent,
}

/// A revision's commit and its files.
pub(super) struct Listing {
    pub commit: String,
    pub files: Vec<String>,
}

/// A file's metadata, from its response headers.
#[derive(Debug, PartialEq)]
pub(super) struct Metadata {
    /// Identifier of the content; the hub itself uses a SHA-256 or git blob hash.
    pub etag: String,
    pub size: Option<u64>,
}

/// A file's bytes starting at `offset`, which may differ from the requested offset.
pub(super) struct ByteStream {
    pub offset: u64,
    pub reader: Box<dyn Read>,
}

enum Method {
    Head,
    Get,
}

impl<'a> Remote<'a> {
    pub fn new(config: &'a HubConfig, name: &'a ModelName) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(USER_AGENT)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .build()
            .into();
        Self { config, name, repo: name.to_repo(), agent }
    }

    pub fn retry(&self) -> Retry {
        self.config.retry
    }

    /// Returns the repository as `owner/name`.
    pub fn id(&self) -> &str {
        &self.name.repo
    }

    /// Requests the revision's current commit and files.
    pub fn listing(&self) -> Result<Listing> {
        let url = format!("{}/api/{}", self.config.endpoint, self.repo.api_url());
        let mut response = self.ask(&Method::Get, &url, None, None)?;
        let bad = |problem: String| Error::BadAnswer { url: url.clone(), problem };
        let info: RepoInfo =
            response.body_mut().read_json().map_err(|error| bad(error.to_string()))?;
        if !is_commit(&info.sha) {
            return Err(bad(format!("expected a commit as `sha`, got `{}`", info.sha)));
        }
        let files = info.siblings.into_iter().map(|file| file.rfilename);
        // Files with other names are never needed and would be unsafe as paths.
        Ok(Listing { commit: info.sha, files: files.filter(|file| is_path(file)).collect() })
    }

    /// Requests the metadata of a file in `commit`.
    pub fn metadata(&self, commit: &str, file: &str) -> Result<Metadata> {
        let url = self.file_url(commit, file);
        let response = self.ask(&Method::Head, &url, None, Some(file))?;
        let headers = response.headers();
        let etag = text(headers, "x-linked-etag")
            .or_else(|| text(headers, ETAG.as_str()))
            .map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned())
            .filter(|etag| is_word(etag))
            .ok_or_else(|| Error::BadAnswer {
                url,
                problem: format!("missing or invalid ETag for {file}"),
            })?;
        let own_size =
            || text(headers, CONTENT_LENGTH.as_str()).filter(|_| response.status().is_success());
        let size = text(headers, "x-linked-size").or_else(own_size);
        Ok(Metadata { etag, size: size.and_then(|size| size.parse().ok()) })
    }

    /// Requests a file in `commit` from `offset` on; the server may start at another offset. Returns
    /// `None` if `offset` is past the end of the file.
    pub fn bytes(&self, commit: &str, file: &str, offset: u64) -> Result<Option<ByteStream>> {
        let response =
            self.ask(&Method::Get, &self.file_url(commit, file), Some(offset), Some(file))?;
        let offset = match response.status() {
            StatusCode::RANGE_NOT_SATISFIABLE => return Ok(None),
            StatusCode::PARTIAL_CONTENT => text(response.headers(), CONTENT_RANGE.as_str())
                .and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok())
                .unwrap_or(offset),
            _ => 0,
        };
        Ok(Some(ByteStream { offset, reader: Box::new(response.into_body().into_reader()) }))
    }

    fn file_url(&self, commit: &str, file: &str) -> String {
        format!("{}/{}/resolve/{commit}/{file}", self.config.endpoint, self.repo.url())
    }

    /// Sends a request, retrying transient failures.
    fn ask(
        &self,
        method: &Method,
        url: &str,
        offset: Option<u64>,
        file: Option<&str>,
    ) -> Result<Response<ureq::Body>> {
        let retry = self.config.retry;
        let mut pause = retry.pause;
        for attempt in 1.. {
            let answer = self.follow(method, url, offset);
            let last = attempt >= retry.attempts;
            let wait = match &answer {
                Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
                    let asked = text(response.headers(), RETRY_AFTER.as_str())
                        .and_then(|seconds| seconds.parse().ok())
                        .map(Duration::from_secs);
                    if last || asked.is_some_and(|asked| asked > retry.longest_wait) {
                        return Err(Error::RateLimited { url: url.to_owned(), wait: asked });
                    }
                    asked.unwrap_or(pause)
                }
                Ok(response) if response.status().is_server_error() && !last => pause,
                Err(Error::Unreachable { .. }) if !last => pause,
                _ => return self.understood(answer?, url, file),
            };
            thread::sleep(wait);
            pause *= 2;
        }
        unreachable!("the last attempt returns")
    }

    /// Sends a request and follows redirects. A `HEAD` request stops at the first redirect that leaves
    /// the hub, because the headers of that response describe the file.
    fn follow(
        &self,
        method: &Method,
        url: &str,
        offset: Option<u64>,
    ) -> Result<Response<ureq::Body>> {
        let bad = |problem: String| Error::BadAnswer { url: url.to_owned(), problem };
        let start: Uri = url.parse().map_err(|error| bad(format!("{error}")))?;
        let mut uri = start.clone();
        for _ in 0..=REDIRECTS {
            let response = self.request(method, &uri, &start, offset)?;
            let Some(location) = text(response.headers(), LOCATION.as_str())
                .filter(|_| response.status().is_redirection())
            else {
                return Ok(response);
            };
            let next = if location.starts_with('/') && !location.starts_with("//") {
                format!("{}://{}{location}", scheme(&uri), authority(&uri))
            } else {
                location.to_owned()
            };
            let next: Uri =
                next.parse().map_err(|_| bad(format!("invalid redirect to `{location}`")))?;
            if authority(&next).is_empty() {
                return Err(bad(format!("invalid redirect to `{location}`")));
            }
            if matches!(method, Method::Head) && !same_host(&next, &start) {
                return Ok(response);
            }
            uri = next;
        }
        Err(bad(format!("more than {REDIRECTS} redirects")))
    }

    fn request(
        &self,
        method: &Method,
        uri: &Uri,
        start: &Uri,
        offset: Option<u64>,
    ) -> Result<Response<ureq::Body>> {
        let mut request = match method {
            Method::Head => self.agent.head(uri),
            Method::Get => self.agent.get(uri),
        };
        // Offsets and sizes refer to the uncompressed file.
        request = request.header(ACCEPT_ENCODING, "identity");
        if let Some(offset) = offset.filter(|&offset| offset > 0) {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        if let Some(token) = self.config.token.as_ref().filter(|_| same_host(uri, start)) {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request
            .call()
            .map_err(|error| Error::Unreachable { url: uri.to_string(), source: Box::new(error) })
    }

    /// Returns the response if it is successful, otherwise the error for its status.
    fn understood(
        &self,
        response: Response<ureq::Body>,
        url: &str,
        file: Option<&str>,
    ) -> Result<Response<ureq::Body>> {
        let status = response.status();
        // Only a HEAD request can end with a redirect here, and only a range request with status 416.
        if status.is_success()
            || status.is_redirection()
            || status == StatusCode::RANGE_NOT_SATISFIABLE
        {
            return Ok(response);
        }
        let repo = self.name.repo.clone();
        let revision = self.name.revision.clone();
        Err(match (status.as_u16(), text(response.headers(), "x-error-code"), file) {
            (401 | 403, ..) => Error::Refused {
                repo,
                status: status.as_u16(),
                token_sent: self.config.token.is_some(),
            },
            (404, Some("RevisionNotFound"), _) => Error::NoRevision { repo, revision },
            (404, Some("RepoNotFound"), _) | (404, _, None) => Error::NoRepository { repo },
            (404, _, Some(file)) => Error::NoFile { repo, revision, file: file.to_owned() },
            _ => Error::Status { url: url.to_owned(), status: status.as_u16() },
        })
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn scheme(uri: &Uri) -> &str {
    uri.scheme_str().unwrap_or("https")
}

fn authority(uri: &Uri) -> &str {
    uri.authority().map_or("", |authority| authority.as_str())
}

/// Whether two URLs have the same scheme, host and port, so that the access token may be sent to both.
fn same_host(a: &Uri, b: &Uri) -> bool {
    scheme(a) == scheme(b) && authority(a) == authority(b)
}
