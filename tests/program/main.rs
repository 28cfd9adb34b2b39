//! The program as its users meet it: a folder, a command line, and what is there afterwards.
#![expect(clippy::disallowed_methods, reason = "tests set their scenes with plain files")]
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

#[cfg_attr(
    not(feature = "embedded-model"),
    expect(dead_code, reason = "much of what a site does takes a model")
)]
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
#[cfg(all(feature = "hub", feature = "embedded-model"))]
mod hub;
#[cfg(all(unix, feature = "embedded-model"))]
mod interrupted;
mod malformed;
mod seeds;
#[cfg(feature = "embedded-model")]
mod train;
mod transcripts;
