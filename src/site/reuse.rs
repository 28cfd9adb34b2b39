//! What need not be made again: every file of the site has an input, a hash of all that decides its
//! content, and a file that stands as it was made from the same input is left as it is. The work
//! of a build is then that of what changed.
//!
//! An input may say too much, and then a file is made again for nothing. It must never say too
//! little: what a page shows and its input does not know of would stay on the site.

use blake3::Hash;
use rayon::prelude::*;
use serde::Serialize;

use super::catalog::Catalog;

/// The hash of data, by its form as JSON: lists and texts cannot run into each other there.
pub fn input_of(data: &impl Serialize) -> Hash {
    blake3::hash(&serde_json::to_vec(data).expect("plain data has a form as JSON"))
}

/// The inputs of what files are made of.
#[derive(Debug)]
pub struct Inputs {
    /// What every page depends on: this Venti, the theme, the configuration, the menu.
    pub site: Hash,
    /// One for each piece of the catalog, in its order: its seed and its essay, by their files.
    pub pieces: Vec<Hash>,
}

impl Inputs {
    /// `site` is everything that all pages depend on.
    pub fn new(site: &impl Serialize, catalog: &Catalog<'_>) -> Self {
        let site = input_of(&(env!("VENTI_IDENTITY"), site));
        let piece = |piece: &super::catalog::Piece<'_>| {
            let takes = catalog.takes_of(piece).len();
            let files = (&piece.seed.path, &piece.seed.file_hash, piece.essay_hash);
            input_of(&(files, piece.date, &piece.path, takes))
        };
        Self { site, pieces: catalog.pieces.par_iter().map(piece).collect() }
    }

    /// The input of something that is made of `facts` and of these pieces, in this order.
    pub fn of(&self, facts: &impl Serialize, pieces: impl Iterator<Item = usize>) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.site.as_bytes()).update(input_of(facts).as_bytes());
        pieces.for_each(|at| {
            hasher.update(self.pieces[at].as_bytes());
        });
        hasher.finalize()
    }
}
