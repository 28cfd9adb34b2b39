//! The program as its users meet it: a folder, a command line, and what is there afterwards.

mod project;

#[cfg(feature = "embedded-model")]
mod build;
#[cfg(feature = "embedded-model")]
mod generate;
#[cfg(all(unix, feature = "embedded-model"))]
mod interrupted;
mod malformed;
mod seeds;
mod transcripts;
