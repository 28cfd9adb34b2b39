//! A seed: a quote with front matter, one Markdown file in `content/seeds/`.

use std::path::PathBuf;

use jiff::civil::Date;

use crate::config::GenerationOverrides;

/// A seed as read; nothing in it is resolved against the site's settings yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Seed {
    /// The file, relative to the project's root.
    pub path: PathBuf,
    pub slug: String,
    /// Plain text; paragraphs are separated by one empty line.
    pub quote: String,
    pub title: Option<String>,
    /// Who said the quote.
    pub author: Option<String>,
    /// An `http(s)` address.
    pub source: Option<String>,
    pub tags: Vec<Tag>,
    pub date: Option<Date>,
    pub draft: bool,
    /// At least one; `number` counts from 1.
    pub takes: Vec<Take>,
    /// Given, or a hash of the slug.
    pub rng_seed: u64,
    /// Site-absolute paths that redirect here.
    pub aliases: Vec<String>,
}

/// One essay asked of a seed: the seed's own model and settings with this take's laid over them.
#[derive(Debug, Clone, PartialEq)]
pub struct Take {
    pub number: u32,
    pub model: Option<String>,
    pub generation: GenerationOverrides,
}

/// A tag as written and as addressed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    pub name: String,
    pub slug: String,
}
