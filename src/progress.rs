//! Progress on standard error: essays done, tokens per second, time left.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::terminal::Terminal;
use content::essay::EssayId;
use write::WriteEvent;

/// Shows the progress of a run and measures its duration.
pub struct EssayProgress<'t> {
    terminal: &'t Terminal,
    bar: ProgressBar,
    started: Instant,
    tokens: usize,
}

impl<'t> EssayProgress<'t> {
    /// Creates a progress bar for this number of essays. It is hidden if standard error is not a
    /// terminal or `--quiet` is set.
    pub fn new(essays: usize, terminal: &'t Terminal) -> Self {
        let template = "   writing {bar:24} {pos}/{len} essays {msg}";
        let bar = terminal.progress_bar(essays, template);
        Self { terminal, bar, started: Instant::now(), tokens: 0 }
    }

    /// Updates the display.
    pub fn event(&mut self, event: WriteEvent) {
        match event {
            WriteEvent::Loading { model } => self.bar.set_message(format!("· opening {model}")),
            WriteEvent::Begun { .. } | WriteEvent::Candidate { .. } => {}
            WriteEvent::Piece { .. } => {
                self.tokens += 1;
                if self.tokens.is_multiple_of(64) {
                    self.draw();
                }
            }
            WriteEvent::Written { id, flagged, again } => {
                self.bar.inc(1);
                let what = if again { "rewritten" } else { "written" };
                self.line(id, &format!("{what}{}", if flagged { ", flagged" } else { "" }));
                self.draw();
            }
            WriteEvent::Failed { id } => {
                self.bar.inc(1);
                self.line(id, "failed");
            }
            WriteEvent::Overtaken { id } => {
                self.bar.inc(1);
                self.line(id, "changed in the meantime, kept");
            }
            WriteEvent::Refused { id } => {
                self.bar.inc(1);
                self.line(id, "refused");
            }
        }
    }

    /// Prints a line about an essay if no bar is drawn, for example in a log.
    fn line(&self, id: &EssayId, what: &str) {
        if !self.terminal.draws_progress() {
            self.terminal.did(what, id);
        }
    }

    fn draw(&self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let mut message = format!("· {:.0} tokens/s", self.tokens as f64 / seconds.max(1e-3));
        let (done, all) = (self.bar.position() as f64, self.bar.length().unwrap_or(0) as f64);
        if done > 0.0 && done < all {
            message += &format!(" · {:.0} s left", seconds / done * (all - done));
        }
        self.bar.set_message(message);
    }

    /// Clears the bar and returns the duration of the run.
    pub fn finish(self) -> Duration {
        self.bar.finish_and_clear();
        self.started.elapsed()
    }
}

/// Receives the progress of downloads.
#[cfg_attr(not(feature = "hub"), expect(dead_code, reason = "only hub models are downloaded"))]
pub trait Downloads {
    /// Called when the download of `file`, which has `bytes` bytes, starts or restarts.
    fn begin(&mut self, file: &str, bytes: u64);
    /// Called when another `bytes` bytes have arrived.
    fn advance(&mut self, bytes: u64);
    /// Called when the file is complete.
    fn end(&mut self);
}

/// Ignores the progress.
impl Downloads for () {
    fn begin(&mut self, _file: &str, _bytes: u64) {}
    fn advance(&mut self, _bytes: u64) {}
    fn end(&mut self) {}
}

/// Shows the progress of downloads: a bar, or one line per file if standard error is not a terminal.
pub struct DownloadProgress {
    terminal: Terminal,
    bar: ProgressBar,
}

impl DownloadProgress {
    /// Creates a display that draws nothing until a download begins.
    pub fn new(terminal: &Terminal) -> Self {
        Self { terminal: *terminal, bar: ProgressBar::hidden() }
    }
}

impl Downloads for DownloadProgress {
    fn begin(&mut self, file: &str, bytes: u64) {
        if !self.terminal.draws_progress() {
            self.terminal.did("download", format_args!("{file}, {:.1} MB", bytes as f64 / 1e6));
            return;
        }
        let template =
            "  download {bar:24} {bytes}/{total_bytes} {bytes_per_sec} · {eta} left · {msg}";
        self.bar = self.terminal.progress_bar(bytes as usize, template);
        self.bar.set_message(file.to_owned());
    }

    fn advance(&mut self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }
}
