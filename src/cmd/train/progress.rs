//! Progress of a training run on standard error: a bar, or one line per evaluation if standard error is
//! not a terminal.

use std::time::Instant;

use ::text::numbers::{count, thousands};
use lab::train::{TrainingEvent, TrainingSettings};

use crate::terminal::Terminal;

/// Shows the loss, the speed and the time left.
pub struct ProgressBar<'t> {
    terminal: &'t Terminal,
    bar: indicatif::ProgressBar,
    started: Instant,
    /// Number of steps done before the run was resumed.
    resumed_at: usize,
    steps: usize,
    tokens_per_step: usize,
    /// Exponential moving average of the training loss.
    loss: Option<f64>,
    held_out: Option<f64>,
}

impl<'t> ProgressBar<'t> {
    pub fn new(steps_done: usize, settings: &TrainingSettings, terminal: &'t Terminal) -> Self {
        let bar = terminal.progress_bar(settings.steps, "  training {bar:20} {pos}/{len} {msg}");
        bar.set_position(steps_done as u64);
        Self {
            terminal,
            bar,
            started: Instant::now(),
            resumed_at: steps_done,
            steps: settings.steps,
            tokens_per_step: settings.tokens_per_step(),
            loss: None,
            held_out: None,
        }
    }

    /// Updates the display.
    pub fn event(&mut self, event: TrainingEvent) {
        match event {
            TrainingEvent::Step { step, loss } => {
                self.loss = Some(self.loss.map_or(loss, |mean| 0.95 * mean + 0.05 * loss));
                self.bar.set_position(step as u64);
                self.bar.set_message(self.line(step));
            }
            TrainingEvent::Evaluated { step, loss } => {
                self.held_out = Some(loss);
                if !self.terminal.draws_progress() {
                    let (at, of) = (thousands(step), thousands(self.steps));
                    self.terminal.did("step", format_args!("{at} of {of} {}", self.line(step)));
                }
            }
            TrainingEvent::StoppedEarly { step, evaluations } => {
                self.clear();
                self.terminal.note(format_args!(
                    "stopped early after step {}: {} without improvement",
                    thousands(step),
                    count(evaluations, "evaluation")
                ));
            }
        }
    }

    fn line(&self, step: usize) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let (done, left) = ((step - self.resumed_at) as f64, (self.steps - step) as f64);
        let loss = self.loss.unwrap_or(f64::NAN);
        let mut line = format!("· loss {loss:.3}, perplexity {:.1}", loss.exp());
        if let Some(held_out) = self.held_out {
            line += &format!(", held-out {held_out:.3}");
        }
        let rate = done * self.tokens_per_step as f64 / seconds.max(1e-3);
        line += &format!(" · {} tokens/s", thousands(rate as usize));
        if left > 0.0 {
            line += &format!(" · {} left", duration(seconds / done.max(1.0) * left));
        }
        line
    }

    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Formats a duration as seconds, minutes, or hours and minutes.
fn duration(seconds: f64) -> String {
    match seconds as u64 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}
