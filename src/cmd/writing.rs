//! The left half as a command runs it: plan, write, keep the time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use miette::{IntoDiagnostic, miette};

use super::environment;
use super::models::{self, Pins, Unopened};
use super::progress::Progress;
use super::site::Site;
use super::terminal::Terminal;
use crate::cli::{GenerationFlags, ModelFlags, Writing};
use crate::config::{Config, GenerationOverrides};
use crate::content::essay::EssayId;
use crate::content::seed::Seed;
use crate::content::store::Stored;
use crate::write::{self, Blocklist, Choice, Plan, Refresh, Report};

/// What was planned, what was written, and how long it took.
#[derive(Debug)]
pub struct Written {
    pub plan: Plan,
    pub report: Report,
    pub took: Duration,
    /// The store as it is now.
    pub essays: Essays,
}

/// Every essay of a store.
type Essays = BTreeMap<EssayId, Stored>;

/// What a command asked of the left half.
pub struct Asked<'a> {
    /// Seeds by slug; empty for all.
    pub only: &'a [String],
    pub writing: &'a Writing,
    pub model: &'a ModelFlags,
    pub generation: &'a GenerationFlags,
}

impl Asked<'_> {
    fn choice(&self) -> Choice {
        let slugs = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
        Choice {
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

/// Writes the essays that are missing in `stored`, changed, or asked for again. If there are any,
/// `rehearsal` is called first with those that are there: what is bound to fail later had better fail before
/// minutes are spent on writing.
pub fn write(
    site: &Site,
    seeds: &[Seed],
    stored: Essays,
    asked: &Asked,
    terminal: &Terminal,
    rehearsal: impl FnOnce(&Essays) -> miette::Result<()>,
) -> miette::Result<Written> {
    let blocklist = blocklist(&site.project.config)?;
    let mut models = models::open(&site.project, &asked.model.engine, Pins::InTheLock, terminal)?;
    let flags = asked.generation.overrides().into_diagnostic()?;
    let rules = rules(site, asked, &flags, &blocklist);
    let plan = write::plan(seeds, &stored, rules, &mut models, &asked.choice())?;
    if !plan.jobs.is_empty() {
        rehearsal(&stored)?;
    }
    let mut progress = Progress::new(plan.jobs.len(), terminal);
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
    Ok(Written { plan, report, took, essays })
}

/// Checks that every essay is there, and writes none: `--frozen`. It compares seeds with essays
/// and asks about no model, so it needs neither weights nor a lock file.
pub fn check_frozen(
    site: &Site,
    seeds: &[Seed],
    stored: Essays,
    asked: &Asked,
) -> miette::Result<Written> {
    let blocklist = blocklist(&site.project.config)?;
    let flags = asked.generation.overrides().into_diagnostic()?;
    let rules = rules(site, asked, &flags, &blocklist);
    let mut plan = write::plan(seeds, &stored, rules, &mut Unopened, &asked.choice())?;
    if !plan.jobs.is_empty() {
        let names: Vec<String> = plan.jobs.iter().map(|job| job.id.to_string()).collect();
        return Err(miette!(
            help = "`venti build` without --frozen writes them",
            "{} missing or out of date: {}",
            match names.len() {
                1 => "1 essay is".to_owned(),
                n => format!("{n} essays are"),
            },
            names.join(", ")
        ));
    }
    // Without a model nobody can tell fresh from stale.
    plan.fresh.append(&mut plan.stale);
    Ok(Written { plan, report: Report::default(), took: Duration::ZERO, essays: stored })
}

/// The site's blocklist, ready to search with.
pub fn blocklist(config: &Config) -> miette::Result<Blocklist> {
    Blocklist::new(&config.blocklist)
        .map_err(|error| miette!("a pattern of the blocklist does not compile: {error}"))
}

fn rules<'a>(
    site: &'a Site,
    asked: &'a Asked,
    flags: &'a GenerationOverrides,
    blocklist: &'a Blocklist,
) -> write::Site<'a> {
    write::Site {
        model_flag: asked.model.model.as_deref(),
        rng_seed: asked.generation.rng_seed,
        ..write::Site::of(&site.project.config, flags, blocklist)
    }
}
