//! The nouns on disk, where the two halves meet: seeds that a person writes,
//! essays that Venti writes, and the lock file that says with which models.

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

/// Every seed of a project, checked.
///
/// # Errors
/// The first problem of each file, and what two files quarrel about.
pub fn load_seeds(project: &Project) -> miette::Result<Vec<Seed>> {
    Ok(seed::load_all(&project.root, &project.config.seeds, &page_names(project)?)?)
}

/// The folder of a project's essays.
pub fn store(project: &Project) -> Store {
    Store::new(&project.root, &project.config.essays)
}

/// The names of a project's plain pages: addresses no seed can have.
pub fn page_names(project: &Project) -> crate::fs::Result<Vec<String>> {
    let files = crate::fs::list(&project.path(&project.config.pages))?;
    let pages = files.iter().filter(|path| path.extension().is_some_and(|e| e == "md"));
    Ok(pages
        .filter_map(|path| path.file_stem())
        .map(|stem| stem.to_string_lossy().into_owned())
        .collect())
}
