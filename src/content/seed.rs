//! A seed: a quote with front matter, one Markdown file in `content/seeds/`.

mod compare;
mod load;
mod read;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use load::{Folder, check, files, load_all, survey};

use crate::config::GenerationOverrides;

/// A seed as read; nothing in it is resolved against the site's settings yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// BLAKE3 of the file, hex: with `path` it stands for all of the above.
    pub file_hash: String,
}

/// One essay asked of a seed: the seed's own model and settings with this take's laid over them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Take {
    pub number: u32,
    pub model: Option<String>,
    pub generation: GenerationOverrides,
}

/// A tag as written and as addressed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    pub name: String,
    pub slug: String,
}

/// The largest `rng_seed`: what every reader of JSON and YAML keeps exact.
pub const MAX_RNG_SEED: u64 = 1 << 53;

/// The `rng_seed` of a seed that gives none: 53 bits of BLAKE3 over its slug.
pub fn default_rng_seed(slug: &str) -> u64 {
    let hash = blake3::hash(slug.as_bytes());
    let head = hash.as_bytes().first_chunk().expect("a BLAKE3 hash has 32 bytes");
    u64::from_le_bytes(*head) >> 11
}

/// A quote as stored: one line a paragraph, one empty line between two, white space in runs of one
/// space. A Markdown blockquote gives its content.
pub fn plain_quote(text: &str) -> String {
    let quoted = text.trim_start().starts_with('>');
    let mut paragraphs: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines() {
        let line = line.trim();
        let line = if quoted { line.strip_prefix('>').unwrap_or(line) } else { line };
        let words: Vec<&str> = line.split_whitespace().collect();
        match paragraphs.last_mut() {
            Some(paragraph) if !words.is_empty() => paragraph.extend(words),
            _ => paragraphs.push(Vec::new()),
        }
    }
    let paragraphs = paragraphs.iter().filter(|words| !words.is_empty());
    paragraphs.map(|words| words.join(" ")).collect::<Vec<_>>().join("\n\n")
}
