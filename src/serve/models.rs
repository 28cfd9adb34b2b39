//! Which models can be asked for by name: those that the site already uses, and the embedded one.
//! Any other would be a download that nobody meant.

use std::collections::BTreeSet;

use crate::content::lockfile::Lockfile;
use crate::project::Project;

/// Their names, the site's own first.
///
/// # Errors
/// When `venti.lock` is damaged.
pub fn names(project: &Project) -> miette::Result<Vec<String>> {
    let own = &project.config.model;
    let mut others: BTreeSet<String> = Lockfile::read(&project.root)?.models.into_keys().collect();
    #[cfg(feature = "embedded-model")]
    others.insert(crate::write::generator::models::EMBEDDED.to_owned());
    others.remove(own);
    Ok(std::iter::once(own.clone()).chain(others).collect())
}
