//! The server: its threads, routing and shutdown.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use miette::{IntoDiagnostic, miette};
use tokio::sync::watch::{self, Receiver};

use crate::api::{self, Api};
use crate::builder::{self, BuildEvent, BuildSite};
use crate::desk::{self, Desk};
use crate::host;
use crate::live;
use crate::preview_state::{Preview, PreviewState};
use crate::progress::ProgressReporter;
use crate::server_state::ServerState;
use crate::updates::{pending_at, updates};
use crate::watch::Watcher;

/// Time for open requests to finish after a shutdown signal.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(700);

/// The services that the server offers besides the site.
pub struct Services {
    /// Models and the write lock for the desk.
    pub server: ServerState,
    /// The host name that the server was told to listen on, if any. Requests that name this host are
    /// trusted.
    pub own: Option<String>,
    /// The OpenAI-style endpoint, if enabled.
    pub api: Option<Api>,
}

/// Serves the site made by `build` until the process is told to stop. `report` receives the build events.
/// `write` runs on its own thread, and reports the progress of its essays through the
/// [`ProgressReporter`].
///
/// # Errors
/// Returns an error if files cannot be watched, or the server cannot start.
pub fn run(
    listener: TcpListener,
    build: impl BuildSite,
    report: impl Fn(BuildEvent<'_>) + Send + 'static,
    write: impl FnOnce(ProgressReporter) + Send + 'static,
    services: Services,
) -> miette::Result<()> {
    let watcher =
        Watcher::new().map_err(|error| miette!("cannot watch the site's files: {error}"))?;
    let (state, shown) = watch::channel(PreviewState::default());
    let reporter = ProgressReporter::new(state.clone());
    let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
    thread("builder")
        .spawn(move || builder::run(build, watcher, &state, &report))
        .into_diagnostic()?;
    thread("writer").spawn(move || write(reporter)).into_diagnostic()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .into_diagnostic()?;
    let ended = runtime.block_on(answer(listener, shown, services));
    // There is no need to wait for a busy builder: it writes nothing but caches.
    runtime.shutdown_background();
    ended
}

async fn answer(
    listener: TcpListener,
    shown: Receiver<PreviewState>,
    services: Services,
) -> miette::Result<()> {
    let Services { server, own, api } = services;
    listener.set_nonblocking(true).into_diagnostic()?;
    let listener = tokio::net::TcpListener::from_std(listener).into_diagnostic()?;
    let (end, ending) = watch::channel(false);
    let preview = Arc::new(Preview { shown, ending: ending.clone() });
    let router = Router::new()
        .route("/_venti/events", get(updates))
        .fallback(file)
        .with_state(preview)
        .merge(desk::router(Desk::new(server, own, ending.clone())))
        .merge(api.map(api::router).unwrap_or_default())
        .into_make_service_with_connect_info::<SocketAddr>();
    let mut ended = ending.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _ = ended.wait_for(|end| *end).await;
    });
    let server = tokio::spawn(server.into_future());
    shutdown_signal().await;
    let _ = end.send(true);
    match tokio::time::timeout(SHUTDOWN_TIMEOUT, server).await {
        Ok(Ok(served)) => served.into_diagnostic(),
        // Open connections have had their time to finish.
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

/// Waits for Ctrl-C or a termination signal.
async fn shutdown_signal() {
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

async fn file(State(preview): State<Arc<Preview>>, request: Request) -> Response<Body> {
    let state = preview.state().await;
    if !state.has_site() && state.problem.is_some() {
        return unbuilt();
    }
    let (path, query) = (request.uri().path(), request.uri().query());
    if path == "/" && *state.prefix != *"/" {
        // If the site is in a subfolder of its host, the root of the host redirects to the site.
        let target = HeaderValue::from_str(&state.prefix);
        if let Ok(target) = target {
            return host::plain(
                StatusCode::TEMPORARY_REDIRECT,
                "the site is served under its base path\n",
                (header::LOCATION, target),
            );
        }
    }
    if let Some(essay) = pending_at(&state, path) {
        return page(StatusCode::OK, &essay.page());
    }
    host::answer(&state.snapshot, &state.prefix, request.method(), path, query, request.headers())
}

/// Returns a placeholder page, shown until a build succeeds. The script that the preview adds shows the
/// build error, and reloads the page once the error is fixed.
fn unbuilt() -> Response<Body> {
    let html = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
                <title>Not built yet</title></head><body></body></html>";
    page(StatusCode::SERVICE_UNAVAILABLE, html)
}

/// Returns the response for a page that the preview itself generates.
fn page(status: StatusCode, html: &str) -> Response<Body> {
    let (body, _) = live::with_script(html.as_bytes());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
