//! The `venti` program: parse, run, print the error and its causes, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    venti::cmd::main()
}
