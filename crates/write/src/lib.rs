//! Writes essays from seeds.
//!
//! [`plan()`] decides which essays to write. [`run`] generates rounds of candidates, cleans and judges
//! them, and stores the best candidate of each essay. [`text()`] does the same for a single text
//! without a store.

pub mod key;
pub mod plan;
pub mod report;
pub mod rounds;
pub mod verify;

use generator::{Completion, FinishReason, Generation, Generator, Models, Provenance};
use jiff::civil::Date;
use miette::Result;
use text::Figures;
use text::judge::{Blocklist, Verdict};
use text::prompt::Prompt;
use text::pull_quote;

pub use plan::{Job, Plan, PlanOptions, Reason, Refresh, SiteSettings, plan};
pub use report::{Ending, Failure, RunReport, WrittenEssay};
pub use rounds::{Candidate, CandidateEvent, EssayRequest, Outcome};

use content::essay::{Essay, EssayId, FrontMatter, escape_markdown};
use content::store::Store;

#[cfg(test)]
mod tests;

/// Progress of [`run`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WriteEvent<'a> {
    /// A model is about to be loaded.
    Loading { model: &'a str },
    /// The first candidate of an essay has been started.
    Begun { id: &'a EssayId },
    /// A piece of a candidate's raw text, about one token.
    Piece { id: &'a EssayId, round: u32, candidate: u32, piece: &'a str },
    /// A candidate is finished. `new_tokens` is exact.
    Candidate { id: &'a EssayId, new_tokens: usize },
    /// An essay has been stored. `again`: it replaces an earlier text.
    Written { id: &'a EssayId, flagged: bool, again: bool },
    /// Nothing was stored, because the prompt does not fit the model or the file cannot be written.
    Failed { id: &'a EssayId },
    /// Nothing was stored, because somebody changed the essay's file while the essay was written.
    Overtaken { id: &'a EssayId },
    /// Nothing was stored, because every candidate of the essay is empty or matches the blocklist.
    Refused { id: &'a EssayId },
}

/// Writes every essay in the plan and stores each as soon as it is finished.
///
/// Models are loaded one at a time, each once and only if it has essays to write.
///
/// # Errors
/// Returns an error if the plan's only model cannot be loaded or its generator fails. Essays finished
/// before the error stay in the store. If one of several models fails, an essay's prompt does not fit its
/// model, or its file cannot be written, the others are written; see [`RunReport::failed`].
pub fn run(
    plan: &Plan,
    blocklist: &Blocklist,
    models: &mut dyn Models,
    store: &Store,
    today: Date,
    events: &mut dyn FnMut(WriteEvent),
) -> Result<RunReport> {
    let mut report = RunReport { failed: plan.failed.clone(), ..RunReport::default() };
    let groups = by_model(&plan.jobs);
    let is_only = groups.len() == 1 && plan.failed.is_empty();
    for (model, jobs) in groups {
        events(WriteEvent::Loading { model });
        let loaded = models.load(model);
        let is_passing = loaded.is_err();
        let ended = loaded.and_then(|mut generator| {
            run_model(&jobs, blocklist, generator.as_mut(), store, today, events, &mut report)
        });
        match ended {
            Err(error) if is_only => return Err(error),
            Err(error) => {
                let open: Vec<&&Job> = jobs.iter().filter(|job| !report.has(&job.id)).collect();
                for job in open {
                    events(WriteEvent::Failed { id: &job.id });
                    report.failed.push(Failure::of(job, &error, is_passing));
                }
            }
            Ok(()) => {}
        }
    }
    // Essays finish in any order, but the report lists them in plan order.
    let place = |id: &EssayId| plan.jobs.iter().position(|job| job.id == *id);
    report.written.sort_by_key(|written| place(&written.id));
    report.overtaken.sort_by_key(place);
    report.refused.sort_by_key(place);
    Ok(report)
}

/// Groups the jobs by model, in order of first appearance.
fn by_model(jobs: &[Job]) -> Vec<(&str, Vec<&Job>)> {
    let mut groups: Vec<(&str, Vec<&Job>)> = Vec::new();
    for job in jobs {
        match groups.iter_mut().find(|(model, _)| *model == job.model) {
            Some((_, jobs)) => jobs.push(job),
            None => groups.push((&job.model, vec![job])),
        }
    }
    groups
}

/// Writes the essays of one model.
fn run_model(
    jobs: &[&Job],
    blocklist: &Blocklist,
    generator: &mut dyn Generator,
    store: &Store,
    today: Date,
    events: &mut dyn FnMut(WriteEvent),
    report: &mut RunReport,
) -> Result<()> {
    let provenance = generator.provenance();
    let requests: Vec<&EssayRequest> = jobs.iter().map(|job| &job.request).collect();
    let events = std::cell::RefCell::new(events);
    let emit = |event: WriteEvent| (events.borrow_mut())(event);
    let mut progress = |progress: CandidateEvent| match progress {
        CandidateEvent::Begun { essay } => emit(WriteEvent::Begun { id: &jobs[essay].id }),
        CandidateEvent::Piece { essay, round, candidate, piece } => {
            emit(WriteEvent::Piece { id: &jobs[essay].id, round, candidate, piece });
        }
        CandidateEvent::Finished { essay, new_tokens } => {
            emit(WriteEvent::Candidate { id: &jobs[essay].id, new_tokens });
        }
    };
    let mut finished = |index: usize, outcome: Result<Outcome>| {
        let job = jobs[index];
        let outcome = match outcome.and_then(Outcome::with_room) {
            Ok(outcome) => outcome,
            Err(error) => {
                emit(WriteEvent::Failed { id: &job.id });
                report.failed.push(Failure::of(job, &error, false));
                return Ok(());
            }
        };
        let essay = compose(job, &outcome, &provenance, today);
        let ending = match &essay {
            None => Ending::Refused,
            Some(essay) => match store.write(essay, job.replaces.as_deref()) {
                Ok(true) => Ending::Written(essay),
                Ok(false) => Ending::Overtaken,
                Err(error) => {
                    emit(WriteEvent::Failed { id: &job.id });
                    report.failed.push(Failure::of(job, &error.into(), true));
                    return Ok(());
                }
            },
        };
        emit(match ending {
            Ending::Written(essay) => WriteEvent::Written {
                id: &job.id,
                flagged: essay.front.flagged.is_some(),
                again: job.replaces.is_some(),
            },
            Ending::Overtaken => WriteEvent::Overtaken { id: &job.id },
            Ending::Refused => WriteEvent::Refused { id: &job.id },
        });
        report.add(job, &outcome, ending);
        Ok(())
    };
    rounds::write_all(generator, &requests, blocklist, &mut progress, &mut finished)
}

/// Builds an essay from a job's best candidate, or returns `None` if no candidate was kept. This
/// function is pure.
pub fn compose(
    job: &Job,
    outcome: &Outcome,
    provenance: &Provenance,
    today: Date,
) -> Option<Essay> {
    let best = outcome.best()?;
    let mut figures = best.figures.clone();
    figures.rounds = outcome.candidates.last().map_or(best.round, |last| last.round);
    let front = FrontMatter {
        title: job.request.prompt.title.clone(),
        prompt_title: Some(job.request.prompt.title.clone()),
        pull_quote: pull_quote::pull_quote(&best.text).map(str::to_owned),
        reviewed: false,
        flagged: outcome.flagged(),
        seed: job.id.slug.clone(),
        take: job.id.take,
        quote: job.quote.clone(),
        written: today,
        model: job.identity.id.clone(),
        weights: job.identity.weights.clone(),
        generation: job.request.generation.clone(),
        blocklist: Some(job.blocklist.clone()),
        rng_seed: job.request.rng_seed,
        round: best.round,
        candidate: best.candidate,
        revision: key::REVISION,
        engine: concat!("venti ", env!("CARGO_PKG_VERSION")).to_owned(),
        device: provenance.device.clone(),
        dtype: provenance.dtype.clone(),
        arithmetic: provenance.arithmetic.clone(),
        steps: Vec::new(),
        figures,
        key: job.key.clone(),
        seed_hash: job.seed_hash.clone(),
        hash: String::new(),
    };
    Some(Essay { front, body: escape_markdown(&best.text) }.seal())
}

/// Returns an essay in place of one that has not been written: its text is the quote.
pub fn stand_in(job: &Job, today: Date) -> Essay {
    let text = job.quote.clone();
    let completion = Completion {
        text: text.clone(),
        prompt_tokens: 0,
        token_ids: Vec::new(),
        log_probs: Vec::new(),
        unconditional_log_probs: Vec::new(),
        finish_reason: FinishReason::EndOfText,
    };
    let candidate = Candidate {
        round: 1,
        candidate: 1,
        completion,
        text,
        figures: Figures::default(),
        made_up_words: Vec::new(),
        verdict: Verdict { score: 0.0, blocked: None, faults: Vec::new() },
    };
    let outcome = Outcome { candidates: vec![candidate], best: Some(0) };
    let provenance = Provenance { device: String::new(), dtype: String::new(), arithmetic: None };
    compose(job, &outcome, &provenance, today).expect("the outcome has a best candidate")
}

/// Writes a single text in the same way as an essay, but without a store, for `venti generate --text`.
///
/// # Errors
/// See [`rounds::write_all`].
pub fn text(
    generator: &mut dyn Generator,
    essay: &EssayRequest,
    blocklist: &Blocklist,
    progress: &mut dyn FnMut(CandidateEvent),
) -> Result<Outcome> {
    let mut outcome = Outcome { candidates: Vec::new(), best: None };
    rounds::write_all(generator, &[essay], blocklist, progress, &mut |_, finished| {
        outcome = finished?.with_room()?;
        Ok(())
    })?;
    Ok(outcome)
}

/// Returns the raw completions of a verbatim prompt, one per candidate, for `venti generate --raw`. The
/// candidates have the random seeds `rng_seed`, `rng_seed + 1`, …, so each can be had alone. `on_piece` receives a candidate's number (counted from 1) and a piece of its text.
///
/// # Errors
/// See [`rounds::write_all`].
pub fn raw(
    generator: &mut dyn Generator,
    prompt: &str,
    generation: &Generation,
    (rng_seed, take): (u64, u32),
    on_piece: &mut dyn FnMut(u32, &str),
) -> Result<Vec<Completion>> {
    let all = EssayRequest {
        prompt: Prompt { title: String::new(), text: prompt.to_owned(), lead: None },
        generation: generation.clone(),
        rng_seed,
        take,
    };
    let count = all.candidates();
    let alone = Generation { candidates: 1, max_rounds: 1, ..generation.clone() };
    let requests: Vec<EssayRequest> = (0..u64::from(count))
        .map(|at| EssayRequest {
            rng_seed: rng_seed + at,
            generation: alone.clone(),
            ..all.clone()
        })
        .collect();
    let mut progress = |progress: CandidateEvent| {
        if let CandidateEvent::Piece { essay, piece, .. } = progress {
            on_piece(essay as u32 + 1, piece);
        }
    };
    let mut completions: Vec<Option<Completion>> = vec![None; requests.len()];
    let mut finished = |index: usize, outcome: Result<Outcome>| {
        completions[index] = outcome?.candidates.pop().map(|candidate| candidate.completion);
        Ok(())
    };
    let requests: Vec<&EssayRequest> = requests.iter().collect();
    let nothing_blocked = Blocklist::default();
    rounds::write_all(generator, &requests, &nothing_blocked, &mut progress, &mut finished)?;
    Ok(completions.into_iter().flatten().collect())
}
