//! End-to-end tests of the program: run a command in a folder and inspect the result.
#![expect(clippy::disallowed_methods, reason = "tests may use std::fs")]
#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

#[cfg_attr(not(feature = "embedded-model"), expect(dead_code, reason = "most tests need a model"))]
mod project;

#[cfg(feature = "embedded-model")]
mod bench;
#[cfg(feature = "embedded-model")]
mod build;
mod check;
#[cfg(feature = "embedded-model")]
mod eval;
#[cfg(feature = "embedded-model")]
mod generate;
#[cfg(feature = "embedded-model")]
mod golden;
#[cfg(all(feature = "hub", feature = "embedded-model"))]
mod hub;
#[cfg(all(unix, feature = "embedded-model"))]
mod interrupted;
#[cfg(feature = "embedded-model")]
mod kept;
mod malformed;
mod seeds;
#[cfg(feature = "embedded-model")]
mod train;
mod transcripts;
