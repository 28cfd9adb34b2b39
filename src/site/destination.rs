//! Where a site is built to: a place that knows which files stand there already, and takes the
//! others one by one as they are made.

use blake3::Hash;

/// A place for a site's files.
pub trait Destination: Sync {
    /// Whether the file at `path` stands as it was made from this input; see `site::reuse`.
    fn has(&self, path: &str, input: Hash) -> bool;

    /// Every file that stands as it was made from this input.
    fn made_from(&self, input: Hash) -> Vec<String>;

    /// Takes a file that was made. Threads may bring several at once.
    ///
    /// # Errors
    /// If the place cannot hold it.
    fn put(&self, path: &str, bytes: Vec<u8>) -> miette::Result<()>;
}

/// A build that only tries whether all can be made: what stands at the destination need not be
/// made, and nothing is brought there.
pub struct Rehearsal<'d>(pub &'d dyn Destination);

impl Destination for Rehearsal<'_> {
    fn has(&self, path: &str, input: Hash) -> bool {
        self.0.has(path, input)
    }

    fn made_from(&self, input: Hash) -> Vec<String> {
        self.0.made_from(input)
    }

    fn put(&self, _: &str, _: Vec<u8>) -> miette::Result<()> {
        Ok(())
    }
}
