//! The report of a run: what was written and how good it is, summed up.

use super::plan::{Job, Reason};
use super::rounds::Outcome;
use crate::content::essay::{Essay, EssayId, Figures};

/// What a run did. It holds no times: whoever started the run has the clock.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The essays now in the store, in the order of the plan.
    pub written: Vec<Written>,
    /// Essays that were not written because each of their candidates held a pattern of the
    /// blocklist, or no text.
    pub refused: Vec<EssayId>,
    /// Candidates generated for all of them.
    pub candidates: usize,
    /// Tokens the model wrote for all candidates.
    pub new_tokens: usize,
}

/// An essay that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub id: EssayId,
    pub reason: Reason,
    /// Why it did not pass the gate, when it did not.
    pub flagged: Option<String>,
    pub figures: Figures,
}

impl Report {
    pub(super) fn add(&mut self, job: &Job, outcome: &Outcome, essay: Option<&Essay>) {
        self.candidates += outcome.candidates.len();
        self.new_tokens +=
            outcome.candidates.iter().map(|c| c.completion.token_ids.len()).sum::<usize>();
        match essay {
            Some(Essay { front, .. }) => self.written.push(Written {
                id: job.id.clone(),
                reason: job.reason,
                flagged: front.flagged.clone(),
                figures: front.figures.clone(),
            }),
            None => self.refused.push(job.id.clone()),
        }
    }

    /// The essays that did not pass the gate.
    pub fn flagged(&self) -> impl Iterator<Item = &Written> {
        self.written.iter().filter(|written| written.flagged.is_some())
    }

    /// The figures of all essays written: counts summed up, distinct-1..4 the mean over essays,
    /// the log-likelihood the mean over tokens.
    pub fn figures(&self) -> Figures {
        let mut total = Figures::default();
        let essays = self.written.len().max(1) as f64;
        for Written { figures, .. } in &self.written {
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

    /// The lowest distinct-4 of an essay; none when nothing was written.
    pub fn least_distinct_4(&self) -> Option<f64> {
        self.written.iter().map(|written| written.figures.distinct[3]).min_by(f64::total_cmp)
    }
}
