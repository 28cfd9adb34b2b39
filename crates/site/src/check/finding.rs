//! A finding is a problem in the built site, together with all the places where it occurs. An error
//! in a template is therefore reported once, even if it affects many pages.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A problem that readers notice: something does not open, cannot be read, or is not shown.
    Error,
    /// The site works, but could be better.
    Warning,
}

/// A rule of the check. Its name in JSON and in `docs/checking.md` is in kebab case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Links within the site must lead to files in the output.
    Link,
    /// The id in a link (`#fragment`) must exist in the target page.
    Anchor,
    /// Links must work on any host and from disk.
    Portable,
    /// Ids must be valid, and unique within a page.
    DuplicateId,
    /// Images must have alternative text.
    Alt,
    /// A page must have one `h1`, no empty headings and no skipped heading levels.
    Heading,
    /// Links must have text.
    Name,
    /// Every page must be reachable by links from the front page.
    Unlinked,
    /// Every essay must have a seed.
    Orphan,
    /// `base_url` must be set, since feeds need it.
    BaseUrl,
    /// External links must not fail permanently.
    External,
    /// External links should not fail even temporarily.
    ExternalUnsure,
}

impl Rule {
    /// Returns the severity of a violation of this rule.
    pub fn severity(self) -> Severity {
        match self {
            Self::Portable
            | Self::Unlinked
            | Self::Orphan
            | Self::BaseUrl
            | Self::ExternalUnsure => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// A position in a file, or a file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// The file, relative to the project's root.
    pub file: String,
    #[serde(flatten)]
    pub position: Option<Position>,
}

/// The position and length of a piece of text in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line number, starting at 1.
    pub line: usize,
    /// Column number in characters, starting at 1.
    pub column: usize,
    /// Offset in bytes from the start of the file.
    #[serde(skip)]
    pub offset: usize,
    /// Length in bytes.
    #[serde(skip)]
    pub len: usize,
}

/// A problem and the places (at least one) where it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub rule: Rule,
    pub severity: Severity,
    /// Description of the problem, starting with a lower-case letter and without a full stop.
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The places, sorted by file and position.
    pub places: Vec<Location>,
}

impl Finding {
    /// Creates a finding at one place.
    pub fn at(rule: Rule, location: Location, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: rule.severity(),
            message: message.into(),
            hint: None,
            places: vec![location],
        }
    }

    /// Creates a finding about a whole file.
    pub fn in_file(rule: Rule, file: impl Into<String>, message: impl Into<String>) -> Self {
        Self::at(rule, Location { file: file.into(), position: None }, message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Describes the places after the first, such as ` (and in 299 more files)`. Returns an empty
    /// string if there is only one place.
    pub fn elsewhere(&self) -> String {
        let first = &self.places[0].file;
        let mut files = 0;
        let mut last = first;
        for place in &self.places {
            if place.file != *last {
                files += 1;
                last = &place.file;
            }
        }
        match (files, self.places.len() - 1) {
            (0, 0) => String::new(),
            (0, 1) => " (and once more in this file)".to_owned(),
            (0, n) => format!(" (and {n} more times in this file)"),
            (1, _) => " (and in 1 more file)".to_owned(),
            (n, _) => format!(" (and in {n} more files)"),
        }
    }
}

/// Merges equal findings and sorts the results by their first place.
pub fn merged(findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let mut known: HashMap<(Rule, String, Option<String>), usize> = HashMap::new();
    let mut merged: Vec<Finding> = Vec::new();
    for finding in findings {
        let key = (finding.rule, finding.message.clone(), finding.hint.clone());
        match known.get(&key) {
            Some(&at) => merged[at].places.extend(finding.places),
            None => {
                known.insert(key, merged.len());
                merged.push(finding);
            }
        }
    }
    for finding in &mut merged {
        finding.places.sort();
    }
    merged.sort_by(|a, b| {
        (&a.places[0], a.rule, &a.message).cmp(&(&b.places[0], b.rule, &b.message))
    });
    merged
}

/// A text and the byte offsets where its lines start.
#[derive(Debug)]
pub struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Finds the starts of the lines in `text`.
    pub fn of(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Converts a byte range to a position.
    pub fn position(&self, at: &Range<usize>) -> Position {
        let offset = self.text.floor_char_boundary(at.start);
        let line = self.starts.partition_point(|start| *start <= offset);
        let before = &self.text[self.starts[line - 1]..offset];
        let column = before.chars().filter(|c| *c != '\u{feff}').count() + 1;
        Position { line, column, offset, len: at.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_file(file: &str, message: &str) -> Finding {
        Finding::in_file(Rule::Link, file, message)
    }

    #[test]
    fn equal_findings_are_merged() {
        let found = ["c", "a", "b"].map(|file| in_file(file, "gone"));
        let found = merged(found.into_iter().chain([in_file("b", "empty")]));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].places[0].file, "a");
        assert_eq!(found[0].elsewhere(), " (and in 2 more files)");
        assert_eq!((found[1].message.as_str(), found[1].elsewhere().as_str()), ("empty", ""));
    }

    #[test]
    fn places_in_the_same_file_are_counted_separately() {
        let found = merged([in_file("a", "gone"), in_file("a", "gone")]);
        assert_eq!(found[0].elsewhere(), " (and once more in this file)");
    }

    #[test]
    fn positions_have_lines_and_columns_in_characters() {
        let lines = Lines::of("\u{feff}é\nñb\n");
        let at = |offset| {
            let position = lines.position(&(offset..offset + 1));
            (position.line, position.column)
        };
        assert_eq!(at(3), (1, 1));
        assert_eq!(at(6), (2, 1));
        assert_eq!(at(8), (2, 2));
        assert_eq!(at(99), (3, 1));
    }
}
