//! Build destinations. A destination knows which files are up to date, and stores the others as
//! they are made.

use blake3::Hash;

/// Stores the files of a site.
pub trait Destination: Sync {
    /// Whether the file at `path` exists and was made from this input (see `reuse.rs`).
    fn has(&self, path: &str, input: Hash) -> bool;

    /// Paths of all files that exist and were made from this input.
    fn made_from(&self, input: Hash) -> Vec<String>;

    /// Stores a new file. Several threads may call this at the same time.
    ///
    /// # Errors
    /// Returns an error if the file cannot be stored.
    fn put(&self, path: &str, bytes: Vec<u8>) -> miette::Result<()>;
}
