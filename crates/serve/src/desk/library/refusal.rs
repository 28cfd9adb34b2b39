//! Errors from reading and saving files at the desk.

use miette::{Diagnostic, Report};
use serde::Serialize;

use super::{EssayFile, SeedFile};
use content::lock::LockHeld;
use content::problem::{Problem, Problems, plain_text};

/// Reason why a file cannot be read or saved.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Refusal {
    /// The file does not exist.
    #[error("{0} not found")]
    #[diagnostic(help(
        "it may have been renamed or removed; copy your changes, then open the list again"
    ))]
    NotFound(String),
    /// The file has changed since it was opened. Holds the current version of the file.
    #[error("this file was changed elsewhere since it was opened here")]
    #[diagnostic(help("load the current version, or save again to overwrite it"))]
    Conflict(Box<Now>),
    /// The file or the edit is invalid. Errors at a known position in the file are formatted as in a
    /// terminal.
    #[error("{text}")]
    Invalid {
        text: String,
        #[help]
        help: Option<String>,
    },
    /// Another Venti process holds the project's lock.
    #[error("{0}")]
    #[diagnostic(help("nothing was saved: wait until it has finished, then save again"))]
    Busy(LockHeld),
    /// A file cannot be read or written.
    #[error("{0}")]
    Failed(String),
}

/// The current version of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Now {
    Seed(SeedFile),
    Essay(EssayFile),
}

impl Refusal {
    /// Creates the error for an invalid file.
    pub(super) fn invalid(problems: impl Into<Problems>) -> Self {
        let mut problems = problems.into();
        // A single problem is shown without a list, as in a terminal.
        let report = match problems.0.len() {
            1 => Report::new(problems.0.remove(0)),
            _ => Report::new(problems),
        };
        Self::Invalid { text: plain_text(&report), help: None }
    }

    /// Creates an error from a message and a hint, without a position in the file.
    pub(super) fn text(message: &str, hint: &str) -> Self {
        Self::Invalid { text: message.to_owned(), help: Some(hint.to_owned()) }
    }

    /// Creates the error for a lock that could not be taken.
    pub(super) fn unlocked(report: Report) -> Self {
        match report.downcast::<LockHeld>() {
            Ok(held) => Self::Busy(held),
            Err(report) => Self::Failed(plain_text(&report)),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::invalid(problem)
    }
}

impl From<content::fs::Error> for Refusal {
    fn from(error: content::fs::Error) -> Self {
        Self::Failed(plain_text(&Report::new(error)))
    }
}
