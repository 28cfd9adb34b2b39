//! The desk: a page for writing with the model and editing the results.
//!
//! `/_venti/` is the page, and `/_venti/desk/…` its JSON API. Changes to a session's drafts arrive
//! as server-sent events.

mod draft;
mod keep;
mod library;
mod page;
mod rejection;
mod session;
#[cfg(test)]
mod tests;
mod told;
mod writing;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, Query, Request, State as Shared};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;

use super::guard;
use super::surroundings::Workshop;
use content::essay::EssayId;
use content::project::Project;
use rejection::Rejection;
use writing::Sessions;

/// Maximum size of a request body, in bytes: a seed's file, encoded as JSON.
const MOST_SENT: usize = 4 << 20;

/// State shared by the desk's requests.
pub struct Desk {
    pub workshop: Workshop,
    /// The host name that the server was told to listen on, if any.
    pub own: Option<String>,
    sessions: Sessions,
    /// Becomes true on shutdown.
    pub ending: Receiver<bool>,
}

impl Desk {
    /// A desk without sessions.
    pub fn new(workshop: Workshop, own: Option<String>, ending: Receiver<bool>) -> Self {
        Self { workshop, own, sessions: Sessions::default(), ending }
    }

    /// The project, with its current configuration.
    fn project(&self) -> miette::Result<Project> {
        self.workshop.surroundings.project()
    }
}

/// The desk's routes.
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
        .route("/_venti/desk/continue", post(writing::go_on))
        .route("/_venti/desk/rewrite", post(writing::rewrite))
        .route("/_venti/desk/discard", post(writing::discard))
        .route("/_venti/desk/keep", post(writing::keep))
        .route("/_venti/desk/library", get(library))
        .route("/_venti/desk/seed", get(seed).post(save_seed))
        .route("/_venti/desk/essay", get(essay).post(save_essay))
        .layer(from_fn_with_state(Arc::clone(&desk), guarded))
        .layer(DefaultBodyLimit::max(MOST_SENT))
        .with_state(desk)
}

type Asked = Shared<Arc<Desk>>;
type Answer = Result<axum::Json<Value>, Rejection>;

/// Refuses other machines and pages of other sites.
async fn guarded(Shared(desk): Asked, request: Request, next: Next) -> Response {
    match guard::may_write(&request, desk.own.as_deref()) {
        Ok(()) => next.run(request).await,
        Err(why) => Rejection::new(StatusCode::FORBIDDEN, why).into_response(),
    }
}

/// A JSON body. Errors become a [`Rejection`].
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
async fn aside<T: Send + 'static>(
    what: impl FnOnce() -> Result<T, Rejection> + Send + 'static,
) -> Result<T, Rejection> {
    let done = tokio::task::spawn_blocking(what).await;
    done.unwrap_or_else(|_| Err(Rejection::failed("internal error: see the terminal")))
}

/// The data that the page starts with.
async fn site(Shared(desk): Asked) -> Answer {
    aside(move || {
        let project = match desk.project() {
            Ok(project) => project,
            Err(report) => {
                let problem = content::problem::plain_text(&report);
                return Ok(axum::Json(json!({ "problem": problem })));
            }
        };
        let config = &project.config;
        let mut models = desk.workshop.surroundings.models(&project)?;
        let identity = models.identity(&config.model)?;
        Ok(axum::Json(json!({
            "title": config.title,
            "home": site::root_of_host(config.base_url.as_deref()),
            "model": config.model,
            "models": super::models::names(&project)?,
            "generation": identity.settings(&config.generation),
            "most_candidates": writing::MOST_CANDIDATES,
            "problem": null,
        })))
    })
    .await
}

#[derive(Deserialize)]
struct Visit {
    session: String,
}

/// Streams the changes to a session's drafts.
async fn events(
    Shared(desk): Asked,
    Query(Visit { session }): Query<Visit>,
) -> Result<impl IntoResponse, Rejection> {
    let ear = desk.sessions.get(&session)?.listen();
    let start = (ear, desk.ending.clone());
    let stream = futures_util::stream::unfold(start, |(mut ear, mut ending)| async move {
        let told = tokio::select! {
            told = ear.told.recv() => told?,
            _ = ending.wait_for(|end| *end) => return None,
        };
        Some((Ok::<_, Infallible>(sse::Event::default().data(told)), (ear, ending)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

async fn library(Shared(desk): Asked) -> Answer {
    aside(move || Ok(axum::Json(json!(library::list(&desk.project()?))))).await
}

#[derive(Deserialize)]
struct SeedName {
    file: String,
}

async fn seed(Shared(desk): Asked, Query(asked): Query<SeedName>) -> Answer {
    aside(move || {
        let project = desk.project()?;
        Ok(axum::Json(json!(library::seed(&project, &asked.file)?)))
    })
    .await
}

async fn save_seed(Shared(desk): Asked, Json(asked): Json<library::SeedEdit>) -> Answer {
    aside(move || {
        let project = desk.project()?;
        Ok(axum::Json(json!(library::save_seed(&project, &desk.workshop.pen, &asked)?)))
    })
    .await
}

#[derive(Deserialize)]
struct EssayName {
    slug: String,
    take: u32,
}

async fn essay(Shared(desk): Asked, Query(EssayName { slug, take }): Query<EssayName>) -> Answer {
    aside(move || {
        let project = desk.project()?;
        let id = EssayId { slug, take };
        Ok(axum::Json(json!(library::essay(&project, &id)?)))
    })
    .await
}

async fn save_essay(Shared(desk): Asked, Json(asked): Json<library::EssayEdit>) -> Answer {
    aside(move || {
        let project = desk.project()?;
        Ok(axum::Json(json!(library::save_essay(&project, &desk.workshop.pen, &asked)?)))
    })
    .await
}
