//! Why something cannot be read or saved at the desk.

use miette::{Diagnostic, Report};
use serde::Serialize;

use super::{EssayFile, SeedFile};
use crate::lock::Held;
use crate::problem::{Problem, Problems, plain_text};

/// What became of a call, when not what was asked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Refusal {
    /// There is no such file.
    #[error("there is no {0} in this site")]
    #[diagnostic(help(
        "it may have been renamed or removed; keep a copy of what you wrote, and open the list anew"
    ))]
    NotFound(String),
    /// Somebody else saved it since it was opened; what is there now.
    #[error("this file was changed elsewhere since it was opened here")]
    #[diagnostic(help("take over what is there now, or save again to write over it"))]
    Conflict(Box<Now>),
    /// It would be broken. Where a place is to be shown, the text is what a terminal shows.
    #[error("{text}")]
    Invalid {
        text: String,
        #[help]
        help: Option<String>,
    },
    /// Another venti is at work in the project.
    #[error("{0}")]
    #[diagnostic(help("nothing was saved; wait until it has finished, and save again"))]
    Busy(Held),
    /// The machine would not.
    #[error("{0}")]
    Failed(String),
}

/// A file as it is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Now {
    Seed(SeedFile),
    Essay(EssayFile),
}

impl Refusal {
    /// What is there now cannot be kept so.
    pub(super) fn invalid(problems: impl Into<Problems>) -> Self {
        let mut problems = problems.into();
        // One is shown by itself, as a terminal does.
        let report = match problems.0.len() {
            1 => Report::new(problems.0.remove(0)),
            _ => Report::new(problems),
        };
        Self::Invalid { text: plain_text(&report), help: None }
    }

    /// A text that is wrong as a whole.
    pub(super) fn text(message: &str, hint: &str) -> Self {
        Self::Invalid { text: message.to_owned(), help: Some(hint.to_owned()) }
    }

    /// The pen could not be taken.
    pub(super) fn unlocked(report: Report) -> Self {
        match report.downcast::<Held>() {
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

impl From<crate::fs::Error> for Refusal {
    fn from(error: crate::fs::Error) -> Self {
        Self::Failed(plain_text(&Report::new(error)))
    }
}
