//! What keeps a checkpoint from being had, and what to do about it.

use std::path::PathBuf;
use std::time::Duration;

use super::ALIASES;

/// Why a checkpoint could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither an alias nor `owner/name[@revision]`.
    #[error("`{name}` names no model: expected {} or owner/name[@revision]", ALIASES.map(|(alias, _)| alias).join(", "))]
    BadName { name: String },

    /// No connection was allowed, or none was asked for, and the cache is not enough.
    #[error(
        "`{name}` is not in the cache {}: missing {}; build once without --offline and HF_HUB_OFFLINE to download it",
        cache.display(), missing.join(", ")
    )]
    NotCached { name: String, cache: PathBuf, missing: Vec<String> },

    /// The hub was to be asked in offline mode.
    #[error(
        "cannot ask the hub for `{repo}` offline; leave out --offline and unset HF_HUB_OFFLINE"
    )]
    Offline { repo: String },

    /// No answer.
    #[error(
        "cannot reach {url}; check the network, or use --offline if the model was downloaded before"
    )]
    Unreachable {
        url: String,
        #[source]
        source: Box<ureq::Error>,
    },

    /// 401 or 403.
    #[error("the hub refuses `{repo}` ({status}): {}", if *token_sent {
        "the token in HF_TOKEN has no access to it; ask for access on its page, or use another token"
    } else {
        "it is private, gated or does not exist; check the name, and set HF_TOKEN if it needs one"
    })]
    Refused { repo: String, status: u16, token_sent: bool },

    /// 404 for the repository.
    #[error("the hub has no model `{repo}`; check the name")]
    NoRepository { repo: String },

    /// 404 for the revision.
    #[error("`{repo}` has no revision `{revision}`; check its branches, tags and commits")]
    NoRevision { repo: String, revision: String },

    /// 404 for a file that was listed.
    #[error("`{repo}` has no file {file} at revision `{revision}`")]
    NoFile { repo: String, revision: String, file: String },

    /// The repository holds something else.
    #[error("`{name}` is no GPT-2 checkpoint that can be read: it has no {}", missing.join(", no "))]
    NoCheckpoint { name: String, missing: Vec<String> },

    /// The index of a sharded checkpoint cannot be understood.
    #[error("cannot understand {}: {problem}", path.display())]
    BadIndex { path: PathBuf, problem: String },

    /// 429, and the hub asks for a longer wait than makes sense here.
    #[error("the hub limits requests (429){}; try again later, or set HF_TOKEN for a higher limit", match wait {
        Some(wait) => format!(" and asks to wait {} s", wait.as_secs()),
        None => String::new(),
    })]
    RateLimited { url: String, wait: Option<Duration> },

    /// Any other status.
    #[error("{url} answers {status}, expected 200; try again later")]
    Status { url: String, status: u16 },

    /// A file that ended early each time it was tried.
    #[error(
        "the download of {file} from `{repo}` was cut: expected {expected} bytes, got {got}; run again to go on from there"
    )]
    Cut { repo: String, file: String, expected: u64, got: u64 },

    /// A file that is not what the hub says it is.
    #[error(
        "{file} from `{repo}` is damaged: expected {algorithm} {expected}, got {got}; it was removed, run again to download it anew"
    )]
    WrongHash { repo: String, file: String, algorithm: &'static str, expected: String, got: String },

    /// An answer that the protocol does not have.
    #[error("{url} does not answer like the hub: {problem}; check HF_ENDPOINT")]
    BadAnswer { url: String, problem: String },

    /// The cache cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    pub(super) fn io(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
