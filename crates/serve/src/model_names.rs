//! The names of the models that requests may use: those that the site already uses, and the embedded
//! model. Other models are not allowed, because requesting one would start an unexpected download.

use std::collections::BTreeSet;

use content::lockfile::Lockfile;
use content::project::Project;

/// Returns the names of the available models, the site's own model first.
///
/// # Errors
/// Returns an error if `venti.lock` cannot be read.
pub fn available(project: &Project) -> miette::Result<Vec<String>> {
    let own = &project.config.model;
    let mut others: BTreeSet<String> = Lockfile::read(&project.root)?.models.into_keys().collect();
    #[cfg(feature = "embedded-model")]
    others.insert(generator::EMBEDDED_MODEL.to_owned());
    others.remove(own);
    Ok(std::iter::once(own.clone()).chain(others).collect())
}
