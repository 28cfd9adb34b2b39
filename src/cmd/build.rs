//! `venti build`: writes missing essays and renders the site; with `--frozen`, only renders it.

use std::time::Instant;

use super::workspace::Workspace;
use super::writing::{self, WriteRequest};
use crate::cli::{Build, Global};
use crate::environment;
use crate::summary::Summary;
use crate::terminal::{Terminal, print};
use site::destination::{Complete, Destination};
use site::output::Output;

/// Program name and version, shown in pages and feeds.
pub const GENERATOR: &str = concat!("venti ", env!("CARGO_PKG_VERSION"));

/// Hash of the program's sources.
pub const IDENTITY: &str = env!("VENTI_IDENTITY");

/// Writes the missing essays, renders the site and prints a summary.
pub fn run(global: &Global, args: &Build, terminal: &Terminal) -> miette::Result<()> {
    let site = Workspace::open(global, terminal)?;
    environment::use_threads(&args.model.engine, &site.project.config)?;
    let project = &site.project;
    let folder = project.path(&project.config.output);
    let (content, output) =
        rayon::join(|| site.load(), || Output::open(&folder, &project.scratch()));
    let ((seeds, essays), mut output) = (content?, output?);
    let request = WriteRequest {
        only: &[],
        writing: &args.writing,
        model: &args.model,
        generation: &args.generation,
    };
    let today = environment::today()?;
    let build = |essays: &_, future, destination: &dyn Destination| {
        let input = site::Input {
            project,
            seeds: &seeds,
            essays,
            drafts: args.writing.drafts,
            future,
            today,
            generator: GENERATOR,
            identity: IDENTITY,
        };
        site::build(&input, destination)
    };
    let written = if args.frozen {
        writing::check_frozen(&site, &seeds, essays, &request)?
    } else {
        writing::write(&site, &seeds, essays, &request, terminal, |essays, plan| {
            let planned = writing::planned(essays, plan, &site.store(), today);
            build(&planned, true, &Complete)?;
            output.reuse(build(essays, args.future, &output)?.files);
            Ok(())
        })?
    };

    let started = Instant::now();
    let built = build(&written.essays, args.future, &output)?;
    let changes = output.commit(&built.files)?;
    let skipped = content::skipped(project);
    let summary = Summary::new(&written).with_site(
        &built,
        &skipped,
        changes,
        &project.config.output,
        started.elapsed(),
    );
    if args.json {
        print(format_args!("{}\n", summary.to_json()))?;
    } else {
        summary.say(terminal);
    }
    writing::check_complete(&written, args.json)?;
    // The process is about to exit, so skip freeing the texts one by one, which would take a while.
    std::mem::forget((seeds, written, built));
    Ok(())
}
