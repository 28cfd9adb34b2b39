//! The nouns on disk, where the two halves meet: seeds that a person writes,
//! essays that Venti writes, and the lock file that says with which models.

pub mod essay;
pub mod front_matter;
pub mod lockfile;
pub mod seed;
pub mod slug;
pub mod store;
