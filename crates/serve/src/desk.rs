//! The desk: a page for writing with the model and editing the results.
//!
//! The page is at `/_venti/`, and its JSON API is under `/_venti/desk/`. The server sends changes to a
//! session's drafts as server-sent events.

mod draft;
mod events;
mod form;
mod keep;
mod library;
mod page;
mod rejection;
mod session;
#[cfg(test)]
mod tests;
mod writing;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;

use crate::guard;
use crate::model_names;
use crate::server_state::ServerState;
use content::essay::EssayId;
use content::project::Project;
use rejection::Rejection;
use writing::Sessions;

/// Maximum size of a request body, in bytes: large enough for a seed file encoded as JSON.
const MAX_BODY: usize = 4 << 20;

/// State shared by all requests to the desk.
pub struct Desk {
    pub server: ServerState,
    /// The host name that the server was told to listen on, if any.
    pub own: Option<String>,
    sessions: Sessions,
    /// Becomes true on shutdown.
    pub ending: Receiver<bool>,
}

impl Desk {
    /// Creates a desk without sessions.
    pub fn new(server: ServerState, own: Option<String>, ending: Receiver<bool>) -> Self {
        Self { server, own, sessions: Sessions::default(), ending }
    }

    /// Returns the project, with its current configuration.
    fn project(&self) -> miette::Result<Project> {
        self.server.environment.project()
    }
}

pub fn router(desk: Desk) -> Router {
    let desk = Arc::new(desk);
    Router::new()
        .route("/_venti", get(page::redirect))
        .route("/_venti/", get(page::page))
        .route("/_venti/{file}", get(page::file))
        .route("/_venti/desk/site", get(site))
        .route("/_venti/desk/events", get(events))
        .route("/_venti/desk/write", post(writing::write))
        .route("/_venti/desk/stop", post(writing::stop))
        .route("/_venti/desk/continue", post(writing::continue_at_end))
        .route("/_venti/desk/rewrite", post(writing::rewrite))
        .route("/_venti/desk/discard", post(writing::discard))
        .route("/_venti/desk/keep", post(writing::keep))
        .route("/_venti/desk/library", get(library))
        .route("/_venti/desk/seed", get(seed).post(save_seed))
        .route("/_venti/desk/essay", get(essay).post(save_essay))
        .layer(from_fn_with_state(Arc::clone(&desk), guarded))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(desk)
}

type DeskState = State<Arc<Desk>>;
type JsonResult = Result<axum::Json<Value>, Rejection>;

/// Refuses requests from other machines and from pages of other sites.
async fn guarded(State(desk): DeskState, request: Request, next: Next) -> Response {
    match guard::may_write(&request, desk.own.as_deref()) {
        Ok(()) => next.run(request).await,
        Err(why) => Rejection::new(StatusCode::FORBIDDEN, why).into_response(),
    }
}

/// A JSON request body. An invalid body becomes a [`Rejection`].
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        let body = axum::Json::from_request(request, state).await;
        let refused = |body: axum::extract::rejection::JsonRejection| {
            Rejection::new(body.status(), body.body_text())
        };
        body.map(|axum::Json(body)| Self(body)).map_err(refused)
    }
}

/// Runs slow work on a thread for blocking tasks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Rejection> + Send + 'static,
) -> Result<T, Rejection> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Rejection::failed("internal error: see the terminal")))
}

/// Returns the data that the page needs when it opens.
async fn site(State(desk): DeskState) -> JsonResult {
    blocking(move || {
        let project = match desk.project() {
            Ok(project) => project,
            Err(report) => {
                let problem = content::problem::plain_text(&report);
                return Ok(axum::Json(json!({ "problem": problem })));
            }
        };
        let config = &project.config;
        let mut models = desk.server.environment.models(&project)?;
        let identity = models.identity(&config.model)?;
        Ok(axum::Json(json!({
            "title": config.title,
            "language": config.language,
            "home": site::root_of_host(config.base_url.as_deref()),
            "model": config.model,
            "models": model_names::available(&project)?,
            "generation": identity.settings(&config.generation),
            "most_candidates": writing::MAX_CANDIDATES,
            "problem": null,
        })))
    })
    .await
}

#[derive(Deserialize)]
struct SessionName {
    session: String,
}

/// Streams the changes to a session's drafts.
async fn events(
    State(desk): DeskState,
    Query(SessionName { session }): Query<SessionName>,
) -> Result<impl IntoResponse, Rejection> {
    let subscription = desk.sessions.get(&session)?.subscribe();
    let start = (subscription, desk.ending.clone());
    let stream = futures_util::stream::unfold(start, |(mut subscription, mut ending)| async move {
        let message = tokio::select! {
            message = subscription.messages.recv() => message?,
            _ = ending.wait_for(|end| *end) => return None,
        };
        Some((Ok::<_, Infallible>(sse::Event::default().data(message)), (subscription, ending)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

async fn library(State(desk): DeskState) -> JsonResult {
    blocking(move || Ok(axum::Json(json!(library::list(&desk.project()?))))).await
}

#[derive(Deserialize)]
struct SeedName {
    file: String,
}

async fn seed(State(desk): DeskState, Query(SeedName { file }): Query<SeedName>) -> JsonResult {
    blocking(move || {
        let project = desk.project()?;
        Ok(axum::Json(json!(library::seed(&project, &file)?)))
    })
    .await
}

async fn save_seed(State(desk): DeskState, Json(edit): Json<library::SeedEdit>) -> JsonResult {
    blocking(move || {
        let project = desk.project()?;
        Ok(axum::Json(json!(library::save_seed(&project, &desk.server.lock, &edit)?)))
    })
    .await
}

#[derive(Deserialize)]
struct EssayName {
    slug: String,
    take: u32,
}

async fn essay(
    State(desk): DeskState,
    Query(EssayName { slug, take }): Query<EssayName>,
) -> JsonResult {
    blocking(move || {
        let project = desk.project()?;
        let id = EssayId { slug, take };
        Ok(axum::Json(json!(library::essay(&project, &id)?)))
    })
    .await
}

async fn save_essay(State(desk): DeskState, Json(edit): Json<library::EssayEdit>) -> JsonResult {
    blocking(move || {
        let project = desk.project()?;
        Ok(axum::Json(json!(library::save_essay(&project, &desk.server.lock, &edit)?)))
    })
    .await
}
