//! `venti completions` and `venti man`: files for packagers.

use clap::CommandFactory;
use miette::IntoDiagnostic;

use crate::cli::{Cli, Completions, Man};
use crate::terminal::print;

/// Prints the completion script for a shell.
pub fn completions(args: &Completions) -> miette::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "venti", &mut script);
    print(String::from_utf8_lossy(&script))
}

/// Prints the manual page, or writes it and one page per command to a folder.
pub fn man(args: &Man) -> miette::Result<()> {
    let Some(dir) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).into_diagnostic()?;
        return print(String::from_utf8_lossy(&page));
    };
    content::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command(), dir)
        .map_err(content::fs::error("write the manual pages to", dir))?;
    Ok(())
}
