//! The library: the seeds and essays of the site as the desk lists and edits them. What is broken
//! is listed, too, since it is to be mended here.

mod essay_file;
mod refusal;
mod seed_file;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use miette::Report;
use serde::Serialize;

pub use essay_file::{EssayEdit, EssayFile, essay, save_essay};
pub use refusal::{Now, Refusal};
pub use seed_file::{SeedEdit, SeedFile, save_seed, seed};

use crate::content::essay::{EssayId, plain_text};
use crate::content::seed::{self, Seed};
use crate::content::store::{Store, Stored};
use crate::content::{self, slug};
use crate::fs;
use crate::problem::{self, Problems};
use crate::project::Project;
use crate::site::{page_of, root_of_host};
use crate::write::prompt::Prompt;
use crate::write::words::words;

/// How long a save waits for another venti that is at work in the project; tests do not.
pub(super) const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 5 });

/// The longest text that is saved, in bytes: more is no seed, and no essay of a model.
const MAX_BYTES: usize = 1 << 20;

/// Characters of a quote that are listed.
const QUOTE_SHOWN: usize = 200;

/// What the site is made of.
#[derive(Debug, Serialize)]
pub struct Library {
    pub seeds: Vec<ListedSeed>,
    /// Essays that no seed asks for.
    pub orphans: Vec<Orphan>,
    /// What is wrong with any of them, as the terminal shows it.
    pub problem: Option<String>,
}

/// A seed's file. What it does not say because it is broken is none.
#[derive(Debug, Serialize)]
pub struct ListedSeed {
    /// Its path in the folder of seeds, `/` between its parts.
    pub file: String,
    pub slug: Option<String>,
    /// The one given, or the one made from the quote.
    pub title: Option<String>,
    /// How the quote begins.
    pub quote: Option<String>,
    pub draft: Option<bool>,
    pub essays: Vec<ListedEssay>,
    /// Takes that have no essay yet.
    pub missing: Vec<u32>,
}

/// An essay, as far as it is told from others in a list.
#[derive(Debug, Serialize)]
pub struct ListedEssay {
    pub take: u32,
    pub words: usize,
    /// A person changed the text after it was written.
    pub edited: bool,
    /// A person steered it while it was written.
    pub steered: bool,
    pub reviewed: bool,
    /// Why no candidate passed the gate, when none did.
    pub flagged: Option<String>,
    /// Where its page is, once it is published; none where no seed asks for it.
    pub url: Option<String>,
}

/// An essay without a seed.
#[derive(Debug, Serialize)]
pub struct Orphan {
    pub slug: String,
    #[serde(flatten)]
    pub essay: ListedEssay,
}

/// Every seed and essay. What cannot be read is in [`Library::problem`].
pub fn list(project: &Project) -> Library {
    let store = content::store(project);
    let routes = content::page_names(project);
    let (folder, (essays, problems)) = rayon::join(
        || {
            let routes = routes.as_deref().unwrap_or_default();
            seed::survey(&project.root, &project.config.seeds, routes)
        },
        || store.survey(),
    );
    let mut problems: Vec<_> = folder.problems.into_iter().chain(problems).collect();
    if let Err(error) = &routes {
        problems.push(problem::Problem::in_file(&project.config.pages, error.to_string()));
    }
    let mut shelves = Shelves { project, store: &store, essays: by_slug(essays) };
    let seeds: BTreeMap<&Path, &Seed> =
        folder.seeds.iter().map(|seed| (seed.path.as_path(), seed)).collect();
    Library {
        seeds: folder
            .files
            .iter()
            .filter_map(|path| {
                let file = name_of(project, path)?;
                Some(match seeds.get(path.as_path()) {
                    Some(seed) => shelves.listed(file, seed),
                    None => shelves.broken(file, path),
                })
            })
            .collect(),
        orphans: shelves.orphans(),
        problem: Problems::none_or((), problems)
            .err()
            .map(|problems| problem::plain_text(&Report::new(problems))),
    }
}

/// A seed's file as the desk names it: its path in the folder of seeds. None if it has one that is
/// no text.
fn name_of(project: &Project, path: &Path) -> Option<String> {
    let inside = path.strip_prefix(&project.config.seeds).ok()?;
    let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

/// Essays by slug and take.
type BySlug = BTreeMap<String, BTreeMap<u32, Stored>>;

fn by_slug(essays: BTreeMap<EssayId, Stored>) -> BySlug {
    let mut by_slug = BySlug::new();
    for (id, stored) in essays {
        by_slug.entry(id.slug).or_default().insert(id.take, stored);
    }
    by_slug
}

/// The essays that have not been listed yet.
struct Shelves<'a> {
    project: &'a Project,
    store: &'a Store,
    essays: BySlug,
}

impl Shelves<'_> {
    fn listed(&mut self, file: String, seed: &Seed) -> ListedSeed {
        let mut essays = Vec::new();
        let mut missing = Vec::new();
        for take in &seed.takes {
            let id = EssayId { slug: seed.slug.clone(), take: take.number };
            match self.essays.get_mut(&id.slug).and_then(|takes| takes.remove(&id.take)) {
                Some(stored) => essays.push(listed(&stored, Some(url(self.project, &id)))),
                None if self.is_there(&id) => {}
                None => missing.push(id.take),
            }
        }
        ListedSeed {
            file,
            slug: Some(seed.slug.clone()),
            title: Some(Prompt::new(seed.title.as_deref(), &seed.quote).title),
            quote: Some(seed.quote.chars().take(QUOTE_SHOWN).collect()),
            draft: Some(seed.draft),
            essays,
            missing,
        }
    }

    /// A file that cannot be read has the essays of its name, so that they do not pass for orphans.
    fn broken(&mut self, file: String, path: &Path) -> ListedSeed {
        let slug = slug::of(&path.file_stem().unwrap_or_default().to_string_lossy());
        let essays = self.essays.remove(&slug).unwrap_or_default();
        ListedSeed {
            file,
            slug: None,
            title: None,
            quote: None,
            draft: None,
            essays: essays
                .values()
                .map(|stored| listed(stored, Some(url(self.project, &stored.essay.id()))))
                .collect(),
            missing: Vec::new(),
        }
    }

    /// Whether an essay has a file, which then is broken.
    fn is_there(&self, id: &EssayId) -> bool {
        !matches!(fs::stat(&self.project.path(&self.store.path(id))), Ok(None))
    }

    fn orphans(self) -> Vec<Orphan> {
        let takes = self.essays.into_iter().flat_map(|(slug, takes)| {
            takes.into_values().map(move |stored| (slug.clone(), stored))
        });
        takes.map(|(slug, stored)| Orphan { slug, essay: listed(&stored, None) }).collect()
    }
}

fn listed(stored: &Stored, url: Option<String>) -> ListedEssay {
    let (essay, front) = (&stored.essay, &stored.essay.front);
    ListedEssay {
        take: front.take,
        // The figures are of what the model wrote.
        words: match stored.edited {
            true => words(&plain_text(&essay.body)).count(),
            false => front.figures.words,
        },
        edited: stored.edited && essay.is_changed(),
        steered: essay.is_steered(),
        reviewed: front.reviewed,
        flagged: front.flagged.clone(),
        url,
    }
}

/// Where an essay's page is at the preview.
pub(super) fn url(project: &Project, id: &EssayId) -> String {
    let page = page_of(id);
    let page = page.strip_suffix("index.html").unwrap_or(&page);
    format!("{}{page}", root_of_host(project.config.base_url.as_deref()))
}
