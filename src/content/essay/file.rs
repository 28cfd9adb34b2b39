//! An essay as a Markdown file: its front matter, an empty line, its body.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use serde_yaml::{Mapping, Value};

use super::{Essay, FrontMatter};
use crate::content::front_matter;
use crate::problem::Problem;
use crate::yaml::{self, Document, closest};

/// Keys that a person added to an essay's front matter. Venti does not know them and keeps them.
pub type Extra = Mapping;

/// The keys of [`FrontMatter`].
const KEYS: [&str; 23] = [
    "title",
    "pull_quote",
    "reviewed",
    "flagged",
    "seed",
    "take",
    "quote",
    "written",
    "model",
    "weights",
    "generation",
    "rng_seed",
    "round",
    "candidate",
    "revision",
    "engine",
    "device",
    "dtype",
    "steps",
    "figures",
    "key",
    "seed_hash",
    "hash",
];

impl Essay {
    /// Reads an essay's file; `path` names it in problems. Line ends become LF.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Problem> {
        Self::parse_with_extra(path, text).map(|(essay, _)| essay)
    }

    /// [`Self::parse`], and the keys that a person added.
    pub fn parse_with_extra(path: &Path, text: &str) -> Result<(Self, Extra), Problem> {
        let parts = front_matter::split(path, text)?;
        let Some(range) = parts.yaml else {
            return Err(Problem::at(path, text, 0, 0, "this is no essay: it has no front matter")
                .hint("restore the file, or delete it and its essay is written anew"));
        };
        let extra = extra(path, text, &range)?;
        let front: FrontMatter = serde_yaml::from_str(&text[range.clone()]).map_err(|error| {
            yaml::problem(path, text, &range, &error)
                .hint("restore this line, or delete the file and its essay is written anew")
        })?;
        let body = with_lf(&text[parts.body]);
        let body = body.trim_start_matches('\n').trim_end().to_owned();
        Ok((Self { front, body }, extra))
    }

    /// The essay's file. Its keys come in the order of [`FrontMatter`], then those of `extra`.
    pub fn to_markdown(&self, extra: &Extra) -> Result<String, serde_yaml::Error> {
        let mut yaml = serde_yaml::to_string(&self.front)?;
        if !extra.is_empty() {
            yaml += &serde_yaml::to_string(extra)?;
        }
        Ok(format!("---\n{yaml}---\n\n{}\n", self.body))
    }
}

/// A text with LF for line ends.
pub(super) fn with_lf(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        text.into()
    }
}

/// Whether every line that starts at the margin is plainly one of our keys: so Venti writes them,
/// and a front matter that nobody touched need not be parsed twice.
fn only_known_keys(yaml: &str) -> bool {
    let at_margin = yaml.lines().filter(|line| !line.starts_with(' '));
    let mut keys = at_margin.map(|line| line.split_once(':').map(|(key, _)| key));
    keys.all(|key| key.is_some_and(|key| KEYS.contains(&key)))
}

/// The keys that are not ours. One that is nearly ours was probably meant to be: `reviwed: true`
/// would otherwise be kept and never obeyed.
fn extra(path: &Path, text: &str, range: &Range<usize>) -> Result<Extra, Problem> {
    if only_known_keys(&text[range.clone()]) {
        return Ok(Extra::new());
    }
    let document = Document::parse(path, text, range.clone())?;
    let fields = document.root().any_fields()?;
    let unknown: Vec<&str> =
        fields.iter().map(|(key, _)| key).filter(|key| !KEYS.contains(key)).collect();
    for key in &unknown {
        if let Some(known) = closest(key, KEYS.iter().copied()) {
            return Err(fields
                .problem(key, format!("unknown key `{key}`"))
                .hint(format!("did you mean `{known}`? keys of your own are kept if they look less like one of Venti's")));
        }
    }
    if unknown.is_empty() {
        return Ok(Extra::new());
    }
    let all: Mapping = serde_yaml::from_str(&text[range.clone()])
        .map_err(|error| yaml::problem(path, text, range, &error))?;
    let is_unknown = |key: &Value| key.as_str().is_some_and(|key| unknown.contains(&key));
    Ok(all.into_iter().filter(|(key, _)| is_unknown(key)).collect())
}
