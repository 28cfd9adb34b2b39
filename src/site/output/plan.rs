//! The plan: everything one commit will do to `output/`, decided before any of it is done.
//!
//! Whose file is it? A path in the manifest is Venti's. Where the new site wants such a path, the
//! file becomes what was rendered, whatever it is now: edits made by hand under `output/` do not
//! last. But nothing is deleted unless its content is what Venti wrote, so a stale file that a
//! person changed is let go and stays. A file that is not in the manifest is never Venti's; if
//! its content is exactly what the site wants there, it is taken over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::manifest::{Manifest, Record};
use super::stamps::Stamps;
use super::survey::{Found, Survey};
use super::{Brought, Refusal, Wanted, paths};
use crate::fs::{self, Stamp};
use blake3::Hash;

/// One file to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write<'a> {
    pub path: &'a str,
    /// A file of Venti's own stands there and will be replaced; otherwise the path must be free.
    pub over: bool,
}

/// What one commit will do.
#[derive(Debug, Default)]
pub struct Plan<'a> {
    pub write: Vec<Write<'a>>,
    /// Those of them that are not staged yet, since the same stands there: it goes, with the old
    /// spelling of its path.
    pub again: Vec<String>,
    /// Stale files that stand where the new site needs a folder, a file or another spelling:
    /// removed before anything is written.
    pub clear: Vec<String>,
    /// Other stale files: removed once the new site stands.
    pub remove: Vec<String>,
    /// Folders of Venti's own that will be empty, innermost first.
    pub empty: Vec<String>,
    /// Files that are as they should be.
    pub unchanged: usize,
    /// Files a person changed that will be what was rendered again.
    pub restored: Vec<String>,
    /// Stale files a person changed: they stay and are Venti's no longer.
    pub released: Vec<String>,
    /// Covers every file that can be there while the plan is carried out.
    pub intent: Manifest,
    /// Describes the site once it is.
    pub result: Manifest,
    /// Of the site's files.
    pub stamps: Stamps,
}

impl Plan<'_> {
    /// Whether no file or folder has to change.
    pub fn changes_nothing(&self) -> bool {
        self.write.is_empty()
            && self.clear.is_empty()
            && self.remove.is_empty()
            && self.empty.is_empty()
    }
}

/// Decides what to do so that `output` holds exactly what is `wanted`, beside what is not Venti's.
///
/// # Errors
/// Something that is not Venti's stands in the way, or a file cannot be read.
pub fn plan<'a>(
    wanted: &Wanted<'a>,
    manifest: &Manifest,
    stamps: &Stamps,
    output: &Path,
) -> miette::Result<Plan<'a>> {
    let survey = Survey::take(wanted, manifest, output)?;
    let (stale, released) = stale(wanted, manifest, &survey);
    let spellings = stale.iter().map(|(path, hash)| (paths::folded(path), (path, *hash))).collect();
    let site = Site { manifest, survey: &survey, stale: &stale, spellings, output };

    let mut plan = Plan { released, ..Plan::default() };
    let mut foreign = BTreeSet::new();
    let mut files: Vec<(String, Record)> = Vec::new();
    let mut stamped: Vec<(String, Stamp)> = Vec::new();
    // What files to be written have until then, and will have.
    let mut meant: Vec<(String, Record)> = Vec::new();
    for path in &wanted.files.kept {
        let record = manifest.files.get(path).copied().unwrap_or_default();
        files.push((path.clone(), Record { planned: None, ..record }));
        stamped.extend(stamps.get(path).map(|stamp| (path.clone(), *stamp)));
        plan.unchanged += 1;
    }
    for (path, brought) in wanted.brought {
        if let Some(folder) = site.blocked_above(path)? {
            foreign.insert(folder);
            continue;
        }
        let done = Record { input: wanted.input(path), ..as_written(Some(brought.hash)) };
        files.push((path.clone(), done));
        stamped.extend(brought.stamp.map(|stamp| (path.clone(), stamp)));
        let written = match site.standing(path, brought)? {
            Standing::Foreign(path) => {
                foreign.insert(path);
                continue;
            }
            Standing::Right => {
                plan.unchanged += 1;
                continue;
            }
            Standing::Free => None,
            Standing::Ours(hash) => Some(hash),
            Standing::Changed(hash) => {
                plan.restored.push(path.clone());
                Some(hash)
            }
        };
        plan.write.push(Write { path, over: written.is_some() });
        if matches!(brought.found, Found::Same(_)) {
            plan.again.push(path.clone());
        }
        meant.push((path.clone(), Record { written, planned: Some(brought.hash), input: None }));
    }
    if !foreign.is_empty() {
        return Err(Refusal::Foreign { paths: foreign.into_iter().collect() }.into());
    }

    plan.result.files = files.into_iter().collect();
    plan.stamps = stamped.into_iter().collect();
    site.plan_folders(wanted, &mut plan)?;
    if !(meant.is_empty() && stale.is_empty() && plan.empty.is_empty()) {
        plan.intent.files.clone_from(&plan.result.files);
        plan.intent.files.extend(meant);
        let removed = stale.iter().map(|(path, hash)| (path.clone(), as_written(Some(*hash))));
        plan.intent.files.extend(removed);
    }
    if stale.is_empty() {
        return Ok(plan);
    }
    let places: BTreeSet<String> = wanted
        .paths()
        .flat_map(|path| paths::folders(path).chain([path]))
        .map(paths::folded)
        .collect();
    let files: BTreeSet<String> = wanted.paths().map(paths::folded).collect();
    (plan.clear, plan.remove) = stale.into_keys().partition(|path| {
        let path = paths::folded(path);
        places.contains(&path) || paths::folders(&path).any(|folder| files.contains(folder))
    });
    Ok(plan)
}

fn as_written(written: Option<Hash>) -> Record {
    Record { written, ..Record::default() }
}

/// Files of the manifest that the new site lacks: those to remove with their content's hash, and
/// those a person changed.
fn stale(
    wanted: &Wanted<'_>,
    manifest: &Manifest,
    survey: &Survey<'_>,
) -> (BTreeMap<String, Hash>, Vec<String>) {
    let mut remove = BTreeMap::new();
    let mut released = Vec::new();
    for (path, record) in &manifest.files {
        match survey.file(path) {
            _ if wanted.contains(path) => {}
            Found::File(hash) if record.knows(hash) => {
                remove.insert(path.clone(), hash);
            }
            Found::File(_) if record.written.is_some() => released.push(path.clone()),
            _ => {}
        }
    }
    (remove, released)
}

/// How a path of the new site stands.
enum Standing {
    Right,
    Free,
    /// Venti's file, with other content than the new site's.
    Ours(Hash),
    /// Venti's path, with a content it does not know; the hash is the one it wrote.
    Changed(Hash),
    /// Not Venti's, at this path.
    Foreign(String),
}

/// What is known while planning.
struct Site<'a> {
    manifest: &'a Manifest,
    survey: &'a Survey<'a>,
    stale: &'a BTreeMap<String, Hash>,
    /// The stale files by their path without regard to case.
    spellings: BTreeMap<String, (&'a String, Hash)>,
    output: &'a Path,
}

impl Site<'_> {
    /// The first folder above a path that is something else and must stay.
    fn blocked_above(&self, path: &str) -> miette::Result<Option<String>> {
        for folder in paths::folders(path) {
            match self.survey.folder(folder) {
                Found::Folder | Found::Nothing => {}
                Found::Link => return Err(self.link(folder)),
                Found::File(_) | Found::Same(_) if self.stale.contains_key(folder) => {}
                Found::File(_) | Found::Same(_) => return Ok(Some(folder.to_owned())),
            }
        }
        Ok(None)
    }

    fn standing(&self, path: &str, brought: &Brought) -> miette::Result<Standing> {
        let record = self.manifest.files.get(path).copied().unwrap_or_default();
        Ok(match brought.found {
            Found::Nothing => Standing::Free,
            // The old spelling will be removed, and on a file system that ignores case the file
            // with it.
            Found::Same(_) => match self.old_spelling(path) {
                Some(hash) => Standing::Ours(hash),
                None => Standing::Right,
            },
            Found::File(hash) if record.knows(hash) || self.old_spelling(path) == Some(hash) => {
                Standing::Ours(hash)
            }
            Found::File(_) => match record.written {
                Some(written) => Standing::Changed(written),
                None => Standing::Foreign(path.to_owned()),
            },
            Found::Folder => match self.stays(path)? {
                Some(inside) => Standing::Foreign(inside),
                None => Standing::Free,
            },
            Found::Link => return Err(self.link(path)),
        })
    }

    /// The content of a stale file whose path differs from this one in case only.
    fn old_spelling(&self, path: &str) -> Option<Hash> {
        let (stale, hash) = self.spellings.get(&paths::folded(path))?;
        (*stale != path).then_some(*hash)
    }

    fn link(&self, path: &str) -> miette::Report {
        Refusal::Link { path: path.to_owned() }.into()
    }

    /// Something in a folder that keeps it from being removed: the folder itself if Venti did not
    /// create it, else what it holds beyond stale files.
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

    /// Which folders will be Venti's, and which of them go.
    fn plan_folders(&self, wanted: &Wanted<'_>, plan: &mut Plan<'_>) -> miette::Result<()> {
        let needed: BTreeSet<&str> = wanted.paths().flat_map(paths::folders).collect();
        let ours: BTreeSet<String> =
            self.manifest.folders.iter().map(|folder| paths::folded(folder)).collect();
        for folder in &needed {
            let stands = self.survey.folder(folder) == Found::Folder;
            if !stands || ours.contains(&paths::folded(folder)) {
                plan.result.folders.insert((*folder).to_owned());
            }
        }
        let standing = |folder: &&String| self.survey.folder(folder) == Found::Folder;
        for folder in self.manifest.folders.iter().filter(standing) {
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
        // What is inside a folder sorts after it.
        plan.empty.reverse();
        plan.intent.folders.extend(plan.result.folders.iter().cloned());
        Ok(())
    }
}
