//! Requests about drafts: write, stop, continue, rewrite from a word, discard, and keep.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use miette::IntoDiagnostic;
use serde::Deserialize;
use serde_json::json;

use super::draft::{Draft, Order};
use super::keep::{self, Details, Finished};
use super::rejection::Rejection;
use super::session::Session;
use super::{Answer, Asked, Desk, Json, aside};
use crate::engine::Engine;
use crate::models;
use content::new_seed::NewSeed;
use content::project::Project;
use content::seed::{MAX_RNG_SEED, Seed};
use generator::GenerationOverrides;
use generator::Identity;
use text::judge::Blocklist;
use text::prompt::Prompt;
use write::Brief;

/// Maximum number of drafts requested together.
pub const MOST_CANDIDATES: usize = 8;

/// Maximum number of sessions. Beyond it the oldest one without a listener is dropped.
const MOST_SESSIONS: usize = 64;

/// The drafts of every tab.
#[derive(Default)]
pub struct Sessions {
    open: Mutex<HashMap<String, (Instant, Arc<Session>)>>,
}

impl Sessions {
    /// The session of that name, created if necessary.
    ///
    /// # Errors
    /// If the name is invalid, or too many sessions are in use.
    pub fn get(&self, name: &str) -> Result<Arc<Session>, Rejection> {
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        if !(8..=64).contains(&name.len()) || !name.bytes().all(is_plain) {
            return Err(Rejection::invalid(
                "invalid session name: use 8 to 64 letters, digits and dashes",
            ));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !open.contains_key(name) && open.len() >= MOST_SESSIONS {
            let left = open.iter().filter(|(_, (_, session))| !session.is_heard());
            let Some(oldest) =
                left.min_by_key(|(_, (used, _))| *used).map(|(name, _)| name.clone())
            else {
                return Err(Rejection::new(
                    axum::http::StatusCode::SERVICE_UNAVAILABLE,
                    format!("the desk is already open in {MOST_SESSIONS} tabs: close one"),
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
pub struct Write {
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

/// Starts drafts.
pub async fn write(desk: Asked, Json(asked): Json<Write>) -> Answer {
    aside(move || {
        let project = desk.project()?;
        let session = desk.sessions.get(&asked.session)?;
        let said = checked(&asked.generation)?;
        let (identity, engine) = open(&desk, &project, &asked.model)?;
        let generation = identity.settings(&project.config.generation).with(&said);
        let seed = seed_of(&asked, &project, &desk)?;
        let most = if generation.temperature == 0.0 { 1 } else { MOST_CANDIDATES };
        if !(1..=most).contains(&asked.candidates) {
            return Err(Rejection::invalid(match most {
                1 => "at temperature 0 all candidates would be identical: ask for only one".into(),
                most => {
                    format!("candidates must be from 1 to {most}, not {}", asked.candidates)
                }
            }));
        }
        let first = rng_seed(asked.rng_seed.as_deref())?;
        let blocklist = Arc::new(Blocklist::new(&project.config.blocklist).into_diagnostic()?);
        let mut drafts = Vec::new();
        for number in 1..=asked.candidates {
            let order = Order {
                number,
                model: asked.model.clone(),
                identity: identity.clone(),
                provenance: engine.provenance().clone(),
                quote: seed.quote.clone(),
                title: seed.title.clone(),
                brief: Brief {
                    prompt: Prompt::new(seed.title.as_deref(), &seed.quote),
                    generation: generation.clone(),
                    rng_seed: (first + number as u64 - 1) % (MAX_RNG_SEED + 1),
                    take: 1,
                },
                blocklist: Arc::clone(&blocklist),
            };
            let tokenizer = Arc::clone(engine.tokenizer());
            drafts.push(Draft::new(order, tokenizer, engine.n_positions())?);
        }
        let drafts = session.begin(&engine, drafts)?;
        Ok(axum::Json(json!({ "drafts": drafts, "rng_seed": first.to_string() })))
    })
    .await
}

/// Checks the settings, and sets one candidate in one round: each draft is a single text, and the
/// person chooses between drafts.
fn checked(said: &GenerationOverrides) -> Result<GenerationOverrides, Rejection> {
    said.check().map_err(|invalid| Rejection::invalid(invalid.to_string()))?;
    Ok(GenerationOverrides { candidates: Some(1), max_rounds: Some(1), ..said.clone() })
}

/// The quote and the title as a build would read them from the draft's seed.
fn seed_of(asked: &Write, project: &Project, desk: &Desk) -> Result<Seed, Rejection> {
    let title = asked.title.trim();
    let seed = NewSeed {
        title: (!title.is_empty()).then(|| title.to_owned()),
        slug: "desk".to_owned(),
        ..NewSeed::new(asked.quote.trim().to_owned(), desk.workshop.surroundings.today()?)
    };
    if seed.quote.is_empty() {
        return Err(Rejection::invalid("the quote is empty").help("write or paste one"));
    }
    let path = project.config.seeds.join(Path::new("desk.md"));
    Seed::parse(&path, &seed.to_markdown()?).map_err(|problem| Rejection::invalid(problem.message))
}

/// The random seed: the one given, or a new one.
fn rng_seed(given: Option<&str>) -> Result<u64, Rejection> {
    match given.map(str::trim).filter(|given| !given.is_empty()) {
        Some(given) => given.parse().ok().filter(|seed| *seed <= MAX_RNG_SEED).ok_or_else(|| {
            Rejection::invalid(format!("the random seed must be a number from 0 to {MAX_RNG_SEED}"))
        }),
        // At most nine digits, short enough to read aloud.
        None => Ok(u64::from(fresh()? % 1_000_000_000)),
    }
}

/// A random number from the operating system.
fn fresh() -> Result<u32, Rejection> {
    getrandom::u32().map_err(|e| Rejection::failed(format!("cannot get a random number: {e}")))
}

/// The engine of a model, which is loaded if necessary.
fn open(desk: &Desk, project: &Project, model: &str) -> Result<(Identity, Arc<Engine>), Rejection> {
    if !models::names(project)?.iter().any(|known| known == model) {
        return Err(Rejection::invalid(format!("this site does not use the model {model:?}"))
            .help("to use it, name it in venti.yaml or in a seed"));
    }
    Ok(desk.workshop.open(project, model)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    session: String,
    draft: u64,
}

/// Stops writing a draft.
pub async fn stop(desk: Asked, Json(Named { session, draft }): Json<Named>) -> Answer {
    aside(move || {
        desk.sessions.get(&session)?.stop(draft)?;
        Ok(axum::Json(json!({})))
    })
    .await
}

/// Removes a draft.
pub async fn discard(desk: Asked, Json(Named { session, draft }): Json<Named>) -> Answer {
    aside(move || {
        desk.sessions.get(&session)?.discard(draft);
        Ok(axum::Json(json!({})))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Continue {
    session: String,
    draft: u64,
    #[serde(default)]
    generation: GenerationOverrides,
}

/// Continues a draft at its end.
pub async fn go_on(desk: Asked, Json(asked): Json<Continue>) -> Answer {
    let Continue { session, draft, generation } = asked;
    aside(move || turn(&desk, &session, draft, (None, None), &generation)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    session: String,
    draft: u64,
    from: usize,
    choose: Option<u32>,
    #[serde(default)]
    generation: GenerationOverrides,
}

/// Rewrites a draft from a given token on.
pub async fn rewrite(desk: Asked, Json(asked): Json<Rewrite>) -> Answer {
    let Rewrite { session, draft, from, choose, generation } = asked;
    aside(move || turn(&desk, &session, draft, (Some(from), choose), &generation)).await
}

fn turn(
    desk: &Desk,
    session: &str,
    draft: u64,
    (kept, chosen): (Option<usize>, Option<u32>),
    said: &GenerationOverrides,
) -> Answer {
    let project = desk.project()?;
    let session = desk.sessions.get(session)?;
    let (model, identity) = session
        .with(draft, |draft| Ok((draft.order.model.clone(), draft.order.identity.clone())))?;
    let (now, engine) = open(desk, &project, &model)?;
    if now != identity {
        return Err(Rejection::invalid(format!(
            "{model} has changed since this draft was written"
        ))
        .help("write a new draft"));
    }
    let generation = identity.settings(&project.config.generation).with(&checked(said)?);
    session.turn(draft, kept, chosen, &generation, &engine)?;
    Ok(axum::Json(json!({})))
}

#[derive(Deserialize)]
pub struct Keep {
    session: String,
    draft: u64,
    #[serde(flatten)]
    details: Details,
}

/// Keeps a draft as a seed and an essay.
pub async fn keep(desk: Asked, Json(asked): Json<Keep>) -> Answer {
    let Keep { session, draft, details } = asked;
    aside(move || {
        let project = desk.project()?;
        let session = desk.sessions.get(&session)?;
        let today = desk.workshop.surroundings.today()?;
        let finished = session.with(draft, |draft| Ok(Finished::of(draft)))??;
        let pen = &desk.workshop.pen;
        let kept = keep::keep(finished, details, &project, pen, today)?;
        Ok(axum::Json(json!(kept)))
    })
    .await
}
