//! One repository's folder in the shared cache, laid out as all of the hub's tools lay it out:
//!
//! ```text
//! models--owner--name/
//!   refs/main                      the commit that a branch or tag stood for when last asked
//!   blobs/<etag>                   the files, by content
//!   snapshots/<commit>/config.json -> ../../blobs/<etag>
//! .locks/models--owner--name/<etag>.lock
//! ```

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use hf_hub::{Cache, CacheRepo, Repo};

use super::name::is_commit;
use super::{Error, ModelName, Result};

/// One repository's folder, seen at one revision.
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

    /// The commit that the revision stands for, as far as the cache knows.
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

    /// Remembers what the revision stands for; a commit stands for itself.
    pub fn point_revision_to(&self, commit: &str) -> Result<()> {
        if is_commit(self.repo.revision()) || self.commit().as_deref() == Some(commit) {
            return Ok(());
        }
        let refs = self.root().join("refs");
        self.folder.create_ref(commit).map_err(Error::io("write", &refs))
    }

    /// The folder of a commit's files.
    pub fn snapshot_dir(&self, commit: &str) -> PathBuf {
        self.folder.pointer_path(commit)
    }

    /// Where content with this etag is kept.
    pub fn blob(&self, etag: &str) -> PathBuf {
        self.folder.blob_path(etag)
    }

    /// Content with this etag while it comes. Only one download at a time goes on here, which
    /// [`lock`](Self::lock) sees to.
    pub fn incomplete(&self, etag: &str) -> PathBuf {
        self.folder.blob_path(&format!("{etag}.incomplete"))
    }

    /// Waits until no other process downloads this content. Python's `huggingface_hub` takes the
    /// same lock on the same file.
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
            // A file system without locks: a download at the same time is then found out by its hash.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(Error::io("lock", &path)(error)),
        }
    }

    /// Makes `file` of the commit's snapshot the content with this etag.
    pub fn link(&self, commit: &str, file: &str, etag: &str) -> Result<()> {
        let link = self.snapshot_dir(commit).join(file);
        if link.exists() {
            return Ok(());
        }
        create_dir(link.parent().unwrap_or(&link))?;
        // A link to content that is gone.
        if link.is_symlink() {
            std::fs::remove_file(&link).map_err(Error::io("remove", &link))?;
        }
        // From snapshots/<commit>/ two up, and one more for each folder within the snapshot.
        let up = "../".repeat(2 + file.matches('/').count());
        let target = PathBuf::from(format!("{up}blobs/{etag}"));
        match symlink(&target, &link) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            // Where links need a privilege the file itself goes there, as with the other tools.
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
