//! Finds, opens, locks and reads the site that a command works on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use miette::miette;

use crate::cli::Global;
use crate::models::Pins;
use crate::terminal::Terminal;
use content::config::Config;
use content::essay::EssayId;
use content::lock::ProcessLock;
use content::new_seed::{self, NewSeed};
use content::problem::Problems;
use content::project::{CONFIG_FILE, NoSite, Project};
use content::seed::Seed;
use content::store::{Store, Stored};
use content::{load_seeds, page_names, store, taken_slugs};

/// Maximum time to wait for another venti process to release the site.
const PATIENCE: Duration = Duration::from_secs(600);

/// An opened site, locked by this process until dropped.
#[derive(Debug)]
pub struct Workspace {
    pub project: Project,
    _lock: ProcessLock,
}

impl Workspace {
    /// Finds the site from `--root`, `--config` or the current folder, and locks it.
    pub fn open(global: &Global, terminal: &Terminal) -> miette::Result<Self> {
        let project = find(global)?;
        let lock = project.lock(&command_line(), PATIENCE, &mut |holder| {
            terminal.say(format_args!("waiting for {holder}"));
        })?;
        Ok(Self { project, _lock: lock })
    }

    /// Loads and checks all seeds.
    pub fn load_seeds(&self) -> miette::Result<Vec<Seed>> {
        load_seeds(&self.project)
    }

    /// Loads seeds and essays in parallel, because loading either is partly single-threaded.
    pub fn load(&self) -> miette::Result<(Vec<Seed>, BTreeMap<EssayId, Stored>)> {
        let (seeds, essays) = rayon::join(|| self.load_seeds(), || self.load_essays());
        both(&self.project, seeds, essays)
    }

    /// Returns the store of the site's essays.
    pub fn store(&self) -> Store {
        store(&self.project)
    }

    /// Loads all essays, after removing temporary files that a killed process left behind.
    pub fn load_essays(&self) -> miette::Result<BTreeMap<EssayId, Stored>> {
        let store = self.store();
        store.sweep()?;
        Ok(store.load()?)
    }

    /// Checks new seeds, then creates their files: all of them or none. Returns their paths, relative to
    /// the current folder where possible. A seed without a slug gets one from its title or quote.
    pub fn add_seeds(
        &self,
        existing: &[Seed],
        new: Vec<NewSeed>,
        dry_run: bool,
    ) -> miette::Result<Vec<PathBuf>> {
        let folder = &self.project.config.seeds;
        let taken = taken_slugs(&self.project, existing)?;
        let routes = page_names(&self.project);
        let files = new_seed::checked(new, folder, existing, &routes, taken)?;
        let whole = |name: &PathBuf| self.project.path(&folder.join(name));
        if !dry_run {
            let bytes = |text: &String| text.clone().into_bytes();
            let files: Vec<_> =
                files.iter().map(|(name, text)| (whole(name), bytes(text))).collect();
            content::fs::create_all_new(&files)?;
        }
        files.iter().map(|(name, _)| self.shown(&folder.join(name))).collect()
    }

    /// Returns the path of a file in the site, relative to the current folder if the file is inside
    /// that folder.
    fn shown(&self, path: &Path) -> miette::Result<PathBuf> {
        let whole = self.project.path(path);
        Ok(whole.strip_prefix(here()?).map(Path::to_owned).unwrap_or(whole))
    }
}

/// Returns the seeds and essays of a project.
///
/// # Errors
/// Returns the problems in both, and those in the pages.
pub fn both<S, E>(
    project: &Project,
    seeds: miette::Result<S>,
    essays: miette::Result<E>,
) -> miette::Result<(S, E)> {
    let (mut error, others) = match (seeds, essays) {
        (Ok(seeds), Ok(essays)) => return Ok((seeds, essays)),
        (Err(error), Err(others)) => (error, Some(others)),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => (error, None),
    };
    if let Some(Problems(all)) = error.downcast_mut::<Problems>() {
        let others = others.as_ref().and_then(|others| others.downcast_ref::<Problems>());
        all.extend(others.iter().flat_map(|Problems(others)| others.iter().cloned()));
        all.extend(site::page_problems(project));
    }
    Err(error)
}

/// The location of a site that has not been read yet.
#[derive(Debug, Clone)]
pub struct SiteLocation {
    root: PathBuf,
    /// Path of the configuration file, if it is not the default one.
    config: Option<PathBuf>,
}

impl SiteLocation {
    /// Reads the site's configuration.
    pub fn open(&self) -> miette::Result<Project> {
        let config = self.config.as_deref().map(|config| within(&self.root, config));
        Project::open(&self.root, config)
    }

    /// Returns the path of the configuration file.
    #[cfg(feature = "serve")]
    pub fn config(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| self.root.join(CONFIG_FILE))
    }
}

/// Finds and opens the site without locking it, for commands that only read.
pub fn find(global: &Global) -> miette::Result<Project> {
    place(global)?.open()
}

/// Locates the site.
pub fn place(global: &Global) -> miette::Result<SiteLocation> {
    let here = here()?;
    // Paths on the command line are relative to the current folder.
    let config = global.config.as_ref().map(|path| here.join(path));
    let root = match (&global.root, &config) {
        (Some(root), _) => here.join(root),
        (None, Some(config)) => match Project::find(&here) {
            Ok(root) => root,
            Err(_) => config.parent().unwrap_or(&here).to_owned(),
        },
        (None, None) => Project::find(&here)?,
    };
    Ok(SiteLocation { root, config })
}

/// Finds the site. If no site was named and the current folder is not in one, returns a default project
/// without pins.
pub fn find_or_nowhere(global: &Global) -> miette::Result<(Project, Pins)> {
    let named = global.root.is_some() || global.config.is_some();
    match find(global) {
        Ok(project) => Ok((project, Pins::Lockfile)),
        Err(error) if named || error.downcast_ref::<NoSite>().is_none() => Err(error),
        Err(_) => Ok((nowhere()?, Pins::Unpinned)),
    }
}

/// Returns a default project in the current folder.
pub fn nowhere() -> miette::Result<Project> {
    let config = Config::parse("title: Venti\n", Path::new(CONFIG_FILE))?;
    Ok(Project { root: here()?, config })
}

/// Returns the command line of this process, shortened.
fn command_line() -> String {
    const SHOWN: usize = 60;
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let line = std::iter::once("venti".to_owned()).chain(words).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn here() -> miette::Result<PathBuf> {
    std::env::current_dir().map_err(|e| miette!("cannot find the current folder: {e}"))
}

/// Makes a path inside `root` relative to `root`, for messages.
fn within<'p>(root: &Path, path: &'p Path) -> &'p Path {
    path.strip_prefix(root).unwrap_or(path)
}
