//! Terminal output: results go to standard output, everything else to standard error. Colour and
//! progress bars appear only on a terminal.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use miette::Report;

use crate::cli::{Color, Global};
use content::problem::{self, Problems};

const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const STRONG: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Escape sequence that clears the progress line, which is redrawn after the message.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// Number of redraws of a progress bar per second.
const FRAMES_PER_SECOND: u8 = 10;

/// Prints messages, following `--quiet`, `--color` and the environment.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    quiet: bool,
    color: bool,
    /// Whether standard error is a terminal.
    interactive: bool,
}

impl Terminal {
    /// Chooses how to print, based on the flags, `NO_COLOR`, `CLICOLOR_FORCE`, `TERM`, and whether
    /// standard error is a terminal.
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

    pub fn draws_progress(&self) -> bool {
        self.interactive && !self.quiet
    }

    /// Creates a progress bar. It is hidden if standard error is not a terminal or `--quiet` is set.
    pub fn progress_bar(&self, steps: usize, template: &str) -> ProgressBar {
        let target = if self.draws_progress() {
            ProgressDrawTarget::stderr_with_hz(FRAMES_PER_SECOND)
        } else {
            ProgressDrawTarget::hidden()
        };
        let style =
            ProgressStyle::with_template(template).expect("the template is constant and parses");
        ProgressBar::with_draw_target(Some(steps as u64), target).with_style(style)
    }

    /// Whether to print only errors and results.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a line, unless `--quiet` is set.
    pub fn say(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            // If standard error is closed, the failure cannot be reported.
            let _ = writeln!(anstream::stderr(), "{line}");
        }
    }

    /// Prints a line that starts with a bold verb: `wrote content/seeds/a.md`.
    pub fn did(&self, verb: &str, what: impl std::fmt::Display) {
        self.say(format_args!("{STRONG}{verb:>10}{STRONG:#} {what}"));
    }

    /// Prints a warning.
    pub fn warn(&self, line: impl std::fmt::Display) {
        self.say(format_args!("{WARNING}warning{WARNING:#}: {line}"));
    }

    /// Prints a dimmed explanation. May be called while progress is drawn.
    pub fn note(&self, line: impl std::fmt::Display) {
        let clear = if self.draws_progress() { CLEAR_LINE } else { "" };
        self.say(format_args!("{clear}{DIM}{line}{DIM:#}"));
    }

    /// Prints problems with their source lines.
    pub fn problems(&self, problems: &Problems) {
        let _ = write!(anstream::stderr(), "{}", problems.render(self.color, width()));
    }

    /// Prints an error, its causes and its hint.
    pub fn error(&self, report: &Report) {
        let _ = writeln!(anstream::stderr(), "{}", problem::text(report, self.color, width()));
    }
}

/// Writes a result to standard output. If the reader has closed the pipe, as `| head` does, the
/// process ends quietly.
pub fn print(text: impl std::fmt::Display) -> miette::Result<()> {
    let mut out = std::io::stdout();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(miette::miette!("cannot write to standard output: {e}")),
        Ok(()) => Ok(()),
    }
}

/// Returns the width to wrap at: `COLUMNS`, otherwise the width of the terminal, otherwise 80.
fn width() -> usize {
    let given = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let seen = || terminal_size::terminal_size_of(std::io::stderr()).map(|(w, _)| usize::from(w.0));
    given.or_else(seen).unwrap_or(80).clamp(40, 120)
}
