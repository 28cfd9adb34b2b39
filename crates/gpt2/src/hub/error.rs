//! Errors of the hub client, with advice on what to do.

use std::path::PathBuf;
use std::time::Duration;

use super::ALIASES;

/// The reason why a checkpoint could not be loaded from the cache or downloaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model name is neither an alias nor `owner/name[@revision]`.
    #[error("invalid model name `{name}`: expected {} or owner/name[@revision]", ALIASES.map(|(alias, _)| alias).join(", "))]
    BadName { name: String },

    /// Files are missing from the cache, and downloading was not allowed or not requested.
    #[error(
        "`{name}` is not in the cache {}: missing {}; build once without --offline or HF_HUB_OFFLINE to download it",
        cache.display(), missing.join(", ")
    )]
    NotCached { name: String, cache: PathBuf, missing: Vec<String> },

    /// The cache has the repository, but no record of which commit the revision is, and downloading was
    /// not allowed or not requested.
    #[error(
        "the cache {} has {} of `{repo}`, but no record of which commit `{revision}` is; write one as `{repo}@{}`, or build once without --offline or HF_HUB_OFFLINE",
        cache.display(), listed(commits), commits.first().map_or("COMMIT", String::as_str)
    )]
    NoRef { repo: String, revision: String, cache: PathBuf, commits: Vec<String> },

    /// A request to the hub was needed in offline mode.
    #[error("cannot query the hub for `{repo}` offline; omit --offline and unset HF_HUB_OFFLINE")]
    Offline { repo: String },

    /// The hub did not respond.
    #[error(
        "cannot reach {url}; check the network, or use --offline if the model is already downloaded"
    )]
    Unreachable {
        url: String,
        #[source]
        source: Box<ureq::Error>,
    },

    /// The hub denied access (status 401 or 403).
    #[error("the hub denies access to `{repo}` ({status}): {}", if *token_sent {
        "the token in HF_TOKEN has no access; request access on the model's page, or use another token"
    } else {
        "it is private, gated or does not exist; check the name, and set HF_TOKEN if it needs one"
    })]
    Refused { repo: String, status: u16, token_sent: bool },

    /// The repository does not exist (status 404).
    #[error("the hub has no model `{repo}`; check the name")]
    NoRepository { repo: String },

    /// The revision does not exist (status 404).
    #[error("`{repo}` has no revision `{revision}`; check its branches, tags and commits")]
    NoRevision { repo: String, revision: String },

    /// A file that the hub listed does not exist (status 404).
    #[error("`{repo}` has no file {file} at revision `{revision}`")]
    NoFile { repo: String, revision: String, file: String },

    /// The repository is not a GPT-2 checkpoint.
    #[error("`{name}` is not a usable GPT-2 checkpoint: missing {}", missing.join(", "))]
    NoCheckpoint { name: String, missing: Vec<String> },

    /// The index of a sharded checkpoint is invalid.
    #[error("{} is not a valid shard index: {problem}", path.display())]
    BadIndex { path: PathBuf, problem: String },

    /// The hub returned status 429 on the last attempt, or with a `Retry-After` that is too long.
    #[error("too many requests to the hub (429){}; try again later, or set HF_TOKEN for a higher limit", match wait {
        Some(wait) => format!(": it asks clients to wait {} s", wait.as_secs()),
        None => String::new(),
    })]
    RateLimited { url: String, wait: Option<Duration> },

    /// The server returned an unexpected status that no other variant covers.
    #[error("{url} returned status {status}, expected 200; try again later")]
    Status { url: String, status: u16 },

    /// Every attempt to download a file was interrupted.
    #[error(
        "the download of {file} from `{repo}` was interrupted: expected {expected} bytes, got {got}; run again to resume"
    )]
    Cut { repo: String, file: String, expected: u64, got: u64 },

    /// The hash of a downloaded file differs from the one that the hub reported.
    #[error(
        "{file} from `{repo}` is damaged: expected {algorithm} {expected}, got {got}; the file was removed; run again to download it"
    )]
    WrongHash { repo: String, file: String, algorithm: &'static str, expected: String, got: String },

    /// A response violates the hub's protocol.
    #[error("unexpected response from {url}: {problem}; check HF_ENDPOINT")]
    BadAnswer { url: String, problem: String },

    /// A cache file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Lists commits for a message.
fn listed(commits: &[String]) -> String {
    let noun = if commits.len() == 1 { "commit" } else { "commits" };
    format!("{noun} {}", commits.join(", "))
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
