//! The site a command works on: found, opened, locked and read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use miette::miette;

use super::models::Pins;
use super::terminal::Terminal;
use crate::cli::Global;
use crate::config::Config;
use crate::content::essay::EssayId;
use crate::content::new_seed::{self, NewSeed};
use crate::content::page_names;
use crate::content::seed::Seed;
use crate::content::store::{Store, Stored};
use crate::content::{load_seeds, store};
use crate::lock::Lock;
use crate::project::{CONFIG_FILE, NoSite, Project};

/// How long a second venti waits for the first.
const PATIENCE: Duration = Duration::from_secs(600);

/// An opened site, this process's alone until it is dropped.
#[derive(Debug)]
pub struct Site {
    pub project: Project,
    _lock: Lock,
}

impl Site {
    /// Finds the site that `--root`, `--config` or the current folder name, and locks it for this
    /// process.
    pub fn open(global: &Global, terminal: &Terminal) -> miette::Result<Self> {
        let project = find(global)?;
        let command: Vec<String> = std::env::args().take(2).collect();
        let lock = project.lock(&command.join(" "), PATIENCE, &mut |holder| {
            terminal.say(format_args!("waiting for {holder} to finish with this site"));
        })?;
        Ok(Self { project, _lock: lock })
    }

    /// Every seed, checked.
    pub fn load_seeds(&self) -> miette::Result<Vec<Seed>> {
        load_seeds(&self.project)
    }

    /// [`Self::load_seeds`] beside [`Self::load_essays`]: half of each is work of one thread.
    pub fn load(&self) -> miette::Result<(Vec<Seed>, BTreeMap<EssayId, Stored>)> {
        let (seeds, essays) = rayon::join(|| self.load_seeds(), || self.load_essays());
        Ok((seeds?, essays?))
    }

    /// The essays' folder.
    pub fn store(&self) -> Store {
        store(&self.project)
    }

    /// Every essay, after removing what a killed process left half written.
    pub fn load_essays(&self) -> miette::Result<BTreeMap<EssayId, Stored>> {
        let store = self.store();
        store.sweep()?;
        Ok(store.load()?)
    }

    /// Writes new seeds, all of them or none, and says where each is from here. A seed without a
    /// slug gets one from its title or its quote.
    pub fn add_seeds(
        &self,
        existing: &[Seed],
        new: Vec<NewSeed>,
        dry_run: bool,
    ) -> miette::Result<Vec<PathBuf>> {
        let folder = &self.project.config.seeds;
        let taken = existing.iter().map(|seed| seed.slug.clone()).chain(page_names(&self.project)?);
        let mut paths = Vec::new();
        for (name, text) in new_seed::checked(new, folder, taken.collect())? {
            let path = folder.join(name);
            if !dry_run {
                crate::fs::write_atomic(&self.project.path(&path), text.as_bytes())?;
            }
            paths.push(self.shown(&path)?);
        }
        Ok(paths)
    }

    /// A path of the site as somebody in the current folder would name it.
    fn shown(&self, path: &Path) -> miette::Result<PathBuf> {
        let whole = self.project.path(path);
        Ok(whole.strip_prefix(here()?).map(Path::to_owned).unwrap_or(whole))
    }
}

/// Where a site is, found but not read yet.
#[derive(Debug, Clone)]
pub struct Place {
    root: PathBuf,
    /// A configuration other than the usual.
    config: Option<PathBuf>,
}

impl Place {
    /// Reads the site's configuration.
    pub fn open(&self) -> miette::Result<Project> {
        let config = self.config.as_deref().map(|config| within(&self.root, config));
        Project::open(&self.root, config)
    }

    /// Its configuration file.
    #[cfg(feature = "serve")]
    pub fn config(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| self.root.join(CONFIG_FILE))
    }
}

/// The site that was named, not locked: for commands that only look.
pub fn find(global: &Global) -> miette::Result<Project> {
    place(global)?.open()
}

/// Where the site that was named is.
pub fn place(global: &Global) -> miette::Result<Place> {
    let here = here()?;
    // Paths of the command line are relative to the current folder, as everywhere.
    let config = global.config.as_ref().map(|path| here.join(path));
    let root = match (&global.root, &config) {
        (Some(root), _) => here.join(root),
        (None, Some(config)) => match Project::find(&here) {
            Ok(root) => root,
            Err(_) => config.parent().unwrap_or(&here).to_owned(),
        },
        (None, None) => Project::find(&here)?,
    };
    Ok(Place { root, config })
}

/// The site that was named, or where none was and there is none here, a site of nothing but
/// defaults that keeps no pins.
pub fn find_or_nowhere(global: &Global) -> miette::Result<(Project, Pins)> {
    let named = global.root.is_some() || global.config.is_some();
    match find(global) {
        Ok(project) => Ok((project, Pins::InTheLock)),
        Err(error) if named || error.downcast_ref::<NoSite>().is_none() => Err(error),
        Err(_) => {
            let config = Config::parse("title: Venti\n", Path::new(CONFIG_FILE))?;
            Ok((Project { root: here()?, config }, Pins::Nowhere))
        }
    }
}

fn here() -> miette::Result<PathBuf> {
    std::env::current_dir().map_err(|e| miette!("cannot tell which folder this is: {e}"))
}

/// A path relative to the root where it is inside, for messages that are short to read.
fn within<'p>(root: &Path, path: &'p Path) -> &'p Path {
    path.strip_prefix(root).unwrap_or(path)
}
