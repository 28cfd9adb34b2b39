//! The terminal: results on standard output, everything else on standard error,
//! colour and bars only where a person looks.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use miette::Report;

use crate::cli::{Color, Global};
use crate::problem::{self, Problems};

const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const STRONG: Style = Style::new().bold();
#[cfg(feature = "model")]
const DIM: Style = Style::new().dimmed();

/// Takes back a line of progress, which draws itself again.
#[cfg(feature = "model")]
const CLEAR_LINE: &str = "\r\x1b[2K";

/// How to talk to whoever started this process.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    quiet: bool,
    color: bool,
    /// Somebody watches standard error.
    interactive: bool,
}

impl Terminal {
    /// From the flags, `NO_COLOR`, `CLICOLOR_FORCE`, `TERM` and what standard error is.
    pub fn new(global: &Global) -> Self {
        let choice = match global.color {
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
            Color::Auto => anstream::AutoStream::choice(&std::io::stderr()),
        };
        choice.write_global();
        Self {
            quiet: global.quiet,
            color: choice != anstream::ColorChoice::Never,
            interactive: std::io::stderr().is_terminal(),
        }
    }

    /// Whether progress may be drawn.
    pub fn draws_progress(&self) -> bool {
        self.interactive && !self.quiet
    }

    /// Whether only errors and results are wanted.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A line a person may want to read.
    pub fn say(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(anstream::stderr(), "{line}");
        }
    }

    /// A line that starts with a verb in bold: `wrote content/seeds/a.md`.
    pub fn did(&self, verb: &str, what: impl std::fmt::Display) {
        self.say(format_args!("{STRONG}{verb:>10}{STRONG:#} {what}"));
    }

    /// Something that did not stop the command but should be known.
    pub fn warn(&self, line: impl std::fmt::Display) {
        self.say(format_args!("{WARNING}warning{WARNING:#}: {line}"));
    }

    /// A line that explains, and asks for nothing. It may come while progress is drawn.
    #[cfg(feature = "model")]
    pub fn note(&self, line: impl std::fmt::Display) {
        let clear = if self.draws_progress() { CLEAR_LINE } else { "" };
        self.say(format_args!("{clear}{DIM}{line}{DIM:#}"));
    }

    /// Problems that have been found, each with its line.
    pub fn problems(&self, problems: &Problems) {
        let _ = write!(anstream::stderr(), "{}", problems.render(self.color, width()));
    }

    /// An error, its causes, and what to do next.
    pub fn error(&self, report: &Report) {
        let _ = writeln!(anstream::stderr(), "{}", problem::text(report, self.color, width()));
    }
}

/// Writes a result to standard output. A reader that went away ends the process
/// quietly, as `| head` expects.
pub fn print(text: impl std::fmt::Display) -> miette::Result<()> {
    let mut out = std::io::stdout();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(miette::miette!("cannot write to standard output: {e}")),
        Ok(()) => Ok(()),
    }
}

/// Columns to wrap at: those of the terminal, `COLUMNS`, or what fits everywhere.
fn width() -> usize {
    let given = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let seen = || terminal_size::terminal_size_of(std::io::stderr()).map(|(w, _)| usize::from(w.0));
    given.or_else(seen).unwrap_or(80).clamp(40, 120)
}
