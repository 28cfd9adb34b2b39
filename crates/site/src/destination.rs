//! Build destinations. A destination knows which files are up to date, and stores the others as
//! they are made.

use blake3::Hash;

/// A place to store the files of a site.
pub trait Destination: Sync {
    /// Whether the file at `path` exists and has this input hash (see `reuse.rs`).
    fn has(&self, path: &str, input: Hash) -> bool;

    /// Returns the paths of all existing files that have this input hash.
    fn made_from(&self, input: Hash) -> Vec<String>;

    /// Stores a new file. Several threads may call this at the same time.
    ///
    /// # Errors
    /// Returns an error if the file cannot be stored.
    fn put(&self, path: &str, bytes: Vec<u8>) -> miette::Result<()>;
}
