//! `venti build`: both halves, or with `--frozen` the right one alone.

use std::time::Instant;

use super::environment;
use super::site::Site;
use super::summary::Summary;
use super::terminal::{Terminal, print};
use super::writing::{self, Asked};
use crate::cli::{Build, Global};
use crate::site::destination::{Destination, Rehearsal};
use crate::site::{self, output::Output};

/// The program as pages and feeds name it.
pub const GENERATOR: &str = concat!("venti ", env!("CARGO_PKG_VERSION"));

/// Writes what is missing, renders the site, and says what was done.
pub fn run(global: &Global, args: &Build, terminal: &Terminal) -> miette::Result<()> {
    let site = Site::open(global, terminal)?;
    environment::use_threads(&args.model.engine, &site.project.config)?;
    let project = &site.project;
    let folder = project.path(&project.config.output);
    let open = || Output::open(&folder, &project.scratch());
    // Before essays are written, it is opened for the moment: nobody else should wait meanwhile.
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
    // The process ends: the system takes all texts back at once, one by one takes a while.
    std::mem::forget((seeds, written, built));
    Ok(())
}
