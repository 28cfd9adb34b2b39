//! A finding is one problem of the built site with all its places, so that an error in a template,
//! which affects many pages, is reported once.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Readers notice it: something does not open, cannot be read, or is not shown.
    Error,
    /// The site works but could be better.
    Warning,
}

/// A rule of the check. Its name in JSON and in `docs/checking.md` is in kebab case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Links within the site lead to files in the output.
    Link,
    /// Ids in links (`#fragment`) and in attributes exist in the page they refer to.
    Anchor,
    /// Links work on any host and from the disk.
    Portable,
    /// Ids are unique within a page.
    DuplicateId,
    /// Images have alternative text.
    Alt,
    /// Every page has exactly one title, which is not empty.
    Title,
    /// Titles fit into search results.
    TitleLength,
    /// Pages have a description that fits into search results.
    Description,
    /// Pages have one `h1`, no empty headings, and skip no level.
    Heading,
    /// Every page declares its language with a valid tag.
    Language,
    /// Links, buttons and frames have a name.
    Name,
    /// Form controls have a label.
    Label,
    /// The page's own Content-Security-Policy blocks nothing in the page.
    Policy,
    /// The theme's text has enough contrast with its background.
    Contrast,
    /// Files are valid in the format of their name.
    Syntax,
    /// Every page can be reached by links from the front page.
    Unlinked,
    /// Every essay has a seed.
    Orphan,
    /// `base_url` is set, which feeds need.
    BaseUrl,
    /// External links work.
    External,
    /// External links have no failures that may be temporary.
    ExternalUnsure,
}

impl Rule {
    /// Severity of a violation.
    pub fn severity(self) -> Severity {
        match self {
            Self::Portable
            | Self::TitleLength
            | Self::Description
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
pub struct Place {
    /// The file, relative to the project's root.
    pub file: String,
    #[serde(flatten)]
    pub spot: Option<Spot>,
}

/// A position in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Spot {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// In bytes, from 0.
    #[serde(skip)]
    pub offset: usize,
    /// In bytes.
    #[serde(skip)]
    pub len: usize,
}

/// One problem and its places, of which there is at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub rule: Rule,
    pub severity: Severity,
    /// What is wrong, starting in lower case and without a full stop.
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Sorted by file and position.
    pub places: Vec<Place>,
}

impl Finding {
    /// A problem of a whole file.
    pub fn in_file(rule: Rule, file: impl Into<String>, message: impl Into<String>) -> Self {
        let place = Place { file: file.into(), spot: None };
        Self {
            rule,
            severity: rule.severity(),
            message: message.into(),
            hint: None,
            places: vec![place],
        }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The number of places after the first as text: ` (and in 299 more files)`. Empty if there are
    /// none.
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

/// Merges equal findings, and sorts them by their first place.
pub fn gathered(findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let mut known: HashMap<(Rule, String, Option<String>), usize> = HashMap::new();
    let mut gathered: Vec<Finding> = Vec::new();
    for finding in findings {
        let key = (finding.rule, finding.message.clone(), finding.hint.clone());
        match known.get(&key) {
            Some(&at) => gathered[at].places.extend(finding.places),
            None => {
                known.insert(key, gathered.len());
                gathered.push(finding);
            }
        }
    }
    for finding in &mut gathered {
        finding.places.sort();
    }
    gathered.sort_by(|a, b| {
        (&a.places[0], a.rule, &a.message).cmp(&(&b.places[0], b.rule, &b.message))
    });
    gathered
}

/// The findings in one file.
#[derive(Debug, Default)]
pub struct Notes(Vec<Note>);

/// A finding without its file.
#[derive(Debug)]
pub struct Note {
    rule: Rule,
    message: String,
    hint: Option<String>,
    at: Option<Range<usize>>,
}

impl Note {
    /// Sets the hint.
    pub fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
}

impl Notes {
    /// Adds a problem at these bytes of the file.
    pub fn add(&mut self, rule: Rule, at: Range<usize>, message: impl Into<String>) -> &mut Note {
        self.push(Note { rule, message: message.into(), hint: None, at: Some(at) })
    }

    /// Adds a problem of the whole file.
    pub fn whole(&mut self, rule: Rule, message: impl Into<String>) -> &mut Note {
        self.push(Note { rule, message: message.into(), hint: None, at: None })
    }

    fn push(&mut self, note: Note) -> &mut Note {
        self.0.push(note);
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// Converts the notes to findings in `file`.
    pub fn findings(self, file: &str, lines: &Lines<'_>) -> Vec<Finding> {
        let finding = |note: Note| Finding {
            rule: note.rule,
            severity: note.rule.severity(),
            message: note.message,
            hint: note.hint,
            places: vec![Place { file: file.to_owned(), spot: note.at.map(|at| lines.spot(&at)) }],
        };
        self.0.into_iter().map(finding).collect()
    }
}

/// The line starts of a text.
#[derive(Debug)]
pub struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Finds the lines of `text`.
    pub fn of(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Converts a byte range to a position.
    pub fn spot(&self, at: &Range<usize>) -> Spot {
        let offset = self.text.floor_char_boundary(at.start);
        let line = self.starts.partition_point(|start| *start <= offset);
        let before = &self.text[self.starts[line - 1]..offset];
        let column = before.chars().filter(|c| *c != '\u{feff}').count() + 1;
        Spot { line, column, offset, len: at.len() }
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
        let found = gathered(found.into_iter().chain([in_file("b", "empty")]));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].places[0].file, "a");
        assert_eq!(found[0].elsewhere(), " (and in 2 more files)");
        assert_eq!((found[1].message.as_str(), found[1].elsewhere().as_str()), ("empty", ""));
    }

    #[test]
    fn places_in_the_same_file_are_counted_separately() {
        let found = gathered([in_file("a", "gone"), in_file("a", "gone")]);
        assert_eq!(found[0].elsewhere(), " (and once more in this file)");
    }

    #[test]
    fn spots_have_lines_and_columns_in_characters() {
        let lines = Lines::of("\u{feff}é\nñb\n");
        let at = |offset| {
            let spot = lines.spot(&(offset..offset + 1));
            (spot.line, spot.column)
        };
        assert_eq!(at(3), (1, 1));
        assert_eq!(at(6), (2, 1));
        assert_eq!(at(8), (2, 2));
        assert_eq!(at(99), (3, 1));
    }
}
