//! Plans all of a commit's changes to `output/` before any of them is made.
//!
//! A file is Venti's if its path is in the manifest. If the new site has a file at that path, it
//! overwrites the old one, so edits under `output/` do not last. A file is stale if the new site no
//! longer has it. A stale file is deleted only if it still has the content that Venti wrote; if a
//! person has changed it, it stays and no longer belongs to Venti. A file that is not in the
//! manifest is not Venti's, but Venti takes it over if the new site has exactly the same content at
//! its path.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::manifest::{Manifest, Record};
use super::stamps::Stamps;
use super::survey::{PathState, Survey};
use super::{NewFile, OutputError, TargetFiles, paths};
use blake3::Hash;
use content::fs::{self, Stamp};

/// One file to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write<'a> {
    pub path: &'a str,
    /// Whether the file replaces one of Venti's. If not, the path must be free.
    pub over: bool,
}

/// The changes that one commit will make.
#[derive(Debug, Default)]
pub struct CommitPlan<'a> {
    pub write: Vec<Write<'a>>,
    /// Files in `write` that must be staged although they already exist with the same content: on a
    /// case-insensitive file system, they disappear when the old spelling of their path is removed.
    pub again: Vec<String>,
    /// Stale files whose path conflicts with a path of the new site: one is a parent folder of the
    /// other, or they differ only in case. These files are removed before anything is written.
    pub clear: Vec<String>,
    /// The other stale files, which are removed once the new site is in place.
    pub remove: Vec<String>,
    /// Venti's folders that will be empty, to be removed innermost first.
    pub empty: Vec<String>,
    /// Number of files that are already correct.
    pub unchanged: usize,
    /// Files that a person changed, to be overwritten with the rendered content.
    pub restored: Vec<String>,
    /// Stale files that a person changed. They stay and no longer belong to Venti.
    pub released: Vec<String>,
    /// Manifest of every file that can exist while the plan is carried out.
    pub intent: Manifest,
    /// Manifest of the finished site.
    pub result: Manifest,
    /// Stamps of the site's files.
    pub stamps: Stamps,
}

impl CommitPlan<'_> {
    /// Whether no file or folder needs to change.
    pub fn changes_nothing(&self) -> bool {
        self.write.is_empty()
            && self.clear.is_empty()
            && self.remove.is_empty()
            && self.empty.is_empty()
    }
}

/// Plans the changes that make Venti's files in `output` match `target`.
///
/// # Errors
/// Returns an error if a file or folder that is not Venti's is in the way, or a file cannot be
/// read.
pub fn plan<'a>(
    target: &TargetFiles<'a>,
    manifest: &Manifest,
    stamps: &Stamps,
    output: &Path,
) -> miette::Result<CommitPlan<'a>> {
    let survey = Survey::take(target, manifest, output)?;
    let (stale, released) = stale(target, manifest, &survey);
    let spellings = stale.iter().map(|(path, hash)| (paths::folded(path), (path, *hash))).collect();
    let disk = DiskState { manifest, survey: &survey, stale: &stale, spellings, output };

    let mut plan = CommitPlan { released, ..CommitPlan::default() };
    let mut foreign = BTreeSet::new();
    let mut files: Vec<(String, Record)> = Vec::new();
    let mut stamped: Vec<(String, Stamp)> = Vec::new();
    // Records of the files to write, with their current and their planned content.
    let mut meant: Vec<(String, Record)> = Vec::new();
    for path in &target.files.kept {
        let record = manifest.files.get(path).copied().unwrap_or_default();
        files.push((path.clone(), Record { planned: None, ..record }));
        stamped.extend(stamps.get(path).map(|stamp| (path.clone(), *stamp)));
        plan.unchanged += 1;
    }
    for (path, new_file) in target.new_files {
        if let Some(folder) = disk.blocked_above(path)? {
            foreign.insert(folder);
            continue;
        }
        let done = Record { input: target.input(path), ..as_written(Some(new_file.hash)) };
        files.push((path.clone(), done));
        stamped.extend(new_file.stamp.map(|stamp| (path.clone(), stamp)));
        let written = match disk.occupant(path, new_file)? {
            Occupant::Foreign(path) => {
                foreign.insert(path);
                continue;
            }
            Occupant::Right => {
                plan.unchanged += 1;
                continue;
            }
            Occupant::Free => None,
            Occupant::Ours(hash) => Some(hash),
            Occupant::Changed(hash) => {
                plan.restored.push(path.clone());
                Some(hash)
            }
        };
        plan.write.push(Write { path, over: written.is_some() });
        if matches!(new_file.found, PathState::SameContent(_)) {
            plan.again.push(path.clone());
        }
        meant.push((path.clone(), Record { written, planned: Some(new_file.hash), input: None }));
    }
    if !foreign.is_empty() {
        return Err(OutputError::Foreign { paths: foreign.into_iter().collect() }.into());
    }

    plan.result.files = files.into_iter().collect();
    plan.stamps = stamped.into_iter().collect();
    disk.plan_folders(target, &mut plan)?;
    if !(meant.is_empty() && stale.is_empty() && plan.empty.is_empty()) {
        plan.intent.files.clone_from(&plan.result.files);
        plan.intent.files.extend(meant);
        let removed = stale.iter().map(|(path, hash)| (path.clone(), as_written(Some(*hash))));
        plan.intent.files.extend(removed);
    }
    if stale.is_empty() {
        return Ok(plan);
    }
    let places: BTreeSet<String> = target
        .paths()
        .flat_map(|path| paths::folders(path).chain([path]))
        .map(paths::folded)
        .collect();
    let files: BTreeSet<String> = target.paths().map(paths::folded).collect();
    (plan.clear, plan.remove) = stale.into_keys().partition(|path| {
        let path = paths::folded(path);
        places.contains(&path) || paths::folders(&path).any(|folder| files.contains(folder))
    });
    Ok(plan)
}

fn as_written(written: Option<Hash>) -> Record {
    Record { written, ..Record::default() }
}

/// Returns the stale files: first the files to remove, with the hashes of their contents, then the
/// files that a person changed.
fn stale(
    target: &TargetFiles<'_>,
    manifest: &Manifest,
    survey: &Survey<'_>,
) -> (BTreeMap<String, Hash>, Vec<String>) {
    let mut remove = BTreeMap::new();
    let mut released = Vec::new();
    for (path, record) in &manifest.files {
        match survey.file(path) {
            _ if target.contains(path) => {}
            PathState::OtherContent(hash) if record.knows(hash) => {
                remove.insert(path.clone(), hash);
            }
            PathState::OtherContent(_) if record.written.is_some() => released.push(path.clone()),
            _ => {}
        }
    }
    (remove, released)
}

/// State of a path where the new site has a file.
enum Occupant {
    Right,
    Free,
    /// One of Venti's files, to be replaced, with the hash of its content.
    Ours(Hash),
    /// One of Venti's files that a person changed, with the hash of the content that Venti wrote.
    Changed(Hash),
    /// The path of a file or folder that is not Venti's.
    Foreign(String),
}

/// The on-disk state that the plan is based on.
struct DiskState<'a> {
    manifest: &'a Manifest,
    survey: &'a Survey<'a>,
    stale: &'a BTreeMap<String, Hash>,
    /// Stale files by case-folded path.
    spellings: BTreeMap<String, (&'a String, Hash)>,
    output: &'a Path,
}

impl DiskState<'_> {
    /// Returns the outermost parent of `path` that is a file and must stay, if any.
    fn blocked_above(&self, path: &str) -> miette::Result<Option<String>> {
        for folder in paths::folders(path) {
            match self.survey.folder(folder) {
                PathState::Folder | PathState::Absent => {}
                PathState::Link => return Err(self.link(folder)),
                PathState::OtherContent(_) | PathState::SameContent(_)
                    if self.stale.contains_key(folder) => {}
                PathState::OtherContent(_) | PathState::SameContent(_) => {
                    return Ok(Some(folder.to_owned()));
                }
            }
        }
        Ok(None)
    }

    fn occupant(&self, path: &str, new_file: &NewFile) -> miette::Result<Occupant> {
        let record = self.manifest.files.get(path).copied().unwrap_or_default();
        Ok(match new_file.found {
            PathState::Absent => Occupant::Free,
            // If the file system ignores case, removing the old spelling also removes this file.
            PathState::SameContent(_) => match self.old_spelling(path) {
                Some(hash) => Occupant::Ours(hash),
                None => Occupant::Right,
            },
            PathState::OtherContent(hash)
                if record.knows(hash) || self.old_spelling(path) == Some(hash) =>
            {
                Occupant::Ours(hash)
            }
            PathState::OtherContent(_) => match record.written {
                Some(written) => Occupant::Changed(written),
                None => Occupant::Foreign(path.to_owned()),
            },
            PathState::Folder => match self.stays(path)? {
                Some(inside) => Occupant::Foreign(inside),
                None => Occupant::Free,
            },
            PathState::Link => return Err(self.link(path)),
        })
    }

    /// Returns the content hash of a stale file whose path differs from `path` only in case, if
    /// any.
    fn old_spelling(&self, path: &str) -> Option<Hash> {
        let (stale, hash) = self.spellings.get(&paths::folded(path))?;
        (*stale != path).then_some(*hash)
    }

    fn link(&self, path: &str) -> miette::Report {
        OutputError::Link { path: path.to_owned() }.into()
    }

    /// Returns the path of a file or folder that keeps `folder` from being removed: `folder` itself
    /// if Venti did not create it, otherwise something in it that has to stay. Returns `None` if
    /// `folder` can be removed.
    fn stays(&self, folder: &str) -> miette::Result<Option<String>> {
        if !self.manifest.folders.contains(folder) {
            return Ok(Some(folder.to_owned()));
        }
        let dir = self.output.join(folder);
        for name in fs::names(&dir)? {
            let path = format!("{folder}/{name}");
            let is_folder = fs::stat(&dir.join(&name))?.is_some_and(|found| found.is_dir());
            if is_folder {
                if let Some(inside) = self.stays(&path)? {
                    return Ok(Some(inside));
                }
            } else if !self.stale.contains_key(&path) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Plans which folders will belong to Venti and which folders are removed.
    fn plan_folders(
        &self,
        target: &TargetFiles<'_>,
        plan: &mut CommitPlan<'_>,
    ) -> miette::Result<()> {
        let needed: BTreeSet<&str> = target.paths().flat_map(paths::folders).collect();
        let ours: BTreeSet<String> =
            self.manifest.folders.iter().map(|folder| paths::folded(folder)).collect();
        for folder in &needed {
            let stands = self.survey.folder(folder) == PathState::Folder;
            if !stands || ours.contains(&paths::folded(folder)) {
                plan.result.folders.insert((*folder).to_owned());
            }
        }
        let exists = |folder: &&String| self.survey.folder(folder) == PathState::Folder;
        for folder in self.manifest.folders.iter().filter(exists) {
            plan.intent.folders.insert(folder.clone());
            if needed.contains(folder.as_str()) {
                continue;
            }
            if self.stays(folder)?.is_some() {
                plan.result.folders.insert(folder.clone());
            } else {
                plan.empty.push(folder.clone());
            }
        }
        // Subfolders come after their parent in the list, but have to be removed before it.
        plan.empty.reverse();
        plan.intent.folders.extend(plan.result.folders.iter().cloned());
        Ok(())
    }
}
