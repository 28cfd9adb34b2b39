//! A local test server that imitates the Hugging Face hub for one repository and can inject faults.
//! `scripts/hub_check.py` checks the imitation by downloading with Python's `huggingface_hub`.
//!
//! It serves `/api/models/R/revision/V`, `/api/models/R/tree/V` and `/R/resolve/V/F` for repository R,
//! revision V and file F, with `ETag`, `X-Repo-Commit`, `X-Linked-Etag`, `X-Linked-Size` and range
//! requests. Requests for small files are redirected within the hub, those for large (LFS) files to
//! another host.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A repository with one commit.
#[derive(Debug, Clone)]
pub struct Repo {
    /// `owner/name`.
    pub id: String,
    /// Commit hash, 40 hexadecimal digits; `main` points to it.
    pub commit: String,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Repo {
    /// Returns a repository with the file names of a checkpoint, but arbitrary contents.
    pub fn tiny() -> Self {
        let weights: Vec<u8> =
            (0..300_000u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        let files = [
            ("README.md", b"a card\n".to_vec()),
            ("config.json", b"{\"n_layer\": 1}\n".to_vec()),
            ("tokenizer.json", b"{\"version\": \"1.0\"}\n".to_vec()),
            ("model.safetensors", weights),
        ];
        Self {
            id: "ada/tiny".to_owned(),
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            files: files.map(|(name, bytes)| (name.to_owned(), bytes)).into(),
        }
    }

    /// Whether a file is stored in LFS, as weights are on the hub.
    fn is_lfs(file: &str) -> bool {
        file.ends_with(".safetensors") || file.ends_with(".bin")
    }
}

/// Faults to inject; none by default.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// `(count, bytes)`: the next `count` responses to a `GET` of an LFS file end after `bytes` bytes.
    pub cut: Option<(u32, usize)>,
    /// Whether range requests are answered with 200 and the whole file.
    pub ignores_ranges: bool,
    /// Whether LFS files are served with one corrupt byte.
    pub damaged: bool,
    /// `(count, status, retry_after)`: the next `count` responses have this status and `Retry-After`
    /// header.
    pub status: Option<(u32, u16, Option<u64>)>,
    /// Access token that requests must send; requests without it get status 401.
    pub token: Option<String>,
}

/// A request that the server recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedRequest {
    pub method: String,
    /// Path, including the query string.
    pub path: String,
    /// Headers by lower-case name.
    pub headers: BTreeMap<String, String>,
}

/// A server that runs until the process exits.
#[derive(Debug, Clone)]
pub struct Server {
    port: u16,
    state: Arc<Mutex<HubState>>,
}

#[derive(Debug)]
struct HubState {
    repo: Repo,
    faults: Faults,
    requests: Vec<ReceivedRequest>,
}

impl Server {
    /// Starts a server on a free local port.
    pub fn start(repo: Repo) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let state =
            Arc::new(Mutex::new(HubState { repo, faults: Faults::default(), requests: vec![] }));
        let server = Self { port, state };
        let accepting = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = accepting.clone();
                // Errors mean that the client disconnected.
                thread::spawn(move || server.respond(&stream).ok());
            }
        });
        Ok(server)
    }

    /// Returns the endpoint, `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sets the faults for all subsequent responses.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    pub fn set_repo(&self, repo: Repo) {
        self.state().repo = repo;
    }

    /// Returns and clears the recorded requests.
    pub fn take_requests(&self) -> Vec<ReceivedRequest> {
        std::mem::take(&mut self.state().requests)
    }

    fn state(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn respond(&self, stream: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let Some(request) = read_request(&mut reader)? else { return Ok(()) };
        let response = {
            let mut state = self.state();
            state.requests.push(request.clone());
            self.decide(&mut state, &request)
        };
        response.write(stream, request.method == "HEAD")
    }

    fn decide(&self, state: &mut HubState, request: &ReceivedRequest) -> Response {
        if let Some((times, status, retry_after)) = &mut state.faults.status
            && *times > 0
        {
            *times -= 1;
            let response = Response::status(*status);
            return match retry_after {
                Some(seconds) => response.header("Retry-After", &seconds.to_string()),
                None => response,
            };
        }
        let path = request.path.split('?').next().unwrap_or_default();
        if let Some(file) = path.strip_prefix("/cdn/") {
            return Self::content(state, request, file);
        }
        if let Some(token) = &state.faults.token
            && request.headers.get("authorization") != Some(&format!("Bearer {token}"))
        {
            return Response::status(401)
                .header("X-Error-Message", "Invalid username or password.");
        }
        if let Some(rest) = path.strip_prefix("/cache/") {
            return self.resolved(state, request, rest);
        }
        self.route(state, path)
    }

    fn route(&self, state: &HubState, path: &str) -> Response {
        let repo = &state.repo;
        let revision_of = |rest: &str| rest == "main" || rest == repo.commit;
        let no_revision = || Response::status(404).header("X-Error-Code", "RevisionNotFound");
        let api = format!("/api/models/{}/", repo.id);
        let resolve = format!("/{}/resolve/", repo.id);
        if let Some((kind, revision)) =
            path.strip_prefix(&api).and_then(|rest| rest.split_once('/'))
        {
            return match kind {
                _ if !revision_of(revision) => no_revision(),
                "revision" => Response::json(&listing(repo)),
                "tree" => Response::json(&tree(repo)),
                _ => Response::status(404),
            };
        }
        let Some((revision, file)) =
            path.strip_prefix(&resolve).and_then(|rest| rest.split_once('/'))
        else {
            return Response::status(404).header("X-Error-Code", "RepoNotFound");
        };
        if !revision_of(revision) {
            return no_revision();
        }
        let Some(bytes) = repo.files.get(file) else {
            return Response::status(404)
                .header("X-Error-Code", "EntryNotFound")
                .header("X-Repo-Commit", &repo.commit);
        };
        let response = Response::status(302).header("X-Repo-Commit", &repo.commit);
        if Repo::is_lfs(file) {
            // Redirect to a different host, which must not receive the token.
            response
                .header("X-Linked-Etag", &format!("\"{}\"", sha256(bytes)))
                .header("X-Linked-Size", &bytes.len().to_string())
                .header("Location", &format!("http://localhost:{}/cdn/{file}", self.port))
        } else {
            response.header("Location", &format!("/cache/{file}"))
        }
    }

    fn resolved(&self, state: &HubState, request: &ReceivedRequest, file: &str) -> Response {
        let commit = state.repo.commit.clone();
        let etag = state.repo.files.get(file).map(|bytes| git_blob(bytes)).unwrap_or_default();
        let mut response = Self::content_of(state, request, file, None);
        response = response.header("ETag", &format!("W/\"{etag}\""));
        response.header("X-Repo-Commit", &commit)
    }

    /// Serves an LFS file as the hub's storage host does, with the injected faults.
    fn content(state: &mut HubState, request: &ReceivedRequest, file: &str) -> Response {
        let cut = match &mut state.faults.cut {
            Some((times, bytes)) if *times > 0 && request.method == "GET" => {
                *times -= 1;
                Some(*bytes)
            }
            _ => None,
        };
        Self::content_of(state, request, file, cut)
    }

    fn content_of(
        state: &HubState,
        request: &ReceivedRequest,
        file: &str,
        cut: Option<usize>,
    ) -> Response {
        let Some(bytes) = state.repo.files.get(file) else { return Response::status(404) };
        let mut bytes = bytes.clone();
        if state.faults.damaged && Repo::is_lfs(file) {
            bytes[0] ^= 1;
        }
        let size = bytes.len();
        let start = request
            .headers
            .get("range")
            .filter(|_| !state.faults.ignores_ranges)
            .and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse().ok());
        let mut response = match start {
            Some(start) if start >= size => {
                return Response::status(416).header("Content-Range", &format!("bytes */{size}"));
            }
            Some(start) => Response::status(206)
                .header("Content-Range", &format!("bytes {start}-{}/{size}", size - 1))
                .body(bytes.split_off(start)),
            None => Response::status(200).body(bytes),
        };
        response.cut = cut;
        response
    }
}

struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Number of body bytes after which the connection is closed.
    cut: Option<usize>,
}

impl Response {
    fn status(status: u16) -> Self {
        Self { status, headers: vec![], body: vec![], cut: None }
    }

    fn json(value: &Value) -> Self {
        Self::status(200).header("Content-Type", "application/json").body(value.to_string().into())
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    fn write(&self, mut stream: &TcpStream, head: bool) -> io::Result<()> {
        let mut text = format!("HTTP/1.1 {} -\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        stream.write_all(text.as_bytes())?;
        if !head {
            let end = self.cut.unwrap_or(self.body.len()).min(self.body.len());
            stream.write_all(&self.body[..end])?;
        }
        stream.flush()
    }
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<ReceivedRequest>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.take(1 << 14).read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default();
    let mut words = first.split(' ').map(str::to_owned);
    let headers = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect();
    Ok(words.next().zip(words.next()).map(|(method, path)| ReceivedRequest {
        method,
        path,
        headers,
    }))
}

fn listing(repo: &Repo) -> Value {
    let siblings: Vec<Value> = repo.files.keys().map(|file| json!({"rfilename": file})).collect();
    json!({"id": repo.id, "modelId": repo.id, "sha": repo.commit, "private": false, "tags": [], "siblings": siblings})
}

fn tree(repo: &Repo) -> Value {
    let entry = |(path, bytes): (&String, &Vec<u8>)| {
        let mut entry =
            json!({"type": "file", "path": path, "size": bytes.len(), "oid": git_blob(bytes)});
        if Repo::is_lfs(path) {
            entry["lfs"] = json!({"oid": sha256(bytes), "size": bytes.len(), "pointerSize": 134});
        }
        entry
    };
    repo.files.iter().map(entry).collect()
}

/// Returns the SHA-256 hash that identifies an LFS file's content.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Returns the git blob hash of a file's content.
fn git_blob(bytes: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    hexadecimal(&hasher.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
