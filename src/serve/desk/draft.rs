//! A draft: one candidate at the desk, with every token of it and how a person steered it.
//!
//! It is written in steps. The first is what `venti generate` would write; each later one keeps the
//! beginning of what is there, perhaps puts one token after it, and has the model write on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::config::{Generation, GenerationOverrides};
use crate::content::essay::{Ending, Step};
use crate::serve::pieces::Pieces;
use crate::write::generator::{
    Completion, FinishReason, Identity, Provenance, Request, Token, Vocabulary,
};
use crate::write::key::candidate_key;
use crate::write::{Blocklist, Brief, Candidate};

/// Tokens told with each, of those the model held likeliest.
pub const LIKELIEST: usize = 8;

/// A text whose end is near when it is rewritten gets room for so many tokens more.
const LEAST_ROOM: usize = 64;

/// How far a draft is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// For a place in the batch.
    Waiting,
    Writing,
    /// By a person, or because nobody listened.
    Stopped,
    /// The text ended by itself.
    Done,
    /// The model could not go on.
    Failed,
}

impl State {
    /// Whether the model is or will be at it.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Waiting | Self::Writing)
    }
}

/// A token as the page gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Written {
    #[serde(skip)]
    pub id: u32,
    /// Its text; empty for part of a character, which the token that completes it has.
    #[serde(rename = "t")]
    pub text: String,
    /// Natural-log probability under the raw distribution.
    #[serde(rename = "p")]
    pub log_prob: f32,
    /// The likeliest tokens there: id, text (none for the end of the text), log probability.
    #[serde(rename = "a")]
    pub likeliest: Vec<(u32, Option<String>, f32)>,
}

/// What a draft is asked for with.
#[derive(Clone)]
pub struct Order {
    pub number: usize,
    pub model: String,
    pub identity: Identity,
    /// What it is written on.
    pub provenance: Provenance,
    pub quote: String,
    /// The title that was given.
    pub title: Option<String>,
    pub brief: Brief,
    pub blocklist: Arc<Blocklist>,
}

/// One candidate.
pub struct Draft {
    pub order: Order,
    vocabulary: Arc<dyn Vocabulary>,
    n_positions: usize,
    /// What was asked of the model for the first step.
    first: Request,
    pub state: State,
    pub ended: Option<FinishReason>,
    pub message: Option<String>,
    pub written: Vec<Written>,
    pub steps: Vec<Step>,
    pieces: Pieces,
    /// The text of an untouched draft, as the model's own end left it.
    completed: Option<Completion>,
    /// Tells the model that nobody wants the running step any more.
    pub gone: Arc<AtomicBool>,
}

/// A person's step.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// Tokens that are kept.
    pub kept: usize,
    /// A token put after them.
    pub chosen: Option<u32>,
}

impl Draft {
    /// A draft that waits, and the request that writes it.
    ///
    /// # Errors
    /// When the prompt leaves the model no position.
    pub fn new(
        order: Order,
        vocabulary: Arc<dyn Vocabulary>,
        n_positions: usize,
    ) -> miette::Result<(Self, Request)> {
        let first = order.brief.request(vocabulary.as_ref(), n_positions)?;
        let request = Request { likeliest: LIKELIEST, ..first.clone() };
        let mut draft = Self {
            order,
            vocabulary,
            n_positions,
            first,
            state: State::Waiting,
            ended: None,
            message: None,
            written: Vec::new(),
            steps: Vec::new(),
            pieces: Pieces::default(),
            completed: None,
            gone: Arc::default(),
        };
        draft.open_step(0, None, GenerationOverrides::default());
        Ok((draft, request))
    }

    fn open_step(&mut self, kept: usize, chosen: Option<String>, generation: GenerationOverrides) {
        self.steps.push(Step { kept, chosen, wrote: 0, ended: Ending::Cancelled, generation });
        (self.state, self.ended, self.message) = (State::Waiting, None, None);
        self.completed = None;
        self.gone = Arc::default();
    }

    /// The model has begun with it.
    pub fn begun(&mut self) {
        self.state = State::Writing;
    }

    /// The model wrote a token.
    pub fn push(&mut self, token: Token) {
        let written = self.written_as(token.id, token.log_prob, token.likeliest);
        self.written.push(written);
        if let Some(step) = self.steps.last_mut() {
            step.wrote += 1;
        }
    }

    fn written_as(&mut self, id: u32, log_prob: f32, likeliest: Vec<(u32, f32)>) -> Written {
        let end_of_text = self.vocabulary.end_of_text();
        let text = |id: u32| (Some(id) != end_of_text).then(|| self.spelled(id));
        let likeliest =
            likeliest.into_iter().map(|(id, log_prob)| (id, text(id), log_prob)).collect();
        let text = self.pieces.push(self.vocabulary.bytes(id));
        Written { id, text, log_prob, likeliest }
    }

    /// A token by itself.
    fn spelled(&self, id: u32) -> String {
        String::from_utf8_lossy(self.vocabulary.bytes(id)).into_owned()
    }

    /// The running step is over.
    pub fn end(&mut self, outcome: Result<Completion, String>) {
        match outcome {
            Ok(completion) => {
                let ended = completion.finish_reason;
                self.close(ended);
                self.completed = Some(completion).filter(|_| !self.is_steered());
            }
            Err(why) => {
                self.close(FinishReason::Cancelled);
                (self.state, self.message) = (State::Failed, Some(why));
            }
        }
    }

    fn close(&mut self, ended: FinishReason) {
        self.state = match ended {
            FinishReason::Cancelled => State::Stopped,
            _ => State::Done,
        };
        self.ended = Some(ended);
        if let Some(step) = self.steps.last_mut() {
            step.ended = ended.into();
        }
    }

    /// Nobody wants it written on. What the model still says of this step does not count.
    pub fn stop(&mut self) {
        if self.state.is_running() {
            self.gone.store(true, Ordering::Relaxed);
            self.close(FinishReason::Cancelled);
        }
    }

    /// Takes a step: gives the request that writes on, or none where the text ends with the token
    /// that was chosen. `generation` is how it is written from here.
    ///
    /// # Errors
    /// What cannot be done, for people.
    pub fn turn(&mut self, turn: Turn, generation: &Generation) -> Result<Option<Request>, String> {
        let Turn { kept, chosen } = turn;
        if kept > self.written.len() {
            return Err(format!("there are only {} tokens", self.written.len()));
        }
        if chosen.is_some_and(|id| id as usize >= self.vocabulary.size()) {
            return Err("the model has no such token".to_owned());
        }
        let prompt = self.first.prompt.len();
        let left = self.n_positions - prompt;
        let before = kept + usize::from(chosen.is_some());
        let ends = chosen.is_some() && chosen == self.vocabulary.end_of_text();
        if before >= left && !ends {
            return Err(format!(
                "the model has no position left: it ends after {left} tokens of text"
            ));
        }
        self.stop();
        let replaced = self.written.get(kept).map(|written| written.likeliest.clone());
        self.keep(kept);
        let said = generation.differences_from(&self.order.brief.generation);
        if ends {
            self.open_step(kept, None, GenerationOverrides::default());
            self.close(FinishReason::EndOfText);
            return Ok(None);
        }
        self.open_step(kept, chosen.map(|id| self.spelled(id)), said);
        if let Some(id) = chosen {
            let likeliest = replaced.unwrap_or_default();
            let known = likeliest.iter().find(|(likely, ..)| *likely == id);
            // What was not among the likeliest is less likely than all of them; how much is not known.
            let least = likeliest.last().map_or(f32::MIN, |(.., log_prob)| *log_prob);
            let log_prob = known.map_or(least, |(.., log_prob)| *log_prob);
            let text = self.pieces.push(self.vocabulary.bytes(id));
            self.written.push(Written { id, text, log_prob, likeliest });
        }
        Ok(Some(self.request(before, left, generation)))
    }

    /// Forgets all but the first tokens.
    fn keep(&mut self, kept: usize) {
        self.written.truncate(kept);
        self.pieces = Pieces::default();
        for written in &mut self.written {
            written.text = self.pieces.push(self.vocabulary.bytes(written.id));
        }
    }

    /// What writes on after `before` tokens of the `left` that there can be.
    fn request(&self, before: usize, left: usize, generation: &Generation) -> Request {
        let limit = self.first.generation.max_new_tokens.unwrap_or(left);
        // Past its limit a text goes on because somebody asked for more of it.
        let room = if before < limit { (limit - before).max(LEAST_ROOM) } else { limit };
        let round = self.steps.len() as u32;
        let brief = &self.order.brief;
        let prompt = self.first.prompt.iter().copied();
        Request {
            id: 0,
            prompt: prompt.chain(self.written.iter().map(|written| written.id)).collect(),
            generation: Generation {
                max_new_tokens: Some(room.min(left - before)),
                min_new_tokens: 0,
                ..generation.clone()
            },
            rng_key: candidate_key(brief.rng_seed, brief.take, round, 1),
            likeliest: LIKELIEST,
            scores_prompt: false,
        }
    }

    /// Whether a person had a hand in it: then it is not what `venti generate` writes.
    pub fn is_steered(&self) -> bool {
        let [only] = self.steps.as_slice() else { return true };
        !self.state.is_running() && only.ended == Ending::Cancelled
    }

    /// What there is of it, as the model would have returned it.
    pub fn completion(&self) -> Completion {
        if let Some(completed) = &self.completed {
            return completed.clone();
        }
        Completion {
            text: self.text(),
            prompt_tokens: self.first.prompt.len(),
            token_ids: self.written.iter().map(|written| written.id).collect(),
            log_probs: self.written.iter().map(|written| written.log_prob).collect(),
            finish_reason: self.ended.unwrap_or(FinishReason::Cancelled),
        }
    }

    /// The text, up to the stop string that its last step reached.
    fn text(&self) -> String {
        let bytes: Vec<u8> = self
            .written
            .iter()
            .flat_map(|token| self.vocabulary.bytes(token.id))
            .copied()
            .collect();
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if self.ended == Some(FinishReason::Stop) {
            let kept = self.steps.last().map_or(0, |step| step.kept);
            let before: usize = self.written[..kept].iter().map(|token| token.text.len()).sum();
            let stops = self.order.brief.generation.stop.iter();
            let first =
                stops.filter_map(|stop| Some(before + text.get(before..)?.find(stop)?)).min();
            text.truncate(first.unwrap_or(text.len()));
        }
        text
    }

    /// As it would be published, and how good it is. What a person asked for beyond the number of
    /// words is not cut off.
    pub fn candidate(&self) -> Candidate {
        let Order { brief, blocklist, .. } = &self.order;
        let completion = self.completion();
        let vocabulary = self.vocabulary.as_ref();
        if !self.is_steered() {
            return brief.judged(completion, vocabulary, blocklist, (1, 1));
        }
        let generation = Generation { max_words: usize::MAX, ..brief.generation.clone() };
        Brief { generation, ..brief.clone() }.judged(completion, vocabulary, blocklist, (1, 1))
    }
}
