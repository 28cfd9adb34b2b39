//! The `venti` program: parses the command line, runs the command, and prints any error with its
//! causes.

// Tests may use `std::fs`; the ban in clippy.toml is for the program.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod allocator;
mod cli;
mod cmd;

mod environment;
mod models;
mod progress;
mod summary;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    cmd::main()
}
