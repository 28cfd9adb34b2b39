//! Handles requests to write, stop, continue, rewrite, discard and keep drafts.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use miette::IntoDiagnostic;
use serde::Deserialize;
use serde_json::json;

use super::draft::{Draft, DraftRequest};
use super::keep::{self, Details, Finished};
use super::rejection::Rejection;
use super::session::Session;
use super::{Desk, DeskState, Json, JsonResult, blocking};
use crate::engine::Engine;
use crate::model_names;
use content::new_seed::NewSeed;
use content::project::Project;
use content::seed::{MAX_RNG_SEED, Seed};
use generator::{GenerationOverrides, Identity};
use text::judge::Blocklist;
use text::prompt::{self, Prompt};
use write::EssayRequest;

/// Maximum number of drafts per request.
pub const MAX_CANDIDATES: usize = 8;

/// Maximum number of sessions. To make room for another one, the least recently used session without a
/// subscriber is dropped.
const MAX_SESSIONS: usize = 64;

/// The sessions of all tabs, by name.
#[derive(Default)]
pub struct Sessions {
    open: Mutex<HashMap<String, (Instant, Arc<Session>)>>,
}

impl Sessions {
    /// Returns the session called `name`, creating it if necessary.
    ///
    /// # Errors
    /// Returns an error if the name is invalid, or too many sessions are in use.
    pub fn get(&self, name: &str) -> Result<Arc<Session>, Rejection> {
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        if !(8..=64).contains(&name.len()) || !name.bytes().all(is_plain) {
            return Err(Rejection::invalid(
                "invalid session name: use 8 to 64 letters, digits and dashes",
            ));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !open.contains_key(name) && open.len() >= MAX_SESSIONS {
            let left = open.iter().filter(|(_, (_, session))| !session.has_subscribers());
            let Some(oldest) =
                left.min_by_key(|(_, (used, _))| *used).map(|(name, _)| name.clone())
            else {
                return Err(Rejection::new(
                    axum::http::StatusCode::SERVICE_UNAVAILABLE,
                    format!("the desk is already open in {MAX_SESSIONS} tabs: close one"),
                ));
            };
            if let Some((_, session)) = open.remove(&oldest) {
                session.stop_all();
            }
        }
        let (used, session) =
            open.entry(name.to_owned()).or_insert_with(|| (Instant::now(), Arc::default()));
        *used = Instant::now();
        Ok(Arc::clone(session))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDraftsRequest {
    session: String,
    quote: String,
    #[serde(default)]
    title: String,
    model: String,
    #[serde(default)]
    generation: GenerationOverrides,
    candidates: usize,
    rng_seed: Option<String>,
}

/// Starts new drafts.
pub async fn write(desk: DeskState, Json(request): Json<NewDraftsRequest>) -> JsonResult {
    blocking(move || {
        let project = desk.project()?;
        let session = desk.sessions.get(&request.session)?;
        let given = checked(&request.generation)?;
        let (identity, engine) = open(&desk, &project, &request.model)?;
        let generation = identity.settings(&project.config.generation).with(&given);
        let seed = seed_of(&request, &project, &desk)?;
        let most = if generation.temperature == 0.0 { 1 } else { MAX_CANDIDATES };
        if !(1..=most).contains(&request.candidates) {
            return Err(Rejection::invalid(match most {
                1 => "at temperature 0 all candidates would be identical: request only one".into(),
                most => {
                    format!("candidates must be from 1 to {most}, not {}", request.candidates)
                }
            }));
        }
        let first = rng_seed(request.rng_seed.as_deref())?;
        let blocklist = Arc::new(Blocklist::new(&project.config.blocklist).into_diagnostic()?);
        let mut drafts = Vec::new();
        for number in 1..=request.candidates {
            let request = DraftRequest {
                number,
                model: request.model.clone(),
                identity: identity.clone(),
                provenance: engine.provenance().clone(),
                quote: seed.quote.clone(),
                title: seed.title.clone(),
                essay: EssayRequest {
                    prompt: Prompt::new(seed.title.as_deref(), &seed.quote),
                    generation: generation.clone(),
                    rng_seed: (first + number as u64 - 1) % (MAX_RNG_SEED + 1),
                    take: 1,
                },
                blocklist: Arc::clone(&blocklist),
            };
            let tokenizer = Arc::clone(engine.tokenizer());
            drafts.push(Draft::new(request, tokenizer, engine.n_positions())?);
        }
        let drafts = session.begin(&engine, drafts)?;
        Ok(axum::Json(json!({ "drafts": drafts, "rng_seed": first.to_string() })))
    })
    .await
}

/// Checks the settings, and limits them to one candidate in one round: each draft is a single text, and
/// a person chooses among the drafts.
fn checked(given: &GenerationOverrides) -> Result<GenerationOverrides, Rejection> {
    given.check().map_err(|invalid| Rejection::invalid(invalid.to_string()).field(invalid.key))?;
    Ok(GenerationOverrides { candidates: Some(1), max_rounds: Some(1), ..given.clone() })
}

/// Returns a seed with the quote and the title of the request, just as a build would read it from a file.
fn seed_of(request: &NewDraftsRequest, project: &Project, desk: &Desk) -> Result<Seed, Rejection> {
    let title = request.title.trim();
    let seed = NewSeed {
        title: (!title.is_empty()).then(|| title.to_owned()),
        slug: "desk".to_owned(),
        ..NewSeed::new(request.quote.trim().to_owned(), desk.server.environment.today()?)
    };
    if prompt::is_empty(&seed.quote) {
        return Err(Rejection::invalid("the quote is empty").help("write or paste one"));
    }
    let path = project.config.seeds.join(Path::new("desk.md"));
    Seed::parse(&path, &seed.to_markdown()?).map_err(|problem| Rejection::invalid(problem.message))
}

/// Returns the given random seed, or a new one.
fn rng_seed(given: Option<&str>) -> Result<u64, Rejection> {
    match given.map(str::trim).filter(|given| !given.is_empty()) {
        Some(given) => given.parse().ok().filter(|seed| *seed <= MAX_RNG_SEED).ok_or_else(|| {
            let why = format!("the random seed must be a number from 0 to {MAX_RNG_SEED}");
            Rejection::invalid(why).field("rng_seed")
        }),
        // A new seed has at most nine digits, so it is short enough to read aloud.
        None => Ok(u64::from(fresh()? % 1_000_000_000)),
    }
}

/// Returns a random number from the operating system.
fn fresh() -> Result<u32, Rejection> {
    getrandom::u32().map_err(|e| Rejection::failed(format!("cannot get a random number: {e}")))
}

/// Returns the identity and the engine of a model. Loads the model if necessary.
fn open(desk: &Desk, project: &Project, model: &str) -> Result<(Identity, Arc<Engine>), Rejection> {
    if !model_names::available(project)?.iter().any(|known| known == model) {
        return Err(Rejection::invalid(format!("this site does not use the model {model:?}"))
            .help("to use it, name it in venti.yaml or in a seed"));
    }
    Ok(desk.server.open(project, model)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftId {
    session: String,
    draft: u64,
}

pub async fn stop(desk: DeskState, Json(DraftId { session, draft }): Json<DraftId>) -> JsonResult {
    blocking(move || {
        desk.sessions.get(&session)?.stop(draft)?;
        Ok(axum::Json(json!({})))
    })
    .await
}

pub async fn discard(
    desk: DeskState,
    Json(DraftId { session, draft }): Json<DraftId>,
) -> JsonResult {
    blocking(move || {
        desk.sessions.get(&session)?.discard(draft);
        Ok(axum::Json(json!({})))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContinueRequest {
    session: String,
    draft: u64,
    #[serde(default)]
    generation: GenerationOverrides,
}

pub async fn continue_at_end(desk: DeskState, Json(request): Json<ContinueRequest>) -> JsonResult {
    let ContinueRequest { session, draft, generation } = request;
    blocking(move || continue_draft(&desk, &session, draft, (None, None), &generation)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewriteRequest {
    session: String,
    draft: u64,
    from: usize,
    choose: Option<u32>,
    #[serde(default)]
    generation: GenerationOverrides,
}

/// Rewrites a draft from a given token onwards.
pub async fn rewrite(desk: DeskState, Json(request): Json<RewriteRequest>) -> JsonResult {
    let RewriteRequest { session, draft, from, choose, generation } = request;
    blocking(move || continue_draft(&desk, &session, draft, (Some(from), choose), &generation))
        .await
}

fn continue_draft(
    desk: &Desk,
    session: &str,
    draft: u64,
    (kept, chosen): (Option<usize>, Option<u32>),
    given: &GenerationOverrides,
) -> JsonResult {
    let project = desk.project()?;
    let session = desk.sessions.get(session)?;
    let (model, identity) = session
        .with(draft, |draft| Ok((draft.request.model.clone(), draft.request.identity.clone())))?;
    let (now, engine) = open(desk, &project, &model)?;
    if now != identity {
        return Err(Rejection::invalid(format!(
            "{model} has changed since this draft was written"
        ))
        .help("write a new draft"));
    }
    let generation = identity.settings(&project.config.generation).with(&checked(given)?);
    session.continue_draft(draft, kept, chosen, &generation, &engine)?;
    Ok(axum::Json(json!({})))
}

#[derive(Deserialize)]
pub struct KeepRequest {
    session: String,
    draft: u64,
    #[serde(flatten)]
    details: Details,
}

/// Keeps a draft as a seed and an essay.
pub async fn keep(desk: DeskState, Json(request): Json<KeepRequest>) -> JsonResult {
    let KeepRequest { session, draft, details } = request;
    blocking(move || {
        let project = desk.project()?;
        let session = desk.sessions.get(&session)?;
        let today = desk.server.environment.today()?;
        let finished = session.with(draft, |draft| Ok(Finished::of(draft)))??;
        let lock = &desk.server.lock;
        let kept = keep::keep(finished, details, &project, lock, today)?;
        Ok(axum::Json(json!(kept)))
    })
    .await
}
