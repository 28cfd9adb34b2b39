//! The survey: what stands under `output/` right now, at the paths a build cares about. It only
//! looks, and it never looks through a symbolic link.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use blake3::Hash;
use rayon::prelude::*;

use super::manifest::Manifest;
use super::paths;
use crate::fs;
use crate::site::Tree;

/// What stands at one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// A file with exactly the content the new site has here.
    Same,
    /// A file with other content.
    File(Hash),
    Folder,
    /// A symbolic link, device or the like; or a path that leads through one.
    Link,
}

/// What stands at every path of the new site and of the old manifest.
#[derive(Debug, Default)]
pub struct Survey {
    files: BTreeMap<String, Found>,
    folders: BTreeMap<String, Found>,
}

impl Survey {
    /// Looks at every path the new site or the manifest names, and at the folders above them.
    ///
    /// # Errors
    /// A file or folder cannot be read.
    pub fn take(tree: &Tree, manifest: &Manifest, output: &Path) -> fs::Result<Self> {
        let files: BTreeSet<&String> = tree.keys().chain(manifest.files.keys()).collect();
        let mut folders: BTreeSet<&str> = manifest.folders.iter().map(String::as_str).collect();
        folders.extend(files.iter().flat_map(|path| paths::folders(path)));
        for folder in folders.clone() {
            folders.extend(paths::folders(folder));
        }

        let mut survey = Self::default();
        // Sorted, so a folder comes after those above it.
        for folder in folders {
            let found = match survey.above(folder) {
                Found::Folder => look(&output.join(folder), None)?,
                other => other,
            };
            survey.folders.insert(folder.to_owned(), found);
        }
        let look_at = |path: &&String| {
            let found = match survey.above(path) {
                Found::Folder => look(&output.join(path), tree.get(*path))?,
                other => other,
            };
            Ok(((*path).clone(), found))
        };
        survey.files = files.par_iter().map(look_at).collect::<fs::Result<_>>()?;
        Ok(survey)
    }

    /// What stands at a path of the new site or the manifest.
    pub fn file(&self, path: &str) -> Found {
        self.files.get(path).copied().unwrap_or(Found::Nothing)
    }

    /// What stands where a folder is, was or will be.
    pub fn folder(&self, path: &str) -> Found {
        self.folders.get(path).copied().unwrap_or(Found::Nothing)
    }

    /// What a path would be found as because of the folder it is in: `Folder` if one has to look.
    fn above(&self, path: &str) -> Found {
        match path.rsplit_once('/').map(|(folder, _)| self.folder(folder)) {
            None | Some(Found::Folder) => Found::Folder,
            Some(Found::Link) => Found::Link,
            Some(_) => Found::Nothing,
        }
    }
}

fn look(path: &Path, wanted: Option<&Vec<u8>>) -> fs::Result<Found> {
    let Some(metadata) = fs::stat(path)? else { return Ok(Found::Nothing) };
    if metadata.is_dir() {
        return Ok(Found::Folder);
    }
    if !metadata.is_file() {
        return Ok(Found::Link);
    }
    let bytes = fs::read(path)?;
    Ok(if wanted == Some(&bytes) { Found::Same } else { Found::File(blake3::hash(&bytes)) })
}
