//! Stamps: the size and modification time that each file under `output/` had when Venti wrote it.
//! They let a later build detect changed files without reading them. Stamps differ between
//! machines, and nothing under `output/` may depend on a clock, so stamps are stored in the
//! project's scratch folder. If a stamp is missing or wrong, its file is read and its
//! hash compared with the manifest's.

use std::collections::BTreeMap;
use std::path::Path;

use content::fs::{self, Stamp};

/// Stamps by path under `output/`.
pub type Stamps = BTreeMap<String, Stamp>;

/// Reads the stamps, skipping malformed lines. If the file cannot be read, there are no stamps.
pub fn load(file: &Path) -> Stamps {
    let bytes = fs::read_if_there(file).ok().flatten().unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let stamp = |line: &str| {
        let (size, rest) = line.split_once(' ')?;
        let (modified, path) = rest.split_once(' ')?;
        let stamp = Stamp { size: size.parse().ok()?, modified: modified.parse().ok()? };
        Some((path.to_owned(), stamp))
    };
    text.lines().filter_map(stamp).collect()
}

/// Saves the stamps. Errors are ignored, since they only make the next build slower.
pub fn save(file: &Path, stamps: &Stamps) {
    let lines =
        stamps.iter().map(|(path, Stamp { size, modified })| format!("{size} {modified} {path}\n"));
    let _ = fs::write_cache(file, lines.collect::<String>().as_bytes());
}
