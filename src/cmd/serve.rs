//! `venti serve`: a preview of the site that is rebuilt on every change.

mod surroundings;
mod writer;

use std::path::Path;
use std::sync::mpsc::channel;

use super::build::{GENERATOR, IDENTITY};
use super::workspace;
use crate::cli::{Global, Serve};
use crate::environment;
use crate::summary::seconds;
use crate::terminal::Terminal;
use content;
use content::essay::EssayId;
use content::problem::plain_text;
use content::project::Project;
use serve::api::{self, Api, Limits};
use serve::{
    self, Address, Arrivals, Arriving, Attempt, Beside, Event, Next, Options, Shelf, Watched,
    Workshop,
};
use site::output::Standing;
use site::{page_of, root_of_host};
use surroundings::Process;
use text::numbers::count;
use text::prompt::Prompt;
use writer::Writer;

/// Default port of the preview.
const PORT: u16 = 8501;

/// Which seeds the preview shows.
#[derive(Debug, Clone, Copy)]
struct Shown {
    drafts: bool,
    future: bool,
}

/// Serves the preview until interrupted.
pub fn run(global: &Global, args: &Serve, terminal: &Terminal) -> miette::Result<()> {
    // There must be a site. Mistakes in its configuration are shown in the preview, as all others.
    let place = workspace::place(global)?;
    let project = place.open().ok();
    if let Some(project) = &project {
        environment::use_threads(&args.engine, &project.config)?;
    }
    let options = Options {
        host: args.host.clone(),
        port: args.port.unwrap_or(PORT),
        port_asked: args.port.is_some(),
    };
    let key = if args.api { environment::api_key(args.api_key.as_deref())? } else { None };
    let (listener, address) = serve::listen(&options)?;
    if args.api {
        api::may_listen(address.socket.ip(), key.as_deref())?;
    }
    let base_url = project.and_then(|project| project.config.base_url);
    let url = address.url(&root_of_host(base_url.as_deref()));
    announce(&address, &url, args, terminal);

    let process =
        Process { place: place.clone(), engine: args.engine.clone(), terminal: *terminal };
    let workshop = Workshop::new(process);
    let own = options.own_name();
    let limits = Limits::default();
    let api = args.api.then(|| Api { workshop: workshop.clone(), key, own: own.clone(), limits });
    let writer = Writer { workshop: workshop.clone(), drafts: args.drafts, terminal: *terminal };
    let shown = Shown { drafts: args.drafts, future: args.future };
    let said = *terminal;
    let (built, to_write) = channel();
    serve::run(
        listener,
        move |last| {
            let attempt = attempt(&place, shown, last);
            if attempt.site.is_ok() {
                let _ = built.send(());
            }
            attempt
        },
        move |event| say(&said, event),
        move |mut teller| writer.run(&to_write, &mut teller),
        Beside { workshop, own, api },
    )
}

/// Prints the URLs, and opens the site in a browser if requested.
fn announce(address: &Address, url: &str, args: &Serve, terminal: &Terminal) {
    if let Some(port) = address.instead_of {
        terminal.warn(format_args!("port {port} is in use; using the next free one"));
    }
    terminal.did("serving", format_args!("{url} (press Ctrl-C to stop)"));
    terminal.did("desk", address.url("/_venti/"));
    if args.api {
        terminal.did("endpoint", address.url("/v1/"));
    }
    if args.open
        && let Err(error) = open::that_detached(url)
    {
        terminal.warn(format_args!("cannot open a browser: {error}"));
    }
}

fn say(terminal: &Terminal, event: Event<'_>) {
    match event {
        Event::Built { changed, files, took } => terminal.did(
            "built",
            format_args!("{changed} of {} ({})", count(files, "file"), seconds(took)),
        ),
        Event::Mended => terminal.did("fixed", "the preview is current"),
        Event::Broken(problem) => terminal.say(format_args!("{problem}\n")),
        Event::Unwatched(reason) => terminal.warn(format_args!(
            "cannot watch all files, so save venti.yaml after other changes: {reason}"
        )),
    }
}

/// Builds once.
fn attempt(place: &workspace::Place, shown: Shown, last: &Shelf) -> Attempt {
    let project = match place.open() {
        Ok(project) => project,
        Err(report) => {
            // Watch the file, because the error may be fixed there.
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
    let seeds = content::load_seeds(project)?;
    let essays = content::store(project).load()?;
    let input = site::Input {
        project,
        seeds: &seeds,
        essays: &essays,
        drafts: shown.drafts,
        future: shown.future,
        today: environment::today()?,
        generator: GENERATOR,
        identity: IDENTITY,
    };
    let disk = Standing::of(&project.path(&project.config.output), &project.scratch());
    let next = Next::new(last, disk);
    let built = site::build(&input, &next)?;
    let missing = missing(&input);
    Ok(serve::Site {
        shelf: next.finish(&built.files)?,
        prefix: root_of_host(project.config.base_url.as_deref()),
        missing,
    })
}

/// Essays that are requested by seeds but not written yet.
fn missing(input: &site::Input<'_>) -> Arrivals {
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
