//! The server: which request goes where, and how it ends.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State as Shared};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::routing::get;
use miette::{IntoDiagnostic, miette};
use serde::{Deserialize, Serialize};
use tokio::sync::watch::{self, Receiver};

use super::api::{self, Api};
use super::arriving::{Arriving, Teller};
use super::builder::{self, Event, Rebuild, State};
use super::desk::{self, Desk};
use super::host::{self, Found};
use super::shelf::Shelf;
use super::surroundings::Workshop;
use super::watch::Watcher;

/// How long what is being answered may take once the end was asked for.
const PATIENCE: Duration = Duration::from_millis(700);

/// What is answered beside the site.
pub struct Beside {
    /// What the desk writes with.
    pub workshop: Workshop,
    /// The name to listen on, if it is one: nobody else can have made it mean this machine.
    pub own: Option<String>,
    /// The endpoint, if there is to be one.
    pub api: Option<Api>,
}

/// What happens, for whoever started the preview.
pub trait Tell: Fn(Event<'_>) + Send + Sync + 'static {}
impl<T: Fn(Event<'_>) + Send + Sync + 'static> Tell for T {}

/// Serves what `rebuild` makes until the process is told to end. `write` runs beside it, with what
/// tells readers what is on its way.
///
/// # Errors
/// If files cannot be watched or connections not be taken at all.
pub fn run(
    listener: TcpListener,
    rebuild: impl Rebuild,
    tell: impl Tell,
    write: impl FnOnce(Teller) + Send + 'static,
    beside: Beside,
) -> miette::Result<()> {
    let watcher =
        Watcher::new().map_err(|error| miette!("cannot watch the files of this site: {error}"))?;
    let (state, shown) = watch::channel(State::default());
    let teller = Teller::new(state.clone());
    let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
    thread("builder")
        .spawn(move || builder::run(rebuild, watcher, &state, &tell))
        .into_diagnostic()?;
    thread("writer").spawn(move || write(teller)).into_diagnostic()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .into_diagnostic()?;
    let ended = runtime.block_on(answer(listener, shown, beside));
    // A builder that is busy is not waited for: it writes nothing but caches.
    runtime.shutdown_background();
    ended
}

async fn answer(
    listener: TcpListener,
    shown: Receiver<State>,
    beside: Beside,
) -> miette::Result<()> {
    let Beside { workshop, own, api } = beside;
    listener.set_nonblocking(true).into_diagnostic()?;
    let listener = tokio::net::TcpListener::from_std(listener).into_diagnostic()?;
    let (end, ending) = watch::channel(false);
    let preview = Arc::new(Preview { shown, ending: ending.clone() });
    let router = Router::new()
        .route("/_venti/events", get(events))
        .fallback(file)
        .with_state(preview)
        .merge(desk::router(Desk::new(workshop, own, ending.clone())))
        .merge(api.map(api::router).unwrap_or_default())
        .into_make_service_with_connect_info::<SocketAddr>();
    let mut ended = ending.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _ = ended.wait_for(|end| *end).await;
    });
    let server = tokio::spawn(server.into_future());
    told_to_end().await;
    let _ = end.send(true);
    match tokio::time::timeout(PATIENCE, server).await {
        Ok(Ok(served)) => served.into_diagnostic(),
        // Whoever is still reading has had its time.
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

/// Until somebody presses Ctrl-C, or the system asks for the end.
async fn told_to_end() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = interrupted.await;
}

/// What requests are answered from.
struct Preview {
    shown: Receiver<State>,
    ending: Receiver<bool>,
}

impl Preview {
    /// What is shown now, once a first build has ended.
    async fn state(&self) -> State {
        let mut shown = self.shown.clone();
        match shown.wait_for(|state| state.builds > 0).await {
            Ok(state) => state.clone(),
            Err(_) => self.shown.borrow().clone(),
        }
    }
}

async fn file(Shared(preview): Shared<Arc<Preview>>, request: Request) -> Response<Body> {
    let state = preview.state().await;
    if state.shelf.count() == 0 && state.problem.is_some() {
        return unbuilt();
    }
    let (path, query) = (request.uri().path(), request.uri().query());
    if path == "/" && *state.prefix != *"/" {
        // Nobody means the root of a host whose site lies below it.
        let target = HeaderValue::from_str(&state.prefix);
        if let Ok(target) = target {
            return host::plain(
                StatusCode::TEMPORARY_REDIRECT,
                "the site is below\n",
                (header::LOCATION, target),
            );
        }
    }
    if let Some(arriving) = arriving(&state, path) {
        return page(StatusCode::OK, &arriving.page());
    }
    host::answer(&state.shelf, &state.prefix, request.method(), path, query, request.headers())
}

/// The essay on its way whose page this would be.
fn arriving<'s>(state: &'s State, path: &str) -> Option<&'s Arriving> {
    if state.arrivals.is_empty() {
        return None;
    }
    let path = host::decoded(&state.prefix, path)?;
    let file = match path.strip_suffix('/') {
        Some(folder) => format!("{folder}/index.html"),
        None if path.ends_with(".html") => path,
        None => format!("{path}/index.html"),
    };
    // Once it is there, it is shown.
    state.arrivals.get(&file).filter(|_| state.shelf.get(&file).is_none())
}

/// The page while there is no site at all: it shows what is wrong, and goes when that is mended.
fn unbuilt() -> Response<Body> {
    let html = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
                <title>Not built yet</title></head><body></body></html>";
    page(StatusCode::SERVICE_UNAVAILABLE, html)
}

/// A page of the preview's own.
fn page(status: StatusCode, html: &str) -> Response<Body> {
    let (body, _) = super::live::with_script(html.as_bytes());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Which page a browser shows.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    path: String,
}

/// What a browser is told.
#[derive(Serialize)]
struct Told<'a> {
    problem: Option<&'a str>,
    work: Option<&'a str>,
    /// The page at its path now.
    page: Option<ToldPage<'a>>,
    /// What there is of the essay whose page this will be.
    text: Option<&'a str>,
    note: Option<&'a str>,
    /// Paths of files that are no pages and changed since it was last told.
    changed: Vec<String>,
}

#[derive(Serialize)]
struct ToldPage<'a> {
    frame: &'a str,
    styles: &'a [String],
}

async fn events(
    Shared(preview): Shared<Arc<Preview>>,
    Query(asked): Query<Asked>,
) -> impl IntoResponse {
    let (shown, ending) = (preview.shown.clone(), preview.ending.clone());
    let start = (shown, ending, None::<(String, Shelf)>, asked.path);
    let stream =
        futures_util::stream::unfold(start, |(mut shown, mut ending, seen, path)| async move {
            shown.wait_for(|state| state.builds > 0).await.ok()?;
            loop {
                let state = shown.borrow_and_update().clone();
                let told = told(&state, seen.as_ref().map(|(_, shelf)| shelf), &path);
                // Much of what happens is of no concern to this page.
                if seen.as_ref().is_none_or(|(before, _)| *before != told) {
                    let event = sse::Event::default().data(&told);
                    let next = (shown, ending, Some((told, state.shelf)), path);
                    return Some((Ok::<_, Infallible>(event), next));
                }
                tokio::select! {
                    changed = shown.changed() => changed.ok()?,
                    _ = ending.wait_for(|end| *end) => return None,
                }
            }
        });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

/// The message for a browser that shows the page at `path`, and was last told of `seen`.
fn told(state: &State, seen: Option<&Shelf>, path: &str) -> String {
    let held = match host::find(&state.shelf, &state.prefix, path) {
        Found::File(_, held) | Found::Nothing(Some(held)) => Some(held),
        Found::Folder | Found::Nothing(None) => None,
    };
    let arriving = arriving(state, path);
    let page = held.as_ref().and_then(|held| held.page.as_ref()).filter(|_| arriving.is_none());
    let changed = seen.map(|seen| state.shelf.changes_since(seen)).unwrap_or_default();
    let told = Told {
        problem: state.problem.as_deref(),
        work: state.work.as_deref(),
        text: arriving.map(Arriving::text),
        note: arriving.map(Arriving::note),
        page: page.map(|page| ToldPage { frame: &page.frame, styles: &page.styles }),
        changed: changed
            .into_iter()
            .filter(|path| !path.ends_with(".html"))
            .map(|path| format!("{}{path}", state.prefix))
            .collect(),
    };
    serde_json::to_string(&told).expect("texts in a struct have a form as JSON")
}
