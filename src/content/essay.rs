//! An essay: a cleaned completion with its provenance, one Markdown file in the store.

mod escape;
mod file;
mod step;
#[cfg(test)]
pub(crate) mod tests;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use escape::{canonical, escape_markdown, plain_text};
pub use file::Extra;
pub use step::{Ending, Step};

use crate::config::Generation;
use crate::content::slug;

/// Which essay: the seed's slug and the take.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EssayId {
    pub slug: String,
    /// Counts from 1.
    pub take: u32,
}

impl EssayId {
    /// `<slug>.md`, and `<slug>.take-2.md` for the second take.
    pub fn file_name(&self) -> String {
        match self.take {
            1 => format!("{}.md", self.slug),
            take => format!("{}.take-{take}.md", self.slug),
        }
    }

    /// The essay that a file of this name holds; none when it is no essay's name.
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

/// An essay as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Essay {
    pub front: FrontMatter,
    /// CommonMark; what the model wrote is escaped so that it parses back to its plain text.
    pub body: String,
}

/// What the file says above its body: everything needed to tell where the text came from
/// and to write it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrontMatter {
    pub title: String,
    /// A sentence of the body worth setting apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_quote: Option<String>,
    /// A person has read it; see `publish: reviewed`.
    #[serde(default)]
    pub reviewed: bool,
    /// Why no candidate passed the gate, when none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flagged: Option<String>,

    /// The seed's slug.
    pub seed: String,
    pub take: u32,
    /// The quote at the time of writing.
    pub quote: String,
    /// The day it was written.
    pub written: Date,

    /// The model's id, as `venti.lock` names it.
    pub model: String,
    /// Hash of its weights.
    pub weights: String,
    pub generation: Generation,
    pub rng_seed: u64,
    /// Which candidate of which round was kept; both count from 1.
    pub round: u32,
    pub candidate: u32,
    /// Raised when the same inputs would give other words.
    pub revision: u32,
    /// `venti 0.1.0`.
    pub engine: String,
    pub device: String,
    pub dtype: String,
    /// How a person steered it at the desk; none for a text that was written in one go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,

    pub figures: Figures,

    /// BLAKE3 over all that decides the words; equal key, nothing to do.
    pub key: String,
    /// BLAKE3 over what the seed alone contributes; other hash, the seed changed.
    pub seed_hash: String,
    /// BLAKE3 of title and body, line ends and trailing space normalised; other hash, a person edited it.
    pub hash: String,
}

/// How good the text is, measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub words: usize,
    pub prompt_tokens: usize,
    /// Tokens the model wrote for the kept candidate, before cleaning.
    pub new_tokens: usize,
    /// Share of n-grams (of words) that are distinct, n = 1..4.
    pub distinct: [f64; 4],
    pub repeated_sentences: usize,
    /// Mean natural-log likelihood a token under the model at temperature 1.
    pub mean_log_likelihood: f64,
    /// Rounds of candidates it took.
    pub rounds: u32,
}

impl Essay {
    /// Which essay this is.
    pub fn id(&self) -> EssayId {
        EssayId { slug: self.front.seed.clone(), take: self.front.take }
    }

    /// BLAKE3, hex, of title and body with line ends and trailing white space normalised, so that a
    /// checkout with other line ends is no edit.
    pub fn content_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let title = normalised(&self.front.title);
        // With its length first, no title runs on into a body.
        hasher.update(&(title.len() as u64).to_le_bytes());
        hasher.update(title.as_bytes());
        hasher.update(normalised(&self.body).as_bytes());
        hasher.finalize().to_hex().to_string()
    }

    /// The same essay with title and text as a person wrote them: the title one line, the text as it
    /// is read from a file. Control characters, which nobody sees, are left out. What was not
    /// touched stays as it is.
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

    /// Sets the hash by which a later edit is told.
    #[must_use]
    pub fn seal(mut self) -> Self {
        self.front.hash = self.content_hash();
        self
    }

    /// Whether a person had a hand in the text: steered it, or changed it since.
    pub fn is_edited(&self) -> bool {
        self.is_steered() || self.is_changed()
    }

    /// Whether a person steered it while it was written.
    pub fn is_steered(&self) -> bool {
        !self.front.steps.is_empty()
    }

    /// Whether a person changed title or body since the essay was sealed.
    pub fn is_changed(&self) -> bool {
        self.front.hash != self.content_hash()
    }
}

/// Line ends as LF, no white space before them, no empty lines at either end.
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
