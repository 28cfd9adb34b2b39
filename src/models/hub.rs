//! Snapshots from the hub. Without the `hub` feature, requesting a snapshot is an error.

use std::path::PathBuf;

use super::hub_settings::HubSettings;
use crate::progress::Downloads;

/// The files of one commit of a repository, on disk.
pub struct Snapshot {
    pub repo: String,
    pub commit: String,
    pub dir: PathBuf,
}

/// Where to look for files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Only in the cache.
    Cache,
    /// In the cache, then on the hub for missing files.
    Missing,
    /// On the hub, in the latest commit.
    Latest,
}

/// Short names of models, with the repositories that they stand for.
#[cfg(feature = "hub")]
pub const ALIASES: &[(&str, &str)] = &gpt2::hub::ALIASES;
#[cfg(not(feature = "hub"))]
pub const ALIASES: &[(&str, &str)] = &[];

/// Returns the snapshot of `name`, at `commit` if one is pinned.
#[cfg(feature = "hub")]
pub fn snapshot(
    settings: &HubSettings,
    downloads: &mut dyn Downloads,
    name: &str,
    commit: Option<&str>,
    reach: Reach,
) -> miette::Result<Snapshot> {
    use gpt2::hub::{Hub, HubConfig, ModelName};
    use miette::IntoDiagnostic;

    let name: ModelName = name.parse().into_diagnostic()?;
    let name = commit.map_or_else(|| name.clone(), |commit| name.at(commit));
    let hub = Hub::new(HubConfig {
        endpoint: settings.endpoint.clone(),
        token: settings.token.clone(),
        offline: settings.offline,
        ..HubConfig::new(settings.cache.clone())
    });
    let mut shown = Shown(downloads);
    let snapshot = match reach {
        Reach::Cache => hub.cached(&name),
        Reach::Missing => hub.snapshot(&name, &mut shown),
        Reach::Latest => hub.update(&name, &mut shown),
    };
    let gpt2::hub::Snapshot { repo, commit, dir, .. } = snapshot.into_diagnostic()?;
    Ok(Snapshot { repo, commit, dir })
}

#[cfg(not(feature = "hub"))]
pub fn snapshot(
    _settings: &HubSettings,
    _downloads: &mut dyn Downloads,
    name: &str,
    _commit: Option<&str>,
    _reach: Reach,
) -> miette::Result<Snapshot> {
    Err(miette::miette!(
        help = "use the embedded model or a folder, or build venti with the `hub` feature",
        "cannot download `{name}`: this program was built without hub support"
    ))
}

/// Adapts [`Downloads`] to the trait of `gpt2::hub`.
#[cfg(feature = "hub")]
struct Shown<'a>(&'a mut dyn Downloads);

#[cfg(feature = "hub")]
impl gpt2::hub::Progress for Shown<'_> {
    fn init(&mut self, size: usize, file: &str) {
        self.0.begin(file, size as u64);
    }

    fn update(&mut self, size: usize) {
        self.0.advance(size as u64);
    }

    fn finish(&mut self) {
        self.0.end();
    }
}
