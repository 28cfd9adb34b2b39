//! Seed to essay, the left half: this file is the list of its stages.

pub mod clean;
pub mod generator;
pub mod judge;
pub mod prompt;
pub mod pull_quote;
pub mod words;
