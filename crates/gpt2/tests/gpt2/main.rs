//! The crate as its users see it, held to fixtures that the reference wrote.

mod checkpoint;
mod fixture;
mod generation;
mod reference;
mod tokenizer;
