//! `venti serve`: the preview, built from the project as it is at each moment.

mod writer;

use std::path::Path;
use std::sync::mpsc::channel;

use super::build::GENERATOR;
use super::environment;
use super::models::{self, Pins};
use super::site;
use super::summary::{count, seconds};
use super::terminal::{Terminal, plain_text};
use crate::cli::{self, Global, Serve};
use crate::content::essay::EssayId;
use crate::project::Project;
use crate::serve::{
    self, Arrivals, Arriving, Attempt, Event, Next, Options, Shelf, Surroundings, Watched, Workshop,
};
use crate::site::output::Standing;
use crate::site::{page_of, root_of_host};
use crate::write::generator::Models;
use crate::write::prompt::Prompt;
use writer::Writer;

/// Where a preview is, unless somebody asks for another port.
const PORT: u16 = 8501;

/// What of a build is shown.
#[derive(Debug, Clone, Copy)]
struct Shown {
    drafts: bool,
    future: bool,
}

/// Shows the site until it is told to end.
pub fn run(global: &Global, args: &Serve, terminal: &Terminal) -> miette::Result<()> {
    // What is wrong in the configuration is shown as everything else is, but there must be a site.
    let place = site::place(global)?;
    let project = place.open().ok();
    if let Some(project) = &project {
        environment::use_threads(&args.engine, &project.config)?;
    }
    let options = Options {
        host: args.host.clone(),
        port: args.port.unwrap_or(PORT),
        port_asked: args.port.is_some(),
    };
    let (listener, address) = serve::listen(&options)?;
    if let Some(port) = address.instead_of {
        terminal.warn(format_args!("port {port} is taken, so this is on the next free one"));
    }
    let base_url = project.and_then(|project| project.config.base_url);
    let url = address.url(&root_of_host(base_url.as_deref()));
    terminal.did("serving", format_args!("{url} (Ctrl-C ends it)"));
    terminal.did("desk", address.url("/_venti/"));
    if args.open
        && let Err(error) = open::that_detached(&url)
    {
        terminal.warn(format_args!("cannot open a browser: {error}"));
    }

    let shown = Shown { drafts: args.drafts, future: args.future };
    let said = *terminal;
    let (built, to_write) = channel();
    let process =
        Process { place: place.clone(), engine: args.engine.clone(), terminal: *terminal };
    let workshop = Workshop::new(process);
    let writer = Writer { workshop: workshop.clone(), drafts: args.drafts, terminal: *terminal };
    serve::run(
        listener,
        move |last| {
            let attempt = attempt(&place, shown, last);
            if cfg!(feature = "model") && attempt.site.is_ok() {
                let _ = built.send(());
            }
            attempt
        },
        move |event| match event {
            Event::Built { changed, files, took } => said.did(
                "built",
                format_args!("{changed} of {} ({})", count(files, "file"), seconds(took)),
            ),
            Event::Broken(problem) => said.say(format_args!("{problem}\n")),
            Event::Unwatched(reason) => said.warn(format_args!(
                "not all files can be watched, so save venti.yaml to have others seen: {reason}"
            )),
        },
        move |mut teller| writer.run(&to_write, &mut teller),
        workshop,
        options.own_name(),
    )
}

/// This process, as the preview needs it.
struct Process {
    place: site::Place,
    engine: cli::Engine,
    terminal: Terminal,
}

impl Surroundings for Process {
    fn project(&self) -> miette::Result<Project> {
        self.place.open()
    }

    fn models(&self, project: &Project) -> miette::Result<Box<dyn Models>> {
        Ok(Box::new(models::open(project, &self.engine, Pins::InTheLock, &self.terminal)?))
    }

    fn today(&self) -> miette::Result<jiff::civil::Date> {
        environment::today()
    }
}

/// Builds once.
fn attempt(place: &site::Place, shown: Shown, last: &Shelf) -> Attempt {
    let project = match place.open() {
        Ok(project) => project,
        Err(report) => {
            // It may be mended in the file itself.
            let watched = Watched::of_file(place.config());
            return Attempt { watched, site: Err(plain_text(&report)) };
        }
    };
    let config = &project.config;
    let mut watched = Watched::of_file(place.config());
    for folder in [&config.seeds, &config.essays, &config.pages, Path::new("themes")] {
        watched.folders.insert(project.path(folder));
    }
    let site = build(&project, shown, last).map_err(|report| plain_text(&report));
    Attempt { watched, site }
}

fn build(project: &Project, shown: Shown, last: &Shelf) -> miette::Result<serve::Site> {
    let seeds = site::load_seeds(project)?;
    let essays = site::store(project).load()?;
    let input = crate::site::Input {
        project,
        seeds: &seeds,
        essays: &essays,
        drafts: shown.drafts,
        future: shown.future,
        today: environment::today()?,
        generator: GENERATOR,
    };
    let disk = Standing::of(&project.path(&project.config.output), &project.scratch());
    let next = Next::new(last, disk);
    let built = crate::site::build(&input, &next)?;
    let missing = if cfg!(feature = "model") { missing(&input) } else { Arrivals::new() };
    Ok(serve::Site {
        shelf: next.finish(&built.files)?,
        prefix: root_of_host(project.config.base_url.as_deref()),
        missing,
    })
}

/// The essays that seeds ask for and nobody has written.
fn missing(input: &crate::site::Input<'_>) -> Arrivals {
    let seeds = input.seeds.iter().filter(|seed| input.drafts || !seed.draft);
    let takes = seeds.flat_map(|seed| seed.takes.iter().map(move |take| (seed, take.number)));
    takes
        .map(|(seed, take)| (seed, EssayId { slug: seed.slug.clone(), take }))
        .filter(|(_, id)| !input.essays.contains_key(id))
        .map(|(seed, id)| {
            let prompt = Prompt::new(seed.title.as_deref(), &seed.quote);
            (page_of(&id), Arriving::new(prompt.title, seed.quote.clone()))
        })
        .collect()
}
