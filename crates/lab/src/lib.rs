//! Training, evaluation and benchmarking of models.

// Tests may use std::fs.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod corpus;
pub mod table;

pub mod bench;
pub mod eval;
pub mod train;
