//! `venti build`: writes missing essays and renders the site; with `--frozen`, only renders it.

use std::time::Instant;

use super::workspace::Workspace;
use super::writing::{self, Asked};
use crate::cli::{Build, Global};
use crate::environment;
use crate::summary::Summary;
use crate::terminal::{Terminal, print};
use site::destination::{Destination, Rehearsal};
use site::{self, output::Output};

/// Name of the program in pages and feeds.
pub const GENERATOR: &str = concat!("venti ", env!("CARGO_PKG_VERSION"));

/// Hash of the program's sources.
pub const IDENTITY: &str = env!("VENTI_IDENTITY");

/// Writes the missing essays, renders the site and prints a summary.
pub fn run(global: &Global, args: &Build, terminal: &Terminal) -> miette::Result<()> {
    let site = Workspace::open(global, terminal)?;
    environment::use_threads(&args.model.engine, &site.project.config)?;
    let project = &site.project;
    let folder = project.path(&project.config.output);
    let open = || Output::open(&folder, &project.scratch());
    // Opening the output locks it. A build that may write essays opens it only when needed, so that
    // other processes do not wait for it meanwhile.
    let (content, opened) = rayon::join(|| site.load(), || args.frozen.then(open));
    let (seeds, essays) = content?;
    let asked = Asked {
        only: &[],
        writing: &args.writing,
        model: &args.model,
        generation: &args.generation,
    };
    let today = environment::today()?;
    let build = |essays: &_, destination: &dyn Destination| {
        let input = site::Input {
            project,
            seeds: &seeds,
            essays,
            drafts: args.writing.drafts,
            future: args.future,
            today,
            generator: GENERATOR,
            identity: IDENTITY,
        };
        site::build(&input, destination)
    };
    let written = if args.frozen {
        writing::check_frozen(&site, &seeds, essays, &asked)?
    } else {
        writing::write(&site, &seeds, essays, &asked, terminal, |essays| {
            build(essays, &Rehearsal(&open()?)).map(drop)
        })?
    };

    let started = Instant::now();
    let output = opened.unwrap_or_else(open)?;
    let built = build(&written.essays, &output)?;
    let changes = output.commit(&built.files)?;
    let summary = Summary::new(&written).with_site(
        &built,
        changes,
        &project.config.output,
        started.elapsed(),
    );
    if args.json {
        print(format_args!("{}\n", summary.to_json()))?;
    } else {
        summary.say(terminal);
    }
    // The process ends here: freeing the texts one by one would take a while.
    std::mem::forget((seeds, written, built));
    Ok(())
}
