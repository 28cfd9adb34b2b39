//! A problem is something wrong in a file a person wrote: where it is, what it
//! is, and what to do next. All files are read before any problem is shown, so
//! one run reports at least the first problem of each.

use std::path::PathBuf;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// One thing wrong at one place of one file.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What is wrong, lower-case start, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The file, relative to the project's root, and its text.
    text: NamedSource<String>,
    /// Byte offset and length in the text; none when the file as a whole is at fault.
    span: Option<(usize, usize)>,
}

impl Problem {
    /// A problem with the whole of `path` (unreadable, not UTF-8, …).
    pub fn in_file(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            text: NamedSource::new(path.into().display().to_string(), String::new()),
            span: None,
        }
    }

    /// A problem at `offset..offset + len` (bytes) of `text`, the content of `path`.
    pub fn at(
        path: impl Into<PathBuf>,
        text: &str,
        offset: usize,
        len: usize,
        message: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
            hint: None,
            text: NamedSource::new(path.into().display().to_string(), text.to_owned()),
            span: Some((offset.min(text.len()), len)),
        }
    }

    /// The same problem with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The file as it was named.
    pub fn file(&self) -> &str {
        self.text.name()
    }
}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.span.is_some().then_some(&self.text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (offset, len) = self.span?;
        Some(Box::new(std::iter::once(LabeledSpan::new(None, offset, len))))
    }
}

/// Every problem of one run, in the order of the files' names.
#[derive(Debug, thiserror::Error)]
#[error("{} {} in the content", .0.len(), if .0.len() == 1 { "problem" } else { "problems" })]
pub struct Problems(pub Vec<Problem>);
