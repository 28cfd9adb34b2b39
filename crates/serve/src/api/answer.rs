//! An answer in progress: a client of the model, the requested texts, and their events.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

use super::asked::{Asked, Prompt};
use super::problem::Problem;
use super::text::Text;
use super::told::{Choice, Heading, Usage};
use crate::engine::{Client, Engine, Listener, Refused};
use generator::{Completion, FinishReason, Identity, Request, Token, Tokenizer};
use text::prompt::END_OF_TEXT;
use write::key::candidate_key;

/// An answer in progress. Dropping it stops generation.
pub struct Answer {
    pub heading: Heading,
    pub usage: Usage,
    texts: Vec<Text>,
    /// Number of unfinished choices.
    open: usize,
    heard: UnboundedReceiver<(usize, Said)>,
    _client: Client,
}

impl Answer {
    /// Requests all choices from a model.
    ///
    /// # Errors
    /// If the model cannot continue a prompt, or the queue is full.
    pub fn begin(
        asked: &Asked,
        identity: &Identity,
        engine: &Arc<Engine>,
    ) -> Result<Self, Problem> {
        let tokenizer = engine.tokenizer();
        let (say, heard) = unbounded_channel();
        let (mut texts, mut requests, mut prompt_tokens) = (Vec::new(), Vec::new(), 0);
        for prompt in &asked.prompts {
            let prompt = tokens(prompt, tokenizer.as_ref())?;
            fits(prompt.len(), asked.max_tokens, engine.n_positions())?;
            prompt_tokens += prompt.len();
            for choice in 0..asked.n {
                let (index, scored) = (texts.len(), asked.logprobs.is_some());
                texts.push(Text::new(index, tokenizer.clone(), &prompt, asked.echo, scored));
                let request = Request {
                    id: 0,
                    prompt: prompt.clone(),
                    generation: asked.generation.clone(),
                    rng_key: rng_key(asked.seed, choice)?,
                    top_logprobs: asked.logprobs.unwrap_or(0),
                    score_prompt: asked.echo && scored,
                };
                let ear: Box<dyn Listener> = Box::new(Ear { index, say: say.clone() });
                requests.push((request, ear));
            }
        }
        let client = engine.client();
        client.ask(requests).map_err(refused)?;
        Ok(Self {
            heading: Heading::new(new_id()?, &asked.model, &identity.weights),
            usage: Usage::new(prompt_tokens, 0),
            open: texts.len(),
            texts,
            heard,
            _client: client,
        })
    }

    /// The next piece of a choice, or `None` when all are finished.
    ///
    /// # Errors
    /// If the model fails, or the deadline passes.
    pub async fn next(&mut self, deadline: Deadline) -> Result<Option<Choice>, Problem> {
        while self.open > 0 {
            let heard = timeout_at(deadline.at, self.heard.recv()).await;
            let said = heard.map_err(|_| deadline.problem())?;
            let (index, said) = said.ok_or_else(|| Problem::ours("the model has stopped"))?;
            let text = &mut self.texts[index];
            let piece = match said {
                Said::Begun => text.begun(),
                Said::Token(token) => text.token(token),
                Said::Text(said) => Some(text.text(said)),
                Said::Done(outcome) => {
                    let (reason, tokens) = outcome.map_err(Problem::ours)?;
                    self.open -= 1;
                    let Usage { prompt_tokens, completion_tokens, .. } = self.usage;
                    self.usage = Usage::new(prompt_tokens, completion_tokens + tokens);
                    Some(text.done(reason))
                }
            };
            if piece.is_some() {
                return Ok(piece);
            }
        }
        Ok(None)
    }

    /// All choices, complete, ordered by index.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn whole(&mut self, deadline: Deadline) -> Result<Vec<Choice>, Problem> {
        let mut choices: Vec<Option<Choice>> = vec![None; self.texts.len()];
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
    /// A deadline `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }

    /// The error for a missed deadline.
    pub fn problem(&self) -> Problem {
        let message = format!("the answer took longer than {} seconds", self.limit.as_secs_f32());
        Problem::new(StatusCode::GATEWAY_TIMEOUT, message).code("timeout")
    }
}

/// The tokens of a prompt. An empty text becomes the end-of-text token, which starts a document.
fn tokens(prompt: &Prompt, tokenizer: &dyn Tokenizer) -> Result<Vec<u32>, Problem> {
    match prompt {
        Prompt::Tokens(tokens) => Ok(tokens.clone()),
        Prompt::Text(text) if text.is_empty() => {
            let end = tokenizer.end_of_text().map(|end| vec![end]);
            let message = format!("the prompt is empty, and the model has no {END_OF_TEXT} token");
            end.ok_or_else(|| Problem::of("prompt", message))
        }
        Prompt::Text(text) => {
            tokenizer.tokenize(text).map_err(|report| Problem::ours(report.to_string()))
        }
    }
}

fn fits(prompt: usize, max_tokens: usize, n_positions: usize) -> Result<(), Problem> {
    // Even with `max_tokens` 0, the model needs one free position after the prompt.
    if prompt.saturating_add(max_tokens.max(1)) <= n_positions {
        return Ok(());
    }
    Err(too_long(format!(
        "the prompt has {prompt} tokens and `max_tokens` is {max_tokens}, but the model has only \
         {n_positions} positions: shorten the prompt or lower `max_tokens`"
    )))
}

fn too_long(message: String) -> Problem {
    Problem::of("prompt", message).code("context_length_exceeded")
}

fn refused(refused: Refused) -> Problem {
    let message = refused.to_string();
    match refused {
        Refused::Full { .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, message).code("overloaded")
        }
        Refused::Empty | Refused::NoToken { .. } => Problem::of("prompt", message),
        Refused::TooLong { .. } => too_long(message),
        Refused::Closed => Problem::ours(message),
    }
}

/// The key of a choice's random stream. With a seed it depends on the seed and the choice only.
fn rng_key(seed: Option<u64>, choice: usize) -> Result<[u8; 32], Problem> {
    match seed {
        Some(seed) => Ok(candidate_key(seed, 1, 1, u32::try_from(choice + 1).unwrap_or(u32::MAX))),
        None => random(),
    }
}

fn new_id() -> Result<String, Problem> {
    let bytes: [u8; 12] = random()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("cmpl-{hex}"))
}

fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Problem::ours(format!("cannot get random numbers: {error}"))),
    }
}

/// An event of a choice.
enum Said {
    Begun,
    Token(Token),
    Text(String),
    /// The finish reason and the number of tokens, or why the model failed.
    Done(Result<(FinishReason, usize), String>),
}

/// Sends the events of a choice to its answer.
struct Ear {
    index: usize,
    say: UnboundedSender<(usize, Said)>,
}

impl Ear {
    fn say(&self, said: Said) {
        // Fails if the answer was dropped; `is_gone` reports that.
        let _ = self.say.send((self.index, said));
    }
}

impl Listener for Ear {
    fn begun(&mut self) {
        self.say(Said::Begun);
    }

    fn token(&mut self, token: Token) {
        self.say(Said::Token(token));
    }

    fn text(&mut self, text: &str) {
        self.say(Said::Text(text.to_owned()));
    }

    fn done(self: Box<Self>, outcome: Result<Completion, String>) {
        let ended =
            outcome.map(|completion| (completion.finish_reason, completion.token_ids.len()));
        self.say(Said::Done(ended));
    }

    fn is_gone(&self) -> bool {
        self.say.is_closed()
    }
}
