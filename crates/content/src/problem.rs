//! Errors and warnings about the user's files: where the problem is, what it is, and how to fix it.
//! All files are read before anything is reported, so one run reports at least the first problem in
//! each file.

mod report;

use std::path::{Path, PathBuf};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, Severity, SourceCode, SourceSpan, SpanContents,
};

use rayon::prelude::*;

pub use report::{plain_text, text};

use crate::fs;

/// An error or warning about a place in a file, or about the whole file.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Description of the problem. Starts with a lower-case letter and does not end with a full stop.
    pub message: String,
    /// Advice on how to fix the problem.
    pub hint: Option<String>,
    /// The file's path, relative to the project's root, and its text.
    code: Code,
    /// Byte offset and length in the text; `None` for a problem with the whole file.
    span: Option<(usize, usize)>,
    severity: Severity,
}

/// Maximum length of an underline, in bytes.
const MAX_UNDERLINE: usize = 80;

impl Problem {
    /// Creates a problem with the whole file, for example that it cannot be read.
    pub fn in_file(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            code: Code { name: shown(&path.into()).into(), text: String::new() },
            span: None,
            severity: Severity::Error,
        }
    }

    /// Creates a problem at the bytes `offset..offset + len` of `text`, which was read from `path`.
    pub fn at(
        path: impl Into<PathBuf>,
        text: &str,
        offset: usize,
        len: usize,
        message: impl Into<String>,
    ) -> Self {
        let offset = char_boundary(text, offset);
        // Long or multi-line spans are underlined only at their start.
        let line = text[offset..].lines().next().unwrap_or_default();
        let len = char_boundary(line, len.min(MAX_UNDERLINE));
        Self {
            message: message.into(),
            hint: None,
            code: Code { name: shown(&path.into()).into(), text: text.to_owned() },
            span: Some((offset, len)),
            severity: Severity::Error,
        }
    }

    /// Adds a hint to the problem.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Moves the problem to another place, such as `quotes.csv:12`.
    #[must_use]
    pub fn in_place(self, place: &str) -> Self {
        Self { hint: self.hint, severity: self.severity, ..Self::in_file(place, self.message) }
    }

    /// Turns the problem into a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Returns the path of the file.
    pub fn file(&self) -> &str {
        &self.code.name
    }

    /// Returns the problem's line and column, both counted from 1, with columns in characters; `None`
    /// for a problem with the whole file.
    pub fn place(&self) -> Option<(usize, usize)> {
        let (offset, _) = self.span?;
        Some((self.code.text[..offset].matches('\n').count() + 1, self.code.column(offset) + 1))
    }

    /// Formats the problem as `file:line:column: message (hint)`, for logs and JSON.
    pub fn to_line(&self) -> String {
        let place =
            self.place().map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
        let hint = self.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
        format!("{}{place}: {}{hint}", self.file(), self.message)
    }
}

/// A file's path and text.
#[derive(Debug, Clone)]
struct Code {
    name: Box<str>,
    text: String,
}

impl Code {
    /// Returns the number of characters between the start of the line and `offset`. As in editors, a
    /// byte order mark does not count.
    fn column(&self, offset: usize) -> usize {
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        before[line_start..].chars().filter(|c| *c != '\u{feff}').count()
    }
}

/// Number of bytes of a long line to show before a problem.
const SHOWN_BEFORE: usize = 60;
/// Number of bytes of a long line to show from the start of a problem.
const SHOWN_AFTER: usize = 120;

impl SourceCode for Code {
    /// Returns the span itself if no context is requested, otherwise the line that contains it,
    /// shortened if it is long. Columns are counted in characters, whereas miette counts bytes.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (mut start, mut end) = (span.offset(), span.offset() + span.len());
        if end > self.text.len() {
            return Err(MietteError::OutOfBounds);
        }
        if lines_before + lines_after > 0 {
            let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
            let line = self.text[line_start..].lines().next().unwrap_or_default();
            let line_end = (line_start + line.len()).max(end);
            start = char_boundary(&self.text, line_start.max(start.saturating_sub(SHOWN_BEFORE)));
            end = char_boundary(&self.text, line_end.min(end.max(span.offset() + SHOWN_AFTER)));
        }
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.to_string(),
            &self.text.as_bytes()[start..end],
            (start, end - start).into(),
            self.text[..start].matches('\n').count(),
            self.column(start),
            1,
        )))
    }
}

/// Reads a text file. `path` is relative to `root` and appears in error messages.
pub fn read_text(root: &Path, path: &Path) -> Result<String, Problem> {
    text_of(open(root, path)?, path)
}

/// Opens files in parallel and returns the result of `read` for each file, in the order of `paths`. The
/// paths are relative to `root`.
pub fn read_all<T: Send>(
    root: &Path,
    paths: &[PathBuf],
    read: impl Fn(&Path, fs::Opened) -> Result<T, Problem> + Sync,
) -> Vec<Result<T, Problem>> {
    paths.par_iter().map(|path| open(root, path).and_then(|file| read(path, file))).collect()
}

/// Opens a file to be read with [`text_of`].
pub fn open(root: &Path, path: &Path) -> Result<fs::Opened, Problem> {
    fs::open(&root.join(path)).map_err(|error| unreadable(path, &error))
}

/// Reads the text of an open file. `path` is the path that the file was opened with, for error
/// messages.
pub fn text_of(file: fs::Opened, path: &Path) -> Result<String, Problem> {
    let bytes = file.read(path).map_err(|error| unreadable(path, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        // Invalid bytes become replacement characters; offsets before the first invalid byte are
        // unchanged.
        let text = String::from_utf8_lossy(error.as_bytes());
        Problem::at(
            path,
            &text,
            at,
            '\u{fffd}'.len_utf8(),
            "this file is not valid UTF-8 from here on",
        )
        .hint("save it as UTF-8 in your editor")
    })
}

/// Checks that a merge has left no conflict in a file.
///
/// # Errors
/// Returns a problem at the first conflict.
pub fn check_merged(path: &Path, text: &str) -> Result<(), Problem> {
    let mark = |mark: char| move |line: &str| line.starts_with(&mark.to_string().repeat(7));
    let at = |mark: &dyn Fn(&str) -> bool, from: usize| {
        let mut at = from;
        text[from..].split_inclusive('\n').find_map(|line| {
            let start = at;
            at += line.len();
            mark(line).then_some(start)
        })
    };
    let Some(start) = at(&mark('<'), 0) else { return Ok(()) };
    let end = at(&mark('='), start).and_then(|middle| at(&mark('>'), middle));
    match end {
        Some(_) => Err(Problem::at(path, text, start, 7, "this file has an unresolved merge conflict")
            .hint("choose one of the two versions, and delete the lines `<<<<<<<`, `=======` and `>>>>>>>`")),
        None => Ok(()),
    }
}

fn unreadable(path: &Path, error: &fs::Error) -> Problem {
    Problem::in_file(path, format!("this file cannot be read: {}", error.source))
}

/// Returns the start of the character that contains `offset`, or the end of the text if `offset` is
/// past it.
fn char_boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Returns the path as text, with `/` as the separator on every system.
fn shown(path: &Path) -> String {
    path.display().to_string().replace('\\', "/")
}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn std::fmt::Display>)
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.span.is_some().then_some(&self.code as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (offset, len) = self.span?;
        Some(Box::new(std::iter::once(LabeledSpan::new(None, offset, len))))
    }
}

/// All problems found in a run, sorted by file.
#[derive(Debug, thiserror::Error)]
#[error("{} {} in the content", .0.len(), if .0.len() == 1 { "problem" } else { "problems" })]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Returns `value` if there are no problems, otherwise the problems sorted by file and place.
    pub fn none_or<T>(value: T, mut problems: Vec<Problem>) -> Result<T, Self> {
        if problems.is_empty() {
            return Ok(value);
        }
        problems.sort_by(|a, b| (a.file(), a.place()).cmp(&(b.file(), b.place())));
        Err(Self(problems))
    }
}

impl Problems {
    /// Renders the problems for a terminal `width` columns wide: message, place, line and hint.
    pub fn render(&self, color: bool, width: usize) -> String {
        let theme =
            if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false);
        let mut text = String::new();
        for problem in &self.0 {
            // Rendering cannot fail, because every span lies inside its text. Should miette reject a
            // span anyway, the plain line contains the same information.
            let mut report = String::new();
            if handler.render_report(&mut report, problem).is_err() {
                report = problem.to_line();
            }
            if problem.span.is_none() {
                report = format!("{}\n  in {}\n", report.trim_end(), problem.file());
            }
            text += report.trim_matches('\n');
            text += "\n\n";
        }
        text
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl Diagnostic for Problems {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.0.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_conflicts_are_found() {
        let text = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> main\n";
        let problem = check_merged(Path::new("a.md"), text).expect_err("a conflict");
        assert!(problem.to_line().starts_with("a.md:2:1: this file has an unresolved merge"));
        for text in ["", "<<<<<<< a\n", "Title\n=======\nText\n>>>>>>> x\n"] {
            assert!(check_merged(Path::new("a.md"), text).is_ok(), "{text}");
        }
    }

    #[test]
    fn columns_count_characters() {
        let text = "\u{feff}é: ü\nñandú: x\n";
        let at = text.find("x\n").expect("there");
        let problem = Problem::at("a.md", text, at, 1, "no");
        assert_eq!(problem.place(), Some((2, 8)));
        assert_eq!(Problem::at("a.md", text, 3, 1, "no").place(), Some((1, 1)));
        assert_eq!(Problem::at("a.md", text, 9999, 7, "no").place(), Some((3, 1)));
        assert_eq!(Problem::in_file("a.md", "no").place(), None);
    }

    #[test]
    fn rendered_problems_have_place_line_and_hint() {
        let text = "---\ntitle: é\nñandú: x\n---\n";
        let problems = vec![
            Problem::in_file("b.md", "this file cannot be read").hint("open it"),
            Problem::at("a.md", text, text.find('x').expect("there"), 1, "second"),
            Problem::at("a.md", text, text.find('ñ').expect("there"), 7, "unknown key `ñandú`")
                .hint("did you mean `slug`?"),
        ];
        let problems = Problems::none_or((), problems).expect_err("three");
        assert_eq!(problems.to_string(), "3 problems in the content");
        insta::assert_snapshot!(problems.render(false, 80), @"
         × unknown key `ñandú`
          ╭─[a.md:3:1]
        3 │ ñandú: x
          · ─────
          ╰────
         help: did you mean `slug`?

         × second
          ╭─[a.md:3:8]
        3 │ ñandú: x
          ·        ─
          ╰────

         × this file cannot be read
         help: open it
         in b.md
        ");
        assert!(problems.render(true, 80).contains("\u{1b}["));
        assert!(!problems.render(false, 80).contains("\u{1b}["));
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let text = format!("{}é{}\n", "a".repeat(10_000), "b".repeat(10_000));
        let problem = Problem::at("a.md", &text, 10_000, 10_000, "no");
        insta::assert_snapshot!(Problems(vec![problem]).render(false, 80), @"
         × no
          ╭─[a.md:1:10001]
        1 │ aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaébbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
          ·                                                             ───────────────────────────────────────────────────────────────────────────────
          ╰────
        ");
    }

    #[test]
    fn a_problem_can_be_at_the_end_of_a_file() {
        for (text, place) in
            [("", "a.md:1:1"), ("a", "a.md:1:2"), ("a\r\n", "a.md:2:1"), ("a\n\n", "a.md:3:1")]
        {
            let rendered =
                Problems(vec![Problem::at("a.md", text, text.len(), 1, "no")]).render(false, 80);
            assert!(rendered.contains(place) && rendered.contains('╭'), "{rendered}");
        }
    }

    #[test]
    fn invalid_utf_8_has_a_place() {
        let root = tempfile::tempdir().expect("a folder");
        fs::write_atomic(&root.path().join("a.md"), b"\xc3\xa9\n\xc3\xa9 \xff b").expect("written");
        let problem = read_text(root.path(), Path::new("a.md")).expect_err("not UTF-8");
        assert_eq!(
            problem.to_line(),
            "a.md:2:3: this file is not valid UTF-8 from here on (save it as UTF-8 in your editor)"
        );
    }
}
