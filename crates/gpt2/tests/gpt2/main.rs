//! The crate as its users see it, held to fixtures that the reference wrote.

#![allow(clippy::unwrap_used, reason = "a test that panics has said what failed")]

mod checkpoint;
mod eval;
mod fixture;
mod generation;
mod reference;
mod tokenizer;
