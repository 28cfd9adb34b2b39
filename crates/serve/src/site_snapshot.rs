//! The site in memory. A build creates a new snapshot, which replaces the last one once the build
//! succeeds. A failed build leaves the last snapshot in place.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use blake3::Hash;

use crate::headers::HeaderRules;
use crate::live;
use site::destination::Destination;
use site::output::LastBuild;
use site::{ASSETS, HEADERS, Inventory};

/// A file of the site, as it is served.
#[derive(Debug, PartialEq, Eq)]
pub struct ServedFile {
    pub body: Bytes,
    /// Strong entity tag, including its quotes.
    pub etag: String,
    /// The version of the page; `None` for other files.
    pub page: Option<live::PageVersion>,
    /// Hash of the file as the build made it, before the preview's script is added.
    made: Hash,
    /// Hash of the file's inputs.
    input: Hash,
}

/// A whole site. Cheap to clone.
#[derive(Debug, Default, Clone)]
pub struct SiteSnapshot {
    files: Arc<HashMap<String, Arc<ServedFile>>>,
    /// Recently removed files whose names contain a hash, oldest first. A page from before the last
    /// build may still request them.
    gone: Arc<Vec<(String, Arc<ServedFile>)>>,
    pub headers: Arc<HeaderRules>,
}

/// Maximum number of removed files to keep.
const MOST_GONE: usize = 32;

impl SiteSnapshot {
    /// Returns the file at a path relative to the site's root.
    pub fn get(&self, path: &str) -> Option<&Arc<ServedFile>> {
        self.files.get(path)
    }

    /// Returns the recently removed file at this path.
    pub fn lately(&self, path: &str) -> Option<&Arc<ServedFile>> {
        self.gone.iter().rev().find(|(gone, _)| gone == path).map(|(_, file)| file)
    }

    /// Returns the removed files to keep serving after `next` replaces this snapshot: the assets that
    /// `next` lacks and those removed earlier, [`MOST_GONE`] at most.
    fn gone_after(
        &self,
        next: &HashMap<String, Arc<ServedFile>>,
    ) -> Vec<(String, Arc<ServedFile>)> {
        let goes = |path: &str| path.starts_with(ASSETS) && !next.contains_key(path);
        let going = self.files.iter().filter(|(path, _)| goes(path));
        let going = going.map(|(path, file)| (path.clone(), file.clone()));
        let mut gone: Vec<_> = self.gone.iter().cloned().chain(going).collect();
        gone.drain(..gone.len().saturating_sub(MOST_GONE));
        gone
    }

    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Returns the paths that were added, changed or removed since `before`, sorted.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        if Arc::ptr_eq(&self.files, &before.files) {
            return Vec::new();
        }
        let same = |path: &String, file: &Arc<ServedFile>| {
            before.files.get(path).is_some_and(|old| old.made == file.made)
        };
        let new = self.files.iter().filter(|(path, file)| !same(path, file));
        let gone = before.files.iter().filter(|(path, _)| !self.files.contains_key(*path));
        let mut paths: Vec<String> = new.chain(gone).map(|(path, _)| path.clone()).collect();
        paths.sort_unstable();
        paths
    }
}

/// A snapshot under construction.
pub struct SnapshotBuilder<'s> {
    last: &'s SiteSnapshot,
    /// Output of an earlier `venti build`. Images are reused from it, because they are slow to draw.
    disk: LastBuild,
    /// Paths of the files taken from `disk`.
    taken: Mutex<HashSet<String>>,
    made: Mutex<HashMap<String, Vec<u8>>>,
}

impl<'s> SnapshotBuilder<'s> {
    pub fn new(last: &'s SiteSnapshot, disk: LastBuild) -> Self {
        Self { last, disk, taken: Mutex::default(), made: Mutex::default() }
    }

    /// Completes the snapshot with the files listed by the build.
    ///
    /// # Errors
    /// Returns an error if a reused file on disk can no longer be read.
    pub fn finish(self, files: &Inventory) -> content::fs::Result<SiteSnapshot> {
        let mut made = unlocked(self.made);
        let taken = unlocked(self.taken);
        let mut next: HashMap<String, Arc<ServedFile>> = HashMap::with_capacity(files.count());
        for (path, &input) in &files.made {
            let bytes = made.remove(path).unwrap_or_default();
            next.insert(path.clone(), Arc::new(ServedFile::new(path, bytes, input)));
        }
        for path in &files.kept {
            let file = match self.last.get(path) {
                Some(file) if !taken.contains(path) => file.clone(),
                _ => {
                    let (bytes, input) = self.disk.read(path)?;
                    Arc::new(ServedFile::new(path, bytes, input))
                }
            };
            next.insert(path.clone(), file);
        }
        let headers =
            next.get(HEADERS).map(|file| HeaderRules::parse(&file.body)).unwrap_or_default();
        let gone = Arc::new(self.last.gone_after(&next));
        Ok(SiteSnapshot { files: Arc::new(next), gone, headers: Arc::new(headers) })
    }
}

impl Destination for SnapshotBuilder<'_> {
    fn has(&self, path: &str, input: Hash) -> bool {
        if self.last.get(path).is_some_and(|file| file.input == input) {
            return true;
        }
        let on_disk = is_picture(path) && self.disk.has(path, input);
        if on_disk {
            locked(&self.taken).insert(path.to_owned());
        }
        on_disk
    }

    fn made_from(&self, input: Hash) -> Vec<String> {
        let made = self.last.files.iter().filter(|(_, file)| file.input == input);
        made.map(|(path, _)| path.clone()).collect()
    }

    fn put(&self, path: &str, bytes: Vec<u8>) -> miette::Result<()> {
        locked(&self.made).insert(path.to_owned(), bytes);
        Ok(())
    }
}

impl ServedFile {
    fn new(path: &str, bytes: Vec<u8>, input: Hash) -> Self {
        let made = blake3::hash(&bytes);
        let etag = format!("\"{}\"", &made.to_hex()[..32]);
        let (body, page) = match path.ends_with(".html") {
            true => {
                let (body, page) = live::with_script(&bytes);
                (body, Some(page))
            }
            false => (bytes, None),
        };
        Self { body: body.into(), etag, page, made, input }
    }
}

/// Whether the file is an image that is slow to draw.
fn is_picture(path: &str) -> bool {
    path.ends_with(".png") || path.ends_with(".ico")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned lock still guards consistent data: entries are inserted whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unlocked<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a snapshot of these files. The hash of each path serves as the hash of the file's inputs.
#[cfg(test)]
pub fn snapshot_of(files: &[(&str, &str)]) -> SiteSnapshot {
    next_of(&SiteSnapshot::default(), files, &[])
}

/// Returns the snapshot after `last`, in which `files` are new and `kept` are carried over.
#[cfg(test)]
pub fn next_of(last: &SiteSnapshot, files: &[(&str, &str)], kept: &[&str]) -> SiteSnapshot {
    let builder = SnapshotBuilder::new(last, LastBuild::default());
    let input = |path: &str| blake3::hash(path.as_bytes());
    let put = |(path, text): &(&str, &str)| builder.put(path, text.as_bytes().to_vec());
    files.iter().try_for_each(put).expect("writing to memory cannot fail");
    assert!(kept.iter().all(|path| builder.has(path, input(path))));
    let inventory = Inventory {
        made: files.iter().map(|(path, _)| ((*path).to_owned(), input(path))).collect(),
        kept: kept.iter().map(|path| (*path).to_owned()).collect(),
    };
    builder.finish(&inventory).expect("no file is read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_files_stay_and_changes_are_reported() {
        let first = snapshot_of(&[("a.html", "a"), ("b.txt", "b"), ("c.txt", "c")]);
        let second =
            next_of(&first, &[("b.txt", "b"), ("d.txt", "d"), ("a.html", "other")], &["c.txt"]);
        assert_eq!(second.count(), 4);
        // A file made again with the same content does not count as changed, but a removed file does.
        assert_eq!(second.changes_since(&first), ["a.html", "d.txt"]);
        let third = next_of(&second, &[], &["b.txt"]);
        assert_eq!(third.changes_since(&second), ["a.html", "c.txt", "d.txt"]);
        assert_eq!(third.get("b.txt").unwrap().body, "b");
        assert!(
            !SnapshotBuilder::new(&third, LastBuild::default())
                .has("c.txt", blake3::hash(b"c.txt"))
        );
    }

    #[test]
    fn recently_removed_assets_are_still_served() {
        let (mut snapshot, file) =
            (SiteSnapshot::default(), |n: usize| format!("assets/style.{n}.css"));
        for n in 0..40 {
            snapshot = next_of(&snapshot, &[(&file(n), "x"), ("page.html", "y")], &[]);
        }
        snapshot = next_of(&snapshot, &[], &[&file(39)]);
        let lately = |n| snapshot.lately(&file(n)).is_some();
        assert!(lately(38) && lately(7) && !lately(6), "only the last 32 are kept");
        assert!(!lately(39), "not removed");
        assert!(snapshot.lately("page.html").is_none(), "pages are not kept");
    }
}
