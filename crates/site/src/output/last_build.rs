//! The site that the last build left in the output folder, for a preview that reuses its files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use blake3::Hash;

use super::manifest::Manifest;
use super::swap::StagingArea;
use super::{STAMPS_FILE, stamps, survey};
use content::fs;

/// A read-only view of the site that the last build left in the output folder.
#[derive(Debug, Default)]
pub struct LastBuild {
    folder: PathBuf,
    /// Input hash of each file that is unchanged since Venti wrote it.
    inputs: HashMap<String, Hash>,
}

impl LastBuild {
    /// Surveys the output folder. If it cannot be read, it counts as empty.
    pub fn of(folder: &Path, scratch: &Path) -> Self {
        let staging = StagingArea::of(folder).ok();
        let manifest = staging.and_then(|staging| Manifest::load(&staging.manifest).ok());
        let stamps = stamps::load(&scratch.join(STAMPS_FILE));
        let unchanged = survey::unchanged_files(&manifest.unwrap_or_default(), &stamps, folder);
        let inputs = unchanged.into_iter().map(|(path, file)| (path, file.input)).collect();
        Self { folder: folder.to_owned(), inputs }
    }

    /// Whether the file at `path` has this input hash and is unchanged since Venti wrote it.
    pub fn has(&self, path: &str, input: Hash) -> bool {
        self.inputs.get(path) == Some(&input)
    }

    /// Returns a file's bytes and its input hash.
    ///
    /// # Errors
    /// Returns an error if the file was deleted or changed, or cannot be read.
    pub fn read(&self, path: &str) -> fs::Result<(Vec<u8>, Hash)> {
        let file = self.folder.join(path);
        let gone = || fs::error("read", &file)(std::io::ErrorKind::NotFound.into());
        let input = *self.inputs.get(path).ok_or_else(gone)?;
        Ok((fs::read(&file)?, input))
    }
}
