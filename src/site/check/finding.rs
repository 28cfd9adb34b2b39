//! A finding is one thing that is wrong with the built site, and every place where it is: what a
//! template gets wrong is on each of its pages, and is told once.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A reader meets it: something does not open, cannot be read, or is not shown.
    Error,
    /// The site works, and could be better.
    Warning,
}

/// What is looked at. Its name in JSON and in `docs/checking.md` is in kebab case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Every address of this site leads to a file of the output.
    Link,
    /// Every `#fragment`, and every id that an attribute names, is in the page it points into.
    Anchor,
    /// Addresses that hold only on a host, or only at its root.
    Portable,
    /// An id is in a page once.
    DuplicateId,
    /// Images say what they show.
    Alt,
    /// Every page has one title with text in it.
    Title,
    /// Titles fit into a list of results.
    TitleLength,
    /// Pages have a description, and it fits into a list of results.
    Description,
    /// One first heading, none empty, no level skipped.
    Heading,
    /// Every page says its language, in a form that programs know.
    Language,
    /// Links, buttons and frames have a name.
    Name,
    /// Form controls have a label.
    Label,
    /// Nothing in a page is stopped by the page's own Content-Security-Policy.
    Policy,
    /// The theme's text can be read on the theme's paper.
    Contrast,
    /// Feeds, data and pages are in the form that their name promises.
    Syntax,
    /// The front page leads to every page.
    Unlinked,
    /// Every essay has a seed.
    Orphan,
    /// `base_url` is set, without which there are no feeds.
    BaseUrl,
    /// Addresses elsewhere that are gone.
    External,
    /// Addresses elsewhere that did not answer as they should, which may pass.
    ExternalUnsure,
}

impl Rule {
    /// How bad it is when this is not so.
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

/// A place in a file of the output, or the file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file, relative to the project's root.
    pub file: String,
    #[serde(flatten)]
    pub spot: Option<Spot>,
}

/// Where in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Spot {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Bytes before it, and how many it has.
    #[serde(skip)]
    pub offset: usize,
    #[serde(skip)]
    pub len: usize,
}

/// One thing that is wrong, at all its places, of which there is at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub rule: Rule,
    pub severity: Severity,
    /// What is wrong, lower-case start, no full stop.
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// In the order of the files' names.
    pub places: Vec<Place>,
}

impl Finding {
    /// Something wrong with the whole of `file`.
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

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Where else it is, after the first place: `(and on 299 more pages)`; nothing if nowhere.
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

/// The findings, each once with all its places, by file and place of the first.
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

/// What was noted while one file was read.
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
    /// Says what to do about it.
    pub fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
}

impl Notes {
    /// Something wrong at these bytes of the file.
    pub fn add(&mut self, rule: Rule, at: Range<usize>, message: impl Into<String>) -> &mut Note {
        self.push(Note { rule, message: message.into(), hint: None, at: Some(at) })
    }

    /// Something wrong with the file as a whole.
    pub fn whole(&mut self, rule: Rule, message: impl Into<String>) -> &mut Note {
        self.push(Note { rule, message: message.into(), hint: None, at: None })
    }

    fn push(&mut self, note: Note) -> &mut Note {
        self.0.push(note);
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// The findings, now that the file's name and lines are at hand.
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

/// Where the lines of a text begin.
#[derive(Debug)]
pub struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// The lines of `text`.
    pub fn of(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Line and column of these bytes.
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
    fn what_a_template_gets_wrong_is_told_once() {
        let found = ["c", "a", "b"].map(|file| in_file(file, "gone"));
        let found = gathered(found.into_iter().chain([in_file("b", "empty")]));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].places[0].file, "a");
        assert_eq!(found[0].elsewhere(), " (and in 2 more files)");
        assert_eq!((found[1].message.as_str(), found[1].elsewhere().as_str()), ("empty", ""));
    }

    #[test]
    fn places_of_one_file_are_counted_as_such() {
        let found = gathered([in_file("a", "gone"), in_file("a", "gone")]);
        assert_eq!(found[0].elsewhere(), " (and once more in this file)");
    }

    #[test]
    fn a_spot_is_line_and_character() {
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
