//! A project is a folder with a `venti.yaml`: where everything a command works
//! on is found.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;
use crate::lock::Lock;
use crate::problem::read_text;

/// Venti's own working files in a project (lock, caches); never committed, safe to delete.
pub const SCRATCH: &str = ".venti";

/// The name of a project's configuration.
pub const CONFIG_FILE: &str = "venti.yaml";

/// The name of the lock among a project's working files.
pub const LOCK_FILE: &str = "lock";

/// An opened project.
#[derive(Debug)]
pub struct Project {
    /// The folder that holds `venti.yaml`; every path of the configuration is relative to it.
    pub root: PathBuf,
    /// What `venti.yaml` and the command line together mean.
    pub config: Config,
}

/// There is no `venti.yaml` where one was looked for.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("there is no site here: no venti.yaml in {} or a folder above it", start.display())]
#[diagnostic(help("`venti init DIR` makes a new site; `--root DIR` names one that is elsewhere"))]
pub struct NoSite {
    /// Where the search began.
    pub start: PathBuf,
}

impl Project {
    /// The nearest folder from `start` upward that holds a `venti.yaml`.
    pub fn find(start: &Path) -> Result<PathBuf, NoSite> {
        let found = start.ancestors().find(|dir| dir.join(CONFIG_FILE).is_file());
        found.map(Path::to_owned).ok_or_else(|| NoSite { start: start.to_owned() })
    }

    /// Opens the project in `root`, with `config` (relative to it, or absolute) in place of its
    /// `venti.yaml` if one is given.
    ///
    /// # Errors
    /// [`NoSite`], or the first problem of the configuration.
    pub fn open(root: &Path, config: Option<&Path>) -> miette::Result<Self> {
        let path = config.unwrap_or(Path::new(CONFIG_FILE));
        if config.is_none() && !root.join(path).is_file() {
            return Err(NoSite { start: root.to_owned() }.into());
        }
        let config = read_text(root, path).and_then(|text| Config::parse(&text, path))?;
        Ok(Self { root: root.to_owned(), config })
    }

    /// The folder of [`SCRATCH`].
    pub fn scratch(&self) -> PathBuf {
        self.root.join(SCRATCH)
    }

    /// Takes the project's lock for this process, which runs `command`: one venti at a time writes
    /// to a project. While another has it, calls `waiting` once with who that is.
    ///
    /// # Errors
    /// [`crate::lock::Held`] after `patience`, or that the lock file cannot be made.
    pub fn lock(
        &self,
        command: &str,
        patience: Duration,
        waiting: &mut dyn FnMut(&str),
    ) -> miette::Result<Lock> {
        Lock::take(&self.scratch().join(LOCK_FILE), command, patience, waiting)
    }

    /// A configured path, from the root.
    pub fn path(&self, relative: &Path) -> PathBuf {
        self.root.join(relative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_upward() {
        let dir = tempfile::tempdir().expect("a folder");
        let deep = dir.path().join("a/b");
        crate::fs::create_dir_all(&deep).expect("made");
        let error = Project::find(&deep).expect_err("no site");
        assert_eq!(error.start, deep);
        crate::fs::write_atomic(&dir.path().join(CONFIG_FILE), b"title: T").expect("written");
        assert_eq!(Project::find(&deep).expect("a site"), dir.path());
        let project = Project::open(dir.path(), None).expect("a site");
        assert_eq!(project.config.title, "T");
    }

    #[test]
    fn another_configuration_takes_the_place_of_the_usual_one() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(Project::open(dir.path(), None).expect_err("no site").is::<NoSite>());
        crate::fs::write_atomic(&dir.path().join("other.yaml"), b"title: O").expect("written");
        let project = Project::open(dir.path(), Some(Path::new("other.yaml"))).expect("a site");
        assert_eq!(project.config.title, "O");
        let error =
            Project::open(dir.path(), Some(Path::new("none.yaml"))).expect_err("no such file");
        assert!(error.to_string().starts_with("this file cannot be read"), "{error}");
    }
}
