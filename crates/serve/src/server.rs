//! The server: routing, the stream of page updates, and shutdown.

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

/// Time that open requests get to finish after a shutdown signal.
const PATIENCE: Duration = Duration::from_millis(700);

/// Services that run next to the site.
pub struct Beside {
    /// Models and the write lock for the desk.
    pub workshop: Workshop,
    /// The host name that the server was told to listen on, if it is a name and not an address.
    /// Requests for it are trusted.
    pub own: Option<String>,
    /// The OpenAI-style endpoint, if enabled.
    pub api: Option<Api>,
}

/// Callback that reports events to the caller of [`run`].
pub trait Tell: Fn(Event<'_>) + Send + Sync + 'static {}
impl<T: Fn(Event<'_>) + Send + Sync + 'static> Tell for T {}

/// Serves what `rebuild` makes until the process is told to stop. `write` runs on its own thread
/// and reports the essays that it is writing through its [`Teller`].
///
/// # Errors
/// If files cannot be watched, or the server cannot start.
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
    // There is no need to wait for a busy builder: it writes nothing but caches.
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
        // Open connections had their time to finish.
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

/// Waits for Ctrl-C or a termination signal.
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

/// State shared by all requests for the site.
struct Preview {
    shown: Receiver<State>,
    ending: Receiver<bool>,
}

impl Preview {
    /// The current state. Waits until the first build has ended.
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
        // The root of a host whose site is in a subfolder leads to the site.
        let target = HeaderValue::from_str(&state.prefix);
        if let Ok(target) = target {
            return host::plain(
                StatusCode::TEMPORARY_REDIRECT,
                "the site is under its base path\n",
                (header::LOCATION, target),
            );
        }
    }
    if let Some(arriving) = arriving(&state, path) {
        return page(StatusCode::OK, &arriving.page());
    }
    host::answer(&state.shelf, &state.prefix, request.method(), path, query, request.headers())
}

/// The unfinished essay whose page would be at `path`.
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
    // The finished page takes precedence.
    state.arrivals.get(&file).filter(|_| state.shelf.get(&file).is_none())
}

/// Placeholder while no build has succeeded. The added script shows the problem, and reloads the
/// page once it is fixed.
fn unbuilt() -> Response<Body> {
    let html = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
                <title>Not built yet</title></head><body></body></html>";
    page(StatusCode::SERVICE_UNAVAILABLE, html)
}

/// A page that the preview itself makes.
fn page(status: StatusCode, html: &str) -> Response<Body> {
    let (body, _) = super::live::with_script(html.as_bytes());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The page that a browser shows.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    path: String,
}

/// An update sent to a browser.
#[derive(Serialize)]
struct Told<'a> {
    problem: Option<&'a str>,
    work: Option<&'a str>,
    /// The current page at the browser's path.
    page: Option<ToldPage<'a>>,
    /// The text so far, if the page's essay is still being written.
    text: Option<&'a str>,
    note: Option<&'a str>,
    /// Paths of the files other than pages that changed since the last update.
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
                // Most changes do not concern this page.
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

/// The update for a browser that shows the page at `path` and last heard of `seen`.
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
    serde_json::to_string(&told).expect("a struct of strings serialises to JSON")
}
