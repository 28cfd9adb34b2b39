//! Venti: a static site generator whose posts are written by a language model.
//!
//! Two halves that meet only in the store. [`mod@write`] turns seeds into essays,
//! [`site`] turns essays into files; neither knows the other. `ARCHITECTURE.md`
//! has the map.

// Tests set their scenes with plain files; the ban in clippy.toml is for the program.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod cli;
pub mod cmd;

pub mod config;
pub mod project;

pub mod content;
#[cfg(feature = "serve")]
pub mod serve;
pub mod site;
pub mod write;

pub mod fs;
pub mod lock;
mod memo;
pub mod problem;
pub mod yaml;
