//! A project: the folder that contains `venti.yaml`, and everything in that folder that commands work
//! on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Config, DEFAULT_SEEDS};
use crate::lock::ProcessLock;
use crate::problem::{Problem, Problems, read_text};
use crate::seed;

/// Folder in a project for Venti's working files (lock, caches). It is not committed and is safe to
/// delete.
pub const SCRATCH: &str = ".venti";

/// Name of the configuration file.
pub const CONFIG_FILE: &str = "venti.yaml";

/// Name of the lock file in [`SCRATCH`].
pub const LOCK_FILE: &str = "lock";

/// An opened project.
#[derive(Debug)]
pub struct Project {
    /// The folder with `venti.yaml`. All paths in the configuration are relative to it.
    pub root: PathBuf,
    pub config: Config,
}

/// The error returned if no `venti.yaml` is found.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("no site found: there is no venti.yaml in {} or any folder above it", start.display())]
#[diagnostic(help(
    "use `venti init DIR` to start a new site, or `--root DIR` for an existing one"
))]
pub struct NoSite {
    /// The folder where the search began.
    pub start: PathBuf,
}

impl Project {
    /// Finds the nearest folder with a `venti.yaml`: `start` or a folder above it.
    pub fn find(start: &Path) -> Result<PathBuf, NoSite> {
        let found = start.ancestors().find(|dir| dir.join(CONFIG_FILE).is_file());
        found.map(Path::to_owned).ok_or_else(|| NoSite { start: start.to_owned() })
    }

    /// Opens the project in `root`. If `config` is given, it is read instead of `venti.yaml`; it may be
    /// absolute or relative to `root`.
    ///
    /// # Errors
    /// Returns [`NoSite`] if there is no `venti.yaml`. If the configuration has a problem, returns the first
    /// one and those in the seeds, as far as the seeds are in the default folder.
    pub fn open(root: &Path, config: Option<&Path>) -> miette::Result<Self> {
        let path = config.unwrap_or(Path::new(CONFIG_FILE));
        if config.is_none() && !root.join(path).is_file() {
            return Err(NoSite { start: root.to_owned() }.into());
        }
        let config = read_text(root, path).and_then(|text| Config::parse(&text, path));
        match config {
            Ok(config) => Ok(Self { root: root.to_owned(), config }),
            Err(problem) => Err(with_problems_in_seeds(root, problem)),
        }
    }

    /// Returns the path of the project's [`SCRATCH`] folder.
    pub fn scratch(&self) -> PathBuf {
        self.root.join(SCRATCH)
    }

    /// Acquires the project's lock; only one process at a time may write to a project. If another
    /// process holds the lock, `waiting` is called once with the name of that process. `command` is the
    /// command line of this process.
    ///
    /// # Errors
    /// Returns [`crate::lock::LockHeld`] if another process still holds the lock after `patience`, or
    /// another error if the lock file cannot be created or locked.
    pub fn lock(
        &self,
        command: &str,
        patience: Duration,
        waiting: &mut dyn FnMut(&str),
    ) -> miette::Result<ProcessLock> {
        ProcessLock::take(&self.scratch().join(LOCK_FILE), command, patience, waiting)
    }

    /// Resolves a configured path against the root.
    pub fn path(&self, relative: &Path) -> PathBuf {
        self.root.join(relative)
    }
}

/// Adds the problems in the default folder of seeds to a problem in the configuration.
fn with_problems_in_seeds(root: &Path, problem: Problem) -> miette::Report {
    let folder = Path::new(DEFAULT_SEEDS);
    let mut others = match root.join(folder).is_dir() {
        true => seed::survey(root, folder, &[]).problems,
        false => Vec::new(),
    };
    if others.is_empty() {
        return problem.into();
    }
    others.insert(0, problem);
    Problems(others).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_with_a_configuration_is_found() {
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
    fn another_configuration_replaces_the_default_one() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(Project::open(dir.path(), None).expect_err("no site").is::<NoSite>());
        crate::fs::write_atomic(&dir.path().join("other.yaml"), b"title: O").expect("written");
        let project = Project::open(dir.path(), Some(Path::new("other.yaml"))).expect("a site");
        assert_eq!(project.config.title, "O");
        let error =
            Project::open(dir.path(), Some(Path::new("none.yaml"))).expect_err("no such file");
        assert!(error.to_string().starts_with("this file cannot be read"), "{error}");
    }

    #[test]
    fn a_mistake_in_the_configuration_does_not_hide_those_in_seeds() {
        let dir = tempfile::tempdir().expect("a folder");
        crate::fs::write_atomic(&dir.path().join(CONFIG_FILE), b"titel: T").expect("written");
        crate::fs::write_atomic(&dir.path().join("content/seeds/a.md"), b"---\n").expect("written");
        let error = Project::open(dir.path(), None).expect_err("two problems");
        let Problems(problems) = error.downcast_ref::<Problems>().expect("problems");
        let files: Vec<&str> = problems.iter().map(Problem::file).collect();
        assert_eq!(files, ["venti.yaml", "content/seeds/a.md"]);
    }
}
