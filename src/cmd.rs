//! One file a command; each turns what was asked into calls of the two halves.

#[cfg(feature = "model")]
mod bench;
mod build;
mod check;
mod clean;
mod completions;
#[cfg(feature = "model")]
mod corpus;
mod environment;
#[cfg(feature = "model")]
mod eval;
mod generate;
mod import;
mod init;

#[cfg(feature = "model")]
mod model;
mod models;
mod new;
mod progress;
#[cfg(feature = "serve")]
mod serve;
mod site;
mod summary;
#[cfg(feature = "model")]
mod table;
mod terminal;
#[cfg(feature = "model")]
mod train;
mod writing;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command};
use site::Site;
use terminal::Terminal;

/// Runs the command line of this process: 0 when all went well, 1 when not, 2 when it was
/// asked wrongly.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    check(&cli.command);
    let terminal = Terminal::new(&cli.global);
    match run(cli, &terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            terminal.error(&report);
            ExitCode::FAILURE
        }
    }
}

/// Ends the process as for any other wrong flag when a setting is out of its range, or flags do not go
/// together.
fn check(command: &Command) {
    let (name, flags) = match command {
        Command::Build(args) => ("build", &args.generation),
        Command::Generate(args) => ("generate", &args.generation),
        #[cfg(feature = "model")]
        Command::Eval(args) => {
            if let Err(message) = eval::check(args) {
                wrong("eval", ErrorKind::ArgumentConflict, message);
            }
            ("eval", &args.generation)
        }
        _ => return,
    };
    if let Err(misfit) = flags.overrides() {
        let flag = misfit.key.replace('_', "-");
        wrong(name, ErrorKind::ValueValidation, format!("--{flag} must {}", misfit.rule));
    }
}

/// Ends the process with what was wrong about a command's flags, and how the command is used.
fn wrong(command: &str, kind: ErrorKind, message: String) -> ! {
    let mut all = Cli::command();
    all.build();
    let command =
        all.find_subcommand_mut(command).expect("every command of `Command` has its name");
    command.error(kind, message).exit()
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
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(global, &args, terminal),
        Command::Check(args) => check::run(&Site::open(global, terminal)?, &args, terminal),
        Command::Clean(args) => clean::run(&Site::open(global, terminal)?, &args, terminal),

        #[cfg(feature = "model")]
        Command::Model(args) => model::run(global, &args, terminal),
        #[cfg(feature = "model")]
        Command::Bench(args) => bench::run(global, &args, terminal),
        #[cfg(feature = "model")]
        Command::Train(args) => train::run(global, &args, terminal),
        #[cfg(feature = "model")]
        Command::Eval(args) => eval::run(global, &args, terminal),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => completions::man(&args),
    }
}
