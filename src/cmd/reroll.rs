//! `venti reroll`: asks for another text. Records a new random seed in the seed, and writes its essay
//! again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use miette::miette;

use super::workspace::Workspace;
use super::writing::{self, WriteRequest};
use crate::cli::{GenerationFlags, Reroll, Writing};
use crate::environment;
use crate::models::{self, Pins};
use crate::summary::Summary;
use crate::terminal::Terminal;
use content::essay::EssayId;
use content::problem::read_text;
use content::seed::{Seed, with_rng_seeds};
use content::store::Stored;
use generator::Models;

/// Changes the random seeds of the named essays, and writes these essays.
pub fn run(site: &Workspace, args: &Reroll, terminal: &Terminal) -> miette::Result<()> {
    environment::use_threads(&args.model.engine, &site.project.config)?;
    let (seeds, essays) = site.load()?;
    let named = args.essays.iter().map(|name| Named::find(name, &seeds));
    let named: Vec<Named> = named.collect::<miette::Result<_>>()?;
    if !args.force {
        refuse_edited(&named, &essays)?;
    }
    // An unusable model must not leave a changed seed behind.
    let mut models = models::open(&site.project, &args.model.engine, Pins::Lockfile, terminal)?;
    for take in named.iter().flat_map(|named| &named.seed.takes) {
        let model = args.model.model.as_deref().or(take.model.as_deref());
        models.identity(model.unwrap_or(&site.project.config.model))?;
    }
    // All seeds are checked before the first is changed. A seed may be named several times.
    let mut rng_seeds: BTreeMap<&PathBuf, Vec<u64>> = BTreeMap::new();
    for Named { seed, take } in &named {
        let current = || seed.takes.iter().map(|take| take.rng_seed).collect();
        let new = environment::random_seed();
        for (number, rng_seed) in (1..).zip(rng_seeds.entry(&seed.path).or_insert_with(current)) {
            if take.is_none_or(|take| take == number) {
                *rng_seed = new;
            }
        }
    }
    let mut files = Vec::new();
    for (path, rng_seeds) in rng_seeds {
        let text = read_text(&site.project.root, path)?;
        files.push((path, with_rng_seeds(path, &text, &rng_seeds)?));
    }
    for (path, text) in files {
        content::replace(&site.project, path, text.as_bytes())?;
        terminal.did("changed", path.display());
    }

    let slugs: Vec<String> = named.iter().map(|named| named.seed.slug.clone()).collect();
    let request = WriteRequest {
        only: &slugs,
        writing: &Writing { drafts: true, refresh: None, force: args.force },
        model: &args.model,
        generation: &GenerationFlags::default(),
    };
    let seeds = site.load_seeds()?;
    let written = writing::write(site, &seeds, essays, &request, terminal, |_, _| Ok(()))?;
    Summary::new(&written).say(terminal);
    writing::check_complete(&written, false)
}

/// A seed, or one of its takes.
struct Named<'a> {
    seed: &'a Seed,
    /// `None` for all takes.
    take: Option<u32>,
}

impl<'a> Named<'a> {
    /// Finds what `SLUG` or `SLUG.take-2` names.
    fn find(name: &str, seeds: &'a [Seed]) -> miette::Result<Self> {
        let (slug, take) = match name.split_once(".take-") {
            Some((slug, take)) => (slug, Some(take.parse().unwrap_or(0))),
            None => (name, None),
        };
        let seed = seeds.iter().find(|seed| seed.slug == slug);
        let has_take =
            |seed: &&Seed| take.is_none_or(|take| (1..=seed.takes.len() as u32).contains(&take));
        match seed.filter(has_take) {
            Some(seed) => Ok(Self { seed, take }),
            None => Err(miette!(
                help = "name seeds by their slugs, or one take as `SLUG.take-2`",
                "there is no seed {name:?}"
            )),
        }
    }
}

/// Fails if an essay that would be replaced was edited.
fn refuse_edited(named: &[Named<'_>], essays: &BTreeMap<EssayId, Stored>) -> miette::Result<()> {
    let takes = named.iter().flat_map(|Named { seed, take }| {
        let numbers = seed.takes.iter().map(|take| take.number);
        numbers
            .filter(move |number| take.is_none_or(|take| take == *number))
            .map(|number| (*seed, number))
    });
    for (seed, take) in takes {
        let id = EssayId { slug: seed.slug.clone(), take };
        if essays.get(&id).is_some_and(|stored| stored.edited) {
            return Err(miette!(
                help =
                    "use --force to have it replaced; the edited text is kept in .venti/replaced/",
                "{id} was edited by hand"
            ));
        }
    }
    Ok(())
}
