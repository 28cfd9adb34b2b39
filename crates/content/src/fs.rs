//! Wrappers around `std::fs` whose errors name the path. `clippy.toml` bans `std::fs` elsewhere, so
//! add missing functions here.
#![expect(clippy::disallowed_methods, reason = "these are the wrappers the ban points to")]

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{DirEntry, File, Metadata};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// An I/O error, with the action that failed and the path.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct Error {
    /// The verb that follows "cannot" in the message: `read`, `write`, `create`, …
    pub action: &'static str,
    /// The path that was passed to the function.
    pub path: PathBuf,
    /// The operating system's error.
    #[source]
    pub source: std::io::Error,
}

impl miette::Diagnostic for Error {}

/// The result of a file operation.
pub type Result<T> = std::result::Result<T, Error>;

/// Returns a closure that adds the action and the path to an I/O error:
/// `.map_err(fs::error("read", path))`.
pub fn error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error { action, path, source }
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(error("read", path))
}

/// Reads a regular file; `None` if it does not exist.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match open(path).and_then(|file| file.read(path)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file opened for reading, with its metadata.
#[derive(Debug)]
pub struct Opened {
    file: File,
    pub metadata: Metadata,
}

/// Opens a regular file for reading. A pipe is refused, because opening it would wait for a writer.
pub fn open(path: &Path) -> Result<Opened> {
    let metadata = metadata(path)?;
    if !metadata.is_file() && !metadata.is_dir() {
        let source = std::io::Error::new(ErrorKind::InvalidInput, "this is not a regular file");
        return Err(error("read", path)(source));
    }
    let file = File::open(path).map_err(error("read", path))?;
    let metadata = file.metadata().map_err(error("read", path))?;
    Ok(Opened { file, metadata })
}

impl Opened {
    /// Reads the file. `path` is the path that the file was opened with, for error messages.
    pub fn read(self, path: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(path, &mut bytes)?;
        Ok(bytes)
    }

    /// Appends the file's contents to `bytes`. `path` is the path that the file was opened with, for
    /// error messages.
    pub fn read_into(self, path: &Path, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.reserve(usize::try_from(self.metadata.len()).unwrap_or_default());
        // `take` keeps `read_to_end` from querying the size again. It sets no limit, because the file
        // may have grown since it was opened.
        self.file.take(u64::MAX).read_to_end(bytes).map_err(error("read", path))?;
        Ok(())
    }
}

/// Returns the metadata of a path. Follows symbolic links.
pub fn metadata(path: &Path) -> Result<Metadata> {
    std::fs::metadata(path).map_err(error("read", path))
}

/// A file's size and modification time. If a file's stamp has changed, its contents may have changed
/// too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Size in bytes.
    pub size: u64,
    /// Modification time, in nanoseconds since the Unix epoch.
    pub modified: u64,
}

impl Stamp {
    /// Returns the stamp for the given metadata; `None` if the file system records no modification
    /// times.
    pub fn new(metadata: &Metadata) -> Option<Self> {
        let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Self { size: metadata.len(), modified: u64::try_from(modified.as_nanos()).ok()? })
    }

    /// Returns the current stamp of a file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be accessed or the file system does not record its
    /// modification time.
    pub fn of(path: &Path) -> Result<Self> {
        let no_time =
            || error("read the modification time of", path)(ErrorKind::Unsupported.into());
        Self::new(&metadata(path)?).ok_or_else(no_time)
    }
}

/// Returns the absolute path of an existing file or folder, without symbolic links.
pub fn canonicalize(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).map_err(error("find", path))
}

/// Returns the paths in a folder, sorted; empty if the folder does not exist.
pub fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = entries(dir)?.iter().map(DirEntry::path).collect();
    paths.sort();
    Ok(paths)
}

/// Returns the entries of a folder, in any order; empty if the folder does not exist.
fn entries(dir: &Path) -> Result<Vec<DirEntry>> {
    match std::fs::read_dir(dir) {
        Ok(entries) => entries.collect::<std::io::Result<_>>().map_err(error("list", dir)),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(error("list", dir)(source)),
    }
}

/// Whether a folder has subfolders. Follows symbolic links.
pub fn has_subfolders(dir: &Path) -> Result<bool> {
    Ok(!names_of_kind(dir, true)?.is_empty())
}

/// Returns the names of the files in a folder, sorted. Follows symbolic links. Empty if the folder does
/// not exist.
pub fn file_names(dir: &Path) -> Result<Vec<OsString>> {
    let mut names = names_of_kind(dir, false)?;
    names.sort_unstable();
    Ok(names)
}

/// Returns the names of a folder's subfolders, or of its files, in any order.
fn names_of_kind(dir: &Path, folders: bool) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in entries(dir)? {
        let kind = entry.file_type().map_err(error("list", dir))?;
        // A directory entry tells files from folders, but does not give the type of a symbolic link's
        // target.
        let is_folder = if kind.is_symlink() { entry.path().is_dir() } else { kind.is_dir() };
        if is_folder == folders {
            names.push(entry.file_name());
        }
    }
    Ok(names)
}

/// Returns all files under a folder, at any depth, as pairs of the `/`-separated path relative to the
/// folder and the path on disk. Sorted by relative path. Skips hidden files and folders, and fails at a
/// loop of symbolic links. Empty if the folder does not exist.
pub fn files_under(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    if !dir.exists() {
        return Ok(files);
    }
    let is_visible = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
    };
    for entry in walkdir::WalkDir::new(dir).follow_links(true).into_iter().filter_entry(is_visible)
    {
        let entry = entry.map_err(|e| {
            let path = e.path().unwrap_or(dir).to_owned();
            error("list", &path)(e.into())
        })?;
        if !entry.file_type().is_dir() {
            let parts = entry.path().strip_prefix(dir).unwrap_or(entry.path()).iter();
            let parts: Vec<_> = parts.map(OsStr::to_string_lossy).collect();
            files.push((parts.join("/"), entry.into_path()));
        }
    }
    files.sort();
    Ok(files)
}

/// Creates a folder and its parents.
pub fn create_dir_all(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(error("create", dir))
}

/// Removes a file. A missing file is not an error.
pub fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(error("remove", path)(source)),
        _ => Ok(()),
    }
}

/// Opens a file for reading and writing. Creates it if it does not exist, and keeps its content
/// otherwise.
pub fn open_or_create(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(error("open", path))
}

/// Prefix of temporary file names. A random part and [`TEMPORARY_END`] follow.
const TEMPORARY_START: &str = ".venti-";
/// Suffix of temporary file names.
const TEMPORARY_END: &str = ".tmp";

/// Writes a file atomically: writes a temporary file next to it, calls fsync, and renames the temporary
/// file into place. An existing file keeps its permissions, and a symbolic link its target.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let existing = std::fs::canonicalize(path).ok();
    let target = existing.as_deref().unwrap_or(path);
    let file = write_beside(target, bytes)?;
    if existing.is_some() {
        let permissions = metadata(target)?.permissions();
        file.as_file().set_permissions(permissions).map_err(error("write", path))?;
    }
    file.as_file().sync_all().map_err(error("write", path))?;
    file.persist(target).map_err(|e| error("write", path)(e.error))?;
    Ok(())
}

/// Like [`write_atomic`], but without fsync. Use it only for files that can be recreated and whose
/// readers detect truncation after a power failure.
pub fn write_cache(path: &Path, bytes: &[u8]) -> Result<()> {
    write_beside(path, bytes)?.persist(path).map_err(|e| error("write", path)(e.error))?;
    Ok(())
}

/// Like [`write_atomic`], but fails if the file exists.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = write_beside(path, bytes)?;
    file.as_file().sync_all().map_err(error("write", path))?;
    rename_new(&file.into_temp_path(), path)
}

fn write_beside(path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile> {
    let dir = path.parent().unwrap_or(Path::new("."));
    create_dir_all(dir)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_START).suffix(TEMPORARY_END);
    let mut file = readable(&mut builder).tempfile_in(dir).map_err(error("write", path))?;
    file.write_all(bytes).map_err(error("write", path))?;
    Ok(file)
}

/// Whether `name` is that of a temporary file from [`write_atomic`]. If no process is writing, such a
/// file was left behind by a killed process.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(TEMPORARY_START.as_bytes()) && name.ends_with(TEMPORARY_END.as_bytes())
}

/// Makes a temporary file readable by others, as far as the umask allows. Temporary files are private
/// by default, but the web server rarely runs as the user who built the site.
fn readable<'a, 'b>(
    builder: &'a mut tempfile::Builder<'b, 'b>,
) -> &'a mut tempfile::Builder<'b, 'b> {
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// Returns the metadata of a path; `None` if it does not exist. Does not follow symbolic links.
pub fn stat(path: &Path) -> Result<Option<Metadata>> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(e) if matches!(e.kind(), NotFound | NotADirectory) => Ok(None),
        Err(e) => Err(error("access", path)(e)),
    }
}

/// Returns the names of a folder's entries, sorted. Invalid Unicode is replaced, so use the names only
/// in messages, not to open files.
pub fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(dir).map_err(error("list", dir))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(error("list", dir))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Creates a folder. Fails if the folder exists.
pub fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir(path).map_err(error("create", path))
}

/// Creates a file and its missing parent folders, and returns the file's metadata. Fails if the file
/// exists.
pub fn create_new(path: &Path, bytes: &[u8]) -> Result<Metadata> {
    let created = match File::create_new(path) {
        Err(source) if source.kind() == ErrorKind::NotFound => {
            create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            File::create_new(path)
        }
        created => created,
    };
    let write = |mut file: File| {
        file.write_all(bytes)?;
        file.metadata()
    };
    created.and_then(write).map_err(error("write", path))
}

/// Creates files and their missing parent folders. If one of them exists or cannot be written, none is
/// left behind.
pub fn create_all_new(files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    for (created, (path, bytes)) in files.iter().enumerate() {
        if let Err(error) = create_new(path, bytes) {
            // A file that existed is not ours to remove.
            let ours =
                if error.source.kind() == ErrorKind::AlreadyExists { created } else { created + 1 };
            files[..ours].iter().try_for_each(|(path, _)| remove_file(path))?;
            return Err(error);
        }
    }
    Ok(())
}

/// Flushes the content of a folder to disk. `count` is the approximate number of files in the folder.
pub fn sync_tree(dir: &Path, count: usize) -> Result<()> {
    if flushed_together(count) {
        return flush_file_system(dir);
    }
    let mut dirs = BTreeSet::new();
    for entry in walkdir::WalkDir::new(dir) {
        let entry = entry.map_err(|e| error("sync", dir)(e.into()))?;
        let path = entry.path();
        if entry.file_type().is_dir() {
            dirs.insert(path.to_owned());
        } else {
            // Windows flushes only files that are open for writing.
            let file = File::options().write(true).open(path);
            file.and_then(|file| file.sync_all()).map_err(error("write", path))?;
        }
    }
    sync_dirs(&dirs)
}

/// Flushes the directory entries of the given folders to disk. All folders must be on one file system.
/// Does nothing on Windows, which has no such call but uses journaling file systems.
pub fn sync_dirs(dirs: &BTreeSet<PathBuf>) -> Result<()> {
    match dirs.first() {
        Some(any) if flushed_together(dirs.len()) => flush_file_system(any),
        _ if cfg!(unix) => dirs.iter().try_for_each(|dir| {
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(error("sync", dir))
        }),
        _ => Ok(()),
    }
}

/// Whether to flush the whole file system instead of `count` individual files or folders. This may also
/// flush the data of other programs, but is faster: 10,000 small files took 0.2 s together and 27 s one
/// by one.
fn flushed_together(count: usize) -> bool {
    cfg!(target_os = "linux") && count >= 32
}

/// Flushes the file system that contains a path.
#[cfg(target_os = "linux")]
fn flush_file_system(any: &Path) -> Result<()> {
    let file = File::open(any).map_err(error("open", any))?;
    rustix::fs::syncfs(file).map_err(|e| error("sync", any)(e.into()))
}

/// Starts a thread that flushes the file system containing `dir`; returns `None` if the platform
/// cannot flush a single file system.
pub fn start_flush(dir: &Path) -> Option<std::thread::JoinHandle<()>> {
    let dir = dir.to_owned();
    // The error is ignored here. Code that depends on the flush repeats it and handles the error.
    let flush = move || drop(flush_file_system(&dir));
    cfg!(target_os = "linux").then(|| std::thread::spawn(flush))
}

/// Never called: [`flushed_together`] is false on this platform.
#[cfg(not(target_os = "linux"))]
fn flush_file_system(_: &Path) -> Result<()> {
    Ok(())
}

/// Renames a file atomically, replacing any existing file at `to`.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(error("replace", to))
}

/// Renames a folder. Fails if `to` exists.
pub fn rename_dir(from: &Path, to: &Path) -> Result<()> {
    if stat(to)?.is_some() {
        return Err(error("create", to)(ErrorKind::AlreadyExists.into()));
    }
    std::fs::rename(from, to).map_err(error("create", to))
}

/// Renames a file. Fails if `to` exists. The check and the rename are one atomic step, except on file
/// systems that cannot combine the two (exFAT, some network drives).
pub fn rename_new(from: &Path, to: &Path) -> Result<()> {
    let from = tempfile::TempPath::try_from_path(from).map_err(error("find", from))?;
    let Err(refused) = from.persist_noclobber(to) else { return Ok(()) };
    if refused.error.kind() == ErrorKind::AlreadyExists || stat(to)?.is_some() {
        return Err(error("create", to)(ErrorKind::AlreadyExists.into()));
    }
    refused.path.persist(to).map_err(|e| error("create", to)(e.error))
}

/// Removes a folder if it is empty. Returns whether the folder was removed.
pub fn remove_empty_dir(path: &Path) -> Result<bool> {
    use std::io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
    match std::fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(e) if matches!(e.kind(), DirectoryNotEmpty | NotADirectory | NotFound) => Ok(false),
        Err(e) => Err(error("remove", path)(e)),
    }
}

/// Removes a folder and its contents. Symbolic links inside are removed, not followed.
pub fn remove_dir_all(path: &Path) -> Result<()> {
    std::fs::remove_dir_all(path).map_err(error("remove", path))
}
