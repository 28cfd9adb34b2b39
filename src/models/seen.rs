//! `.venti/models.json`: size and modification time of each file in a model's folder when it was last
//! hashed, so that it is hashed again only after a change. Not committed, because times differ between
//! checkouts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use content::fs;

/// Size and modification time of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// Nanoseconds since 1970, as text, because JSON numbers are not exact at this size.
    modified: String,
}

impl Stamp {
    /// Returns the current stamp of a file.
    pub fn of(path: &Path) -> fs::Result<Self> {
        let metadata = fs::metadata(path)?;
        let modified = metadata.modified().map_err(fs::error("read", path))?;
        let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { size: metadata.len(), modified: modified.as_nanos().to_string() })
    }
}

/// Stamps of the files in a model's folder, by file name.
pub type Stamps = BTreeMap<String, Stamp>;

/// The stamps of every model folder in use, by model name.
#[derive(Debug)]
pub struct Seen {
    path: PathBuf,
    stamps: BTreeMap<String, Stamps>,
}

impl Seen {
    /// Reads the stamps of the project in `root`. An unreadable file counts as empty, which only costs
    /// hashing the models again.
    pub fn read(root: &Path) -> fs::Result<Self> {
        let path = root.join(".venti/models.json");
        let text = fs::read_if_there(&path)?.unwrap_or_default();
        Ok(Self { path, stamps: serde_json::from_slice(&text).unwrap_or_default() })
    }

    /// Returns the stamps of a model.
    pub fn get(&self, model: &str) -> Option<&Stamps> {
        self.stamps.get(model)
    }

    /// Stores the stamps of a model's files when they were hashed.
    pub fn set(&mut self, model: &str, stamps: Stamps) -> fs::Result<()> {
        if self.stamps.get(model) == Some(&stamps) {
            return Ok(());
        }
        self.stamps.insert(model.to_owned(), stamps);
        let text = serde_json::to_vec_pretty(&self.stamps)
            .expect("strings and numbers always serialise to JSON");
        fs::write_atomic(&self.path, &text)
    }
}
