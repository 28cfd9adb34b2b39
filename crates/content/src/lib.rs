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
pub mod seed;
pub mod slug;
pub mod store;

use crate::project::Project;
use seed::Seed;
use store::Store;

/// Loads and checks all seeds of a project.
///
/// # Errors
/// Returns the first problem in each file, and conflicts between files.
pub fn load_seeds(project: &Project) -> miette::Result<Vec<Seed>> {
    Ok(seed::load_all(&project.root, &project.config.seeds, &page_names(project)?)?)
}

/// Returns the store of a project's essays.
pub fn store(project: &Project) -> Store {
    Store::new(&project.root, &project.config.essays)
}

/// Returns the names of a project's pages, which no seed may use as its slug.
pub fn page_names(project: &Project) -> fs::Result<Vec<String>> {
    let files = fs::list(&project.path(&project.config.pages))?;
    let pages = files.iter().filter(|path| path.extension().is_some_and(|e| e == "md"));
    Ok(pages
        .filter_map(|path| path.file_stem())
        .map(|stem| stem.to_string_lossy().into_owned())
        .collect())
}
