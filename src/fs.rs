//! File access that names the path in every error. Raw `std::fs` is banned by
//! `clippy.toml`; add what you need here.

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

/// Writes a file whole or not at all: a temporary file beside it, fsync, rename.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(error("create", dir))?;
    let mut file = tempfile::Builder::new()
        .prefix(".venti-")
        .suffix(".tmp")
        .tempfile_in(dir)
        .map_err(error("write", path))?;
    file.write_all(bytes).map_err(error("write", path))?;
    file.as_file().sync_all().map_err(error("write", path))?;
    file.persist(path).map_err(|e| error("write", path)(e.error))?;
    Ok(())
}
