//! The survey finds the current state of the paths under `output/` that matter to a build. It
//! changes nothing and never follows a symbolic link.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use blake3::Hash;
use rayon::prelude::*;

use super::manifest::{Manifest, Record};
use super::stamps::Stamps;
use super::{TargetFiles, paths};
use content::fs::{self, Stamp};

/// State of one path under `output/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathState {
    Absent,
    /// A file with exactly the content that the new site has at this path.
    SameContent(Option<Stamp>),
    /// A file with other content, and the hash of that content.
    OtherContent(Hash),
    Folder,
    /// A symbolic link, device or other special file, or a path through one.
    Link,
}

/// State of the files in the old manifest that are not part of the new site, and of all folders of
/// the old and new sites.
#[derive(Debug, Default)]
pub struct Survey<'a> {
    files: HashMap<&'a str, PathState>,
    folders: HashMap<&'a str, PathState>,
}

impl<'a> Survey<'a> {
    /// Examines the paths of `target` and `manifest` in the folder `output`.
    ///
    /// # Errors
    /// Returns an error if a file or folder cannot be read.
    pub fn take(
        target: &TargetFiles<'a>,
        manifest: &'a Manifest,
        output: &Path,
    ) -> fs::Result<Self> {
        let mut survey = Self::default();
        if fs::stat(output)?.is_none() {
            return Ok(survey);
        }
        let known = manifest.files.keys().chain(&manifest.folders).map(String::as_str);
        let mut by_depth: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for folder in target.paths().chain(known.clone()).flat_map(paths::folders) {
            by_depth.entry(folder.matches('/').count()).or_default().insert(folder);
        }
        for folder in &manifest.folders {
            by_depth.entry(folder.matches('/').count()).or_default().insert(folder);
        }
        for folders in by_depth.into_values() {
            let found: Vec<(&str, PathState)> = folders
                .into_par_iter()
                .map(|folder| Ok((folder, survey.look(output, folder)?)))
                .collect::<fs::Result<_>>()?;
            survey.folders.extend(found);
        }
        let files = manifest.files.par_iter().map(|(path, _)| path.as_str());
        survey.files = files
            .filter(|path| !target.contains(path))
            .map(|path| Ok((path, survey.look(output, path)?)))
            .collect::<fs::Result<_>>()?;
        Ok(survey)
    }

    /// Returns the state of a file that is in the manifest but not part of the new site.
    pub fn file(&self, path: &str) -> PathState {
        self.files.get(path).copied().unwrap_or(PathState::Absent)
    }

    /// Returns the state of a folder of the old or new site.
    pub fn folder(&self, path: &str) -> PathState {
        self.folders.get(path).copied().unwrap_or(PathState::Absent)
    }

    /// Examines a path if its parent is a folder; otherwise, derives its state from that of the
    /// parent.
    fn look(&self, output: &Path, path: &str) -> fs::Result<PathState> {
        match path.rsplit_once('/').map(|(folder, _)| self.folder(folder)) {
            None | Some(PathState::Folder) => look(&output.join(path), None),
            Some(PathState::Link) => Ok(PathState::Link),
            Some(_) => Ok(PathState::Absent),
        }
    }
}

/// Compares the file at `path` with `bytes`, the content that the new site has there.
///
/// # Errors
/// Returns an error if a file or folder cannot be read.
pub fn compare(output: &Path, path: &str, bytes: &[u8]) -> fs::Result<PathState> {
    for folder in paths::folders(path) {
        match fs::stat(&output.join(folder))? {
            Some(found) if found.is_dir() => {}
            Some(found) if !found.is_file() => return Ok(PathState::Link),
            _ => return Ok(PathState::Absent),
        }
    }
    look(&output.join(path), Some(bytes))
}

/// A file that is unchanged since Venti wrote it.
#[derive(Debug, Clone, Copy)]
pub struct Unchanged {
    /// Hash of everything that determines the content.
    pub input: Hash,
    pub stamp: Stamp,
}

/// Returns the files that are unchanged since Venti wrote them. A file whose stamp is missing or
/// differs is read: its stamp is of no use in a copy of the folder, for example from a cache. A file
/// that cannot be examined counts as changed.
pub fn unchanged_files(
    manifest: &Manifest,
    stamps: &Stamps,
    output: &Path,
) -> HashMap<String, Unchanged> {
    let stands = |(path, record): (&String, &Record)| {
        let input = record.input.filter(|_| record.planned.is_none())?;
        let file = output.join(path);
        let metadata = fs::stat(&file).ok()??;
        let stamp = Stamp::new(&metadata).filter(|_| metadata.is_file())?;
        let is_same = stamps.get(path) == Some(&stamp)
            || record.written == Some(blake3::hash(&fs::read(&file).ok()?));
        is_same.then(|| (path.clone(), Unchanged { input, stamp }))
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

fn look(path: &Path, wanted: Option<&[u8]>) -> fs::Result<PathState> {
    let Some(metadata) = fs::stat(path)? else { return Ok(PathState::Absent) };
    if metadata.is_dir() {
        return Ok(PathState::Folder);
    }
    if !metadata.is_file() {
        return Ok(PathState::Link);
    }
    let bytes = fs::read(path)?;
    Ok(match wanted {
        Some(wanted) if wanted == bytes => PathState::SameContent(Stamp::new(&metadata)),
        _ => PathState::OtherContent(blake3::hash(&bytes)),
    })
}
