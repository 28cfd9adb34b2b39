//! Replaces the old site with the new one: every new file is staged under its final relative path
//! and flushed to disk, then the staged files are moved into place.
//!
//! Moves are atomic, so a file is either old or new, never half-written. A folder that does not
//! exist yet is moved as a whole, as is a site's first build. If the disk is full, staging fails
//! while the old site is still unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::manifest::Manifest;
use super::paths;
use super::plan::CommitPlan;
use content::fs::{self, Stamp};

/// Venti's own folder under `output/`, and the folders for staging.
#[derive(Debug)]
pub struct StagingArea {
    /// Venti's folder, `output/.venti`.
    pub folder: PathBuf,
    pub manifest: PathBuf,
    /// Staging folder that is used if the output folder exists.
    within: PathBuf,
    /// Staging folder of a site's first build, next to the future output folder. It is renamed to
    /// become the output folder.
    beside: PathBuf,
    /// Whether there is no output folder yet.
    new: bool,
    /// Folder that holds the staged site.
    pub site: PathBuf,
}

impl StagingArea {
    /// Returns the staging area of an output folder without creating anything.
    pub fn of(output: &Path) -> fs::Result<Self> {
        let folder = output.join(paths::RESERVED);
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let beside = output.with_file_name(format!(".{name}.staging"));
        let within = folder.join("staging");
        let new = fs::stat(output)?.is_none();
        let site = if new { beside.clone() } else { within.join("site") };
        Ok(Self { manifest: folder.join("manifest"), folder, within, beside, new, site })
    }

    /// Whether there is no output folder yet.
    pub fn is_new(&self) -> bool {
        self.new
    }

    /// Stages a file and returns its stamp, which stays the same when the file is moved into place.
    pub fn stage(&self, path: &str, bytes: &[u8]) -> fs::Result<Option<Stamp>> {
        fs::create_new(&self.site.join(path), bytes).map(|metadata| Stamp::new(&metadata))
    }

    /// Removes the staged file at `path`, if there is one.
    pub fn unstage(&self, path: &str) -> fs::Result<()> {
        let staged = self.site.join(path);
        if fs::stat(&staged)?.is_some() { fs::remove_file(&staged) } else { Ok(()) }
    }

    /// Removes the staged parent folders of `path` that are empty.
    pub fn remove_empty_folders(&self, path: &str) -> fs::Result<()> {
        let folders: Vec<&str> = paths::folders(path).collect();
        let mut innermost_first = folders.into_iter().rev();
        innermost_first
            .try_for_each(|folder| fs::remove_empty_dir(&self.site.join(folder)).map(drop))
    }

    /// Removes all staged files, including those that a killed build left behind.
    pub fn sweep(&self) -> fs::Result<()> {
        [&self.within, &self.beside].into_iter().try_for_each(|staging| match fs::stat(staging)? {
            Some(found) if found.is_dir() => fs::remove_dir_all(staging),
            Some(_) => fs::remove_file(staging),
            None => Ok(()),
        })
    }

    /// Removes all staged files, and Venti's folder if it is empty afterwards.
    pub fn abandon(&self) -> fs::Result<()> {
        self.sweep()?;
        if fs::stat(&self.manifest)?.is_none() {
            fs::remove_empty_dir(&self.folder)?;
        }
        Ok(())
    }

    /// Removes all staged files and the manifest, and Venti's folder if it is empty afterwards.
    pub fn remove(&self) -> fs::Result<()> {
        self.sweep()?;
        if fs::stat(&self.manifest)?.is_some() {
            fs::remove_file(&self.manifest)?;
        }
        fs::remove_empty_dir(&self.folder).map(drop)
    }

    /// Moves a staged manifest into place.
    fn put_manifest(&self, staged: &Path) -> fs::Result<()> {
        fs::rename(staged, &self.manifest)?;
        fs::sync_dirs(&BTreeSet::from([self.folder.clone()]))
    }

    fn staged_intent(&self) -> PathBuf {
        self.within.join("intent")
    }

    fn staged_result(&self) -> PathBuf {
        self.within.join("result")
    }
}

/// Stages the manifests and flushes all staged files, so that they survive a power loss.
pub fn make_safe(plan: &CommitPlan<'_>, staging: &StagingArea) -> fs::Result<()> {
    let result = plan.result.text();
    if staging.new {
        let manifest = staging.beside.join(paths::RESERVED).join("manifest");
        fs::create_new(&manifest, result.as_bytes())?;
        return fs::sync_tree(&staging.beside, plan.write.len());
    }
    fs::create_new(&staging.staged_intent(), plan.intent.text().as_bytes())?;
    fs::create_new(&staging.staged_result(), result.as_bytes())?;
    fs::sync_tree(&staging.within, plan.write.len())
}

/// Moves staged files into place and removes stale ones.
pub fn swap(
    plan: &CommitPlan<'_>,
    old: &Manifest,
    staging: &StagingArea,
    output: &Path,
) -> fs::Result<()> {
    if staging.new {
        fs::rename_dir(&staging.beside, output)?;
        let above = output.parent().filter(|above| !above.as_os_str().is_empty());
        return fs::sync_dirs(&BTreeSet::from([above.unwrap_or(Path::new(".")).to_owned()]));
    }
    if plan.intent != *old {
        staging.put_manifest(&staging.staged_intent())?;
    }
    remove(&plan.clear, &plan.empty, output)?;
    let moves = moves(plan, output)?;
    // Assets are moved first, so that no page refers to a file that is not there yet.
    let (pages, assets): (Vec<_>, Vec<_>) = moves.iter().partition(|(_, moved)| moved.has_page);
    for moves in [assets, pages] {
        moves.into_par_iter().try_for_each(|(path, moved)| {
            let (from, to) = (staging.site.join(path), output.join(path));
            match moved.what {
                What::Folder => fs::rename_dir(&from, &to),
                What::OldFile => fs::rename(&from, &to),
                What::NewFile => fs::rename_new(&from, &to),
            }
        })?;
    }
    remove(&plan.remove, &plan.empty, output)?;
    // Without this flush, a power loss could bring back an old file that the final manifest does
    // not list.
    fs::sync_dirs(&touched(plan, moves.into_keys(), output)?)?;
    finish(staging)
}

/// Moves the final manifest into place and removes all staged files. The site must already match
/// the manifest.
pub fn finish(staging: &StagingArea) -> fs::Result<()> {
    staging.put_manifest(&staging.staged_result())?;
    staging.sweep()
}

/// A file or folder that is moved in one step.
struct Move {
    what: What,
    /// Whether the file is a page, or the folder contains one.
    has_page: bool,
}

enum What {
    /// A folder that does not exist in the output yet. It is moved with all staged files in it.
    Folder,
    /// A file that replaces one of Venti's own.
    OldFile,
    NewFile,
}

/// Returns the moves that put all new files in place, by path.
fn moves<'p>(plan: &CommitPlan<'p>, output: &Path) -> fs::Result<BTreeMap<&'p str, Move>> {
    let mut stands: BTreeMap<&str, bool> = BTreeMap::new();
    let mut moves: BTreeMap<&str, Move> = BTreeMap::new();
    for write in &plan.write {
        let mut path = write.path;
        let mut what = if write.over { What::OldFile } else { What::NewFile };
        for folder in paths::folders(write.path) {
            if !stands.contains_key(folder) {
                stands.insert(folder, fs::stat(&output.join(folder))?.is_some());
            }
            if !stands[folder] {
                (path, what) = (folder, What::Folder);
                break;
            }
        }
        let moved = moves.entry(path).or_insert(Move { what, has_page: false });
        moved.has_page |= write.path.ends_with(".html");
    }
    Ok(moves)
}

/// Removes `files`, then those of `folders` that are empty.
fn remove(files: &[String], folders: &[String], output: &Path) -> fs::Result<()> {
    files.iter().try_for_each(|path| fs::remove_file(&output.join(path)))?;
    folders.iter().try_for_each(|path| fs::remove_empty_dir(&output.join(path)).map(drop))
}

/// Returns the existing folders in which a file or folder was moved or removed.
fn touched<'p>(
    plan: &'p CommitPlan<'_>,
    moved: impl Iterator<Item = &'p str>,
    output: &Path,
) -> fs::Result<BTreeSet<PathBuf>> {
    let removed = plan.clear.iter().chain(&plan.remove).chain(&plan.empty).map(String::as_str);
    let paths: BTreeSet<&str> = moved.chain(removed).flat_map(paths::folders).collect();
    let mut dirs = BTreeSet::from([output.to_owned()]);
    for path in paths {
        let dir = output.join(path);
        if fs::stat(&dir)?.is_some_and(|found| found.is_dir()) {
            dirs.insert(dir);
        }
    }
    Ok(dirs)
}
