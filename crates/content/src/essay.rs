//! An essay: a cleaned completion with its provenance, stored as one Markdown file.

mod escape;
mod file;
mod plain_text;
#[doc(hidden)]
pub mod sample;
mod step;
#[cfg(test)]
mod tests;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use escape::{canonical, escape_markdown};
pub use file::Extra;
pub use plain_text::{PlainText, plain_text};
pub use step::Step;

use generator::Generation;
use text::Figures;

use crate::slug;

/// Identifies an essay by its seed's slug and its take.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EssayId {
    pub slug: String,
    /// Number of the take, starting at 1.
    pub take: u32,
}

impl EssayId {
    /// Returns the essay's file name: `<slug>.md`, or `<slug>.take-2.md` for the second take.
    pub fn file_name(&self) -> String {
        match self.take {
            1 => format!("{}.md", self.slug),
            take => format!("{}.take-{take}.md", self.slug),
        }
    }

    /// Parses a file name; returns `None` if it is not the name of an essay file.
    pub fn of_file_name(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".md")?;
        let (slug, take) = match stem.split_once(".take-") {
            Some((slug, take)) => (slug, take.parse().ok()?),
            None => (stem, 1),
        };
        let id = Self { slug: slug.to_owned(), take };
        (slug::is_valid(slug) && take >= 1 && id.file_name() == name).then_some(id)
    }
}

impl std::fmt::Display for EssayId {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.take {
            1 => f.write_str(&self.slug),
            take => write!(f, "{} (take {take})", self.slug),
        }
    }
}

/// A stored essay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Essay {
    pub front: FrontMatter,
    /// The essay's text in CommonMark. The model's output is escaped, so that none of it is interpreted
    /// as markup.
    pub body: String,
}

/// The front matter of an essay: where the text came from and how to reproduce it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrontMatter {
    pub title: String,
    /// The title in the prompt. It is part of the key. `None` in essays older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_title: Option<String>,
    /// A sentence from the body to display as a pull quote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_quote: Option<String>,
    /// Whether a person has reviewed the essay; see `publish: reviewed` in `venti.yaml`.
    #[serde(default)]
    pub reviewed: bool,
    /// Why the essay failed the quality checks; `None` if it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flagged: Option<String>,

    /// The seed's slug.
    pub seed: String,
    pub take: u32,
    /// The seed's quote at the time the essay was written.
    pub quote: String,
    /// The date on which the essay was written.
    pub written: Date,

    /// Id of the model: its name or, for a model from the hub, its repository and commit.
    pub model: String,
    /// Hash of the model's weights.
    pub weights: String,
    pub generation: Generation,
    /// The patterns that no candidate could match. `None` in essays older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocklist: Option<Vec<String>>,
    pub rng_seed: u64,
    /// Round that produced the kept candidate, starting at 1.
    pub round: u32,
    /// Number of the kept candidate within its round, starting at 1.
    pub candidate: u32,
    /// Version of the generation algorithm, incremented when the same inputs would produce a different
    /// text.
    pub revision: u32,
    /// Name and version of the program that wrote the essay, such as `venti 0.1.0`.
    pub engine: String,
    pub device: String,
    pub dtype: String,
    /// How the processor computes, if not as an x86 processor with AVX2 does in this number type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arithmetic: Option<String>,
    /// The steps in which a person steered the essay at the desk; empty if nobody steered it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,

    pub figures: Figures,

    /// BLAKE3 hash of everything that determines the text. While this key is unchanged, the essay is up
    /// to date.
    pub key: String,
    /// BLAKE3 hash of the inputs that come from the seed. If the seed's current hash differs, the seed
    /// has changed since the essay was written.
    pub seed_hash: String,
    /// The [`Essay::content_hash`] recorded by [`Essay::seal`]. If the current hash differs, a person
    /// has edited the essay.
    pub hash: String,
}

impl Essay {
    /// Returns the essay's id.
    pub fn id(&self) -> EssayId {
        EssayId { slug: self.front.seed.clone(), take: self.front.take }
    }

    /// Returns the title in the prompt, as far as it is known.
    pub fn prompt_title(&self) -> &str {
        self.front.prompt_title.as_deref().unwrap_or(&self.front.title)
    }

    /// Whether a person gave the essay a title of its own.
    pub fn has_own_title(&self) -> bool {
        match &self.front.prompt_title {
            Some(title) => *title != self.front.title,
            None => self.is_changed(),
        }
    }

    /// Returns the BLAKE3 hash of the title and the body, in hex. Line endings and trailing whitespace
    /// are normalised first, so that a checkout with different line endings does not count as an edit.
    pub fn content_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let title = normalised(&self.front.title);
        // Hash the length first, to separate the title from the body.
        hasher.update(&(title.len() as u64).to_le_bytes());
        hasher.update(title.as_bytes());
        hasher.update(normalised(&self.body).as_bytes());
        hasher.finalize().to_hex().to_string()
    }

    /// Replaces the title and the body with a person's edited versions. The title is collapsed to one
    /// line, the body is normalised as if it were read from a file, and control characters are removed.
    /// If the person left the title or the body unchanged, that part is not touched.
    #[must_use]
    pub fn rewritten(mut self, title: &str, body: &str) -> Self {
        let seen = |text: &str, kept: &[char]| -> String {
            text.chars().filter(|c| !c.is_control() || kept.contains(c)).collect()
        };
        if title != self.front.title {
            let words: Vec<&str> = title.split_whitespace().collect();
            self.front.title = seen(&words.join(" "), &[]);
        }
        if body != self.body {
            let body = seen(&file::with_lf(body), &['\n', '\t']);
            self.body = body.trim_start_matches('\n').trim_end().to_owned();
        }
        self
    }

    /// Records the hash used to detect later edits.
    #[must_use]
    pub fn seal(mut self) -> Self {
        self.front.hash = self.content_hash();
        self
    }

    /// Whether a person steered the essay or has changed it since it was sealed.
    pub fn is_edited(&self) -> bool {
        self.is_steered() || self.is_changed()
    }

    /// Whether a person steered the text while it was written.
    pub fn is_steered(&self) -> bool {
        !self.front.steps.is_empty()
    }

    /// Whether a person has changed the title or the body since the essay was sealed.
    pub fn is_changed(&self) -> bool {
        self.front.hash != self.content_hash()
    }
}

/// Normalises text: LF line endings, no trailing whitespace, no blank lines at the start or end.
fn normalised(text: &str) -> String {
    let text = file::with_lf(text);
    let mut normal = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim_end();
        if !(normal.is_empty() && line.is_empty()) {
            normal.push_str(line);
            normal.push('\n');
        }
    }
    normal.truncate(normal.trim_end_matches('\n').len());
    normal
}
