//! `.venti/replaced/`: earlier versions of the files in `content/` that Venti replaced or removed.

use std::path::{Path, PathBuf};

use crate::fs;
use crate::project::SCRATCH;

/// Name of the folder in [`SCRATCH`].
pub const REPLACED: &str = "replaced";

/// Keeps a version of a file. `path` is the file's path, relative to `root`. The version is stored under
/// the same path, with eight digits of its BLAKE3 hash before the extension.
pub fn keep(root: &Path, path: &Path, bytes: &[u8]) -> fs::Result<()> {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name.push(&blake3::hash(bytes).to_hex()[..8]);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    let file = folder(root).join(path.with_file_name(name));
    match fs::stat(&file)? {
        Some(_) => Ok(()),
        None => fs::write_atomic(&file, bytes),
    }
}

/// Returns the folder of the project in `root`.
pub fn folder(root: &Path) -> PathBuf {
    root.join(SCRATCH).join(REPLACED)
}
