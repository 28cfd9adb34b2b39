//! The `venti` program: parse, run, print the error and its causes, exit.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    venti::cmd::main()
}
