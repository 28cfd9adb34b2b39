//! The plan: which essays to write, and why the others are skipped.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use miette::{Diagnostic, Result};
use rayon::prelude::*;

use super::key::{SeedInputs, seed_hash};
use super::report::Failure;
use super::rounds::EssayRequest;
use content::config::Config;
use content::essay::{Essay, EssayId};
use content::seed::{Seed, Take};
use content::store::Stored;
use generator::{GenerationOverrides, Identity, Models};
use text::judge::Blocklist;
use text::prompt::Prompt;

/// Settings of the whole site, from `venti.yaml` and the command line.
#[derive(Debug, Clone, Copy)]
pub struct SiteSettings<'a> {
    /// Model for seeds that name none.
    pub model: &'a str,
    /// Overrides every seed's model (`--model`).
    pub model_flag: Option<&'a str>,
    /// The site's settings, overridden by each seed's.
    pub generation: &'a GenerationOverrides,
    /// Settings from the command line, which override each seed's.
    pub generation_flags: &'a GenerationOverrides,
    pub blocklist: &'a Blocklist,
    /// Overrides every seed's `rng_seed` (`--rng-seed`).
    pub rng_seed: Option<u64>,
}

impl<'a> SiteSettings<'a> {
    /// Takes the settings from the configuration. `flags` override the seeds' settings.
    pub fn of(
        config: &'a Config,
        flags: &'a GenerationOverrides,
        blocklist: &'a Blocklist,
    ) -> Self {
        Self {
            model: &config.model,
            model_flag: None,
            generation: &config.generation,
            generation_flags: flags,
            blocklist,
            rng_seed: None,
        }
    }

    /// Returns the name of the model that writes a take.
    fn model_of(&self, take: &'a Take) -> &'a str {
        self.model_flag.or(take.model.as_deref()).unwrap_or(self.model)
    }
}

/// Options that select the essays to write.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// Slugs of the seeds to consider; `None` means all. Drafts named here are included.
    pub only: Option<BTreeSet<String>>,
    /// Whether to include all drafts.
    pub drafts: bool,
    /// Which stale essays to rewrite.
    pub refresh: Refresh,
    /// Whether to overwrite edited essays whose seed changed, is included in `refresh` or is named in
    /// `only`.
    pub force: bool,
}

/// Which stale essays to rewrite.
#[derive(Debug, Clone, Default)]
pub enum Refresh {
    #[default]
    None,
    All,
    /// The essays of these seeds, by slug.
    Seeds(BTreeSet<String>),
}

impl Refresh {
    fn includes(&self, slug: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Seeds(slugs) => slugs.contains(slug),
        }
    }

    fn slugs(&self) -> impl Iterator<Item = &String> {
        let slugs = if let Self::Seeds(slugs) = self { Some(slugs) } else { None };
        slugs.into_iter().flatten()
    }
}

/// The decision for each essay. Every essay of a requested seed is in exactly one of the first four
/// lists, in seed order, unless its model cannot be used.
#[derive(Debug, Default)]
pub struct Plan {
    /// Essays to write.
    pub jobs: Vec<Job>,
    /// Essays that are up to date.
    pub fresh: Vec<EssayId>,
    /// Essays kept although the model, the site's settings or Venti changed; see
    /// [`PlanOptions::refresh`].
    pub stale: Vec<EssayId>,
    /// Essays kept because a person edited them; see [`PlanOptions::force`].
    pub edited: Vec<EssayId>,
    /// Essays in the lists above, except `jobs`, whose seed got another title since they were written.
    pub retitled: Vec<EssayId>,
    /// Essays in `edited` whose seed got another quote since they were written.
    pub requoted: Vec<EssayId>,
    /// Stored essays without a seed, regardless of which seeds were requested.
    pub orphans: Vec<EssayId>,
    /// Essays whose model cannot be used. They are in no other list.
    pub failed: Vec<Failure>,
}

/// An essay to write.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: EssayId,
    pub reason: Reason,
    pub quote: String,
    /// Path of the seed's file, relative to the project's root.
    pub seed_path: PathBuf,
    /// [`Stored::file_hash`] of the essay to replace; `None` if there is none.
    pub replaces: Option<String>,
    /// Model name as given by the seed, the site or the command line.
    pub model: String,
    pub identity: Identity,
    pub request: EssayRequest,
    /// Patterns that no candidate may match.
    pub blocklist: Vec<String>,
    pub key: String,
    pub seed_hash: String,
}

/// Why an essay is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The essay is not in the store.
    Missing,
    /// The seed's quote, model, settings or takes changed.
    SeedChanged,
    /// The essay was stale, and [`PlanOptions::refresh`] includes its seed.
    Refreshed,
    /// A person edited the essay, and [`PlanOptions::force`] allows overwriting it.
    Forced,
}

/// A named seed does not exist.
#[derive(Debug, thiserror::Error)]
#[error("there is no seed {slug:?}")]
struct UnknownSeed {
    slug: String,
    nearest: Option<String>,
}

impl Diagnostic for UnknownSeed {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        let nearest = self.nearest.as_ref()?;
        Some(Box::new(format!("did you mean {nearest:?}? refer to a seed by its slug")))
    }
}

/// Decides what to do with every take of every requested seed. Does not load any model.
///
/// # Errors
/// Returns an error if a slug names no seed, or if the identity of no model can be determined. If that is
/// so for one of several models, its essays are in [`Plan::failed`].
pub fn plan(
    seeds: &[Seed],
    stored: &BTreeMap<EssayId, Stored>,
    site: SiteSettings,
    models: &mut dyn Models,
    options: &PlanOptions,
) -> Result<Plan> {
    check_slugs(seeds, options)?;
    let requested = seeds.iter().filter(|seed| is_requested(seed, options));
    let takes: Vec<(&Seed, &Take)> =
        requested.flat_map(|seed| seed.takes.iter().map(move |take| (seed, take))).collect();
    let mut identities: HashMap<&str, Result<Identity>> = HashMap::new();
    for (_, take) in &takes {
        let model = site.model_of(take);
        identities.entry(model).or_insert_with(|| models.identity(model));
    }
    if identities.values().all(Result::is_err)
        && let Some(error) = identities.drain().find_map(|(_, identity)| identity.err())
    {
        return Err(error);
    }
    let mut plan = Plan::default();
    for (seed, take) in &takes {
        if let Err(error) = &identities[site.model_of(take)] {
            let id = EssayId { slug: seed.slug.clone(), take: take.number };
            plan.failed.push(Failure::new(id, &seed.path, error, true));
        }
    }
    let decided: Vec<(PlannedTake<'_>, Decision)> = takes
        .into_par_iter()
        .filter_map(|(seed, take)| {
            let model = site.model_of(take);
            let identity = identities[model].as_ref().ok()?;
            let planned = PlannedTake { seed, take, site, model, identity };
            let decision = decide(&planned, stored.get(&planned.id()), options);
            Some((planned, decision))
        })
        .collect();
    for (planned, decision) in decided {
        let id = planned.id();
        let stored = stored.get(&id);
        if let (Some(Stored { essay, .. }), false) =
            (stored, matches!(decision, Decision::Write(_)))
        {
            let quote_is_new = essay.front.quote != planned.seed.quote;
            if quote_is_new && matches!(decision, Decision::Edited) {
                plan.requoted.push(id.clone());
            } else if !quote_is_new
                && (essay.front.prompt_title.is_some() || !essay.is_changed())
                && essay.prompt_title() != planned.seed.shown_title
            {
                plan.retitled.push(id.clone());
            }
        }
        match decision {
            Decision::Write(reason) => plan.jobs.push(planned.job(reason, stored)),
            Decision::Fresh => plan.fresh.push(id),
            Decision::Stale => plan.stale.push(id),
            Decision::Edited => plan.edited.push(id),
        }
    }
    plan.orphans = orphans(seeds, stored);
    Ok(plan)
}

/// Returns the stored essays that belong to no take of any seed.
pub fn orphans(seeds: &[Seed], stored: &BTreeMap<EssayId, Stored>) -> Vec<EssayId> {
    let takes = seeds.iter().flat_map(|seed| seed.takes.iter().map(move |take| (seed, take)));
    let wanted: HashSet<(&str, u32)> =
        takes.map(|(seed, take)| (seed.slug.as_str(), take.number)).collect();
    stored.keys().filter(|id| !wanted.contains(&(id.slug.as_str(), id.take))).cloned().collect()
}

enum Decision {
    Write(Reason),
    Fresh,
    Stale,
    Edited,
}

fn decide(planned: &PlannedTake<'_>, stored: Option<&Stored>, options: &PlanOptions) -> Decision {
    let Some(stored) = stored else {
        return Decision::Write(Reason::Missing);
    };
    let (essay, front) = (&stored.essay, &stored.essay.front);
    let refresh = options.refresh.includes(&planned.seed.slug);
    let named = options.only.is_some();
    // Evaluated lazily, because computing the key requires building the prompt. A new title makes no essay
    // stale, but a refresh uses it.
    let is_stale = |title: &str| front.key != planned.key(title);
    let reason = if !planned.has_seed_hash(essay) {
        Some(Reason::SeedChanged)
    } else {
        (refresh && is_stale(&planned.seed.shown_title)).then_some(Reason::Refreshed)
    };
    if stored.edited {
        // `--force` alone must not discard the edits of a whole site. It overwrites an edited essay
        // only if the essay's seed changed, or if the user asked to refresh the essay or named it.
        let meant = reason.is_some() || refresh || named;
        return if options.force && meant {
            Decision::Write(Reason::Forced)
        } else {
            Decision::Edited
        };
    }
    match reason {
        Some(reason) => Decision::Write(reason),
        None if is_stale(essay.prompt_title()) => Decision::Stale,
        None => Decision::Fresh,
    }
}

/// A requested take with everything that determines its essay.
struct PlannedTake<'a> {
    seed: &'a Seed,
    take: &'a Take,
    site: SiteSettings<'a>,
    model: &'a str,
    identity: &'a Identity,
}

impl PlannedTake<'_> {
    fn id(&self) -> EssayId {
        EssayId { slug: self.seed.slug.clone(), take: self.take.number }
    }

    fn request(&self, title: &str) -> EssayRequest {
        let flags = self.site.generation_flags;
        EssayRequest {
            prompt: Prompt::new(Some(title), &self.seed.quote),
            generation: self
                .identity
                .settings(self.site.generation)
                .with(&flags.over(&self.take.generation)),
            rng_seed: self.site.rng_seed.unwrap_or(self.take.rng_seed),
            take: self.take.number,
        }
    }

    /// Returns the key of an essay with this title in its prompt.
    fn key(&self, title: &str) -> String {
        self.key_of(&self.request(title))
    }

    fn key_of(&self, request: &EssayRequest) -> String {
        request.key(self.identity, self.site.blocklist)
    }

    fn seed_hash(&self) -> String {
        seed_hash(&self.seed_inputs())
    }

    fn seed_inputs(&self) -> SeedInputs<'_> {
        SeedInputs {
            quote: &self.seed.quote,
            title: None,
            model: self.take.model.as_deref(),
            generation: &self.take.generation,
            rng_seed: self.take.rng_seed,
            take: self.take.number,
        }
    }

    /// Whether nothing that the seed provides has changed since the essay was written, except the title.
    fn has_seed_hash(&self, essay: &Essay) -> bool {
        let titles = [None, Some(essay.prompt_title()), self.seed.title.as_deref()];
        let with = |title| seed_hash(&SeedInputs { title, ..self.seed_inputs() });
        titles.into_iter().any(|title| with(title) == essay.front.seed_hash)
    }

    fn job(&self, reason: Reason, stored: Option<&Stored>) -> Job {
        let request = self.request(&self.seed.shown_title);
        Job {
            id: self.id(),
            reason,
            quote: self.seed.quote.clone(),
            seed_path: self.seed.path.clone(),
            replaces: stored.map(|stored| stored.file_hash.clone()),
            model: self.model.to_owned(),
            identity: self.identity.clone(),
            blocklist: self.site.blocklist.patterns().to_vec(),
            key: self.key_of(&request),
            seed_hash: self.seed_hash(),
            request,
        }
    }
}

fn is_requested(seed: &Seed, options: &PlanOptions) -> bool {
    let named = options.only.as_ref().map(|only| only.contains(&seed.slug));
    named.unwrap_or(!seed.draft || options.drafts)
}

/// Checks that every slug in `options` names a seed.
fn check_slugs(seeds: &[Seed], options: &PlanOptions) -> Result<(), UnknownSeed> {
    let named = options.only.iter().flatten().chain(options.refresh.slugs());
    for slug in named {
        if seeds.iter().any(|seed| seed.slug == *slug) {
            continue;
        }
        let nearest = seeds
            .iter()
            .map(|seed| (strsim::damerau_levenshtein(slug, &seed.slug), &seed.slug))
            .filter(|(distance, _)| *distance <= slug.chars().count().div_ceil(3))
            .min();
        return Err(UnknownSeed {
            slug: slug.clone(),
            nearest: nearest.map(|(_, slug)| slug.clone()),
        });
    }
    Ok(())
}
