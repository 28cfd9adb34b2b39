//! The log of a run, `training.jsonl`. The first line identifies the corpus and the base model; each step
//! and each evaluation adds a line. A resumed run reads its previous losses from the log.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, Result, miette};
use serde::{Deserialize, Serialize};

use super::StepMetrics;
use super::curve::LossPoint;
use content::fs;

/// Identifies a run. A run can only be resumed if both fields match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// Hash of the corpus's documents.
    pub corpus: String,
    /// Id of the base model and the hash of its weights, or `scratch` for a model trained from scratch.
    pub from: String,
}

/// A line of the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum LogEntry {
    Identity(RunIdentity),
    Step { step: usize, loss: f64, learning_rate: f64, gradient_norm: f64 },
    Evaluation { step: usize, held_out: f64 },
}

impl LogEntry {
    fn step(&self) -> usize {
        match self {
            Self::Identity(_) => 0,
            Self::Step { step, .. } | Self::Evaluation { step, .. } => *step,
        }
    }
}

/// The log of a run, open for appending.
pub struct TrainingLog {
    path: PathBuf,
    file: File,
    /// Training loss of each step.
    pub steps: Vec<LossPoint>,
    /// Held-out loss of each evaluation.
    pub held_out: Vec<LossPoint>,
}

impl TrainingLog {
    /// Starts a new log.
    pub fn begin(path: &Path, identity: RunIdentity) -> Result<Self> {
        fs::remove_file(path)?;
        let mut log = Self {
            path: path.to_owned(),
            file: fs::open_or_create(path)?,
            steps: Vec::new(),
            held_out: Vec::new(),
        };
        log.add(LogEntry::Identity(identity))?;
        Ok(log)
    }

    /// Opens the log of a run that was saved after `steps_done` steps. Lines of later steps are removed,
    /// because those steps will be repeated.
    ///
    /// # Errors
    /// Returns an error if the log cannot be read or belongs to another run.
    pub fn resume(path: &Path, identity: &RunIdentity, steps_done: usize) -> Result<Self> {
        let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
        let lines: Vec<LogEntry> =
            text.lines().map_while(|line| serde_json::from_str(line).ok()).collect();
        match lines.first() {
            Some(LogEntry::Identity(before)) if before == identity => {}
            Some(LogEntry::Identity(before)) => {
                let what = if before.corpus == identity.corpus {
                    "started from another model"
                } else {
                    "uses another corpus"
                };
                return Err(miette!(
                    help = "use the arguments of that run, or start over with --force",
                    "the run in {} {what}",
                    path.parent().unwrap_or(Path::new(".")).display()
                ));
            }
            _ => {
                return Err(miette!(
                    help = "start over with --force",
                    "{} is not the log of a training run",
                    path.display()
                ));
            }
        }
        let mut log = Self::begin(path, identity.clone())?;
        for line in lines.into_iter().skip(1).filter(|line| line.step() <= steps_done) {
            log.add(line)?;
        }
        Ok(log)
    }

    /// Logs a step, counted from 1.
    pub fn step(&mut self, step: usize, metrics: &StepMetrics) -> Result<()> {
        let StepMetrics { loss, learning_rate, gradient_norm, .. } = *metrics;
        self.add(LogEntry::Step { step, loss, learning_rate, gradient_norm })
    }

    /// Logs an evaluation after `step` steps.
    pub fn evaluated(&mut self, step: usize, held_out: f64) -> Result<()> {
        self.add(LogEntry::Evaluation { step, held_out })
    }

    /// Returns the step and loss of the best evaluation.
    pub fn best(&self) -> Option<LossPoint> {
        self.held_out.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Returns the number of evaluations since the best one.
    pub fn evaluations_since_best(&self) -> usize {
        let best = self.best().map_or(0, |best| best.0);
        self.held_out.iter().filter(|(step, _)| *step > best).count()
    }

    fn add(&mut self, line: LogEntry) -> Result<()> {
        match line {
            LogEntry::Identity(_) => {}
            LogEntry::Step { step, loss, .. } => self.steps.push((step, loss)),
            LogEntry::Evaluation { step, held_out } => self.held_out.push((step, held_out)),
        }
        let mut text = serde_json::to_string(&line).into_diagnostic()?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(fs::error("write", &self.path))?;
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests may use std::fs")]
mod tests {
    use super::*;

    fn identity(corpus: &str) -> RunIdentity {
        RunIdentity { corpus: corpus.into(), from: "scratch".into() }
    }

    fn step(loss: f64) -> StepMetrics {
        StepMetrics { loss, learning_rate: 0.1, gradient_norm: 1.0, tokens: 8 }
    }

    #[test]
    fn resuming_removes_the_lines_of_unsaved_steps() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("training.jsonl");
        let mut log = TrainingLog::begin(&path, identity("a")).unwrap();
        let mut before = String::new();
        for i in 1..=5 {
            log.step(i, &step(1.0 / i as f64)).unwrap();
            if i % 2 == 0 {
                log.evaluated(i, 0.3 + (i as f64 - 2.0).abs()).unwrap();
            }
            if i == 3 {
                before = std::fs::read_to_string(&path).unwrap();
            }
        }
        assert_eq!((log.best(), log.evaluations_since_best()), (Some((2, 0.3)), 1));
        // A killed run may leave an incomplete last line.
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "{\"step\":6,\"lo")
            .unwrap();
        let again = TrainingLog::resume(&path, &identity("a"), 3).unwrap();
        assert_eq!((again.steps.len(), again.held_out.len()), (3, 1));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    }

    #[test]
    fn another_run_cannot_be_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("training.jsonl");
        TrainingLog::begin(&path, identity("a")).unwrap();
        let error = |identity: &RunIdentity| {
            TrainingLog::resume(&path, identity, 0).err().unwrap().to_string()
        };
        assert!(error(&identity("b")).contains("another corpus"));
        let other = RunIdentity { from: "gpt2".into(), ..identity("a") };
        assert!(error(&other).contains("another model"));
        std::fs::write(&path, "{}").unwrap();
        assert!(error(&identity("a")).contains("not the log"));
    }
}
