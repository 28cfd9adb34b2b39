//! Size and time of each file under `output/` as Venti left it, by which a later build sees that
//! the file still stands, without reading it. They are this machine's own affair and lie among the
//! project's working files: nothing under `output/` depends on a clock. A stamp that is lost or
//! wrong costs one more making of its file.

use std::collections::BTreeMap;
use std::path::Path;

use crate::fs::{self, Stamp};

/// Stamps by path under `output/`.
pub type Stamps = BTreeMap<String, Stamp>;

/// Reads them; lines that are none are passed over.
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

/// Keeps them for the next build. A disk that will not have them costs that build its shortcut.
pub fn save(file: &Path, stamps: &Stamps) {
    let lines =
        stamps.iter().map(|(path, Stamp { size, modified })| format!("{size} {modified} {path}\n"));
    let _ = fs::write_cache(file, lines.collect::<String>().as_bytes());
}
