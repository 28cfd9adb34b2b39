//! A project on disk: its configuration, the seeds that the user writes, the essays that Venti writes,
//! and the lock file that pins the models. The crates that write essays and the crates that render the
//! site build on this crate.

// Tests may use `std::fs`; the ban in clippy.toml is for the program.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod fs;
pub mod lock;
pub mod problem;
pub mod yaml;

pub mod config;
pub mod project;

pub mod essay;
pub mod front_matter;
pub mod lockfile;
pub mod new_seed;
pub mod replaced;
pub mod seed;
pub mod slug;
pub mod sources;
pub mod store;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::project::Project;
use essay::EssayId;
use seed::Seed;
use sources::{is_put_aside, markdown_stem};
use store::Store;

/// Loads and checks all seeds of a project.
///
/// # Errors
/// Returns the first problem in each file, and conflicts between files.
pub fn load_seeds(project: &Project) -> miette::Result<Vec<Seed>> {
    Ok(seed::load_all(&project.root, &project.config.seeds, &page_names(project))?)
}

/// Returns the store of a project's essays.
pub fn store(project: &Project) -> Store {
    Store::new(&project.root, &project.config.essays)
}

/// Returns the paths that a project's pages and their files have in the site, without `.md`. No seed may
/// have one as its slug or alias.
pub fn page_names(project: &Project) -> Vec<String> {
    let files = sources::find(&project.root, &project.config.pages).files;
    let path = |name: String| markdown_stem(&name).map(str::to_owned).unwrap_or(name);
    let used = files.into_iter().filter(|file| !is_put_aside(&file.name));
    used.map(|file| path(file.name)).collect()
}

/// Returns the slugs that no new seed may have, in lower case: those of seeds, pages, essays and aliases,
/// and the names of files in the seeds folder. A file's name and its slug may differ.
pub fn taken_slugs(project: &Project, seeds: &[Seed]) -> fs::Result<BTreeSet<String>> {
    let config = &project.config;
    let mut taken: BTreeSet<String> = seeds.iter().map(|seed| seed.slug.clone()).collect();
    let aliases = seeds.iter().flat_map(|seed| &seed.aliases);
    taken.extend(aliases.map(|alias| seed::alias_page(alias)));
    taken.extend(page_names(project).iter().map(|name| name.to_lowercase()));
    for file in fs::list(&project.path(&config.seeds))? {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        taken.insert(stem.to_lowercase());
    }
    for name in fs::file_names(&project.path(&config.essays))? {
        taken.extend(name.to_str().and_then(EssayId::of_file_name).map(|id| id.slug));
    }
    Ok(taken)
}

/// Replaces a file in the project's content. Keeps its earlier version; see [`replaced`]. `path` is
/// relative to the project's root.
pub fn replace(project: &Project, path: &Path, bytes: &[u8]) -> fs::Result<()> {
    let file = project.path(path);
    if let Some(before) = fs::read_if_there(&file)? {
        replaced::keep(&project.root, path, &before)?;
    }
    fs::write_atomic(&file, bytes)
}

/// Returns the files in the project's content and themes that Venti does not read, relative to its root:
/// editors' backups, Markdown that is put aside, and other files in the seeds folder that are no seeds.
pub fn skipped(project: &Project) -> Vec<PathBuf> {
    let config = &project.config;
    let seeds = sources::find(&project.root, &config.seeds);
    let others = seeds.files.into_iter().filter(|file| !seed::is_seed(&file.name));
    let mut skipped: Vec<PathBuf> = others.map(|file| file.path).chain(seeds.skipped).collect();
    let pages = sources::find(&project.root, &config.pages);
    let aside = pages.files.into_iter().filter(|file| is_put_aside(&file.name));
    skipped.extend(aside.map(|file| file.path).chain(pages.skipped));
    skipped.extend(sources::find(&project.root, Path::new("themes")).skipped);
    skipped
}
