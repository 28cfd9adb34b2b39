//! Plans, writes and times essays, for `build` and `generate`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::Date;
use miette::miette;

use super::Incomplete;
use super::workspace::Workspace;
use crate::cli::{GenerationFlags, ModelFlags, Writing};
use crate::environment;
use crate::models::{self, Pins, Unopened};
use crate::progress::EssayProgress;
use crate::terminal::Terminal;
use content::essay::EssayId;
use content::seed::Seed;
use content::store::{Store, Stored};
use text::judge::Blocklist;
use text::numbers::count;
use write::{self, Plan, PlanOptions, Refresh, RunReport};

/// The plan, the result and the duration of a run.
#[derive(Debug)]
pub struct WriteOutcome {
    pub plan: Plan,
    pub report: RunReport,
    pub took: Duration,
    /// All essays in the store after the run.
    pub essays: Essays,
    /// The models whose folders have changed since they were pinned.
    pub repinned: BTreeSet<String>,
}

type Essays = BTreeMap<EssayId, Stored>;

/// A request to write essays: which ones, and how.
pub struct WriteRequest<'a> {
    /// Slugs of the seeds to consider; empty for all.
    pub only: &'a [String],
    pub writing: &'a Writing,
    pub model: &'a ModelFlags,
    pub generation: &'a GenerationFlags,
}

impl WriteRequest<'_> {
    fn options(&self) -> PlanOptions {
        let slugs = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
        PlanOptions {
            only: (!self.only.is_empty()).then(|| slugs(self.only)),
            drafts: self.writing.drafts,
            refresh: match &self.writing.refresh {
                None => Refresh::None,
                Some(names) if names.is_empty() => Refresh::All,
                Some(names) => Refresh::Seeds(slugs(names)),
            },
            force: self.writing.force,
        }
    }
}

/// Writes the essays that are missing from `stored`, out of date, or to be rewritten. If there are any,
/// first calls `first_build` with the existing essays and the plan, so that the site's errors appear before
/// minutes are spent on writing.
pub fn write(
    site: &Workspace,
    seeds: &[Seed],
    stored: Essays,
    request: &WriteRequest,
    terminal: &Terminal,
    first_build: impl FnOnce(&Essays, &Plan) -> miette::Result<()>,
) -> miette::Result<WriteOutcome> {
    let blocklist = blocklist(&site.project.config.blocklist)?;
    let mut models = models::open(&site.project, &request.model.engine, Pins::Lockfile, terminal)?;
    let settings = site_settings(site, request, &blocklist);
    let plan = write::plan(seeds, &stored, settings, &mut models, &request.options())?;
    if !plan.jobs.is_empty() {
        first_build(&stored, &plan)?;
    }
    let mut progress = EssayProgress::new(plan.jobs.len(), terminal);
    let report = write::run(
        &plan,
        &blocklist,
        &mut models,
        &site.store(),
        environment::today()?,
        &mut |event| progress.event(event),
    );
    let took = progress.finish();
    let report = report?;
    let essays = if report.written.is_empty() { stored } else { site.store().load()? };
    Ok(WriteOutcome { plan, report, took, essays, repinned: models.repinned().clone() })
}

/// Returns the essays as they will be once the plan is carried out. Those to be written have stand-ins,
/// which count as reviewed.
pub fn planned(stored: &Essays, plan: &Plan, store: &Store, today: Date) -> Essays {
    let stand_ins = plan.jobs.iter().map(|job| {
        let mut essay = write::stand_in(job, today);
        essay.front.reviewed = true;
        let file_hash = essay.front.hash.clone();
        let path = store.path(&job.id);
        (job.id.clone(), Stored { essay, edited: false, path, file_hash })
    });
    stored.clone().into_iter().chain(stand_ins).collect()
}

/// Implements `--frozen`: checks that no essay is missing or out of date, and writes none. It only
/// compares seeds with essays, so it needs neither the weights nor the lock file.
pub fn check_frozen(
    site: &Workspace,
    seeds: &[Seed],
    stored: Essays,
    request: &WriteRequest,
) -> miette::Result<WriteOutcome> {
    let blocklist = blocklist(&site.project.config.blocklist)?;
    let settings = site_settings(site, request, &blocklist);
    let mut plan = write::plan(seeds, &stored, settings, &mut Unopened, &request.options())?;
    if !plan.jobs.is_empty() {
        let names: Vec<String> = plan.jobs.iter().map(|job| job.id.to_string()).collect();
        return Err(miette!(
            help = "run `venti build` without --frozen to write them",
            "{} missing or out of date: {}",
            match names.len() {
                1 => "1 essay is".to_owned(),
                n => format!("{n} essays are"),
            },
            names.join(", ")
        ));
    }
    // Without a model, fresh and stale essays cannot be told apart.
    plan.fresh.append(&mut plan.stale);
    let (report, took, repinned) = Default::default();
    Ok(WriteOutcome { plan, report, took, essays: stored, repinned })
}

/// Fails if an essay could not be written, or if all that were to be written were refused. Call it last:
/// the run is otherwise complete.
///
/// # Errors
/// Returns the problems, or [`Incomplete`] if a summary in JSON has named them.
pub fn check_complete(written: &WriteOutcome, as_json: bool) -> miette::Result<()> {
    if !as_json {
        written.report.check()?;
    }
    written.fault().map_or(Ok(()), |fault| Err(fault.into()))
}

impl WriteOutcome {
    /// Returns why the run counts as failed, if it does.
    pub fn fault(&self) -> Option<Incomplete> {
        let RunReport { failed, refused, .. } = &self.report;
        if !failed.is_empty() {
            let message = format!("not written: {}", count(failed.len(), "essay"));
            return Some(Incomplete(message, None));
        }
        let all_refused = !refused.is_empty() && refused.len() == self.plan.jobs.len();
        all_refused.then(|| {
            let message = format!(
                "{} refused: each candidate is empty or matches the blocklist",
                match refused.len() {
                    1 => "1 essay was".to_owned(),
                    n => format!("all {n} essays were"),
                }
            );
            let hint = "change the quotes or the blocklist, or give the seeds another `rng_seed`";
            Incomplete(message, Some(hint.to_owned()))
        })
    }
}

/// Compiles a blocklist.
pub fn blocklist(patterns: &[String]) -> miette::Result<Blocklist> {
    Blocklist::new(patterns).map_err(|error| miette!("invalid pattern in the blocklist: {error}"))
}

fn site_settings<'a>(
    site: &'a Workspace,
    request: &'a WriteRequest,
    blocklist: &'a Blocklist,
) -> write::SiteSettings<'a> {
    write::SiteSettings {
        model_flag: request.model.model.as_deref(),
        rng_seed: request.generation.rng_seed,
        ..write::SiteSettings::of(&site.project.config, &request.generation.overrides, blocklist)
    }
}
