//! File access that names the path in every error. Raw `std::fs` is banned by
//! `clippy.toml`; add what you need here.
#![expect(clippy::disallowed_methods, reason = "these are the wrappers the ban points to")]

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{DirEntry, File, Metadata};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// An IO error and the path it happened at.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct Error {
    /// `read`, `write`, `create`, … as in "cannot read".
    pub action: &'static str,
    /// The path as it was asked for.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    pub source: std::io::Error,
}

impl miette::Diagnostic for Error {}

/// The result of a file operation.
pub type Result<T> = std::result::Result<T, Error>;

/// Wraps an IO error with what was tried, where: `.map_err(fs::error("read", path))`.
pub fn error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error { action, path, source }
}

/// The bytes of a file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(error("read", path))
}

/// The bytes of a file, or none where there is no such file.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(error("read", path)(source)),
    }
}

/// A file opened for reading, and what the file system says of it.
#[derive(Debug)]
pub struct Opened {
    file: File,
    pub metadata: Metadata,
}

/// Opens a file that is there.
pub fn open(path: &Path) -> Result<Opened> {
    let file = File::open(path).map_err(error("read", path))?;
    let metadata = file.metadata().map_err(error("read", path))?;
    Ok(Opened { file, metadata })
}

impl Opened {
    /// The bytes of the file, which was opened as `path`.
    pub fn read(self, path: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(path, &mut bytes)?;
        Ok(bytes)
    }

    /// Adds the bytes of the file, which was opened as `path`, to others.
    pub fn read_into(self, path: &Path, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.reserve(usize::try_from(self.metadata.len()).unwrap_or_default());
        // Limited, since a bare file asks for its size again. It may have grown since.
        self.file.take(u64::MAX).read_to_end(bytes).map_err(error("read", path))?;
        Ok(())
    }
}

/// What a path leads to, through links.
pub fn metadata(path: &Path) -> Result<Metadata> {
    std::fs::metadata(path).map_err(error("read", path))
}

/// A file's size and the time it was last written: another stamp, and its content may be another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: u64,
}

impl Stamp {
    /// The stamp of a file, from what [`metadata`] or [`stat`] said; none where the file system
    /// keeps no times.
    pub fn new(metadata: &Metadata) -> Option<Self> {
        let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Self { size: metadata.len(), modified: u64::try_from(modified.as_nanos()).ok()? })
    }
}

/// The paths in a folder, in the order of their names; none where there is no such folder.
pub fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = entries(dir)?.iter().map(DirEntry::path).collect();
    paths.sort();
    Ok(paths)
}

/// What is in a folder, in no order; nothing where there is no such folder.
fn entries(dir: &Path) -> Result<Vec<DirEntry>> {
    match std::fs::read_dir(dir) {
        Ok(entries) => entries.collect::<std::io::Result<_>>().map_err(error("list", dir)),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(error("list", dir)(source)),
    }
}

/// The names of what is in a folder and is no folder itself, in order; links are followed. None
/// where there is no such folder.
pub fn file_names(dir: &Path) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in entries(dir)? {
        let kind = entry.file_type().map_err(error("list", dir))?;
        // What a link leads to has to be looked at; of all else the folder itself knows the kind.
        let is_folder = if kind.is_symlink() { entry.path().is_dir() } else { kind.is_dir() };
        if !is_folder {
            names.push(entry.file_name());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The files under a folder, at any depth: path from the folder (`/`-separated) and path on
/// disk, in the order of the former. Hidden files and folders are passed over; a folder that
/// does not exist has no files.
pub fn files_under(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), dir.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        for path in list(&folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                folders.push((format!("{prefix}{name}/"), path));
            } else {
                files.push((format!("{prefix}{name}"), path));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Creates a folder and those above it.
pub fn create_dir_all(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(error("create", dir))
}

/// Removes a file; one that is not there is no error.
pub fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(error("remove", path)(source)),
        _ => Ok(()),
    }
}

/// Opens a file for reading and writing, made empty where there is none, kept as it is otherwise.
pub fn open_or_create(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(error("open", path))
}

/// How a temporary file of [`write_atomic`] is named: this, something random, [`TEMPORARY_END`].
const TEMPORARY_START: &str = ".venti-";
const TEMPORARY_END: &str = ".tmp";

/// Writes a file whole or not at all: a temporary file beside it, fsync, rename.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = write_beside(path, bytes)?;
    file.as_file().sync_all().map_err(error("write", path))?;
    file.persist(path).map_err(|e| error("write", path)(e.error))?;
    Ok(())
}

/// Like [`write_atomic`] without waiting for the disk: for what can be made again, and whose
/// reader can tell if the power failed half way.
pub fn write_cache(path: &Path, bytes: &[u8]) -> Result<()> {
    write_beside(path, bytes)?.persist(path).map_err(|e| error("write", path)(e.error))?;
    Ok(())
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

/// Whether a name is that of a temporary file of [`write_atomic`]; one that a killed process left
/// behind, if nobody is writing now.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(TEMPORARY_START.as_bytes()) && name.ends_with(TEMPORARY_END.as_bytes())
}

/// Lets others read what a temporary file becomes, as far as the umask allows: temporary
/// files are private by default, and a web server is rarely the user who built the site.
fn readable<'a, 'b>(
    builder: &'a mut tempfile::Builder<'b, 'b>,
) -> &'a mut tempfile::Builder<'b, 'b> {
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// What stands at a path, symbolic links not followed; none if nothing does.
pub fn stat(path: &Path) -> Result<Option<Metadata>> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(e) if matches!(e.kind(), NotFound | NotADirectory) => Ok(None),
        Err(e) => Err(error("look at", path)(e)),
    }
}

/// The names of a folder's entries, sorted. A name that is not Unicode comes with
/// replacement characters: good for a message, not for opening.
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

/// Creates one folder; it must not exist.
pub fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir(path).map_err(error("create", path))
}

/// Creates a file and the folders above it that are missing; the file must not exist. Says what the
/// file system knows of it.
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

/// Makes all that is in a folder, about so many files, survive a loss of power.
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
            // Windows flushes only what may be written to.
            let file = File::options().write(true).open(path);
            file.and_then(|file| file.sync_all()).map_err(error("write", path))?;
        }
    }
    sync_dirs(&dirs)
}

/// Makes what was created, renamed and removed in these folders, all of one file system, survive
/// a loss of power. Windows has no such call; its file systems keep a journal of their own.
pub fn sync_dirs(dirs: &BTreeSet<PathBuf>) -> Result<()> {
    match dirs.first() {
        Some(any) if flushed_together(dirs.len()) => flush_file_system(any),
        _ if cfg!(unix) => dirs.iter().try_for_each(|dir| {
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(error("sync", dir))
        }),
        _ => Ok(()),
    }
}

/// Whether so many files or folders are flushed with their whole file system: worth what that may
/// have to write for other programs, since 10,000 small files took 0.2 s, one by one 27 s.
fn flushed_together(count: usize) -> bool {
    cfg!(target_os = "linux") && count >= 32
}

/// Writes all that waits to be written to the file system that holds a path.
#[cfg(target_os = "linux")]
fn flush_file_system(any: &Path) -> Result<()> {
    let file = File::open(any).map_err(error("open", any))?;
    rustix::fs::syncfs(file).map_err(|e| error("sync", any)(e.into()))
}

/// Begins to write all that waits to be written to the file system that holds a folder, beside what
/// this thread goes on with; none where there is no such call.
pub fn start_flush(dir: &Path) -> Option<std::thread::JoinHandle<()>> {
    let dir = dir.to_owned();
    // Whoever depends on it flushes again, and meets its error then.
    let flush = move || drop(flush_file_system(&dir));
    cfg!(target_os = "linux").then(|| std::thread::spawn(flush))
}

/// There is no such call here, and [`flushed_together`] does not ask for it.
#[cfg(not(target_os = "linux"))]
fn flush_file_system(_: &Path) -> Result<()> {
    Ok(())
}

/// Moves a file over whatever file has the new name, in one step.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(error("replace", to))
}

/// Moves a folder to a name that must be free, in one step.
pub fn rename_dir(from: &Path, to: &Path) -> Result<()> {
    if stat(to)?.is_some() {
        return Err(error("create", to)(ErrorKind::AlreadyExists.into()));
    }
    std::fs::rename(from, to).map_err(error("create", to))
}

/// Moves a file to a name that must be free: in one step, or where the file system has no such
/// move (exFAT, some network drives) after a look.
pub fn rename_new(from: &Path, to: &Path) -> Result<()> {
    let from = tempfile::TempPath::try_from_path(from).map_err(error("find", from))?;
    let Err(refused) = from.persist_noclobber(to) else { return Ok(()) };
    if refused.error.kind() == ErrorKind::AlreadyExists || stat(to)?.is_some() {
        return Err(error("create", to)(ErrorKind::AlreadyExists.into()));
    }
    refused.path.persist(to).map_err(|e| error("create", to)(e.error))
}

/// Removes a folder if it is empty; says whether it did.
pub fn remove_empty_dir(path: &Path) -> Result<bool> {
    use std::io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
    match std::fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(e) if matches!(e.kind(), DirectoryNotEmpty | NotADirectory | NotFound) => Ok(false),
        Err(e) => Err(error("remove", path)(e)),
    }
}

/// Removes a folder with all that is in it; links inside are removed, not followed.
pub fn remove_dir_all(path: &Path) -> Result<()> {
    std::fs::remove_dir_all(path).map_err(error("remove", path))
}
