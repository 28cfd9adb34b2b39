//! `.venti/models.json`: the size and modification time that each file in a model folder had when it
//! was last hashed, so that a file is hashed again only after a change. The stamps are not committed,
//! because modification times differ between checkouts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use content::fs::{self, Stamp};
use content::project::SCRATCH;

/// Stamps of a model's files, by file name.
pub type Stamps = BTreeMap<String, Stamp>;

/// The stamps of every model folder in use, by model name.
#[derive(Debug)]
pub struct KnownStamps {
    path: PathBuf,
    models: BTreeMap<String, Stamps>,
}

impl KnownStamps {
    /// Reads the stamps of the project in `root`. A malformed file counts as empty, so that the models
    /// are hashed again.
    pub fn read(root: &Path) -> fs::Result<Self> {
        let path = root.join(SCRATCH).join("models.json");
        let text = fs::read_if_there(&path)?.unwrap_or_default();
        Ok(Self { path, models: serde_json::from_slice(&text).unwrap_or_default() })
    }

    pub fn get(&self, model: &str) -> Option<&Stamps> {
        self.models.get(model)
    }

    /// Stores the stamps that a model's files had when they were hashed.
    pub fn set(&mut self, model: &str, stamps: Stamps) -> fs::Result<()> {
        if self.models.get(model) == Some(&stamps) {
            return Ok(());
        }
        self.models.insert(model.to_owned(), stamps);
        let text = serde_json::to_vec_pretty(&self.models)
            .expect("strings and numbers always serialise to JSON");
        fs::write_atomic(&self.path, &text)
    }
}
