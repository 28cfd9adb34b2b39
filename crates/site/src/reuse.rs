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
pub struct Inputs {
    /// Hash of what every page depends on: this version of Venti, theme, configuration and menu.
    pub site: Hash,
    /// Hashes of the pieces' seed and essay files, in catalog order.
    pub pieces: Vec<Hash>,
}

impl Inputs {
    /// `site` is everything that all pages depend on.
    pub fn new(site: &impl Serialize, catalog: &Catalog<'_>) -> Self {
        let site = input_of(site);
        let piece = |piece: &super::catalog::Piece<'_>| {
            let takes = catalog.takes_of(piece).len();
            let files = (&piece.seed.path, &piece.seed.file_hash, piece.essay_hash);
            input_of(&(files, piece.date, &piece.path, takes))
        };
        Self { site, pieces: catalog.pieces.par_iter().map(piece).collect() }
    }

    /// The input of something made from `facts` and these pieces, in this order.
    pub fn of(&self, facts: &impl Serialize, pieces: impl Iterator<Item = usize>) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.site.as_bytes()).update(input_of(facts).as_bytes());
        pieces.for_each(|at| {
            hasher.update(self.pieces[at].as_bytes());
        });
        hasher.finalize()
    }
}
