//! The built site on disk. Only this module writes under `output/`.
//!
//! Each file is staged as soon as it is made, in a folder that is not part of the site. Once all
//! files are staged, a commit surveys the folder, plans the changes and swaps the new site in.
//! Guarantees:
//!
//! - Every file is complete, in either its old or its new version, even if the process is killed or
//!   the power fails. The next commit then completes the site and leaves no temporary files behind.
//!   A new folder appears with all its files at once, as does a site's first build.
//! - A file whose content is already correct is not rewritten.
//! - Files that Venti did not write are never overwritten or deleted, and Venti never writes
//!   through a symbolic link. `output/.venti/manifest` lists Venti's files.
//!
//! Unflushed data survives if the process is killed, but not if the power fails. So all new files
//! are flushed before the first of them is moved into place, and all moves and removals are flushed
//! before the final manifest is stored. For large sites, the whole file system is flushed in one
//! call where the operating system supports it: this takes 0.2 s for 10,000 files, and one call per
//! file takes 27 s.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use blake3::Hash;

use crate::destination::Destination;
use crate::{Inventory, Tree};
use content::fs::{self, Stamp};
use content::lock::ProcessLock;

mod error;
mod flush;
mod last_build;
mod manifest;
mod paths;
mod plan;
mod stamps;
mod survey;
mod swap;

pub use error::OutputError;
use error::{halfway, untouched};
use flush::BackgroundFlush;
pub use last_build::LastBuild;
use manifest::Manifest;
pub use paths::check;
use stamps::Stamps;
use survey::PathState;
use swap::StagingArea;

/// Maximum time to wait for another process that is writing to the folder.
const PATIENCE: Duration = Duration::from_secs(60);

/// Name of the file in the project's scratch folder that holds the stamps; see [`stamps`].
const STAMPS_FILE: &str = "output.stamps";

/// Summary of the changes that a commit made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub written: usize,
    pub unchanged: usize,
    pub removed: usize,
    /// Files under `output/` that a person had changed and that now have the rendered content
    /// again. These files also count as written.
    pub restored: Vec<String>,
    /// Files that the site no longer has, but that a person had changed. They stay in the folder
    /// and no longer belong to Venti.
    pub released: Vec<String>,
}

/// A file passed to [`Output::put`](Destination::put).
#[derive(Debug, Clone, Copy)]
struct NewFile {
    /// Hash of the file's content.
    hash: Hash,
    /// State of the path when the file was passed to `put`.
    found: PathState,
    /// Stamp of the existing file if it has the same content, otherwise of the staged file.
    stamp: Option<Stamp>,
}

impl NewFile {
    /// Whether the file was staged. It is not staged if the folder already has the same content.
    fn is_staged(&self) -> bool {
        !matches!(self.found, PathState::SameContent(_))
    }
}

/// The files that a site should have under `output/`.
#[derive(Debug, Clone, Copy)]
struct TargetFiles<'a> {
    new_files: &'a BTreeMap<String, NewFile>,
    files: &'a Inventory,
}

impl<'a> TargetFiles<'a> {
    fn paths(&self) -> impl Iterator<Item = &'a str> {
        self.new_files.keys().chain(&self.files.kept).map(String::as_str)
    }

    fn contains(&self, path: &str) -> bool {
        self.new_files.contains_key(path) || self.files.kept.contains(path)
    }

    /// Returns the input hash of the file at this path, if this build made the file.
    fn input(&self, path: &str) -> Option<Hash> {
        self.files.made.get(path).copied()
    }
}

/// An output folder, locked by this process until the value is dropped. Dropping the value also
/// deletes staged files that were not committed.
#[derive(Debug)]
pub struct Output {
    folder: PathBuf,
    staging: StagingArea,
    manifest: Manifest,
    /// Stamps of the unchanged files.
    stamps: Stamps,
    stamps_file: PathBuf,
    saved_stamps: Stamps,
    /// Input hash of each file that is unchanged since Venti wrote it.
    unchanged: HashMap<String, Hash>,
    /// Input hash of each file made by the build passed to [`Output::reuse`].
    reusable: BTreeMap<String, Hash>,
    new_files: Mutex<BTreeMap<String, NewFile>>,
    flush: Mutex<BackgroundFlush>,
    _lock: ProcessLock,
}

impl Output {
    /// Opens and locks the folder, and finds which of Venti's files are unchanged since Venti wrote
    /// them. `scratch` is the project's folder for Venti's working files, which holds the lock
    /// file. Waits if another process holds the lock.
    ///
    /// # Errors
    /// Returns an error if another process holds the lock for too long, or the folder or its
    /// manifest cannot be read.
    pub fn open(folder: &Path, scratch: &Path) -> miette::Result<Self> {
        let lock = ProcessLock::take(
            &scratch.join("output.lock"),
            "writing the site",
            PATIENCE,
            &mut |_| (),
        )?;
        if fs::stat(folder)?.is_some() && !folder.is_dir() {
            return Err(OutputError::NoFolder { path: folder.to_owned() }.into());
        }
        let staging = StagingArea::of(folder)?;
        if fs::stat(&staging.folder)?.is_some_and(|found| !found.is_dir()) {
            return Err(OutputError::Link { path: paths::RESERVED.to_owned() }.into());
        }
        let manifest = Manifest::load(&staging.manifest)?;
        staging.sweep().map_err(untouched)?;
        let stamps_file = scratch.join(STAMPS_FILE);
        let saved_stamps = stamps::load(&stamps_file);
        let unchanged = survey::unchanged_files(&manifest, &saved_stamps, folder);
        let stamps = unchanged.iter().map(|(path, file)| (path.clone(), file.stamp)).collect();
        let unchanged = unchanged.into_iter().map(|(path, file)| (path, file.input)).collect();
        Ok(Self {
            folder: folder.to_owned(),
            staging,
            manifest,
            stamps,
            stamps_file,
            saved_stamps,
            unchanged,
            reusable: BTreeMap::new(),
            new_files: Mutex::default(),
            flush: Mutex::default(),
            _lock: lock,
        })
    }

    /// Keeps the files of a finished build staged, so that the next build makes only the files
    /// whose inputs differ. This is for a build that writes essays: it first renders the site
    /// without the new essays, so that errors are reported before minutes are spent on writing.
    pub fn reuse(&mut self, build: Inventory) {
        self.reusable = build.made;
    }

    /// Makes the folder hold exactly the site's files, apart from files that are not Venti's. Every
    /// file in `files.made` must already have been passed to `put`.
    ///
    /// # Errors
    /// Returns an error if a conflict prevents the commit (see [`OutputError`]), or an I/O error
    /// occurs, such as a full or read-only disk. The message says what state the site is in.
    pub fn commit(mut self, files: &Inventory) -> miette::Result<Changes> {
        let mut new_files = std::mem::take(&mut *locked(&self.new_files));
        let mut files = files.clone();
        for (path, input) in std::mem::take(&mut self.reusable) {
            if files.kept.remove(&path) {
                files.made.insert(path.clone(), input);
            } else if !files.made.contains_key(&path) {
                new_files.remove(&path);
            }
            if !new_files.get(&path).is_some_and(NewFile::is_staged) {
                self.staging.unstage(&path).map_err(untouched)?;
                self.staging.remove_empty_folders(&path).map_err(untouched)?;
            }
        }
        let target = TargetFiles { new_files: &new_files, files: &files };
        let (changes, stamps) = self.replace(&target)?;
        if stamps != self.saved_stamps {
            stamps::save(&self.stamps_file, &stamps);
        }
        Ok(changes)
    }

    /// Replaces the site that the manifest describes with the target files. Returns the changes and
    /// the new stamps.
    fn replace(&self, target: &TargetFiles<'_>) -> miette::Result<(Changes, Stamps)> {
        let Self { staging, manifest, folder, .. } = self;
        let mut plan = plan::plan(target, manifest, &self.stamps, folder)?;
        for path in &plan.again {
            let existing = folder.join(path);
            let bytes = fs::read(&existing).map_err(untouched)?;
            let stamp = staging.stage(path, &bytes).map_err(untouched)?;
            plan.stamps.extend(stamp.map(|stamp| (path.clone(), stamp)));
        }
        if !plan.changes_nothing() {
            swap::make_safe(&plan, staging).map_err(untouched)?;
            swap::swap(&plan, manifest, staging, folder).map_err(halfway)?;
        } else if plan.result != *manifest {
            swap::make_safe(&plan, staging)
                .and_then(|()| swap::finish(staging))
                .map_err(untouched)?;
        }
        let changes = Changes {
            written: plan.write.len(),
            unchanged: plan.unchanged,
            removed: plan.clear.len() + plan.remove.len(),
            restored: plan.restored,
            released: plan.released,
        };
        Ok((changes, plan.stamps))
    }
}

/// Locks a mutex, even if it is poisoned, since the data is consistent all the same.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Destination for Output {
    fn has(&self, path: &str, input: Hash) -> bool {
        self.reusable.get(path).or_else(|| self.unchanged.get(path)) == Some(&input)
    }

    fn made_from(&self, input: Hash) -> Vec<String> {
        let unchanged = self.unchanged.iter();
        let unchanged = unchanged.filter(|(path, _)| !self.reusable.contains_key(*path));
        let all = self.reusable.iter().chain(unchanged);
        all.filter(|(_, made_from)| **made_from == input).map(|(path, _)| path.clone()).collect()
    }

    fn put(&self, path: &str, bytes: Vec<u8>) -> miette::Result<()> {
        if let Some(fault) = paths::fault(path) {
            return Err(OutputError::BadPath { path: path.to_owned(), fault }.into());
        }
        let found = match self.staging.is_new() {
            true => PathState::Absent,
            false => survey::compare(&self.folder, path, &bytes).map_err(untouched)?,
        };
        let stamp = match found {
            PathState::SameContent(stamp) => stamp,
            _ => {
                if self.reusable.contains_key(path) {
                    self.staging.unstage(path).map_err(untouched)?;
                }
                let stamp = self.staging.stage(path, &bytes).map_err(untouched)?;
                locked(&self.flush).wrote(bytes.len(), &self.staging.site);
                stamp
            }
        };
        let new_file = NewFile { hash: blake3::hash(&bytes), found, stamp };
        locked(&self.new_files).insert(path.to_owned(), new_file);
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // The next build removes whatever cannot be removed now.
        let _ = self.staging.abandon();
    }
}

/// Makes `output` hold exactly the files of `tree`, apart from files that are not Venti's.
///
/// # Errors
/// Returns the same errors as [`Output::open`] and [`Output::commit`].
pub fn commit(tree: &Tree, output: &Path, scratch: &Path) -> miette::Result<Changes> {
    check(tree.keys().map(String::as_str))?;
    let opened = Output::open(output, scratch)?;
    tree.iter().try_for_each(|(path, bytes)| opened.put(path, bytes.clone()))?;
    opened.commit(&Inventory::default())
}

/// Removes Venti's files and folders from `output`, and `output` itself if it is empty afterwards.
/// Files that a person changed stay and are reported as released.
///
/// # Errors
/// Returns the same errors as [`commit`].
pub fn clear(output: &Path, scratch: &Path) -> miette::Result<Changes> {
    let opened = Output::open(output, scratch)?;
    if fs::stat(output)?.is_none() {
        return Ok(Changes::default());
    }
    let (new_files, files) = Default::default();
    let (changes, _) = opened.replace(&TargetFiles { new_files: &new_files, files: &files })?;
    opened.staging.remove().map_err(halfway)?;
    fs::remove_empty_dir(output).map_err(halfway)?;
    Ok(changes)
}

#[cfg(test)]
mod tests;
