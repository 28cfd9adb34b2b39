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

/// A destination that needs no file. A build of it only checks the paths that the site would have.
pub struct Complete;

impl Destination for Complete {
    fn has(&self, _: &str, _: Hash) -> bool {
        true
    }

    fn made_from(&self, _: Hash) -> Vec<String> {
        Vec::new()
    }

    fn put(&self, _: &str, _: Vec<u8>) -> miette::Result<()> {
        Ok(())
    }
}
