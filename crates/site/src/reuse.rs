//! Incremental builds: every file of the site has an input, a hash of everything that determines
//! its content. A file that was made from the same input is not made again.
//!
//! An input may cover too much, and then a file is made again for nothing. It must never cover too
//! little, or an outdated page would stay on the site.

use blake3::Hash;
use rayon::prelude::*;
use serde::Serialize;

use super::catalog::Catalog;

/// Hashes data as JSON, which keeps adjacent lists and strings apart.
pub fn input_of(data: &impl Serialize) -> Hash {
    blake3::hash(&serde_json::to_vec(data).expect("plain data serializes to JSON"))
}

/// The inputs that files are made from.
#[derive(Debug)]
pub struct InputHashes {
    /// Hash of what every page depends on: this version of Venti, theme, configuration and menu.
    pub site: Hash,
    /// Hashes of the thinkpieces' seed and essay files, in catalog order.
    pub thinkpieces: Vec<Hash>,
}

impl InputHashes {
    /// `site` is everything that all pages depend on.
    pub fn new(site: &impl Serialize, catalog: &Catalog<'_>) -> Self {
        let site = input_of(site);
        let thinkpiece = |thinkpiece: &super::catalog::Thinkpiece<'_>| {
            let takes = catalog.takes_of(thinkpiece).len();
            let files = (&thinkpiece.seed.path, &thinkpiece.seed.file_hash, thinkpiece.essay_hash);
            input_of(&(files, thinkpiece.date, &thinkpiece.path, takes))
        };
        Self { site, thinkpieces: catalog.thinkpieces.par_iter().map(thinkpiece).collect() }
    }

    /// The input of something made from `facts` and these thinkpieces, in this order.
    pub fn of(&self, facts: &impl Serialize, thinkpieces: impl Iterator<Item = usize>) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.site.as_bytes()).update(input_of(facts).as_bytes());
        thinkpieces.for_each(|at| {
            hasher.update(self.thinkpieces[at].as_bytes());
        });
        hasher.finalize()
    }
}
