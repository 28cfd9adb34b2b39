//! `venti completions` and `venti man`: what a package puts beside the binary.

use clap::CommandFactory;
use miette::IntoDiagnostic;

use super::terminal::print;
use crate::cli::{Cli, Completions, Man};

/// Prints the completion script of one shell.
pub fn completions(args: &Completions) -> miette::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "venti", &mut script);
    print(String::from_utf8_lossy(&script))
}

/// Prints the manual page, or writes it with one page a command.
pub fn man(args: &Man) -> miette::Result<()> {
    let Some(dir) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).into_diagnostic()?;
        return print(String::from_utf8_lossy(&page));
    };
    crate::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command(), dir)
        .map_err(crate::fs::error("write the manual pages into", dir))?;
    Ok(())
}
