//! Essays to `output/`, the right half: this file is the list of its stages.

pub mod output;

/// The site in memory: every file by its path under `output/`, `/`-separated.
pub type Tree = std::collections::BTreeMap<String, Vec<u8>>;
