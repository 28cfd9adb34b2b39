//! `venti.yaml` and what it means: every key with its default, every mistake
//! with its line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod fonts;
mod generation;
mod hub;
mod read;
#[cfg(test)]
mod tests;
pub use generation::{Generation, GenerationOverrides, Misfit};
pub use hub::HubSettings;
pub use read::model_name;

/// The resolved configuration of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub title: String,
    pub tagline: String,
    /// Absolute `http(s)` address without a trailing slash; feeds, sitemap, canonical links and cards need it.
    pub base_url: Option<String>,
    /// BCP 47 language tag.
    pub language: String,
    /// The site's pen name.
    pub author: Author,
    pub theme: String,
    /// A CSS colour (`#rrggbb`) that replaces the theme's accent.
    pub accent: Option<String>,
    /// Typefaces that replace the theme's.
    pub fonts: Fonts,
    pub nav: Vec<NavEntry>,
    pub footer: Option<String>,
    /// UI strings that replace the theme's own, by name.
    pub strings: BTreeMap<String, String>,

    /// Folders, relative to the project's root.
    pub seeds: PathBuf,
    pub essays: PathBuf,
    pub pages: PathBuf,
    pub output: PathBuf,

    /// Alias (`venti-mini`, `gpt2`, …), directory, or `owner/name[@revision]` on the hub.
    pub model: String,
    pub device: Device,
    pub dtype: Dtype,
    /// Rows decoded together; none lets the engine choose.
    pub batch_size: Option<usize>,
    /// CPU threads; none means one per core.
    pub threads: Option<usize>,
    /// Site-wide sampling and selection settings.
    pub generation: Generation,
    /// Case-insensitive regular expressions; a candidate that contains one is rejected.
    pub blocklist: Vec<String>,
    pub publish: Publish,

    /// Thinkpieces on one page of a list.
    pub paginate: usize,
    /// Entries in each feed.
    pub feed_limit: usize,
    pub words_per_minute: usize,
    /// Draw a picture for each page that a shared link shows.
    pub social_cards: bool,
    pub minify: bool,
    /// Ask search engines to stay away.
    pub noindex: bool,
}

/// Who signs the site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Author {
    pub name: String,
    pub bio: Option<String>,
    pub url: Option<String>,
    /// Path of an image among the site's static files, or none.
    pub avatar: Option<String>,
}

/// Lists of font families, as CSS has them in `font-family`; none keeps the theme's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fonts {
    /// What texts are set in.
    pub serif: Option<String>,
    /// What everything around them is set in.
    pub sans: Option<String>,
}

/// One entry of the menu.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NavEntry {
    pub name: String,
    /// A route of this site (`tags/`, `about/`) or an `http(s)` address.
    pub url: String,
}

/// Where the model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    #[default]
    Auto,
    Cpu,
    Cuda,
    Metal,
}

/// What the weights are computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    #[default]
    Auto,
    F32,
    F16,
    Bf16,
    Int8,
}

/// When an essay appears on the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Publish {
    /// As soon as it is in the store.
    #[default]
    Auto,
    /// Once its front matter says `reviewed: true`.
    Reviewed,
}
