//! `venti serve`: previews the site and rebuilds it on every change.

mod process;
mod sources;
mod writer;

use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use super::build::{GENERATOR, IDENTITY};
use super::workspace::{self, SiteLocation};
use crate::cli::{Global, Serve};
use crate::environment;
use crate::summary::seconds;
use crate::terminal::Terminal;
use content::essay::EssayId;
use content::problem::plain_text;
use content::project::Project;
use process::Process;
use serve::api::{self, Api, Limits};
use serve::{
    BoundAddress, BuildEvent, BuiltSite, ListenOptions, PendingEssay, PendingEssays, ServerState,
    Services, SiteSnapshot, SnapshotBuilder, Watched,
};
use site::output::LastBuild;
use site::{page_of, root_of_host};
use sources::Content;
use text::numbers::count;
use text::prompt::Prompt;
use writer::Writer;

/// Default port of the preview.
const PORT: u16 = 8501;

/// Which seeds the preview shows.
#[derive(Debug, Clone, Copy)]
struct VisibleSeeds {
    drafts: bool,
    future: bool,
}

/// Serves the preview until interrupted.
pub fn run(global: &Global, args: &Serve, terminal: &Terminal) -> miette::Result<()> {
    // A site must exist. Mistakes in its configuration are shown in the preview, like all other
    // mistakes.
    let place = workspace::place(global)?;
    let project = place.open().ok();
    if let Some(project) = &project {
        environment::use_threads(&args.engine, &project.config)?;
    }
    let options = ListenOptions {
        host: args.host.clone(),
        port: args.port.unwrap_or(PORT),
        port_is_fixed: args.port.is_some(),
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
    let server = ServerState::new(process);
    let own = options.own_name();
    let limits = Limits::default();
    let api = args.api.then(|| Api { server: server.clone(), key, own: own.clone(), limits });
    let writer = Writer { server: server.clone(), drafts: args.drafts, terminal: *terminal };
    let shown = VisibleSeeds { drafts: args.drafts, future: args.future };
    let (loaded, to_write) = channel();
    let mut builder = Builder::new(place, shown, loaded);
    let terminal = *terminal;
    serve::run(
        listener,
        move |last, watch| builder.build(last, watch).map_err(|report| plain_text(&report)),
        move |event| report(&terminal, event),
        move |mut reporter| writer.run(&to_write, &mut reporter),
        Services { server, own, api },
    )
}

/// Prints the URLs, and opens the site in a browser if requested.
fn announce(address: &BoundAddress, url: &str, args: &Serve, terminal: &Terminal) {
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

fn report(terminal: &Terminal, event: BuildEvent<'_>) {
    match event {
        BuildEvent::Built { changed, files, took } => terminal.did(
            "built",
            format_args!(
                "{}; {changed} written or removed ({})",
                count(files, "file"),
                seconds(took)
            ),
        ),
        BuildEvent::Fixed => terminal.did("fixed", "the preview is current"),
        BuildEvent::Failed(problem) => terminal.say(format_args!("{problem}\n")),
        BuildEvent::Unwatched(reason) => terminal.warn(format_args!(
            "cannot watch some files ({reason}); save venti.yaml to rebuild after changing them"
        )),
    }
}

/// Rebuilds the site on every change.
struct Builder {
    place: SiteLocation,
    shown: VisibleSeeds,
    /// The files that the site is built from.
    watched: Watched,
    /// Sends the content of each successful build to the essay writer.
    loaded: Sender<Content>,
}

impl Builder {
    fn new(place: SiteLocation, shown: VisibleSeeds, loaded: Sender<Content>) -> Self {
        let watched = Watched::of_file(place.config());
        Self { place, shown, watched, loaded }
    }

    fn build(
        &mut self,
        last: &SiteSnapshot,
        watch: &mut dyn FnMut(Watched),
    ) -> miette::Result<BuiltSite> {
        // Watch files before reading them, so that no change goes unnoticed.
        watch(self.watched.clone());
        let project = self.place.open()?;
        let watched = self.sources(&project);
        if self.watched != watched {
            self.watched = watched;
            watch(self.watched.clone());
        }
        let content = Content::load(project)?;
        let built = build(&content, self.shown, last)?;
        // Sending fails only if the essay writer has stopped, and then there is nothing to write.
        let _ = self.loaded.send(content);
        Ok(built)
    }

    /// Returns the files that the site is built from.
    fn sources(&self, project: &Project) -> Watched {
        let config = &project.config;
        let mut watched = Watched::of_file(self.place.config());
        for folder in [&config.seeds, &config.essays, &config.pages, Path::new("themes")] {
            watched.folders.insert(project.path(folder));
        }
        watched
    }
}

fn build(content: &Content, shown: VisibleSeeds, last: &SiteSnapshot) -> miette::Result<BuiltSite> {
    let Content { project, seeds, essays, .. } = content;
    let input = site::Input {
        project,
        seeds,
        essays,
        drafts: shown.drafts,
        future: shown.future,
        today: environment::today()?,
        generator: GENERATOR,
        identity: IDENTITY,
    };
    let disk = LastBuild::of(&project.path(&project.config.output), &project.scratch());
    let builder = SnapshotBuilder::new(last, disk);
    let built = site::build(&input, &builder)?;
    Ok(BuiltSite {
        snapshot: builder.finish(&built.files)?,
        prefix: root_of_host(project.config.base_url.as_deref()),
        missing: missing(&input),
    })
}

/// Returns the essays that seeds request but that have not been written yet.
fn missing(input: &site::Input<'_>) -> PendingEssays {
    let seeds = input.seeds.iter().filter(|seed| input.drafts || !seed.draft);
    let takes = seeds.flat_map(|seed| seed.takes.iter().map(move |take| (seed, take.number)));
    takes
        .map(|(seed, take)| (seed, EssayId { slug: seed.slug.clone(), take }))
        .filter(|(_, id)| !input.essays.contains_key(id))
        .map(|(seed, id)| {
            let prompt = Prompt::new(seed.title.as_deref(), &seed.quote);
            (page_of(&id), PendingEssay::new(prompt.title, seed.quote.clone()))
        })
        .collect()
}
