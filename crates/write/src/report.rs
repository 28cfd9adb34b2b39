//! Summary of a run: the essays that were written, and their quality.

use std::path::Path;

use super::plan::{Job, Reason};
use super::rounds::Outcome;
use content::essay::{Essay, EssayId};
use content::problem::{Problem, Problems};
use text::Figures;

/// Results of a run, without timings, which the caller measures.
#[derive(Debug, Clone, Default)]
pub struct RunReport {
    /// Essays that were stored, in the order of the plan.
    pub written: Vec<WrittenEssay>,
    /// Essays that were not stored because every candidate is empty or matches the blocklist.
    pub refused: Vec<EssayId>,
    /// Essays that were not stored because somebody changed their files in the meantime.
    pub overtaken: Vec<EssayId>,
    /// Essays whose model cannot be used, whose prompt does not fit it, or whose file cannot be written.
    pub failed: Vec<Failure>,
    /// Number of candidates generated.
    pub candidates: usize,
    /// Number of tokens generated in all candidates.
    pub new_tokens: usize,
}

/// An essay that was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenEssay {
    pub id: EssayId,
    pub reason: Reason,
    /// Reasons why the essay did not pass the gate; `None` if it passed.
    pub flagged: Option<String>,
    pub figures: Figures,
}

/// Why an essay was not written.
#[derive(Debug, Clone)]
pub struct Failure {
    pub id: EssayId,
    /// The problem, located in the seed's file.
    pub problem: Problem,
    /// Whether another attempt may succeed.
    pub is_passing: bool,
}

impl Failure {
    pub(super) fn new(
        id: EssayId,
        seed_path: &Path,
        error: &miette::Report,
        is_passing: bool,
    ) -> Self {
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        let problem = Problem::in_file(seed_path, causes.join(": "));
        let problem = match error.help() {
            Some(help) => problem.hint(help.to_string()),
            None => problem,
        };
        Self { id, problem, is_passing }
    }

    pub(super) fn of(job: &Job, error: &miette::Report, is_passing: bool) -> Self {
        Self::new(job.id.clone(), &job.seed_path, error, is_passing)
    }
}

/// How the writing of an essay ended.
#[derive(Debug, Clone, Copy)]
pub enum Ending<'a> {
    Written(&'a Essay),
    /// Somebody changed the essay's file while the essay was written.
    Overtaken,
    /// Every candidate is empty or matches the blocklist.
    Refused,
}

impl RunReport {
    pub(super) fn add(&mut self, job: &Job, outcome: &Outcome, ending: Ending<'_>) {
        self.candidates += outcome.candidates.len();
        self.new_tokens +=
            outcome.candidates.iter().map(|c| c.completion.token_ids.len()).sum::<usize>();
        match ending {
            Ending::Written(Essay { front, .. }) => self.written.push(WrittenEssay {
                id: job.id.clone(),
                reason: job.reason,
                flagged: front.flagged.clone(),
                figures: front.figures.clone(),
            }),
            Ending::Overtaken => self.overtaken.push(job.id.clone()),
            Ending::Refused => self.refused.push(job.id.clone()),
        }
    }

    /// Whether an essay's text is decided: stored, refused, overtaken or failed.
    pub(super) fn has(&self, id: &EssayId) -> bool {
        self.written.iter().any(|written| written.id == *id)
            || self.failed.iter().any(|failure| failure.id == *id)
            || self.refused.contains(id)
            || self.overtaken.contains(id)
    }

    /// Returns an error if an essay has failed.
    ///
    /// # Errors
    /// Returns the problems of all failed essays.
    pub fn check(&self) -> Result<(), Problems> {
        Problems::none_or((), self.failed.iter().map(|failure| failure.problem.clone()).collect())
    }

    /// Returns the number of earlier essays that were replaced.
    pub fn replaced(&self) -> usize {
        self.written.iter().filter(|written| written.reason != Reason::Missing).count()
    }

    /// Returns the essays that did not pass the gate.
    pub fn flagged(&self) -> impl Iterator<Item = &WrittenEssay> {
        self.written.iter().filter(|written| written.flagged.is_some())
    }

    /// Aggregates the figures of all stored essays: counts are summed, distinct-1 to distinct-4 are
    /// averaged over essays, and the log-likelihood is averaged over tokens.
    pub fn figures(&self) -> Figures {
        let mut total = Figures::default();
        let essays = self.written.len().max(1) as f64;
        for WrittenEssay { figures, .. } in &self.written {
            total.words += figures.words;
            total.prompt_tokens += figures.prompt_tokens;
            total.new_tokens += figures.new_tokens;
            total.repeated_sentences += figures.repeated_sentences;
            total.rounds += figures.rounds;
            total.mean_log_likelihood += figures.mean_log_likelihood * figures.new_tokens as f64;
            for (sum, share) in total.distinct.iter_mut().zip(figures.distinct) {
                *sum += share / essays;
            }
        }
        total.mean_log_likelihood /= total.new_tokens.max(1) as f64;
        total
    }

    /// Returns the lowest distinct-4 of the stored essays, or `None` if nothing was stored.
    pub fn least_distinct_4(&self) -> Option<f64> {
        self.written.iter().map(|written| written.figures.distinct[3]).min_by(f64::total_cmp)
    }
}
