//! An answer in progress: a client of the model, and the requested choices with their events.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

use super::choice::ChoiceStream;
use super::error::ApiError;
use super::request::{CompletionRequest, PromptInput};
use super::response::{Choice, Heading, Usage};
use crate::engine::{Client, Engine, Event, QueuedRequest, SubmitError, Subscriber};
use generator::{Identity, Request, Tokenizer};
use write::key::candidate_key;

/// An answer in progress. Dropping it stops generation.
pub struct Answer {
    pub heading: Heading,
    pub usage: Usage,
    choices: Vec<ChoiceStream>,
    /// Number of unfinished choices.
    open: usize,
    /// Events of all choices, each with the index of its choice.
    events: UnboundedReceiver<(usize, Event)>,
    _client: Client,
}

impl Answer {
    /// Requests all choices of an answer from a model.
    ///
    /// # Errors
    /// Returns an error if the model cannot continue a prompt, or the queue is full.
    pub fn begin(
        request: &CompletionRequest,
        identity: &Identity,
        engine: &Arc<Engine>,
    ) -> Result<Self, ApiError> {
        let tokenizer = engine.tokenizer();
        let (sender, events) = unbounded_channel();
        let (mut choices, mut queued, mut prompt_tokens) = (Vec::new(), Vec::new(), 0);
        for prompt in &request.prompts {
            let prompt = tokens(prompt, tokenizer.as_ref())?;
            fits(prompt.len(), request.max_tokens, engine.n_positions())?;
            prompt_tokens += prompt.len();
            for choice in 0..request.n {
                let (index, scored) = (choices.len(), request.logprobs.is_some());
                let stream =
                    ChoiceStream::new(index, tokenizer.clone(), &prompt, request.echo, scored);
                choices.push(stream);
                let text = Request {
                    id: 0,
                    prompt: prompt.clone(),
                    unconditional_prompt: tokenizer.unconditional_prompt(&prompt),
                    generation: request.generation.clone(),
                    rng_key: rng_key(request.seed, choice)?,
                    top_logprobs: request.logprobs.unwrap_or(0),
                    score_prompt: request.echo && scored,
                };
                queued
                    .push(QueuedRequest { request: text, subscriber: subscriber(index, &sender) });
            }
        }
        let client = engine.client();
        client.submit(queued).map_err(refused)?;
        Ok(Self {
            heading: Heading::new(new_id()?, &request.model, &identity.weights),
            usage: Usage::new(prompt_tokens, 0),
            open: choices.len(),
            choices,
            events,
            _client: client,
        })
    }

    /// Returns the next piece of any choice, or `None` when all choices are finished.
    ///
    /// # Errors
    /// Returns an error if the model fails, or the deadline passes.
    pub async fn next(&mut self, deadline: Deadline) -> Result<Option<Choice>, ApiError> {
        while self.open > 0 {
            let event = timeout_at(deadline.at, self.events.recv()).await;
            let event = event.map_err(|_| deadline.error())?;
            let (index, event) =
                event.ok_or_else(|| ApiError::internal("the model has stopped"))?;
            let choice = &mut self.choices[index];
            let piece = match event {
                Event::Begun => choice.begun(),
                Event::Token(token) => choice.token(token),
                Event::Text(text) => Some(choice.text(text)),
                Event::Done(outcome) => {
                    let completion = outcome.map_err(ApiError::internal)?;
                    let tokens = completion.token_ids.len();
                    self.open -= 1;
                    let Usage { prompt_tokens, completion_tokens, .. } = self.usage;
                    self.usage = Usage::new(prompt_tokens, completion_tokens + tokens);
                    Some(choice.done(completion.finish_reason))
                }
            };
            if piece.is_some() {
                return Ok(piece);
            }
        }
        Ok(None)
    }

    /// Waits until all choices are complete, and returns them in order of index.
    ///
    /// # Errors
    /// Returns an error if the model fails, or the deadline passes.
    pub async fn whole(&mut self, deadline: Deadline) -> Result<Vec<Choice>, ApiError> {
        let mut choices: Vec<Option<Choice>> = vec![None; self.choices.len()];
        while let Some(piece) = self.next(deadline).await? {
            match &mut choices[piece.index] {
                Some(choice) => choice.join(piece),
                first => *first = Some(piece),
            }
        }
        Ok(choices.into_iter().flatten().collect())
    }
}

/// The time by which an answer must be complete.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    pub at: Instant,
    limit: Duration,
}

impl Deadline {
    /// Creates a deadline `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }

    /// Returns the error for a missed deadline.
    pub fn error(&self) -> ApiError {
        let message = format!("the answer took longer than {} seconds", self.limit.as_secs_f32());
        ApiError::new(StatusCode::GATEWAY_TIMEOUT, message).code("timeout")
    }
}

/// Returns a subscriber that sends the events of a choice to its answer. It cancels the choice once the
/// answer is dropped.
fn subscriber(index: usize, sender: &UnboundedSender<(usize, Event)>) -> Subscriber {
    let sender = sender.clone();
    Box::new(move |event| match sender.send((index, event)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    })
}

/// Returns the tokens of a prompt. An empty string becomes the token that begins a document.
fn tokens(prompt: &PromptInput, tokenizer: &dyn Tokenizer) -> Result<Vec<u32>, ApiError> {
    match prompt {
        PromptInput::Tokens(tokens) => Ok(tokens.clone()),
        PromptInput::Text(text) if text.is_empty() => {
            let begin = tokenizer.bos().map(|begin| vec![begin]);
            let message = "the prompt is empty, and the model has no token that begins a document";
            begin.ok_or_else(|| ApiError::invalid("prompt", message))
        }
        PromptInput::Text(text) => {
            tokenizer.tokenize_prompt(text).map_err(|report| ApiError::internal(report.to_string()))
        }
    }
}

fn fits(prompt: usize, max_tokens: usize, n_positions: usize) -> Result<(), ApiError> {
    // Even with `max_tokens` 0, the model needs one free position after the prompt.
    if prompt.saturating_add(max_tokens.max(1)) <= n_positions {
        return Ok(());
    }
    Err(too_long(format!(
        "the prompt has {prompt} tokens and `max_tokens` is {max_tokens}, but the model has only \
         {n_positions} positions: shorten the prompt or lower `max_tokens`"
    )))
}

fn too_long(message: String) -> ApiError {
    ApiError::invalid("prompt", message).code("context_length_exceeded")
}

fn refused(refused: SubmitError) -> ApiError {
    let message = refused.to_string();
    match refused {
        SubmitError::Full { .. } => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message).code("overloaded")
        }
        SubmitError::Empty | SubmitError::NoToken { .. } => ApiError::invalid("prompt", message),
        SubmitError::TooLong { .. } => too_long(message),
        SubmitError::Closed => ApiError::internal(message),
    }
}

/// Returns the key of a choice's random stream. If the request has a seed, the key depends only on the
/// seed and on the index of the choice within its prompt.
fn rng_key(seed: Option<u64>, choice: usize) -> Result<[u8; 32], ApiError> {
    match seed {
        Some(seed) => Ok(candidate_key(seed, 1, 1, u32::try_from(choice + 1).unwrap_or(u32::MAX))),
        None => random(),
    }
}

fn new_id() -> Result<String, ApiError> {
    let bytes: [u8; 12] = random()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("cmpl-{hex}"))
}

fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(ApiError::internal(format!("cannot get random numbers: {error}"))),
    }
}
