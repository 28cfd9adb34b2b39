//! The library lists the site's seeds and essays for editing at the desk. It includes broken files,
//! because the desk is also where they are fixed.

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

use content::essay::{EssayId, plain_text};
use content::fs;
use content::problem::{self, Problems};
use content::project::Project;
use content::seed::{self, Seed};
use content::store::{Store, Stored};
use content::{self, slug};
use site::{page_of, root_of_host};
use text::prompt::Prompt;
use text::words::words;

/// Maximum time that a save waits for the lock of another Venti process. Tests do not wait.
pub(super) const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 5 });

/// Maximum size of a text to save, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Maximum number of characters of a quote shown in the list.
const QUOTE_SHOWN: usize = 200;

/// The seeds and essays of a site.
#[derive(Debug, Serialize)]
pub struct Library {
    pub seeds: Vec<ListedSeed>,
    /// Essays without a seed.
    pub orphans: Vec<Orphan>,
    /// Errors in any of the files, as shown in the terminal.
    pub problem: Option<String>,
}

/// A seed in the list. The optional fields are `None` if the seed's file is broken.
#[derive(Debug, Serialize)]
pub struct ListedSeed {
    /// Path of the file within the seeds folder, with `/` as the separator.
    pub file: String,
    pub slug: Option<String>,
    /// The title from the seed's file, or a title made from the quote.
    pub title: Option<String>,
    /// Beginning of the quote.
    pub quote: Option<String>,
    pub draft: Option<bool>,
    pub essays: Vec<ListedEssay>,
    /// Numbers of the takes without an essay.
    pub missing: Vec<u32>,
}

/// An essay in the list.
#[derive(Debug, Serialize)]
pub struct ListedEssay {
    pub take: u32,
    pub words: usize,
    /// Whether a person changed the text after it was written.
    pub edited: bool,
    /// Whether a person steered the text while it was written.
    pub steered: bool,
    pub reviewed: bool,
    /// Reason why the text failed the quality gate, if it did.
    pub flagged: Option<String>,
    /// URL of the page; `None` for an essay without a seed.
    pub url: Option<String>,
}

/// An essay without a seed.
#[derive(Debug, Serialize)]
pub struct Orphan {
    pub slug: String,
    #[serde(flatten)]
    pub essay: ListedEssay,
}

/// Lists every seed and essay. Files that cannot be read are reported in [`Library::problem`].
pub fn list(project: &Project) -> Library {
    let store = content::store(project);
    let routes = content::page_names(project);
    let (folder, (essays, problems)) = rayon::join(
        || seed::survey(&project.root, &project.config.seeds, &routes),
        || store.survey(),
    );
    let problems: Vec<_> = folder.problems.into_iter().chain(problems).collect();
    let mut listing = LibraryListing { project, store: &store, essays: by_slug(essays) };
    let seeds: BTreeMap<&Path, &Seed> =
        folder.seeds.iter().map(|seed| (seed.path.as_path(), seed)).collect();
    Library {
        seeds: folder
            .files
            .iter()
            .filter_map(|path| {
                let file = name_of(project, path)?;
                Some(match seeds.get(path.as_path()) {
                    Some(seed) => listing.listed(file, seed),
                    None => listing.broken(file, path),
                })
            })
            .collect(),
        orphans: listing.orphans(),
        problem: Problems::none_or((), problems)
            .err()
            .map(|problems| problem::plain_text(&Report::new(problems))),
    }
}

/// Returns the path of a seed's file within the seeds folder; `None` if it is not valid UTF-8.
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

/// A listing in progress. `essays` holds the essays that have not been listed yet.
struct LibraryListing<'a> {
    project: &'a Project,
    store: &'a Store,
    essays: BySlug,
}

impl LibraryListing<'_> {
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

    /// Lists the file of a broken seed. Essays whose slug matches the file's name count as essays of
    /// this seed, not as orphans.
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

    /// Whether a file exists for the essay. An essay that could not be read although its file exists is
    /// broken, not missing.
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
        // The recorded figures describe the model's text, not an edited text.
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

/// Returns the URL of an essay's page in the preview.
pub(super) fn url(project: &Project, id: &EssayId) -> String {
    let page = page_of(id);
    let page = page.strip_suffix("index.html").unwrap_or(&page);
    format!("{}{page}", root_of_host(project.config.base_url.as_deref()))
}
