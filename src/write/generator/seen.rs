//! `.venti/models.json`: size and time of each file of a model's folder when it was last hashed, so
//! that it is hashed again only when one has moved. Not committed: times differ between checkouts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::fs;

/// Size and time of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// Nanoseconds since 1970; text, since JSON's numbers are too short for it.
    modified: String,
}

impl Stamp {
    /// The stamp of a file as it is now.
    pub fn of(path: &Path) -> fs::Result<Self> {
        let metadata = fs::metadata(path)?;
        let modified = metadata.modified().map_err(fs::error("read", path))?;
        let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { size: metadata.len(), modified: modified.as_nanos().to_string() })
    }
}

/// The files of a model's folder by their names.
pub type Stamps = BTreeMap<String, Stamp>;

/// The stamps of every folder in use, by the model's name.
#[derive(Debug)]
pub struct Seen {
    path: PathBuf,
    stamps: BTreeMap<String, Stamps>,
}

impl Seen {
    /// What was seen in the project in `root`. A file that cannot be understood counts as none: it
    /// costs one more hashing.
    pub fn read(root: &Path) -> fs::Result<Self> {
        let path = root.join(".venti/models.json");
        let text = fs::read_if_there(&path)?.unwrap_or_default();
        Ok(Self { path, stamps: serde_json::from_slice(&text).unwrap_or_default() })
    }

    /// What was seen of a model.
    pub fn get(&self, model: &str) -> Option<&Stamps> {
        self.stamps.get(model)
    }

    /// Remembers what a model's files were like when they were hashed.
    pub fn set(&mut self, model: &str, stamps: Stamps) -> fs::Result<()> {
        if self.stamps.get(model) == Some(&stamps) {
            return Ok(());
        }
        self.stamps.insert(model.to_owned(), stamps);
        let text = serde_json::to_vec_pretty(&self.stamps)
            .expect("texts and numbers always have a form in JSON");
        fs::write_atomic(&self.path, &text)
    }
}
