//! What somebody changes in the project's files, as it happens.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use notify::{EventKind, RecursiveMode, Watcher as _};

use crate::fs;

/// A save is often several events: it is over when none came for so long.
const QUIET: Duration = Duration::from_millis(12);

/// Somebody who keeps writing waits no longer than this.
const LONGEST: Duration = Duration::from_millis(200);

/// What a site is made from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Watched {
    pub files: BTreeSet<PathBuf>,
    /// With all that is below them; they need not be there.
    pub folders: BTreeSet<PathBuf>,
}

impl Watched {
    /// One file.
    pub fn of_file(file: PathBuf) -> Self {
        Self { files: BTreeSet::from([file]), folders: BTreeSet::new() }
    }

    /// Whether a change at this path, or of all below it, is one of the site.
    fn concerns(&self, path: &Path) -> bool {
        if path.file_name().is_some_and(fs::is_temporary) {
            return false;
        }
        let of_file = self.files.iter().any(|file| file.starts_with(path));
        let of_folder = |folder: &PathBuf| path.starts_with(folder) || folder.starts_with(path);
        of_file || self.folders.iter().any(of_folder)
    }

    /// The folders that the system has to watch, and whether with all below: what is not there yet
    /// is seen to appear in the nearest folder above it.
    fn places(&self) -> BTreeSet<(PathBuf, bool)> {
        let mut places = BTreeSet::new();
        for file in &self.files {
            places.extend(nearest_folder(file.parent()).map(|folder| (folder, false)));
        }
        for folder in &self.folders {
            if folder.is_dir() {
                places.insert((folder.clone(), true));
            }
            // So that it is seen to go, and to come back.
            places.extend(nearest_folder(folder.parent()).map(|folder| (folder, false)));
        }
        places
    }
}

fn nearest_folder(path: Option<&Path>) -> Option<PathBuf> {
    path?.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned)
}

/// Watches, until it is dropped.
pub struct Watcher {
    watcher: notify::RecommendedWatcher,
    watched: Arc<RwLock<Watched>>,
    places: BTreeSet<(PathBuf, bool)>,
    changes: Receiver<()>,
    /// Keeps the channel open.
    again: Sender<()>,
}

impl Watcher {
    /// A watcher of nothing yet.
    ///
    /// # Errors
    /// If this system lets nobody watch files.
    pub fn new() -> notify::Result<Self> {
        let (again, changes) = channel();
        let watched: Arc<RwLock<Watched>> = Arc::default();
        let (told, concerned) = (again.clone(), watched.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let concerns = match event {
                Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
                Ok(event) if event.need_rescan() => true,
                Ok(event) => {
                    let Ok(watched) = concerned.read() else { return };
                    event.paths.iter().any(|path| watched.concerns(path))
                }
                // Something was lost: better look.
                Err(_) => true,
            };
            if concerns {
                let _ = told.send(());
            }
        })?;
        let places = BTreeSet::new();
        Ok(Self { watcher, watched, places, changes, again })
    }

    /// Asks for a build as a change would.
    pub fn again(&self) {
        let _ = self.again.send(());
    }

    /// Watches these from now on, and no others. Places that cannot be watched are given back with
    /// the reason.
    pub fn watch(&mut self, watched: &Watched) -> Vec<notify::Error> {
        let places = watched.places();
        let mut refused = Vec::new();
        if let Ok(mut known) = self.watched.write() {
            known.clone_from(watched);
        }
        for (folder, _) in self.places.difference(&places) {
            // One that is gone is not watched any more.
            let _ = self.watcher.unwatch(folder);
        }
        for (folder, below) in &places {
            let mode = if *below { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            refused.extend(self.watcher.watch(folder, mode).err());
        }
        self.places = places;
        refused
    }

    /// Waits for a change, and for the end of what it is part of. False when nobody can tell of any.
    pub fn wait(&self) -> bool {
        self.changes.recv().is_ok() && self.settle()
    }

    /// Waits until no more changes come, or enough have. False when nobody can tell of any.
    fn settle(&self) -> bool {
        let first = Instant::now();
        while first.elapsed() < LONGEST {
            match self.changes.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched() -> (tempfile::TempDir, Watched) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        let mut watched = Watched::of_file(root.join("venti.yaml"));
        watched.folders = ["content/seeds", "themes"].map(|name| root.join(name)).into();
        (dir, watched)
    }

    #[test]
    fn only_what_the_site_is_made_from_concerns_it() {
        let (dir, watched) = watched();
        let concerns = |path: &str| watched.concerns(&dir.path().join(path));
        for path in [
            "venti.yaml",
            "content/seeds/a.md",
            "content/seeds/deep/a.md",
            "themes/m/x",
            "content",
            "themes",
        ] {
            assert!(concerns(path), "{path}");
        }
        for path in [
            "output/index.html",
            "venti.lock",
            "content/notes",
            "themes.zip",
            "content/seeds/.venti-x.tmp",
        ] {
            assert!(!concerns(path), "{path}");
        }
    }

    /// Whether a change is told within a moment.
    fn told(watcher: &Watcher) -> bool {
        watcher.changes.recv_timeout(Duration::from_secs(5)).is_ok()
    }

    #[test]
    fn a_folder_that_comes_and_goes_is_seen() {
        let (dir, watched) = watched();
        let mut watcher = Watcher::new().unwrap();
        assert!(watcher.watch(&watched).is_empty());
        std::fs::create_dir_all(dir.path().join("content/seeds")).unwrap();
        assert!(told(&watcher) && watcher.settle());
        assert!(watcher.watch(&watched).is_empty());
        std::fs::write(dir.path().join("content/seeds/a.md"), "x").unwrap();
        assert!(told(&watcher) && watcher.settle());
        std::fs::write(dir.path().join("notes.txt"), "x").unwrap();
        std::fs::remove_dir_all(dir.path().join("content/seeds")).unwrap();
        assert!(told(&watcher) && watcher.settle());
        assert!(watcher.watch(&watched).is_empty());
        std::fs::create_dir_all(dir.path().join("content/seeds")).unwrap();
        assert!(told(&watcher));
    }
}
