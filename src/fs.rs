//! File access that names the path in every error. Raw `std::fs` is banned by
//! `clippy.toml`; add what you need here.

use std::fs::File;
use std::io::{ErrorKind, Write};
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

/// BLAKE3 of a file, hex.
pub fn blake3(path: &Path) -> Result<String> {
    let file = File::open(path).map_err(error("read", path))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(error("read", path))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// What a path leads to, through links.
pub fn metadata(path: &Path) -> Result<std::fs::Metadata> {
    std::fs::metadata(path).map_err(error("read", path))
}

/// The paths in a folder, in the order of their names; none where there is no such folder.
pub fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(error("list", dir)(source)),
    };
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(error("list", dir))?;
    paths.sort();
    Ok(paths)
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
    let dir = path.parent().unwrap_or(Path::new("."));
    create_dir_all(dir)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_START).suffix(TEMPORARY_END);
    // A temporary file is its owner's alone; the finished one is as public as any other new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(dir).map_err(error("write", path))?;
    file.write_all(bytes).map_err(error("write", path))?;
    file.as_file().sync_all().map_err(error("write", path))?;
    file.persist(path).map_err(|e| error("write", path)(e.error))?;
    Ok(())
}

/// Whether a path is a temporary file of [`write_atomic`]; one that a killed process left behind,
/// if nobody is writing now.
pub fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(TEMPORARY_START) && name.ends_with(TEMPORARY_END)
}
