//! From the old site to the new: first every new file is staged in full and made safe on the
//! disk, then the files are moved into place one by one.
//!
//! A move is atomic, so a file is old or new, never half. All that can fail for want of space or
//! rights fails while staging, with the old site untouched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::manifest::Manifest;
use super::paths;
use super::plan::{Plan, Write};
use crate::fs::{self, Stamp};

/// Folders that staged files are spread over: threads that create files in one folder wait for each
/// other.
const SHELVES: usize = 64;

/// Venti's own folder under `output/` and what is in it.
#[derive(Debug)]
pub struct Workplace {
    /// All of it, `output/.venti`.
    pub folder: PathBuf,
    staging: PathBuf,
    /// Where the manifest is.
    pub manifest: PathBuf,
}

impl Workplace {
    /// The workplace of an output folder; nothing is created.
    pub fn of(output: &Path) -> Self {
        let folder = output.join(paths::RESERVED);
        Self { staging: folder.join("staging"), manifest: folder.join("manifest"), folder }
    }

    /// Removes what a killed build left staged.
    pub fn sweep(&self) -> fs::Result<()> {
        match fs::stat(&self.staging)? {
            Some(found) if found.is_dir() => fs::remove_dir_all(&self.staging),
            Some(_) => fs::remove_file(&self.staging),
            None => Ok(()),
        }
    }

    /// Removes what was staged in vain, and the folders above it if this commit created them.
    pub fn abandon(&self, output: &Path, new: bool) -> fs::Result<()> {
        self.sweep()?;
        if fs::stat(&self.manifest)?.is_none() {
            fs::remove_empty_dir(&self.folder)?;
        }
        if new {
            fs::remove_empty_dir(output)?;
        }
        Ok(())
    }

    /// Removes the workplace, for an output folder that holds nothing of Venti's any more.
    pub fn remove(&self) -> fs::Result<()> {
        self.sweep()?;
        if fs::stat(&self.manifest)?.is_some() {
            fs::remove_file(&self.manifest)?;
        }
        fs::remove_empty_dir(&self.folder).map(drop)
    }

    /// Makes a staged manifest the manifest.
    fn put_manifest(&self, staged: &Path) -> fs::Result<()> {
        fs::rename(staged, &self.manifest)?;
        fs::sync_dirs(&BTreeSet::from([self.folder.clone()]))
    }

    fn staged(&self, index: usize) -> PathBuf {
        self.staging.join((index % SHELVES).to_string()).join(index.to_string())
    }

    fn staged_intent(&self) -> PathBuf {
        self.staging.join("intent")
    }

    fn staged_result(&self) -> PathBuf {
        self.staging.join("result")
    }
}

/// Writes every new file of the plan, and both manifests, where no reader sees them. A staged file
/// keeps its stamp when it is moved, so it can be taken here.
pub fn stage(plan: &mut Plan<'_>, at: &Workplace) -> fs::Result<()> {
    let shelves = plan.write.len().min(SHELVES);
    fs::create_dir_all(&at.staging)?;
    (0..shelves).try_for_each(|shelf| fs::create_dir(&at.staging.join(shelf.to_string())))?;
    let pages: Vec<(PathBuf, &[u8])> =
        plan.write.iter().enumerate().map(|(i, write)| (at.staged(i), write.bytes)).collect();
    let metadata = fs::create_new_durably(&pages)?;
    for (write, metadata) in plan.write.iter().zip(metadata) {
        plan.stamps.extend(Stamp::new(&metadata).map(|stamp| (write.path.to_owned(), stamp)));
    }
    let (intent, result) = (plan.intent.text(), plan.result.text());
    let manifests = [(at.staged_intent(), intent), (at.staged_result(), result)];
    let manifests = manifests.iter().map(|(path, text)| (path.clone(), text.as_bytes()));
    fs::create_new_durably(&manifests.collect::<Vec<_>>()).map(drop)
}

/// Moves what is staged into place and removes what is stale.
pub fn swap(plan: &Plan<'_>, old: &Manifest, at: &Workplace, output: &Path) -> fs::Result<()> {
    if plan.intent != *old {
        at.put_manifest(&at.staged_intent())?;
    }
    remove(&plan.clear, &plan.empty, output)?;
    make_folders(&plan.write, output)?;
    // What pages refer to comes before the pages, for a reader who looks in between.
    let staged = plan.write.iter().enumerate();
    let (pages, assets): (Vec<_>, Vec<_>) =
        staged.partition(|(_, write)| write.path.ends_with(".html"));
    for stage in [assets, pages] {
        stage.into_par_iter().try_for_each(|(i, write)| {
            let move_to = if write.over { fs::rename } else { fs::rename_new };
            move_to(&at.staged(i), &output.join(write.path))
        })?;
    }
    remove(&plan.remove, &plan.empty, output)?;
    // Or, the power lost, an old file could come back that the last manifest does not know.
    fs::sync_dirs(&touched(plan, output)?)?;
    finish(at)
}

/// Puts the last manifest in place, once the site is what it says.
pub fn finish(at: &Workplace) -> fs::Result<()> {
    at.put_manifest(&at.staged_result())?;
    at.sweep()
}

/// Removes files, then those folders that are empty now.
fn remove(files: &[String], folders: &[String], output: &Path) -> fs::Result<()> {
    files.iter().try_for_each(|path| fs::remove_file(&output.join(path)))?;
    folders.iter().try_for_each(|path| fs::remove_empty_dir(&output.join(path)).map(drop))
}

/// The folders in which the plan created, replaced or removed something, as far as they are left.
fn touched(plan: &Plan<'_>, output: &Path) -> fs::Result<BTreeSet<PathBuf>> {
    let written = plan.write.iter().map(|write| write.path);
    let removed = plan.clear.iter().chain(&plan.remove).chain(&plan.empty).map(String::as_str);
    let paths: BTreeSet<&str> = written.chain(removed).flat_map(paths::folders).collect();
    let mut dirs = BTreeSet::from([output.to_owned()]);
    for path in paths {
        let dir = output.join(path);
        if fs::stat(&dir)?.is_some_and(|found| found.is_dir()) {
            dirs.insert(dir);
        }
    }
    Ok(dirs)
}

/// Creates the folders that the new files need. If one cannot be created, for want of space, those
/// made so far go again.
fn make_folders(write: &[Write<'_>], output: &Path) -> fs::Result<()> {
    let needed: BTreeSet<&str> =
        write.iter().flat_map(|write| paths::folders(write.path)).collect();
    let mut by_depth: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for folder in needed {
        by_depth.entry(folder.matches('/').count()).or_default().push(folder);
    }
    let mut made: Vec<PathBuf> = Vec::new();
    // Those of one depth do not depend on each other.
    for folders in by_depth.into_values() {
        let create = |folder: &&str| {
            let folder = output.join(folder);
            match fs::stat(&folder) {
                Ok(Some(_)) => Ok(None),
                Ok(None) => fs::create_dir(&folder).map(|()| Some(folder)),
                Err(error) => Err(error),
            }
        };
        let created: Vec<fs::Result<Option<PathBuf>>> = folders.par_iter().map(create).collect();
        let mut failed = None;
        for folder in created {
            match folder {
                Ok(folder) => made.extend(folder),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            // Innermost first.
            made.iter().rev().try_for_each(|folder| fs::remove_empty_dir(folder).map(drop))?;
            return Err(error);
        }
    }
    Ok(())
}
