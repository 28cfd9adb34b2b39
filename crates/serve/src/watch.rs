//! Watches the project's files for changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use notify::{EventKind, RecursiveMode, Watcher as _};

use content::fs;

/// Time without events after which a save counts as finished. A single save often causes several events.
const QUIET: Duration = Duration::from_millis(12);

/// Maximum time to wait for a pause while changes keep coming.
const LONGEST: Duration = Duration::from_millis(200);

/// The files that a site is built from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Watched {
    pub files: BTreeSet<PathBuf>,
    /// Folders to watch recursively. They need not exist.
    pub folders: BTreeSet<PathBuf>,
}

impl Watched {
    /// Creates a set with a single file.
    pub fn of_file(file: PathBuf) -> Self {
        Self { files: BTreeSet::from([file]), folders: BTreeSet::new() }
    }

    /// Whether a change to the file or folder at this path may affect the site.
    fn concerns(&self, path: &Path) -> bool {
        if path.file_name().is_some_and(fs::is_temporary) {
            return false;
        }
        let of_file = self.files.iter().any(|file| file.starts_with(path));
        let of_folder = |folder: &PathBuf| path.starts_with(folder) || folder.starts_with(path);
        of_file || self.folders.iter().any(of_folder)
    }

    /// Returns the folders to watch, each with a flag for watching it recursively. The nearest existing
    /// parent stands in for a missing path, so that its creation is noticed.
    fn places(&self) -> BTreeSet<(PathBuf, bool)> {
        let mut places = BTreeSet::new();
        for file in &self.files {
            places.extend(nearest_folder(file.parent()).map(|folder| (folder, false)));
        }
        for folder in &self.folders {
            if folder.is_dir() {
                places.insert((folder.clone(), true));
            }
            // Watch the parent to notice when the folder itself is removed or created.
            places.extend(nearest_folder(folder.parent()).map(|folder| (folder, false)));
        }
        places
    }
}

fn nearest_folder(path: Option<&Path>) -> Option<PathBuf> {
    path?.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned)
}

/// A file watcher, which stops when dropped.
pub struct Watcher {
    watcher: notify::RecommendedWatcher,
    watched: Arc<RwLock<Watched>>,
    places: BTreeSet<(PathBuf, bool)>,
    changes: Receiver<()>,
}

impl Watcher {
    /// Creates a watcher without any files.
    ///
    /// # Errors
    /// Returns an error if the system does not allow watching files.
    pub fn new() -> notify::Result<Self> {
        let (sender, changes) = channel();
        let watched: Arc<RwLock<Watched>> = Arc::default();
        let concerned = watched.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let concerns = match event {
                Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
                Ok(event) if event.need_rescan() => true,
                Ok(event) => {
                    let Ok(watched) = concerned.read() else { return };
                    event.paths.iter().any(|path| watched.concerns(path))
                }
                // Events may have been lost, so assume a change.
                Err(_) => true,
            };
            if concerns {
                let _ = sender.send(());
            }
        })?;
        let places = BTreeSet::new();
        Ok(Self { watcher, watched, places, changes })
    }

    /// Sets the files to watch, replacing all previous ones. Returns an error for each folder that cannot
    /// be watched.
    pub fn watch(&mut self, watched: &Watched) -> Vec<notify::Error> {
        let places = watched.places();
        let mut refused = Vec::new();
        if let Ok(mut known) = self.watched.write() {
            known.clone_from(watched);
        }
        for (folder, _) in self.places.difference(&places) {
            // This fails if the folder is gone, but then the system no longer watches it.
            let _ = self.watcher.unwatch(folder);
        }
        for (folder, below) in &places {
            let mode = if *below { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            refused.extend(self.watcher.watch(folder, mode).err());
        }
        self.places = places;
        refused
    }

    /// Waits for a change and then for a pause in the changes. Returns false when no more events can
    /// arrive.
    pub fn wait(&self) -> bool {
        self.changes.recv().is_ok() && self.settle()
    }

    /// Waits until changes pause, but for at most [`LONGEST`]. Returns false when no more events can
    /// arrive.
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
    fn only_source_files_of_the_site_matter() {
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

    /// Whether a change is reported within five seconds.
    fn is_reported(watcher: &Watcher) -> bool {
        watcher.changes.recv_timeout(Duration::from_secs(5)).is_ok()
    }

    #[test]
    fn a_folder_that_appears_and_disappears_is_noticed() {
        let (dir, watched) = watched();
        let mut watcher = Watcher::new().unwrap();
        assert!(watcher.watch(&watched).is_empty());
        std::fs::create_dir_all(dir.path().join("content/seeds")).unwrap();
        assert!(is_reported(&watcher) && watcher.settle());
        assert!(watcher.watch(&watched).is_empty());
        std::fs::write(dir.path().join("content/seeds/a.md"), "x").unwrap();
        assert!(is_reported(&watcher) && watcher.settle());
        std::fs::write(dir.path().join("notes.txt"), "x").unwrap();
        std::fs::remove_dir_all(dir.path().join("content/seeds")).unwrap();
        assert!(is_reported(&watcher) && watcher.settle());
        assert!(watcher.watch(&watched).is_empty());
        std::fs::create_dir_all(dir.path().join("content/seeds")).unwrap();
        assert!(is_reported(&watcher));
    }
}
