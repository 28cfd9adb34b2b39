//! The API endpoint. It implements OpenAI's completions API, so existing clients work with Venti's
//! models. The routes under `/v1/` exist only if the endpoint is enabled.
//!
//! A request is split into choices. The engine that generates them is shared with the essay writer and
//! the desk. A streamed answer is sent piece by piece while the choices are generated. Generation stops
//! if the client disconnects.

mod answer;
mod body;
mod choice;
mod error;
mod request;
mod response;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use miette::miette;

use crate::guard;
use crate::model_names;
use crate::server_state::ServerState;
use answer::{Answer, Deadline};
use content::project::Project;
use error::ApiError;
use request::CompletionRequest;
use response::{CompletionResponse, ModelInfo, ModelList};

/// The configuration and the shared state of the endpoint.
pub struct Api {
    pub server: ServerState,
    /// The key that every request must send. If no key is set, the Host header must name this server,
    /// and cross-site requests are refused.
    pub key: Option<String>,
    /// The host name that the server was told to listen on, if any.
    pub own: Option<String>,
    pub limits: Limits,
}

/// Limits for one request.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum size of the body, in bytes.
    pub body: usize,
    /// Maximum time for receiving the body.
    pub body_time: Duration,
    /// Maximum number of choices across all prompts.
    pub choices: usize,
    /// Maximum time from receiving the whole body to the end of the answer.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            body_time: Duration::from_secs(10),
            choices: 64,
            time: Duration::from_secs(600),
        }
    }
}

/// Checks that the endpoint may listen on this address.
///
/// # Errors
/// Returns an error if other machines can reach the address and no key is set.
pub fn may_listen(ip: IpAddr, key: Option<&str>) -> miette::Result<()> {
    if ip.is_loopback() || key.is_some() {
        return Ok(());
    }
    Err(miette!(
        help = "set VENTI_API_KEY or pass --api-key, or listen on 127.0.0.1",
        "`--api` on {ip} needs `--api-key`: other machines may reach this address"
    ))
}

/// Checks that clients can send this key.
///
/// # Errors
/// Returns an error if the key is empty, or contains characters that a header cannot carry.
pub fn check_key(key: &str) -> miette::Result<()> {
    if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(miette!(
        help = "use printable ASCII without spaces, such as the output of `openssl rand -hex 24`",
        "invalid API key: it is empty or contains characters that a header cannot carry"
    ))
}

/// The routes under `/v1/`.
pub fn router(api: Api) -> Router {
    let api = Arc::new(api);
    Router::new()
        .route("/v1/completions", post(complete).fallback(unsupported_method))
        .route("/v1/models", get(models).fallback(unsupported_method))
        .route("/v1/models/{*id}", get(model).fallback(unsupported_method))
        .route("/v1", any(unknown_url))
        .route("/v1/", any(unknown_url))
        .route("/v1/{*path}", any(unknown_url))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&api), admitted))
        .with_state(api)
}

type ApiState = State<Arc<Api>>;

/// Rejects requests without the API key or, if no key is set, requests that [`guard::may_change`]
/// refuses.
async fn admitted(State(api): ApiState, request: Request, next: Next) -> Response {
    match api.admits(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

impl Api {
    fn admits(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(key) = &self.key else {
            return guard::may_change(headers, self.own.as_deref())
                .map_err(|why| ApiError::new(StatusCode::FORBIDDEN, why));
        };
        let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let scheme = b"bearer ";
        let given = given.and_then(|given| given.split_at_checked(scheme.len()));
        match given.filter(|(begin, _)| begin.eq_ignore_ascii_case(scheme)) {
            // Comparing hashes takes constant time, which reveals nothing about the key.
            Some((_, given)) if blake3::hash(given) == blake3::hash(key.as_bytes()) => Ok(()),
            Some(_) => Err("incorrect API key".to_owned()),
            None => Err("missing API key: send `Authorization: Bearer KEY`".to_owned()),
        }
        .map_err(|why| ApiError::new(StatusCode::UNAUTHORIZED, why).code("invalid_api_key"))
    }

    fn project(&self) -> Result<Project, ApiError> {
        self.server.environment.project().map_err(|report| failed(&report))
    }

    fn knows(project: &Project, model: &str) -> Result<(), ApiError> {
        let names = names(project)?;
        if names.iter().any(|name| name == model) {
            return Ok(());
        }
        let message = format!("unknown model `{model}`; available: {}", names.join(", "));
        let error = ApiError::new(StatusCode::NOT_FOUND, message).code("model_not_found");
        Err(ApiError { param: Some("model".to_owned()), ..error })
    }

    /// Finds the model, loads it if necessary, and starts the answer.
    fn begin(&self, request: &CompletionRequest) -> Result<Answer, ApiError> {
        let project = self.project()?;
        Self::knows(&project, &request.model)?;
        let opened = self.server.open(&project, &request.model);
        let (identity, engine) = opened.map_err(|report| failed(&report))?;
        Answer::begin(request, &identity, &engine)
    }
}

/// Returns the names of the available models, the site's own model first.
fn names(project: &Project) -> Result<Vec<String>, ApiError> {
    model_names::available(project).map_err(|report| failed(&report))
}

fn failed(report: &miette::Report) -> ApiError {
    ApiError::internal(format!("{report:#}"))
}

async fn complete(State(api): ApiState, request: Request) -> Result<Response, ApiError> {
    let limits = api.limits.clone();
    let body = body::read(request, limits.body, limits.body_time).await?;
    let completion = CompletionRequest::read(&body, limits.choices)?;
    let deadline = Deadline::after(limits.time);
    let (is_streamed, include_usage) = (completion.stream, completion.include_usage);
    let begun = blocking(move || api.begin(&completion));
    let begun = tokio::time::timeout_at(deadline.at, begun).await;
    let mut answer = begun.map_err(|_| deadline.error())??;
    if is_streamed {
        return Ok(stream(answer, deadline, include_usage));
    }
    let choices = answer.whole(deadline).await?;
    let usage = Some(Some(answer.usage));
    Ok(json_response(
        CompletionResponse { heading: &answer.heading, choices: &choices, usage }.to_json(),
    ))
}

/// Streams the pieces of an answer as they arrive.
fn stream(answer: Answer, deadline: Deadline, include_usage: bool) -> Response {
    enum StreamStage {
        Choices(Answer),
        Done,
        Over,
    }
    let events =
        futures_util::stream::unfold(StreamStage::Choices(answer), move |stage| async move {
            let (json, next) = match stage {
                StreamStage::Choices(mut answer) => match answer.next(deadline).await {
                    Ok(Some(choice)) => {
                        let usage = include_usage.then_some(None);
                        let heading = &answer.heading;
                        let json =
                            CompletionResponse { heading, choices: &[choice], usage }.to_json();
                        (json, StreamStage::Choices(answer))
                    }
                    Ok(None) if include_usage => {
                        let (heading, usage) = (&answer.heading, Some(Some(answer.usage)));
                        (
                            CompletionResponse { heading, choices: &[], usage }.to_json(),
                            StreamStage::Done,
                        )
                    }
                    Ok(None) => ("[DONE]".to_owned(), StreamStage::Over),
                    Err(error) => (error.to_json(), StreamStage::Over),
                },
                StreamStage::Done => ("[DONE]".to_owned(), StreamStage::Over),
                StreamStage::Over => return None,
            };
            Some((Ok::<_, Infallible>(sse::Event::default().data(json)), next))
        });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

async fn models(State(api): ApiState) -> Result<Json<ModelList>, ApiError> {
    let names = blocking(move || names(&api.project()?)).await?;
    let data = names.into_iter().map(ModelInfo::new).collect();
    Ok(Json(ModelList { object: "list", data }))
}

async fn model(State(api): ApiState, Path(id): Path<String>) -> Result<Json<ModelInfo>, ApiError> {
    let known = id.clone();
    blocking(move || Api::knows(&api.project()?, &known)).await?;
    Ok(Json(ModelInfo::new(id)))
}

async fn unknown_url(request: Request) -> ApiError {
    let message = format!("unknown URL {}", request.uri().path());
    ApiError::new(StatusCode::NOT_FOUND, message).code("unknown_url")
}

async fn unsupported_method(request: Request) -> ApiError {
    let message = format!("{} does not support {}", request.uri().path(), request.method());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message).code("method_not_supported")
}

/// Runs `work`, which may block on files or on a model, on a thread for blocking tasks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ApiError::internal(error.to_string())))
}

fn json_response(body: String) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}
