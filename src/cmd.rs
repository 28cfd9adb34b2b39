//! The commands, each in its own file.

mod bench;
mod build;
mod check;
mod clean;
mod completions;
mod eval;
mod generate;
mod import;
mod init;

mod model;
mod new;
mod reroll;
#[cfg(feature = "serve")]
mod serve;
mod train;
mod verify;
mod workspace;
pub mod writing;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command};
use crate::environment;
use crate::terminal::{Terminal, print};
use content::problem::{Problem, Problems};
use serde_json::{Value, json};
use verify::Unchecked;
use workspace::Workspace;

/// Parses the command line of this process and runs the command. The exit code is 0 on success, 1 on
/// failure, 2 on a usage error, and 3 if `venti verify` could not check an essay.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    check(&cli.command);
    let terminal = Terminal::new(&cli.global);
    let as_json = cli.command.prints_json();
    match environment::choose_instruction_set().and_then(|()| run(cli, &terminal)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            // A command that has printed its summary has named its problems there.
            if as_json && !report.is::<Incomplete>() {
                // If standard output is closed, nobody reads the object.
                let _ = print(format_args!("{}\n", problems_json(&report)));
            }
            terminal.error(&report);
            if report.is::<Unchecked>() { ExitCode::from(3) } else { ExitCode::FAILURE }
        }
    }
}

/// The error of a run that has printed a summary although some essays are missing.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{0}")]
pub struct Incomplete(pub String, #[help] pub Option<String>);

/// Returns a failure as JSON: its message, and the problems in files with their places.
fn problems_json(report: &miette::Report) -> Value {
    let problem = report.downcast_ref::<Problem>().map(std::slice::from_ref);
    let problems = report.downcast_ref::<Problems>().map(|all| all.0.as_slice());
    let causes: Vec<String> = report.chain().skip(1).map(ToString::to_string).collect();
    json!({
        "error": report.to_string(),
        "causes": causes,
        "hint": report.help().map(|help| help.to_string()),
        "problems": problem.or(problems).unwrap_or_default().iter().map(problem_json).collect::<Vec<_>>(),
    })
}

/// Returns a problem as JSON.
pub fn problem_json(problem: &Problem) -> Value {
    json!({
        "file": problem.file(),
        "line": problem.place().map(|(line, _)| line),
        "column": problem.place().map(|(_, column)| column),
        "message": problem.message,
        "hint": problem.hint,
    })
}

/// Exits with a usage error if a setting is out of range or flags conflict.
fn check(command: &Command) {
    let (name, flags) = match command {
        Command::Build(args) => ("build", &args.generation),
        Command::Generate(args) => ("generate", &args.generation),
        Command::Eval(args) => {
            if let Err(message) = eval::check(args) {
                wrong("eval", ErrorKind::ArgumentConflict, message);
            }
            ("eval", &args.generation)
        }
        _ => return,
    };
    if let Err(invalid) = flags.overrides.check() {
        let flag = invalid.key.replace('_', "-");
        wrong(name, ErrorKind::ValueValidation, format!("--{flag} must {}", invalid.rule));
    }
}

/// Exits with a usage error for a command.
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
            new::run(&Workspace::open(global, terminal)?, args, terminal, environment::today()?)
        }
        Command::Import(args) => {
            import::run(&Workspace::open(global, terminal)?, &args, terminal, environment::today()?)
        }
        Command::Generate(args) => generate::run(global, args, terminal),
        Command::Build(args) => build::run(global, &args, terminal),
        Command::Reroll(args) => reroll::run(&Workspace::open(global, terminal)?, &args, terminal),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(global, &args, terminal),
        Command::Verify(args) => verify::run(global, &args, terminal),
        Command::Check(args) => check::run(&Workspace::open(global, terminal)?, &args, terminal),
        Command::Clean(args) => clean::run(&Workspace::open(global, terminal)?, &args, terminal),

        Command::Model(args) => model::run(global, &args, terminal),
        Command::Bench(args) => bench::run(global, &args, terminal),
        Command::Train(args) => train::run(global, &args, terminal),
        Command::Eval(args) => eval::run(global, &args, terminal),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => completions::man(&args),
    }
}
