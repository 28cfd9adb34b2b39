//! The store: the essays on disk, `content/essays/*.md`. No other module writes there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::essay::{Essay, EssayId, Extra};
use crate::fs::{self, Opened};
use crate::problem::{self, Problem, Problems, text_of};
use crate::replaced;
use crate::sources::{self, markdown_stem};

/// Reads and writes the essays in a folder.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    dir: PathBuf,
}

/// An essay and the file that it is stored in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    pub essay: Essay,
    /// Whether a person steered the essay or changed its title or body.
    pub edited: bool,
    /// Path of the file, relative to the project's root.
    pub path: PathBuf,
    /// BLAKE3 hash of the file, in hex. Stored essays with the same `path` and `file_hash` are equal.
    pub file_hash: String,
}

impl Store {
    /// Creates a store for the folder `root/dir`. The folder itself is created on the first write.
    pub fn new(root: impl Into<PathBuf>, dir: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), dir: dir.into() }
    }

    /// Returns the path of an essay's file, relative to the project's root.
    pub fn path(&self, id: &EssayId) -> PathBuf {
        self.dir.join(id.file_name())
    }

    /// Loads all essays; see [`Self::survey`].
    ///
    /// # Errors
    /// Returns the problems in all files that are named like an essay but do not contain that essay.
    pub fn load(&self) -> Result<BTreeMap<EssayId, Stored>, Problems> {
        let (essays, problems) = self.survey();
        Problems::none_or(essays, problems)
    }

    /// Returns the valid essays, and the problems in the invalid ones. Ignores other files (`README.md`,
    /// `notes.txt`), but an essay under a name of which Venti would not think is a problem.
    pub fn survey(&self) -> (BTreeMap<EssayId, Stored>, Vec<Problem>) {
        let folder = self.root.join(&self.dir);
        if fs::stat(&folder).is_ok_and(|found| found.is_some()) && !folder.is_dir() {
            let problem =
                Problem::in_file(&self.dir, "this is not a folder, or a link to one that is gone");
            let hint =
                "the essays belong there; restore the folder, or correct `essays:` in venti.yaml";
            return (BTreeMap::new(), vec![problem.hint(hint)]);
        }
        let names = match fs::file_names(&self.root.join(&self.dir)) {
            Ok(names) => names,
            Err(error) => {
                let message = format!("this folder cannot be read: {}", error.source);
                return (BTreeMap::new(), vec![Problem::in_file(&self.dir, message)]);
            }
        };
        let is_essay = |name: &&OsString| name.to_str().and_then(EssayId::of_file_name).is_some();
        let paths: Vec<PathBuf> =
            names.par_iter().filter(is_essay).map(|name| self.dir.join(name)).collect();
        let mut essays = BTreeMap::new();
        let mut problems = self.misplaced(&names);
        for result in problem::read_all(&self.root, &paths, |path, file| self.read(path, file)) {
            match result {
                Ok(stored) => {
                    essays.insert(stored.essay.id(), stored);
                }
                Err(problem) => problems.push(problem),
            }
        }
        (essays, problems)
    }

    /// Returns a problem for each essay in a subfolder, and for those of the files `names` that contain an
    /// essay but are not named like one.
    fn misplaced(&self, names: &[OsString]) -> Vec<Problem> {
        let is_stray = |name: &&OsString| {
            let name = name.to_str().unwrap_or_default();
            markdown_stem(name).is_some() && EssayId::of_file_name(name).is_none()
        };
        let mut paths: Vec<PathBuf> =
            names.iter().filter(is_stray).map(|name| self.dir.join(name)).collect();
        let mut problems = Vec::new();
        if fs::has_subfolders(&self.root.join(&self.dir)).unwrap_or_default() {
            let found = sources::find(&self.root, &self.dir);
            let below = |name: &str| name.contains('/') && markdown_stem(name).is_some();
            let files = found.files.into_iter().filter(|file| below(&file.name));
            paths.extend(files.map(|file| file.path));
            problems = found.problems;
        }
        let essay = |path: &PathBuf| {
            let text = problem::read_text(&self.root, path).ok()?;
            Some((path.clone(), Essay::parse(path, &text).ok()?.id()))
        };
        problems.extend(paths.iter().filter_map(essay).map(|(path, id)| {
            let message =
                format!("this file contains the essay {id}, but is not where Venti looks");
            let place = self.path(&id);
            let is_there = self.root.join(&place).exists();
            let place = place.display();
            Problem::in_file(path, message).hint(match is_there {
                true => format!("Venti reads {place}; keep the better one there"),
                false => format!("move it to {place}"),
            })
        }));
        problems
    }

    /// Loads one essay; `None` if it has no file.
    ///
    /// # Errors
    /// Returns an error if the file is invalid.
    pub fn find(&self, id: &EssayId) -> Result<Option<Stored>, Problem> {
        let path = self.path(id);
        match fs::stat(&self.root.join(&path)) {
            Ok(None) => Ok(None),
            _ => problem::open(&self.root, &path).and_then(|file| self.read(&path, file)).map(Some),
        }
    }

    fn read(&self, path: &Path, file: Opened) -> Result<Stored, Problem> {
        let path = path.to_owned();
        let text = text_of(file, &path)?;
        let essay = Essay::parse(&path, &text)?;
        if essay.body.is_empty() {
            return Err(Problem::in_file(path, "the essay has no text")
                .hint("restore the text, or delete the file to have the essay written anew"));
        }
        if path != self.path(&essay.id()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let id = EssayId::of_file_name(&name).unwrap_or_else(|| essay.id());
            let message = format!(
                "this file is named after the essay {id} but contains the essay {}",
                essay.id()
            );
            let hint = format!(
                "rename it to {}, or change `seed` and `take` to match its name",
                essay.id().file_name()
            );
            return Err(Problem::at(&path, &text, 0, 0, message).hint(hint));
        }
        let file_hash = file_hash(text.as_bytes());
        Ok(Stored { edited: essay.is_edited(), essay, path, file_hash })
    }

    /// Writes an essay atomically, if its file is still as it was: `before` is the [`Stored::file_hash`]
    /// that the writer saw, or `None` if there was no file. Returns whether the essay was written.
    ///
    /// Keeps the earlier version in [`replaced`], and in the new file the front matter keys that a person
    /// added.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written; an existing file is then left unchanged.
    pub fn write(&self, essay: &Essay, before: Option<&str>) -> fs::Result<bool> {
        let path = self.path(&essay.id());
        let file = self.root.join(&path);
        let there = fs::read_if_there(&file)?;
        if there.as_deref().map(file_hash).as_deref() != before {
            return Ok(false);
        }
        let extra = there.as_deref().map(|bytes| extra(&path, bytes)).unwrap_or_default();
        let markdown = essay
            .to_markdown(&extra)
            .map_err(|error| fs::error("write", &file)(std::io::Error::other(error)))?;
        let Some(there) = there else {
            return match fs::write_new(&file, markdown.as_bytes()) {
                Err(error) if error.source.kind() == ErrorKind::AlreadyExists => Ok(false),
                written => written.map(|()| true),
            };
        };
        replaced::keep(&self.root, &path, &there)?;
        fs::write_atomic(&file, markdown.as_bytes())?;
        Ok(true)
    }

    /// Removes an essay and keeps its text in [`replaced`]. A missing file is not an error.
    pub fn remove(&self, id: &EssayId) -> fs::Result<()> {
        let path = self.path(id);
        let file = self.root.join(&path);
        if let Some(there) = fs::read_if_there(&file)? {
            replaced::keep(&self.root, &path, &there)?;
        }
        fs::remove_file(&file)
    }

    /// Removes temporary files that a killed process left behind, and returns their number. The caller
    /// must hold the project's lock: without it, the files may belong to a process that is still
    /// writing.
    pub fn sweep(&self) -> fs::Result<usize> {
        let dir = self.root.join(&self.dir);
        let names = fs::file_names(&dir)?;
        let leftovers: Vec<&OsString> =
            names.iter().filter(|name| fs::is_temporary(name)).collect();
        leftovers.iter().try_for_each(|name| fs::remove_file(&dir.join(name)))?;
        Ok(leftovers.len())
    }
}

fn file_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Returns the front matter keys that a person added to an essay's file.
fn extra(path: &Path, bytes: &[u8]) -> Extra {
    let text = String::from_utf8_lossy(bytes);
    Essay::parse_with_extra(path, &text).map(|(_, extra)| extra).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::essay::sample::essay;

    fn store() -> (tempfile::TempDir, Store) {
        let root = tempfile::tempdir().expect("a folder");
        let store = Store::new(root.path(), "content/essays");
        (root, store)
    }

    fn id(slug: &str, take: u32) -> EssayId {
        EssayId { slug: slug.into(), take }
    }

    fn names(root: &Path) -> Vec<String> {
        let files = fs::list(&root.join("content/essays")).expect("a folder");
        files
            .iter()
            .map(|file| file.file_name().unwrap_or_default().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_missing_store_is_empty() {
        let (_root, store) = store();
        assert_eq!(store.load().expect("nothing is wrong"), BTreeMap::new());
        assert_eq!(store.sweep().expect("nothing is wrong"), 0);
        store.remove(&id("a", 1)).expect("nothing to remove");
    }

    #[test]
    fn essays_are_written_read_and_removed() {
        let (root, store) = store();
        for essay in [essay("b", 1), essay("a", 2), essay("a", 1)] {
            assert!(store.write(&essay, None).expect("written"));
        }
        assert_eq!(names(root.path()), ["a.md", "a.take-2.md", "b.md"]);
        let loaded = store.load().expect("good essays");
        assert_eq!(
            loaded.keys().cloned().collect::<Vec<_>>(),
            [id("a", 1), id("a", 2), id("b", 1)]
        );
        assert_eq!(loaded[&id("a", 2)].essay, essay("a", 2));
        assert_eq!(loaded[&id("a", 2)].path, Path::new("content/essays/a.take-2.md"));
        assert!(loaded.values().all(|stored| !stored.edited));
        store.remove(&id("a", 2)).expect("removed");
        assert_eq!(names(root.path()), ["a.md", "b.md"]);
    }

    #[test]
    fn essays_elsewhere_are_problems() {
        let (root, store) = store();
        assert!(store.write(&essay("a", 1), None).expect("written"));
        let dir = root.path().join("content/essays");
        let text = fs::read(&dir.join("a.md")).expect("there");
        for name in ["old/a.md", "A.md", "b.markdown"] {
            fs::write_atomic(&dir.join(name), &text).expect("written");
        }
        for name in ["README.md", "old/notes.md", "c.txt"] {
            fs::write_atomic(&dir.join(name), b"notes").expect("written");
        }
        let Problems(problems) = store.load().expect_err("three problems");
        let lines: Vec<String> = problems.iter().map(Problem::to_line).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        content/essays/A.md: this file contains the essay a, but is not where Venti looks (Venti reads content/essays/a.md; keep the better one there)
        content/essays/b.markdown: this file contains the essay a, but is not where Venti looks (Venti reads content/essays/a.md; keep the better one there)
        content/essays/old/a.md: this file contains the essay a, but is not where Venti looks (Venti reads content/essays/a.md; keep the better one there)
        ");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_a_problem_and_a_link_is_followed() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (root, store) = store();
        assert!(store.write(&essay("a", 1), None).expect("written"));
        let file = root.path().join("content/essays/a.md");
        let real = root.path().join("real.md");
        fs::rename(&file, &real).expect("moved");
        symlink("../../real.md", &file).expect("linked");
        let before = store.find(&id("a", 1)).expect("a good essay").expect("there").file_hash;
        let private = PermissionsExt::from_mode(0o640);
        std::fs::set_permissions(&real, private).expect("allowed");
        let mut other = essay("a", 1);
        other.body.push_str(" More.");
        assert!(store.write(&other, Some(&before)).expect("written"));
        assert!(std::fs::symlink_metadata(&file).expect("there").is_symlink());
        let real = std::fs::metadata(&real).expect("there");
        assert_eq!(real.permissions().mode() & 0o777, 0o640);
        assert!(store.load().expect("good")[&id("a", 1)].essay.body.ends_with("More."));

        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.path().join("content/essays/b.md"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from(0o644),
            0,
        )
        .expect("made");
        let Problems(problems) = store.load().expect_err("a pipe");
        assert_eq!(problems[0].message, "this file cannot be read: this is not a regular file");
    }

    #[test]
    fn edits_are_detected_and_added_keys_are_kept() {
        let (root, store) = store();
        assert!(store.write(&essay("a", 1), None).expect("written"));
        let file = root.path().join("content/essays/a.md");
        let text = String::from_utf8(fs::read(&file).expect("there")).expect("text");
        let edited =
            text.replace("Second", "Last").replace("reviewed: false", "reviewed: true\nmood: dry");
        fs::write_atomic(&file, edited.as_bytes()).expect("written");
        assert!(store.load().expect("a good essay")[&id("a", 1)].edited);

        let before = store.find(&id("a", 1)).expect("a good essay").expect("there").file_hash;
        assert!(store.write(&essay("a", 1), Some(&before)).expect("written"));
        assert!(!store.load().expect("a good essay")[&id("a", 1)].edited);
        let again = String::from_utf8(fs::read(&file).expect("there")).expect("text");
        assert_eq!(again, text.replacen("---\n\n", "mood: dry\n---\n\n", 1));
    }

    #[test]
    fn a_file_that_has_changed_is_not_overwritten_and_earlier_versions_are_kept() {
        let (root, store) = store();
        let file = root.path().join("content/essays/a.md");
        let version = || store.find(&id("a", 1)).expect("a good essay").map(|it| it.file_hash);
        assert!(store.write(&essay("a", 1), None).expect("written"));
        let planned = version();
        let first = fs::read(&file).expect("there");
        let edited = String::from_utf8(first.clone()).expect("text").replace("Second", "Last");
        fs::write_atomic(&file, edited.as_bytes()).expect("written");
        for before in [planned.as_deref(), None] {
            assert!(!store.write(&essay("a", 1), before).expect("looked"), "{before:?}");
        }
        assert_eq!(fs::read(&file).expect("there"), edited.as_bytes());
        assert!(store.write(&essay("a", 1), version().as_deref()).expect("written"));
        assert_eq!(fs::read(&file).expect("there"), first);
        store.remove(&id("a", 1)).expect("removed");
        let kept = fs::list(&replaced::folder(root.path()).join("content/essays")).expect("kept");
        let kept: BTreeSet<Vec<u8>> =
            kept.iter().map(|file| fs::read(file).expect("kept")).collect();
        assert_eq!(kept, BTreeSet::from([edited.into_bytes(), first]));
    }

    #[test]
    fn invalid_essays_are_problems_and_other_files_are_ignored() {
        let (root, store) = store();
        assert!(store.write(&essay("a", 1), None).expect("written"));
        let dir = root.path().join("content/essays");
        let good = fs::read(&dir.join("a.md")).expect("there");
        for name in ["README.md", "notes.txt", "b.md~", ".hidden.md", "folder.md/a.md"] {
            fs::write_atomic(&dir.join(name), b"\xff").expect("written");
        }
        assert_eq!(store.load().expect("one good essay").len(), 1);
        fs::write_atomic(&dir.join("renamed.md"), &good).expect("written");
        fs::write_atomic(&dir.join("cut.md"), &good[..200]).expect("written");
        fs::write_atomic(&dir.join("latin.md"), b"caf\xe9").expect("written");
        let Problems(problems) = store.load().expect_err("three problems");
        let found: Vec<String> = problems.iter().map(Problem::to_line).collect();
        insta::assert_snapshot!(found.join("\n"), @"
        content/essays/cut.md:1:1: the front matter is not closed (add a `---` line after it)
        content/essays/latin.md:1:4: this file is not valid UTF-8 from here on (save it as UTF-8 in your editor)
        content/essays/renamed.md:1:1: this file is named after the essay renamed but contains the essay a (rename it to a.md, or change `seed` and `take` to match its name)
        ");
    }

    #[test]
    fn temporary_files_are_swept() {
        let (root, store) = store();
        assert!(store.write(&essay("a", 1), None).expect("written"));
        fs::write_atomic(&root.path().join("content/essays/.venti-x1.tmp"), b"half")
            .expect("written");
        fs::write_atomic(&root.path().join("content/essays/mine.tmp"), b"mine").expect("written");
        assert_eq!(store.sweep().expect("swept"), 1);
        assert_eq!(names(root.path()), ["a.md", "mine.tmp"]);
    }

    #[cfg(unix)]
    #[test]
    fn an_essay_has_the_usual_file_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let (root, store) = store();
        assert!(store.write(&essay("a", 1), None).expect("written"));
        let plain = root.path().join("plain");
        fs::open_or_create(&plain).expect("made");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode(&root.path().join("content/essays/a.md")), mode(&plain));
    }
}
