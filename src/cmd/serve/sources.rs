//! The content of a site, read once for both the build and the essay writer.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::cmd::workspace::both;
use content::essay::EssayId;
use content::project::Project;
use content::seed::Seed;
use content::store::Stored;

/// The project, its seeds and its stored essays.
pub struct Content {
    pub project: Project,
    pub seeds: Vec<Seed>,
    pub essays: BTreeMap<EssayId, Stored>,
    /// Time at which reading began. Changes after this time may be missing.
    pub read_at: Instant,
}

impl Content {
    /// Reads the seeds and the essays of a project.
    ///
    /// # Errors
    /// Returns an error if a file is invalid or cannot be read.
    pub fn load(project: Project) -> miette::Result<Self> {
        let read_at = Instant::now();
        let essays = content::store(&project).load().map_err(Into::into);
        let (seeds, essays) = both(&project, content::load_seeds(&project), essays)?;
        Ok(Self { project, seeds, essays, read_at })
    }
}
