//! A project is a folder with a `venti.yaml`: where everything a command works
//! on is found.

mod lock;

use std::path::{Path, PathBuf};

pub use lock::Lock;

use crate::config::Config;
use crate::problem::read_text;

/// The name of a project's configuration.
pub const CONFIG_FILE: &str = "venti.yaml";

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

    /// Venti's own working files (lock, caches); never committed, safe to delete.
    pub fn scratch(&self) -> PathBuf {
        self.root.join(".venti")
    }

    /// A configured path, from the root.
    pub fn path(&self, relative: &Path) -> PathBuf {
        self.root.join(relative)
    }
}
