//! The configuration in `venti.yaml`. Optional keys have defaults, and errors include the line number.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod fonts;
pub mod generation;
mod read;
#[cfg(test)]
mod tests;
use generator::{DevicePreference, DtypePreference, GenerationOverrides};

pub use read::model_name;

/// Default folder of the seeds, relative to the project's root.
pub const DEFAULT_SEEDS: &str = "content/seeds";

/// Default folder of pages. Unlike a configured one, it need not exist.
pub const DEFAULT_PAGES: &str = "content/pages";

/// The resolved configuration of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub title: String,
    pub tagline: String,
    /// Absolute `http(s)` URL of the site, without a trailing slash. Required for feeds, the sitemap,
    /// canonical links and social cards.
    pub base_url: Option<String>,
    /// BCP 47 language tag.
    pub language: String,
    /// The author under whose name the essays are published.
    pub author: Author,
    pub theme: String,
    /// A CSS colour (`#rrggbb`) that replaces the theme's accent colour.
    pub accent: Option<String>,
    /// Font families that replace those of the theme.
    pub fonts: Fonts,
    pub nav: Vec<NavEntry>,
    pub footer: Option<String>,
    /// Interface strings that override the theme's, keyed by name.
    pub strings: BTreeMap<String, String>,

    /// Folder that contains the seeds. Like the three folders below, it is relative to the project's
    /// root.
    pub seeds: PathBuf,
    pub essays: PathBuf,
    pub pages: PathBuf,
    pub output: PathBuf,

    /// Name of the model: an alias (`venti-mini`, `gpt2`, …), a directory, or `owner/name[@revision]`
    /// on the hub.
    pub model: String,
    pub device: DevicePreference,
    pub dtype: DtypePreference,
    /// Number of completions to generate at once; `None` lets the engine choose.
    pub batch_size: Option<usize>,
    /// Number of CPU threads; `None` means one per core.
    pub threads: Option<usize>,
    /// Site-wide generation settings.
    pub generation: GenerationOverrides,
    /// Case-insensitive regular expressions; a candidate that matches one is rejected.
    pub blocklist: Vec<String>,
    pub publish: Publish,

    /// Number of thinkpieces per list page.
    pub paginate: usize,
    /// Maximum number of entries per feed.
    pub feed_limit: usize,
    pub words_per_minute: usize,
    /// Whether to draw a social card for each page: the preview image shown when the page is shared.
    pub social_cards: bool,
    pub minify: bool,
    /// Whether to ask search engines not to index the site.
    pub noindex: bool,
}

/// The author of the site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Author {
    pub name: String,
    pub bio: Option<String>,
    pub url: Option<String>,
    /// Path of the author's picture within the site's static files.
    pub avatar: Option<String>,
}

/// Values of the CSS property `font-family`; `None` keeps the theme's font.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fonts {
    /// Font for body text.
    pub serif: Option<String>,
    /// Font for the interface.
    pub sans: Option<String>,
}

/// An entry in the navigation menu.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NavEntry {
    pub name: String,
    /// A path within this site (`tags/`, `about/`) or an `http(s)` URL.
    pub url: String,
}

/// When an essay appears on the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Publish {
    /// The essay appears as soon as it is in the store.
    #[default]
    Auto,
    /// The essay appears once its front matter says `reviewed: true`.
    Reviewed,
}
