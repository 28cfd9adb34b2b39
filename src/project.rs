//! A project is a folder with a `venti.yaml`: where everything a command works
//! on is found.

use std::path::{Path, PathBuf};

use crate::config::Config;

/// An opened project.
#[derive(Debug)]
pub struct Project {
    /// The folder that holds `venti.yaml`; every path of the configuration is relative to it.
    pub root: PathBuf,
    /// What `venti.yaml` and the command line together mean.
    pub config: Config,
}

impl Project {
    /// Venti's own working files (lock, caches); never committed, safe to delete.
    pub fn scratch(&self) -> PathBuf {
        self.root.join(".venti")
    }

    /// A configured path, from the root.
    pub fn path(&self, relative: &Path) -> PathBuf {
        self.root.join(relative)
    }
}
