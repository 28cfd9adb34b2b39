//! A seed: a quote with front matter, stored as one Markdown file in `content/seeds/`.

mod compare;
mod load;
mod read;
mod reroll;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub(crate) use compare::compare;
pub use load::{Folder, check, files, is_seed, load_all, survey};
pub(crate) use read::{KeyLocation, alias_page, problem_at};
pub use reroll::with_rng_seeds;

use generator::GenerationOverrides;
use text::whitespace::collapse;

/// A seed as read from its file, before the site's settings are applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seed {
    /// Path of the file, relative to the project's root.
    pub path: PathBuf,
    pub slug: String,
    /// The quote in plain text, with one blank line between paragraphs.
    pub quote: String,
    pub title: Option<String>,
    /// `title` or, if there is none, a title made from the quote.
    pub shown_title: String,
    /// Author of the quote.
    pub author: Option<String>,
    /// Source of the quote, an `http(s)` URL.
    pub source: Option<String>,
    pub tags: Vec<Tag>,
    pub date: Option<Date>,
    /// The moment, if `date` was given with a time.
    pub time: Option<Timestamp>,
    pub draft: bool,
    /// The essays to write from this seed; at least one.
    pub takes: Vec<Take>,
    /// Site-absolute paths that redirect to this seed's page.
    pub aliases: Vec<String>,
    /// BLAKE3 hash of the file, in hex. Seeds with the same `path` and `file_hash` are equal.
    pub file_hash: String,
}

/// A request for one essay from a seed. The model and settings are those of the seed, with this take's
/// overrides applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Take {
    /// Number of the take, starting at 1.
    pub number: u32,
    pub model: Option<String>,
    pub generation: GenerationOverrides,
    /// Random seed from the front matter, or a hash of the slug if the front matter has none.
    pub rng_seed: u64,
}

/// A tag: its name, and the slug that identifies it in URLs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    pub name: String,
    pub slug: String,
}

/// Maximum `rng_seed`. Every JSON and YAML parser represents integers up to this value exactly.
pub const MAX_RNG_SEED: u64 = 1 << 53;

/// Maximum number of takes of a seed.
pub const MAX_TAKES: usize = 20;

/// Returns the default `rng_seed`: 53 bits of the BLAKE3 hash of the slug.
pub fn default_rng_seed(slug: &str) -> u64 {
    let hash = blake3::hash(slug.as_bytes());
    let head = hash.as_bytes().first_chunk().expect("a BLAKE3 hash has 32 bytes");
    u64::from_le_bytes(*head) >> 11
}

/// Normalises a quote: one line per paragraph, one blank line between paragraphs, runs of whitespace
/// collapsed to one space. Markdown blockquote markers are removed; in `>90%` and `>= 5`, the character
/// is no marker.
pub fn plain_quote(text: &str) -> String {
    if without_marker(text.trim_start()).is_none() {
        return collapse(text);
    }
    let lines = text.lines().map(str::trim).map(|line| without_marker(line).unwrap_or(line));
    collapse(&lines.collect::<Vec<_>>().join("\n"))
}

/// Removes the blockquote marker at the start of `text`; `None` if there is none.
fn without_marker(text: &str) -> Option<&str> {
    let compares =
        |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit() || "=$€£".contains(c));
    text.strip_prefix('>').filter(|rest| !compares(rest))
}
