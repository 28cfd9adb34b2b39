//! Downloads checkpoints by name from the Hugging Face hub into the cache shared by all of the hub's
//! clients.
//!
//! A name is an alias or `owner/name[@revision]` ([`ModelName`]). The result is a cache folder with
//! the configuration, the tokenizer and the weights ([`Snapshot`]). The network is used only by
//! [`Hub::update`] and for files that the cache lacks.
//!
//! The cache layout ([`hf_hub::Cache`], [`hf_hub::CacheRepo`]), the hub's URLs ([`hf_hub::Repo`]), its
//! file listing ([`hf_hub::api::RepoInfo`]) and the [`Progress`] trait come from hf-hub, so they match
//! the official tools. Downloading is implemented here, because hf-hub 0.5 verifies no hashes,
//! corrupts a resumed file if the server ignores ranges, and supports neither an offline mode nor
//! `HF_HUB_CACHE`. (hf-hub 1.0 would add an async runtime and some two hundred crates for the same
//! result.)
//!
//! The hub identifies an LFS file by its SHA-256 hash and any other file by its git blob hash (SHA-1);
//! both are verified before a file enters the cache. If a server identifies files differently, only
//! sizes are checked. Like every tool that shares the cache, this one trusts the files already in it;
//! a site's `venti.lock` is checked when weights are loaded.

use std::path::PathBuf;
use std::time::Duration;

use hf_hub::Cache;
pub use hf_hub::api::Progress;

mod cache;
mod download;
mod error;
mod files;
mod name;
mod remote;

pub use error::Error;
pub use name::{ALIASES, ModelName};

use cache::CachedRepo;
use remote::Remote;

pub type Result<T> = std::result::Result<T, Error>;

/// Configuration of the hub client. The caller derives it from the environment (`HF_ENDPOINT`,
/// `HF_HUB_CACHE`, `HF_HOME`, `HF_TOKEN`, `HF_HUB_OFFLINE`).
#[derive(Clone)]
pub struct HubConfig {
    /// URL of the hub or a mirror, such as `https://huggingface.co`, without a trailing slash.
    pub endpoint: String,
    /// Folder that contains the `models--owner--name` folders.
    pub cache: PathBuf,
    /// Access token; sent to `endpoint` only.
    pub token: Option<String>,
    /// Whether network access is forbidden.
    pub offline: bool,
    pub retry: Retry,
}

/// Redacts the token.
impl std::fmt::Debug for HubConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubConfig")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("offline", &self.offline)
            .field("retry", &self.retry)
            .finish()
    }
}

impl HubConfig {
    /// Returns the configuration for the public hub, with the cache in `cache` and no token.
    pub fn new(cache: PathBuf) -> Self {
        Self {
            endpoint: "https://huggingface.co".to_owned(),
            cache,
            token: None,
            offline: false,
            retry: Retry::default(),
        }
    }
}

/// Retry policy for failed or interrupted connections and for HTTP status codes 429 and 5xx.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Maximum number of attempts.
    pub attempts: u32,
    /// Pause before the second attempt; doubled for each further attempt.
    pub pause: Duration,
    /// Longest `Retry-After` delay to wait for.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            pause: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
        }
    }
}

/// A checkpoint in the cache: one commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// `owner/name`.
    pub repo: String,
    /// Commit hash, 40 hexadecimal digits.
    pub commit: String,
    /// Folder of the snapshot.
    pub dir: PathBuf,
    /// Configuration, tokenizer and weights files, relative to `dir`.
    pub files: Vec<String>,
}

/// Client for the hub.
#[derive(Debug)]
pub struct Hub {
    config: HubConfig,
}

impl Hub {
    /// Creates a client without opening a connection.
    pub fn new(config: HubConfig) -> Self {
        Self { config }
    }

    /// Returns the cached snapshot without opening a connection.
    ///
    /// # Errors
    /// Returns [`Error::NotCached`], which lists the missing files, [`Error::NoRef`], which lists the
    /// commits that the cache has, or an error if the shard index is invalid.
    pub fn cached(&self, name: &ModelName) -> Result<Snapshot> {
        let cached = self.cached_repo(name);
        let commit = cached.commit().ok_or_else(|| match cached.commits() {
            commits if commits.is_empty() => self.not_cached(name, Vec::new()),
            commits => Error::NoRef {
                repo: name.repo.clone(),
                revision: name.revision.clone(),
                cache: self.config.cache.clone(),
                commits,
            },
        })?;
        let dir = cached.snapshot_dir(&commit);
        let files = files::needed(|file| dir.join(file).is_file(), &dir)?;
        let (present, missing): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| dir.join(file).is_file());
        if !missing.is_empty() {
            return Err(self.not_cached(name, missing));
        }
        Ok(Snapshot { repo: name.repo.clone(), commit, dir, files: present })
    }

    /// Returns the cached snapshot, or downloads it.
    ///
    /// # Errors
    /// Returns [`Error::NotCached`] or [`Error::NoRef`] in offline mode, otherwise any error from the download. The next
    /// call resumes an interrupted download.
    pub fn snapshot(&self, name: &ModelName, progress: &mut dyn Progress) -> Result<Snapshot> {
        match self.cached(name) {
            Err(Error::NotCached { .. } | Error::NoRef { .. }) if !self.config.offline => {
                self.update(name, progress)
            }
            answer => answer,
        }
    }

    /// Asks the hub for the revision's current commit and downloads the files that the cache lacks.
    ///
    /// # Errors
    /// Returns [`Error::Offline`] in offline mode, otherwise any error from the download.
    pub fn update(&self, name: &ModelName, progress: &mut dyn Progress) -> Result<Snapshot> {
        if self.config.offline {
            return Err(Error::Offline { repo: name.repo.clone() });
        }
        let remote = Remote::new(&self.config, name);
        let listing = remote.listing()?;
        let cached = self.cached_repo(name);
        let dir = cached.snapshot_dir(&listing.commit);
        let has = |file: &str| listing.files.iter().any(|listed| listed == file);
        let fetch = |file: &str, progress: &mut dyn Progress| {
            download::into_cache(&remote, &cached, &listing.commit, file, progress)
        };
        if let Some(index) = files::index(has) {
            fetch(&index, progress)?;
        }
        let files = files::needed(has, &dir)?;
        let missing: Vec<_> = files.iter().filter(|file| !has(file)).cloned().collect();
        if !missing.is_empty() {
            return Err(Error::NoCheckpoint { name: name.to_string(), missing });
        }
        for file in &files {
            fetch(file, progress)?;
        }
        // Updated last, so a branch never points to an incomplete checkpoint.
        cached.point_revision_to(&listing.commit)?;
        Ok(Snapshot { repo: name.repo.clone(), commit: listing.commit, dir, files })
    }

    fn cached_repo(&self, name: &ModelName) -> CachedRepo {
        CachedRepo::new(Cache::new(self.config.cache.clone()), name)
    }

    fn not_cached(&self, name: &ModelName, missing: Vec<String>) -> Error {
        Error::NotCached {
            name: name.to_string(),
            cache: self.config.cache.clone(),
            missing: if missing.is_empty() {
                files::USUAL.map(str::to_owned).to_vec()
            } else {
                missing
            },
        }
    }
}
