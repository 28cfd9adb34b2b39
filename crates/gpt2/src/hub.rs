//! Checkpoints by name from the Hugging Face hub, kept in the cache that all its tools share.
//!
//! A name is an alias or `owner/name[@revision]` ([`ModelName`]); what comes back is a folder of
//! the cache that holds the configuration, the tokenizer and the weights ([`Snapshot`]). The
//! network is used only for what the cache lacks, and by [`Hub::update`].
//!
//! What is whose: the cache's layout ([`hf_hub::Cache`], [`hf_hub::CacheRepo`]), the hub's
//! addresses ([`hf_hub::Repo`]), its listing ([`hf_hub::api::RepoInfo`]) and the
//! [`Progress`] trait are hf-hub's, so that both agree with the official tools. The transfer is
//! ours, since hf-hub 0.5 verifies no hash, appends a whole file to its first half where a server
//! ignores ranges, and has neither offline mode nor `HF_HUB_CACHE`. (hf-hub 1.0 would bring an
//! asynchronous runtime and some two hundred crates for the same folder.)
//!
//! What is verified: a file that the hub stores as LFS is named by its SHA-256, any other by its
//! git blob hash (SHA-1); both are checked before a file enters the cache. A server that names
//! files otherwise gets its sizes checked. What is in the cache already is trusted, as every tool
//! that shares it does; a site's `venti.lock` is checked where weights are loaded.

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

/// The result of asking the hub.
pub type Result<T> = std::result::Result<T, Error>;

/// Where the hub and its cache are. The caller reads the environment (`HF_ENDPOINT`,
/// `HF_HUB_CACHE`, `HF_HOME`, `HF_TOKEN`, `HF_HUB_OFFLINE`) and hands down what it means.
#[derive(Clone)]
pub struct Settings {
    /// `https://huggingface.co`, or a mirror; without a trailing slash.
    pub endpoint: String,
    /// The folder of `models--owner--name` folders.
    pub cache: PathBuf,
    /// Sent to `endpoint` only.
    pub token: Option<String>,
    /// Open no connection.
    pub offline: bool,
    /// How often and how patiently a failed request is repeated.
    pub retry: Retry,
}

/// A token is a secret: it shows only that it is there.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("offline", &self.offline)
            .field("retry", &self.retry)
            .finish()
    }
}

impl Settings {
    /// The public hub with the cache in `cache`, no token.
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

/// When to try again: connections that fail or break off, 429 and 5xx.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Requests in all.
    pub attempts: u32,
    /// Before the second; twice as long before each that follows.
    pub pause: Duration,
    /// A `Retry-After` longer than this is not waited for.
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
    /// 40 hexadecimal digits.
    pub commit: String,
    /// The folder that holds `files`.
    pub dir: PathBuf,
    /// Configuration, tokenizer, weights, relative to `dir`.
    pub files: Vec<String>,
}

/// The hub as these settings see it.
#[derive(Debug)]
pub struct Hub {
    settings: Settings,
}

impl Hub {
    /// Opens no connection yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// The snapshot that the cache holds, without a connection.
    ///
    /// # Errors
    /// [`Error::NotCached`], naming the files it lacks.
    pub fn cached(&self, name: &ModelName) -> Result<Snapshot> {
        let cached = self.cached_repo(name);
        let commit = cached.commit().ok_or_else(|| self.not_cached(name, Vec::new()))?;
        let dir = cached.snapshot_dir(&commit);
        let files = files::needed(|file| dir.join(file).is_file(), &dir)?;
        let (present, missing): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| dir.join(file).is_file());
        if !missing.is_empty() {
            return Err(self.not_cached(name, missing));
        }
        Ok(Snapshot { repo: name.repo.clone(), commit, dir, files: present })
    }

    /// The snapshot in the cache, downloaded where the cache lacks it.
    ///
    /// # Errors
    /// [`Error::NotCached`] when offline; else what kept it from being downloaded. A download that
    /// was cut goes on from there the next time.
    pub fn snapshot(&self, name: &ModelName, progress: &mut dyn Progress) -> Result<Snapshot> {
        match self.cached(name) {
            Err(Error::NotCached { .. }) if !self.settings.offline => self.update(name, progress),
            answer => answer,
        }
    }

    /// The commit that the name's revision stands for now, downloaded where the cache lacks it.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot), and [`Error::Offline`].
    pub fn update(&self, name: &ModelName, progress: &mut dyn Progress) -> Result<Snapshot> {
        if self.settings.offline {
            return Err(Error::Offline { repo: name.repo.clone() });
        }
        let remote = Remote::new(&self.settings, name);
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
        // Only now, so that a branch never points to half a checkpoint.
        cached.point_revision_to(&listing.commit)?;
        Ok(Snapshot { repo: name.repo.clone(), commit: listing.commit, dir, files })
    }

    fn cached_repo(&self, name: &ModelName) -> CachedRepo {
        CachedRepo::new(Cache::new(self.settings.cache.clone()), name)
    }

    fn not_cached(&self, name: &ModelName, missing: Vec<String>) -> Error {
        Error::NotCached {
            name: name.to_string(),
            cache: self.settings.cache.clone(),
            missing: if missing.is_empty() {
                files::USUAL.map(str::to_owned).to_vec()
            } else {
                missing
            },
        }
    }
}
