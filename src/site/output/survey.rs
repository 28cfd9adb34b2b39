//! The survey: what stands under `output/` right now, at the paths a build cares about. It only
//! looks, and it never looks through a symbolic link.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use blake3::Hash;
use rayon::prelude::*;

use super::manifest::{Manifest, Record};
use super::stamps::Stamps;
use super::{Wanted, paths};
use crate::fs::{self, Stamp};

/// What stands at one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// A file with exactly the content the new site has here.
    Same(Option<Stamp>),
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
    pub fn take(wanted: &Wanted<'_>, manifest: &Manifest, output: &Path) -> fs::Result<Self> {
        let known = manifest.files.keys().map(String::as_str);
        let files: BTreeSet<&str> = wanted.paths().chain(known).collect();
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
        let look_at = |path: &&str| {
            let found = match survey.above(path) {
                // Looked at when the output folder was opened.
                Found::Folder if wanted.keeps(path) => Found::Same(None),
                Found::Folder => look(&output.join(path), wanted.bytes(path))?,
                other => other,
            };
            Ok(((*path).to_owned(), found))
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

/// What each file was made from that stands as Venti left it, by size and time, and that need not
/// be read for it. A folder or file that cannot be looked at counts as changed.
pub fn standing(manifest: &Manifest, stamps: &Stamps, output: &Path) -> HashMap<String, Hash> {
    let stands = |(path, record): (&String, &Record)| {
        let input = record.input.filter(|_| record.planned.is_none())?;
        let stamp = *stamps.get(path)?;
        let metadata = fs::stat(&output.join(path)).ok()??;
        let same = metadata.is_file() && Stamp::new(&metadata) == Some(stamp);
        same.then(|| (path.clone(), input))
    };
    let folders: Vec<&String> = manifest.folders.iter().collect();
    let through_link = folders.par_iter().any(|folder| {
        fs::stat(&output.join(folder)).ok().flatten().is_some_and(|found| !found.is_dir())
    });
    if through_link {
        return HashMap::new();
    }
    manifest.files.par_iter().filter_map(stands).collect()
}

fn look(path: &Path, wanted: Option<&[u8]>) -> fs::Result<Found> {
    let Some(metadata) = fs::stat(path)? else { return Ok(Found::Nothing) };
    if metadata.is_dir() {
        return Ok(Found::Folder);
    }
    if !metadata.is_file() {
        return Ok(Found::Link);
    }
    let bytes = fs::read(path)?;
    Ok(match wanted {
        Some(wanted) if wanted == bytes => Found::Same(Stamp::new(&metadata)),
        _ => Found::File(blake3::hash(&bytes)),
    })
}
