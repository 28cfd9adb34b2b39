//! One repository's folder in the shared cache, in the layout of the official clients:
//!
//! ```text
//! models--owner--name/
//!   refs/main                      last known commit of a branch or tag
//!   blobs/<etag>                   file contents
//!   snapshots/<commit>/config.json -> ../../blobs/<etag>
//! .locks/models--owner--name/<etag>.lock
//! ```

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use hf_hub::{Cache, CacheRepo, Repo};

use super::name::is_commit;
use super::{Error, ModelName, Result};

/// A repository's cache folder, at one revision.
pub(super) struct CachedRepo {
    cache: Cache,
    folder: CacheRepo,
    repo: Repo,
}

impl CachedRepo {
    pub fn new(cache: Cache, name: &ModelName) -> Self {
        let repo = name.to_repo();
        Self { folder: cache.repo(repo.clone()), cache, repo }
    }

    /// Returns the revision's commit: the revision itself if it is a commit hash, otherwise the commit
    /// that the cache records, if any.
    pub fn commit(&self) -> Option<String> {
        let revision = self.repo.revision();
        if is_commit(revision) {
            return Some(revision.to_owned());
        }
        let file = self.root().join("refs").join(revision);
        let commit = std::fs::read_to_string(file).ok()?;
        let commit = commit.trim();
        is_commit(commit).then(|| commit.to_owned())
    }

    /// Returns the commits that the cache has files of, sorted. If the revision is the beginning of some
    /// of them, returns only those.
    pub fn commits(&self) -> Vec<String> {
        let snapshots = std::fs::read_dir(self.root().join("snapshots"));
        let names = snapshots.into_iter().flatten().flatten().map(|entry| entry.file_name());
        let mut commits: Vec<String> = names
            .filter_map(|name| name.into_string().ok())
            .filter(|name| is_commit(name))
            .collect();
        commits.sort_unstable();
        let begins = |commit: &String| commit.starts_with(self.repo.revision());
        if commits.iter().any(begins) {
            commits.retain(begins);
        }
        commits
    }

    /// Records `commit` as the revision's commit, unless the revision is itself a commit.
    pub fn point_revision_to(&self, commit: &str) -> Result<()> {
        if is_commit(self.repo.revision()) || self.commit().as_deref() == Some(commit) {
            return Ok(());
        }
        let refs = self.root().join("refs");
        self.folder.create_ref(commit).map_err(Error::io("write", &refs))
    }

    /// Returns the folder of a commit's files.
    pub fn snapshot_dir(&self, commit: &str) -> PathBuf {
        self.folder.pointer_path(commit)
    }

    /// Returns the path of the blob with this ETag.
    pub fn blob(&self, etag: &str) -> PathBuf {
        self.folder.blob_path(etag)
    }

    /// Returns the path of the partially downloaded blob. The caller must hold [`lock`](Self::lock).
    pub fn incomplete(&self, etag: &str) -> PathBuf {
        self.folder.blob_path(&format!("{etag}.incomplete"))
    }

    /// Acquires the lock for downloading this blob, waiting for other processes to release it. Python's
    /// `huggingface_hub` uses the same lock file. Returns `None` if the file system does not support
    /// locks.
    pub fn lock(&self, etag: &str) -> Result<Option<File>> {
        let dir = self.cache.path().join(".locks").join(self.repo.folder_name());
        create_dir(&dir)?;
        let path = dir.join(format!("{etag}.lock"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        match file.lock() {
            Ok(()) => Ok(Some(file)),
            // If a concurrent download damages the file, hash verification fails.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(Error::io("lock", &path)(error)),
        }
    }

    /// Links `file` in the commit's snapshot to the blob with this ETag.
    pub fn link(&self, commit: &str, file: &str, etag: &str) -> Result<()> {
        let link = self.snapshot_dir(commit).join(file);
        if link.exists() {
            return Ok(());
        }
        create_dir(link.parent().unwrap_or(&link))?;
        // The link is dangling.
        if link.is_symlink() {
            std::fs::remove_file(&link).map_err(Error::io("remove", &link))?;
        }
        // Go up two levels from snapshots/<commit>/, and one more for each folder in the file's path.
        let up = "../".repeat(2 + file.matches('/').count());
        let target = PathBuf::from(format!("{up}blobs/{etag}"));
        match symlink(&target, &link) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            // Where symlinks require a privilege, move the file itself, as the official clients do.
            Err(_) => {
                let blob = self.blob(etag);
                std::fs::rename(&blob, &link).map_err(Error::io("move", &blob))
            }
        }
    }

    fn root(&self) -> PathBuf {
        self.cache.path().join(self.repo.folder_name())
    }
}

pub(super) fn create_dir(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(Error::io("create", dir))
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}
