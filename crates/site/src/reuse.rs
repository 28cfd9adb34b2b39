//! Incremental builds. Every file of the site has an input: a hash of everything that determines
//! the file's content. A file that was already made from the same input is not made again.
//!
//! An input that covers too much only causes needless work. An input must never cover too little,
//! because an outdated page would then stay on the site.

use blake3::Hash;
use rayon::prelude::*;
use serde::Serialize;

use super::catalog::Catalog;

/// Hashes data as JSON, whose delimiters keep adjacent values apart.
pub fn input_of(data: &impl Serialize) -> Hash {
    blake3::hash(&serde_json::to_vec(data).expect("plain data serializes to JSON"))
}

/// Hashes of the data that files are made from.
#[derive(Debug)]
pub struct InputHashes {
    /// Hash of the data that every page depends on: this version of Venti, the theme, the
    /// configuration and the menu.
    pub site: Hash,
    /// For each thinkpiece, a hash of its seed and essay files, its date, its path and the number
    /// of takes, in catalog order.
    pub thinkpieces: Vec<Hash>,
}

impl InputHashes {
    /// Computes the hashes. `site` is the data that every page depends on.
    pub fn new(site: &impl Serialize, catalog: &Catalog<'_>) -> Self {
        let site = input_of(site);
        let thinkpiece = |thinkpiece: &super::catalog::Thinkpiece<'_>| {
            let takes = catalog.takes_of(thinkpiece).len();
            let files = (&thinkpiece.seed.path, &thinkpiece.seed.file_hash, thinkpiece.essay_hash);
            input_of(&(files, thinkpiece.date, &thinkpiece.path, takes))
        };
        Self { site, thinkpieces: catalog.thinkpieces.par_iter().map(thinkpiece).collect() }
    }

    /// Returns the input hash of a file made from `facts` and these thinkpieces, in the given
    /// order.
    pub fn of(&self, facts: &impl Serialize, thinkpieces: impl Iterator<Item = usize>) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.site.as_bytes()).update(input_of(facts).as_bytes());
        thinkpieces.for_each(|at| {
            hasher.update(self.thinkpieces[at].as_bytes());
        });
        hasher.finalize()
    }
}
