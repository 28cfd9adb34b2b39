//! The file format of essays: front matter, a blank line, and the body in Markdown.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use serde_yaml::{Mapping, Value};

use super::{Essay, FrontMatter};
use crate::front_matter;
use crate::problem::{Problem, check_merged};
use crate::yaml::{self, Document, closest};

/// Front matter keys that a person added. Venti keeps them but does not use them.
pub type Extra = Mapping;

/// The keys of [`FrontMatter`].
const KEYS: [&str; 26] = [
    "title",
    "prompt_title",
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
    "blocklist",
    "rng_seed",
    "round",
    "candidate",
    "revision",
    "engine",
    "device",
    "dtype",
    "arithmetic",
    "steps",
    "figures",
    "key",
    "seed_hash",
    "hash",
];

impl Essay {
    /// Parses the text of an essay file. `path` is the path to show in error messages. Line endings in
    /// the body are converted to LF.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Problem> {
        Self::parse_with_extra(path, text).map(|(essay, _)| essay)
    }

    /// Like [`Self::parse`], but also returns the front matter keys that a person added.
    pub fn parse_with_extra(path: &Path, text: &str) -> Result<(Self, Extra), Problem> {
        check_merged(path, text)?;
        let parts = front_matter::split(path, text)?;
        let Some(range) = parts.yaml else {
            return Err(Problem::at(
                path,
                text,
                0,
                0,
                "this is not an essay: it has no front matter",
            )
            .hint("restore its front matter: Venti does not rewrite a file that it cannot read"));
        };
        let extra = extra(path, text, &range)?;
        let mut front: FrontMatter = serde_yaml::from_str(&text[range.clone()])
            .map_err(|error| unreadable(path, text, &range, &error))?;
        if is_doubtful(&text[range.clone()]) {
            let document = Document::parse(path, text, range)?;
            let fields = document.root().any_fields()?;
            fields.check_values()?;
            let title = fields.get("title").ok_or_else(|| {
                fields
                    .problem("title", "the title is missing")
                    .hint("write it in double quotes after `title:`")
            })?;
            let one_line = title.some_text()?;
            if front.title.contains('\n') {
                front.title = one_line;
            }
        }
        let body = with_lf(&text[parts.body]);
        let body = body.trim_start_matches('\n').trim_end().to_owned();
        Ok((Self { front, body }, extra))
    }

    /// Returns the text of the essay's file. The keys of [`FrontMatter`] come first, in the order of
    /// its fields, followed by the keys of `extra`.
    pub fn to_markdown(&self, extra: &Extra) -> Result<String, serde_yaml::Error> {
        let mut yaml = serde_yaml::to_string(&self.front)?;
        if !extra.is_empty() {
            yaml += &serde_yaml::to_string(extra)?;
        }
        Ok(format!("---\n{yaml}---\n\n{}\n", self.body))
    }
}

/// Creates the [`Problem`] for front matter that is no [`FrontMatter`].
fn unreadable(path: &Path, text: &str, range: &Range<usize>, error: &serde_yaml::Error) -> Problem {
    let problem = yaml::problem(path, text, range, error);
    let line = problem.place().and_then(|(line, _)| text.lines().nth(line - 1)).unwrap_or_default();
    let hint = match line.split(':').next().unwrap_or_default() {
        _ if problem.message.starts_with("missing field") => {
            "restore this key, from git for example"
        }
        "title" => "put the title in double quotes",
        "reviewed" => "write `true` or `false`",
        _ => "restore this line; only `title`, `reviewed` and the text are yours to edit",
    };
    problem.hint(hint)
}

/// Whether a person may have written a title that YAML reads as something else: a comment, a tag, an
/// anchor, a number or nothing. Venti writes such titles in quotes.
fn is_doubtful(yaml: &str) -> bool {
    let mut titles = yaml.lines().filter_map(|line| line.strip_prefix("title:"));
    titles.next().is_none_or(|title| {
        let title = title.trim();
        title.contains('#')
            || !title.starts_with(char::is_alphabetic)
            || title.eq_ignore_ascii_case("null")
    })
}

/// Converts line endings to LF.
pub(super) fn with_lf(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        text.into()
    }
}

/// Whether every unindented line starts with a known key, as in the files that Venti writes. If so,
/// there are no extra keys, and the front matter need not be parsed again to find them.
fn only_known_keys(yaml: &str) -> bool {
    let at_margin = yaml.lines().filter(|line| !line.starts_with(' '));
    let mut keys = at_margin.map(|line| line.split_once(':').map(|(key, _)| key));
    keys.all(|key| key.is_some_and(|key| KEYS.contains(&key)))
}

/// Returns the unknown keys and their values. A key that resembles a known one is an error, because it
/// is probably a typo: `reviwed: true` would otherwise be kept and have no effect.
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
                .hint(format!("did you mean `{known}`? if the key is your own, rename it to look less like one of Venti's")));
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
