//! The store: the essays on disk, `content/essays/*.md`. Nothing else writes there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::content::essay::{Essay, EssayId, Extra};
use crate::fs;
use crate::problem::{Problem, Problems, read_text};

/// The folder of essays.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    dir: PathBuf,
}

/// An essay and its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub essay: Essay,
    /// A person changed its title or body.
    pub edited: bool,
    /// The file, relative to the project's root.
    pub path: PathBuf,
}

impl Store {
    /// The store in `root/dir`; the folder is made by the first write.
    pub fn new(root: impl Into<PathBuf>, dir: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), dir: dir.into() }
    }

    /// Where an essay's file is or will be, relative to the project's root.
    pub fn path(&self, id: &EssayId) -> PathBuf {
        self.dir.join(id.file_name())
    }

    /// Every essay. Files that are not named like an essay (`README.md`, `notes.txt`, folders) are
    /// somebody else's and ignored.
    ///
    /// # Errors
    /// A file that is named like an essay and cannot be read as the one of its name.
    pub fn load(&self) -> Result<BTreeMap<EssayId, Stored>, Problems> {
        let files = fs::list(&self.root.join(&self.dir)).map_err(|error| {
            Problem::in_file(&self.dir, format!("this folder cannot be read: {}", error.source))
        })?;
        let mut essays = BTreeMap::new();
        let mut problems = Vec::new();
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let Some(id) = EssayId::of_file_name(&name).filter(|_| !file.is_dir()) else {
                continue;
            };
            match self.read(&id) {
                Ok(stored) => {
                    essays.insert(id, stored);
                }
                Err(problem) => problems.push(problem),
            }
        }
        Problems::none_or(essays, problems)
    }

    fn read(&self, id: &EssayId) -> Result<Stored, Problem> {
        let path = self.path(id);
        let text = read_text(&self.root, &path)?;
        let essay = Essay::parse(&path, &text)?;
        if essay.id() != *id {
            let message =
                format!("this file is named like the essay {id} but says it is {}", essay.id());
            let hint = format!(
                "name it {}, or set `seed` and `take` to what its name says",
                essay.id().file_name()
            );
            return Err(Problem::at(&path, &text, 0, 0, message).hint(hint));
        }
        Ok(Stored { edited: essay.is_edited(), essay, path })
    }

    /// Writes an essay over the one with its id, if any, and keeps the front matter keys that a
    /// person added to that one. The file is whole, old or new, at any moment.
    ///
    /// # Errors
    /// What the operating system said, with the path; then the file is as it was.
    pub fn write(&self, essay: &Essay) -> fs::Result<()> {
        let path = self.path(&essay.id());
        let file = self.root.join(&path);
        let markdown = essay
            .to_markdown(&self.extra(&path, &file)?)
            .map_err(|error| fs::error("write", &file)(std::io::Error::other(error)))?;
        fs::write_atomic(&file, markdown.as_bytes())
    }

    fn extra(&self, path: &Path, file: &Path) -> fs::Result<Extra> {
        let Some(bytes) = fs::read_if_there(file)? else { return Ok(Extra::new()) };
        let text = String::from_utf8_lossy(&bytes);
        Ok(Essay::parse_with_extra(path, &text).map(|(_, extra)| extra).unwrap_or_default())
    }

    /// Removes an essay; one that is not there is no error.
    pub fn remove(&self, id: &EssayId) -> fs::Result<()> {
        fs::remove_file(&self.root.join(self.path(id)))
    }

    /// Removes what a killed process left half written, and says how many files that were. Only for
    /// the holder of the project's lock: another process may be writing otherwise.
    pub fn sweep(&self) -> fs::Result<usize> {
        let files = fs::list(&self.root.join(&self.dir))?;
        let leftovers: Vec<&PathBuf> = files.iter().filter(|file| fs::is_temporary(file)).collect();
        leftovers.iter().try_for_each(|file| fs::remove_file(file))?;
        Ok(leftovers.len())
    }
}
