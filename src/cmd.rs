//! One file a command; each turns what was asked into calls of the two halves.

use std::process::ExitCode;

#[cfg(feature = "model")]
pub mod model;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
