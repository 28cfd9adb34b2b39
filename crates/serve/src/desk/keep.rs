//! Keeps a draft as a seed and an essay.
//!
//! The seed of an untouched draft records everything that determines its text. From this seed,
//! `venti generate` writes the same essay, so a build has nothing left to write. The essay of a steered
//! draft records its steps.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::civil::Date;
use miette::{IntoDiagnostic, miette};
use serde::{Deserialize, Serialize};

use super::draft::{Draft, DraftRequest};
use super::library;
use super::rejection::Rejection;
use crate::project_lock::ProjectLock;
use content::essay::Step;
use content::fs;
use content::new_seed::{self, NewSeed};
use content::project::Project;
use content::seed::Seed;
use content::{load_seeds, page_names, store, taken_slugs};
use generator::{GenerationOverrides, Generator, Identity, Models};
use write::{self, Candidate, Job, Outcome, PlanOptions};

/// Details that a person adds when keeping a draft.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Details {
    pub author: String,
    pub source: String,
    pub tags: Vec<String>,
    /// The slug. If it is empty, a slug is made from the title or the quote.
    pub slug: String,
    /// Whether to mark the seed as a draft.
    pub unlisted: bool,
}

/// The result of keeping a draft.
#[derive(Debug, Serialize)]
pub struct Kept {
    pub slug: String,
    /// URL of the essay's page in the preview.
    pub url: String,
    /// Path of the seed's file.
    pub seed: String,
    /// Path of the essay's file.
    pub essay: String,
    /// Whether the essay counts as edited.
    pub edited: bool,
    /// Shell command that reproduces the text; `None` for a steered draft.
    pub command: Option<String>,
}

/// A copy of the draft to keep. It is made before any file is written, so that the session is not
/// locked during disk access.
pub struct Finished {
    request: DraftRequest,
    candidate: Candidate,
    /// The steps of a steered draft; empty for an untouched one.
    steps: Vec<Step>,
}

impl Finished {
    /// Copies a draft.
    ///
    /// # Errors
    /// Returns an error if the draft is still being written.
    pub fn of(draft: &Draft) -> Result<Self, Rejection> {
        if draft.state.is_running() {
            let writing = Rejection::invalid("this draft is still being written");
            return Err(writing.help("stop it first"));
        }
        let steps = if draft.is_steered() { draft.steps.clone() } else { Vec::new() };
        Ok(Self { request: draft.request.clone(), candidate: draft.candidate(), steps })
    }
}

/// Writes the seed and the essay of a draft.
///
/// # Errors
/// Returns an error if the draft cannot be published, the details are invalid, or writing fails.
pub fn keep(
    finished: Finished,
    details: Details,
    project: &Project,
    lock: &ProjectLock,
    today: Date,
) -> Result<Kept, Rejection> {
    let Finished { request, candidate, steps } = finished;
    if candidate.text.is_empty() {
        let nothing = Rejection::invalid("there is no text to keep");
        return Err(nothing.help("continue this candidate, or keep another"));
    }
    if let Some(pattern) = &candidate.verdict.blocked {
        let why = format!("the text matches the blocklist: {pattern}");
        return Err(Rejection::invalid(why).help("rewrite that part, or keep another candidate"));
    }
    let config = &project.config;
    let _lock = lock.take(project, library::PATIENCE, &mut |_| {})?;
    // If any seed has a mistake, slugs that differ from their file names remain unknown.
    let seeds = load_seeds(project).unwrap_or_default();
    let taken = taken_slugs(project, &seeds).map_err(miette::Report::from)?;
    if taken.contains(details.slug.trim()) {
        let why = format!("the address {:?} is already in use", details.slug.trim());
        let taken = Rejection::new(StatusCode::CONFLICT, why).field("slug");
        return Err(taken.help("choose another, or leave the field empty for a free one"));
    }
    let new = vec![new_seed(&request, details, project, today)];
    let routes = page_names(project);
    let files = new_seed::checked(new, &config.seeds, &seeds, &routes, taken)?;
    let [(name, text)] = files.as_slice() else {
        return Err(Rejection::failed("internal error: expected one file for the seed"));
    };
    let path = config.seeds.join(name);
    let seed = Seed::parse(&path, text).map_err(miette::Report::from)?;
    let job = job(&request, &seed, project)?;
    let edited = !steps.is_empty();
    let outcome = Outcome { candidates: vec![candidate], best: Some(0) };
    let mut essay = write::compose(&job, &outcome, &request.provenance, today)
        .ok_or_else(|| Rejection::invalid("there is no text to keep"))?;
    essay.front.steps = steps;
    // The essay is written before the seed. Otherwise the preview would find a seed without an essay,
    // and start to write one.
    let store = store(project);
    if !store.write(&essay, None).map_err(miette::Report::from)? {
        let why = format!("{} exists already", store.path(&job.id).display());
        return Err(Rejection::new(StatusCode::CONFLICT, why).field("slug"));
    }
    fs::create_new(&project.path(&path), text.as_bytes()).map_err(miette::Report::from)?;
    let command = (!edited).then(|| site::command(&essay.front, &config.blocklist).join(" "));
    Ok(Kept {
        url: library::url(project, &job.id),
        seed: path.display().to_string(),
        essay: store.path(&job.id).display().to_string(),
        slug: seed.slug,
        edited,
        command,
    })
}

fn new_seed(request: &DraftRequest, details: Details, project: &Project, today: Date) -> NewSeed {
    let Details { author, source, tags, slug, unlisted } = details;
    let given = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let config = &project.config;
    let tags = tags.into_iter().filter_map(given).collect();
    NewSeed {
        quote: request.quote.clone(),
        title: request.title.clone(),
        author: given(author),
        source: given(source),
        tags,
        date: today.to_string(),
        draft: unlisted,
        rng_seed: Some(request.essay.rng_seed),
        model: Some(request.model.clone()).filter(|model| *model != config.model),
        generation: request
            .essay
            .generation
            .differences_from(&request.identity.settings(&config.generation)),
        slug: slug.trim().to_owned(),
        origin: None,
    }
}

/// Returns the job that a build would plan for the seed. Fails if the job would not write the same text
/// as the draft.
fn job(request: &DraftRequest, seed: &Seed, project: &Project) -> miette::Result<Job> {
    let config = &project.config;
    let blocklist = text::judge::Blocklist::new(&config.blocklist).into_diagnostic()?;
    let flags = GenerationOverrides::default();
    let rules = write::SiteSettings::of(config, &flags, &blocklist);
    let options = PlanOptions { drafts: true, ..PlanOptions::default() };
    let mut models = Known(&request.identity);
    let seeds = std::slice::from_ref(seed);
    let mut plan = write::plan(seeds, &BTreeMap::new(), rules, &mut models, &options)?;
    match plan.jobs.pop() {
        Some(job) if job.request == request.essay => Ok(job),
        _ => Err(miette!(
            help = "write a new draft with the current settings",
            "the site's settings have changed since this draft was written"
        )),
    }
}

/// Stands in for the model that wrote the draft: knows the model's identity, but cannot load it.
struct Known<'i>(&'i Identity);

impl Models for Known<'_> {
    fn identity(&mut self, _model: &str) -> miette::Result<Identity> {
        Ok(self.0.clone())
    }

    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>> {
        Err(miette!("internal error: {model} must not be loaded here"))
    }
}
