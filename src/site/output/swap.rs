//! From the old site to the new: every new file is staged in full, under the path it will have,
//! and made safe on the disk; then what is staged is moved into place.
//!
//! A move is atomic, so a file is old or new, never half. A folder that was not there is moved with
//! all that is in it, and so is the whole of a first site. All that can fail for want of space or
//! rights fails while staging, with the old site untouched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::manifest::Manifest;
use super::paths;
use super::plan::Plan;
use crate::fs::{self, Stamp};

/// Venti's own folder under `output/`, and where files are staged.
#[derive(Debug)]
pub struct Workplace {
    /// Venti's folder, `output/.venti`.
    pub folder: PathBuf,
    /// Where the manifest is.
    pub manifest: PathBuf,
    /// Where all is staged if there is an output folder.
    within: PathBuf,
    /// Where a first site is staged: beside its folder, which it then becomes.
    beside: PathBuf,
    /// There is no output folder yet.
    new: bool,
    /// What is staged under the paths it will have.
    pub site: PathBuf,
}

impl Workplace {
    /// The workplace of an output folder; nothing is created.
    pub fn of(output: &Path) -> fs::Result<Self> {
        let folder = output.join(paths::RESERVED);
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let beside = output.with_file_name(format!(".{name}.staging"));
        let within = folder.join("staging");
        let new = fs::stat(output)?.is_none();
        let site = if new { beside.clone() } else { within.join("site") };
        Ok(Self { manifest: folder.join("manifest"), folder, within, beside, new, site })
    }

    /// Whether nothing stands yet.
    pub fn is_new(&self) -> bool {
        self.new
    }

    /// Stages a file. It keeps its stamp when it is moved.
    pub fn stage(&self, path: &str, bytes: &[u8]) -> fs::Result<Option<Stamp>> {
        fs::create_new(&self.site.join(path), bytes).map(|metadata| Stamp::new(&metadata))
    }

    /// Removes what is staged, be it by a build that was killed.
    pub fn sweep(&self) -> fs::Result<()> {
        [&self.within, &self.beside].into_iter().try_for_each(|staging| match fs::stat(staging)? {
            Some(found) if found.is_dir() => fs::remove_dir_all(staging),
            Some(_) => fs::remove_file(staging),
            None => Ok(()),
        })
    }

    /// Removes what is staged and the folder above it, if that is of no use.
    pub fn abandon(&self) -> fs::Result<()> {
        self.sweep()?;
        if fs::stat(&self.manifest)?.is_none() {
            fs::remove_empty_dir(&self.folder)?;
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

    fn staged_intent(&self) -> PathBuf {
        self.within.join("intent")
    }

    fn staged_result(&self) -> PathBuf {
        self.within.join("result")
    }
}

/// Adds the manifests to what is staged and makes all of it survive a loss of power.
pub fn make_safe(plan: &Plan<'_>, at: &Workplace) -> fs::Result<()> {
    let result = plan.result.text();
    if at.new {
        let manifest = at.beside.join(paths::RESERVED).join("manifest");
        fs::create_new(&manifest, result.as_bytes())?;
        return fs::sync_tree(&at.beside, plan.write.len());
    }
    fs::create_new(&at.staged_intent(), plan.intent.text().as_bytes())?;
    fs::create_new(&at.staged_result(), result.as_bytes())?;
    fs::sync_tree(&at.within, plan.write.len())
}

/// Moves what is staged into place and removes what is stale.
pub fn swap(plan: &Plan<'_>, old: &Manifest, at: &Workplace, output: &Path) -> fs::Result<()> {
    if at.new {
        fs::rename_dir(&at.beside, output)?;
        let above = output.parent().filter(|above| !above.as_os_str().is_empty());
        return fs::sync_dirs(&BTreeSet::from([above.unwrap_or(Path::new(".")).to_owned()]));
    }
    if plan.intent != *old {
        at.put_manifest(&at.staged_intent())?;
    }
    remove(&plan.clear, &plan.empty, output)?;
    let moves = moves(plan, output)?;
    // What pages refer to comes before the pages, for a reader who looks in between.
    let (pages, assets): (Vec<_>, Vec<_>) = moves.iter().partition(|(_, moved)| moved.has_page);
    for moves in [assets, pages] {
        moves.into_par_iter().try_for_each(|(path, moved)| {
            let (from, to) = (at.site.join(path), output.join(path));
            match moved.what {
                What::Folder => fs::rename_dir(&from, &to),
                What::OldFile => fs::rename(&from, &to),
                What::NewFile => fs::rename_new(&from, &to),
            }
        })?;
    }
    remove(&plan.remove, &plan.empty, output)?;
    // Or, the power lost, an old file could come back that the last manifest does not know.
    fs::sync_dirs(&touched(plan, moves.into_keys(), output)?)?;
    finish(at)
}

/// Puts the last manifest in place, once the site is what it says.
pub fn finish(at: &Workplace) -> fs::Result<()> {
    at.put_manifest(&at.staged_result())?;
    at.sweep()
}

/// What is moved in one step.
struct Move {
    what: What,
    /// It is a page, or a folder with one.
    has_page: bool,
}

enum What {
    /// A folder that is not there, with all that is staged in it.
    Folder,
    /// A file of Venti's own stands there and is replaced.
    OldFile,
    NewFile,
}

/// What has to be moved for all new files to be in place, by path.
fn moves<'p>(plan: &Plan<'p>, output: &Path) -> fs::Result<BTreeMap<&'p str, Move>> {
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

/// Removes files, then those folders that are empty now.
fn remove(files: &[String], folders: &[String], output: &Path) -> fs::Result<()> {
    files.iter().try_for_each(|path| fs::remove_file(&output.join(path)))?;
    folders.iter().try_for_each(|path| fs::remove_empty_dir(&output.join(path)).map(drop))
}

/// The folders in which something was moved or removed, as far as they are left.
fn touched<'p>(
    plan: &'p Plan<'_>,
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
