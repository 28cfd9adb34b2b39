//! Keeping a draft: it becomes a seed and an essay.
//!
//! The seed of an untouched draft names all that decides its words, so that `venti generate` writes
//! the same essay from it, and a build finds nothing to do. A draft that a person steered is kept
//! with its steps.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use jiff::civil::Date;
use miette::{IntoDiagnostic, miette};
use serde::{Deserialize, Serialize};

use super::draft::{Draft, Order};
use super::library;
use super::rejection::Rejection;
use crate::config::GenerationOverrides;
use crate::content::essay::{EssayId, Step};
use crate::content::new_seed::{self, NewSeed};
use crate::content::seed::Seed;
use crate::content::{load_seeds, page_names, store};
use crate::fs;
use crate::project::Project;
use crate::serve::surroundings::Pen;
use crate::write::generator::{Generator, Identity, Models};
use crate::write::{self, Candidate, Choice, Job, Outcome};

/// What a person adds to a draft.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Details {
    pub author: String,
    pub source: String,
    pub tags: Vec<String>,
    /// Names the address; empty for one made from the title or the quote.
    pub slug: String,
    /// Keep it as a draft seed.
    pub unlisted: bool,
}

/// Where a draft is kept.
#[derive(Debug, Serialize)]
pub struct Kept {
    pub slug: String,
    /// Of its page.
    pub url: String,
    pub seed: String,
    pub essay: String,
    /// It counts as edited.
    pub edited: bool,
    /// The shell command that writes the same text.
    pub command: Option<String>,
}

/// A draft as it is kept. Taken out of its session first, which must not wait for the disk.
pub struct Finished {
    order: Order,
    candidate: Candidate,
    /// None for one that is untouched.
    steps: Vec<Step>,
}

impl Finished {
    /// The draft as it is now.
    ///
    /// # Errors
    /// While it is being written.
    pub fn of(draft: &Draft) -> Result<Self, Rejection> {
        if draft.state.is_running() {
            let writing = Rejection::invalid("it is still being written");
            return Err(writing.help("stop it first"));
        }
        let steps = if draft.is_steered() { draft.steps.clone() } else { Vec::new() };
        Ok(Self { order: draft.order.clone(), candidate: draft.candidate(), steps })
    }
}

/// Writes a draft's seed and essay.
///
/// # Errors
/// A draft that may not be published; details that no seed can have; what the disk said.
pub fn keep(
    finished: Finished,
    details: Details,
    project: &Project,
    pen: &Pen,
    today: Date,
) -> Result<Kept, Rejection> {
    let Finished { order, candidate, steps } = finished;
    if candidate.text.is_empty() {
        let nothing = Rejection::invalid("there is no text to keep");
        return Err(nothing.help("write on, or keep another"));
    }
    if let Some(pattern) = &candidate.verdict.blocked {
        let why = format!("this text holds what the blocklist forbids: {pattern}");
        return Err(Rejection::invalid(why).help("rewrite it from there, or keep another"));
    }
    let config = &project.config;
    let _lock = pen.take(project, library::PATIENCE, &mut |_| {})?;
    let taken = taken(project)?;
    if taken.contains(details.slug.trim()) {
        let why = format!("the address {:?} is taken", details.slug.trim());
        let taken = Rejection::new(StatusCode::CONFLICT, why);
        return Err(taken.help("choose another, or leave it empty for one that is free"));
    }
    let files =
        new_seed::checked(vec![new_seed(&order, details, project, today)], &config.seeds, taken)?;
    let [(name, text)] = files.as_slice() else {
        return Err(Rejection::failed("one seed has one file"));
    };
    let path = config.seeds.join(name);
    let seed = Seed::parse(&path, text).map_err(miette::Report::from)?;
    let job = job(&order, &seed, project)?;
    let edited = !steps.is_empty();
    let outcome = Outcome { candidates: vec![candidate], best: Some(0) };
    let mut essay = write::compose(&job, &outcome, &order.provenance, today)
        .ok_or_else(|| Rejection::invalid("there is no text to keep"))?;
    essay.front.steps = steps;
    // The essay first: a seed without one would be written to by the preview.
    let store = store(project);
    store.write(&essay).map_err(miette::Report::from)?;
    fs::write_atomic(&project.path(&path), text.as_bytes()).map_err(miette::Report::from)?;
    let command = (!edited).then(|| crate::site::command(&essay.front).join(" "));
    Ok(Kept {
        url: library::url(project, &job.id),
        seed: path.display().to_string(),
        essay: store.path(&job.id).display().to_string(),
        slug: seed.slug,
        edited,
        command,
    })
}

/// The addresses that a new seed cannot have: those of seeds and pages, and of essays whose seed is
/// gone.
fn taken(project: &Project) -> miette::Result<BTreeSet<String>> {
    let config = &project.config;
    let stems = |folder| -> miette::Result<Vec<String>> {
        let names = fs::file_names(&project.path(folder))?;
        let names = names.iter().filter_map(|name| name.to_str());
        Ok(names.filter_map(|name| name.strip_suffix(".md")).map(str::to_owned).collect())
    };
    let mut taken: BTreeSet<String> = stems(&config.seeds)?.into_iter().collect();
    taken.extend(page_names(project)?);
    // Seeds may name another slug than their file has; with mistakes in them nobody knows.
    taken.extend(load_seeds(project).into_iter().flatten().map(|seed| seed.slug));
    let essays = stems(&config.essays)?;
    taken.extend(
        essays.iter().filter_map(|stem| Some(EssayId::of_file_name(&format!("{stem}.md"))?.slug)),
    );
    Ok(taken)
}

fn new_seed(order: &Order, details: Details, project: &Project, today: Date) -> NewSeed {
    let Details { author, source, tags, slug, unlisted } = details;
    let given = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let config = &project.config;
    let tags = tags.into_iter().filter_map(given).collect();
    NewSeed {
        quote: order.quote.clone(),
        title: order.title.clone(),
        author: given(author),
        source: given(source),
        tags,
        date: today,
        draft: unlisted,
        rng_seed: Some(order.brief.rng_seed),
        model: Some(order.model.clone()).filter(|model| *model != config.model),
        generation: order.brief.generation.differences_from(&config.generation),
        slug: slug.trim().to_owned(),
    }
}

/// What a build would do about the seed: write the very text that the draft is.
fn job(order: &Order, seed: &Seed, project: &Project) -> miette::Result<Job> {
    let config = &project.config;
    let blocklist = write::Blocklist::new(&config.blocklist).into_diagnostic()?;
    let flags = GenerationOverrides::default();
    let rules = write::Site::of(config, &flags, &blocklist);
    let choice = Choice { drafts: true, ..Choice::default() };
    let mut models = Known(&order.identity);
    let seeds = std::slice::from_ref(seed);
    let mut plan = write::plan(seeds, &BTreeMap::new(), rules, &mut models, &choice)?;
    match plan.jobs.pop() {
        Some(job) if job.brief == order.brief => Ok(job),
        _ => Err(miette!(
            help = "write it again with the settings as they are now",
            "the site's settings changed since this was written"
        )),
    }
}

/// The one model that wrote the draft.
struct Known<'i>(&'i Identity);

impl Models for Known<'_> {
    fn identity(&mut self, _model: &str) -> miette::Result<Identity> {
        Ok(self.0.clone())
    }

    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>> {
        Err(miette!("{model} is not to write anything here"))
    }
}
