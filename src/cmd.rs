//! One file a command; each turns what was asked into calls of the two halves.

mod build;
mod clean;
mod completions;
mod environment;
mod generate;
mod import;
mod init;
mod model;
mod new;
mod progress;
mod site;
mod summary;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use site::Site;
use terminal::Terminal;

/// Runs the command line of this process: 0 when all went well, 1 when not, 2 when it was
/// asked wrongly.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = Terminal::new(&cli.global);
    match run(cli, &terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            terminal.error(&report);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, terminal: &Terminal) -> miette::Result<()> {
    let global = &cli.global;
    match cli.command {
        Command::Init(args) => init::run(&args, terminal),
        Command::New(args) => {
            new::run(&Site::open(global, terminal)?, args, terminal, environment::today()?)
        }
        Command::Import(args) => {
            import::run(&Site::open(global, terminal)?, &args, terminal, environment::today()?)
        }
        Command::Generate(args) => generate::run(global, args, terminal),
        Command::Build(args) => build::run(global, &args, terminal),
        Command::Clean(args) => clean::run(&Site::open(global, terminal)?, &args, terminal),
        Command::Model(args) => model::run(global, &args, terminal),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => completions::man(&args),
    }
}
