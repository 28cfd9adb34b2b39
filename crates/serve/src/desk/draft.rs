//! A draft: one candidate at the desk, with all its tokens and the steps in which it was steered.
//!
//! The first step is the text that `venti generate` would write. Each later step keeps some tokens from
//! the beginning of the text, optionally appends a token that a person chose, and lets the model
//! continue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use content::essay::Step;
use generator::{Completion, FinishReason, Identity, Provenance, Request, Token, Tokenizer};
use generator::{Generation, GenerationOverrides};
use kernels::detokenizer::Utf8Decoder;
use text::judge::Blocklist;
use write::key::candidate_key;
use write::{Candidate, EssayRequest};

/// Number of top alternatives returned per token.
pub const TOP_LOGPROBS: usize = 8;

/// Minimum number of new tokens to allow when a text is rewritten near its maximum length, unless the
/// model has fewer positions left.
const LEAST_ROOM: usize = 64;

/// Progress of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftState {
    /// Waiting for a slot in the batch.
    Waiting,
    Writing,
    /// Stopped by a person, or because no page was connected.
    Stopped,
    /// Finished without being stopped.
    Done,
    /// The model failed.
    Failed,
}

impl DraftState {
    /// Whether the model is writing the draft or will write it.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Waiting | Self::Writing)
    }
}

/// A token of a draft, as sent to the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DraftToken {
    #[serde(skip)]
    pub id: u32,
    /// Text of the token. A character that spans several tokens belongs to the last of them.
    #[serde(rename = "t")]
    pub text: String,
    /// Natural-log probability under the model's unmodified distribution.
    #[serde(rename = "p")]
    pub log_prob: f32,
    /// Log probability in the unconditional context, if the text is guided.
    #[serde(skip)]
    pub unconditional_log_prob: Option<f32>,
    /// The top tokens at this position, each with its id, its text (`None` for the end-of-text token)
    /// and its log probability.
    #[serde(rename = "a")]
    pub top_logprobs: Vec<(u32, Option<String>, f32)>,
}

/// The request for a draft.
#[derive(Clone)]
pub struct DraftRequest {
    /// Number of this draft among the candidates requested together, counted from 1.
    pub number: usize,
    pub model: String,
    pub identity: Identity,
    /// Device and number format used by the model.
    pub provenance: Provenance,
    pub quote: String,
    /// The title, if the user gave one.
    pub title: Option<String>,
    pub essay: EssayRequest,
    pub blocklist: Arc<Blocklist>,
}

/// A candidate at the desk.
pub struct Draft {
    pub request: DraftRequest,
    tokenizer: Arc<dyn Tokenizer>,
    n_positions: usize,
    /// The model request for the first step.
    first: Request,
    pub state: DraftState,
    pub ended: Option<FinishReason>,
    pub message: Option<String>,
    pub tokens: Vec<DraftToken>,
    pub steps: Vec<Step>,
    decoder: Utf8Decoder,
    /// The model's completion, if the draft is untouched and finished.
    completed: Option<Completion>,
    /// Set when the running step is no longer wanted.
    pub cancelled: Arc<AtomicBool>,
}

/// The point from which the model continues a draft.
#[derive(Debug, Clone, Copy)]
pub struct Continuation {
    /// Number of tokens to keep.
    pub kept: usize,
    /// Token to append to the kept tokens.
    pub chosen: Option<u32>,
}

impl Draft {
    /// Creates a draft that is waiting to be written, and the model request that writes it.
    ///
    /// # Errors
    /// Returns an error if the prompt leaves no room for the text.
    pub fn new(
        request: DraftRequest,
        tokenizer: Arc<dyn Tokenizer>,
        n_positions: usize,
    ) -> miette::Result<(Self, Request)> {
        let first = request.essay.request(tokenizer.as_ref(), n_positions)?;
        let mut draft = Self {
            request,
            tokenizer,
            n_positions,
            first: first.clone(),
            state: DraftState::Waiting,
            ended: None,
            message: None,
            tokens: Vec::new(),
            steps: Vec::new(),
            decoder: Utf8Decoder::default(),
            completed: None,
            cancelled: Arc::default(),
        };
        draft.open_step(0, None, GenerationOverrides::default());
        Ok((draft, Request { top_logprobs: TOP_LOGPROBS, ..first }))
    }

    fn open_step(&mut self, kept: usize, chosen: Option<String>, generation: GenerationOverrides) {
        self.steps.push(Step {
            kept,
            chosen,
            wrote: 0,
            ended: FinishReason::Cancelled,
            generation,
        });
        (self.state, self.ended, self.message) = (DraftState::Waiting, None, None);
        self.completed = None;
        self.cancelled = Arc::default();
    }

    /// Marks the draft as being written.
    pub fn begun(&mut self) {
        self.state = DraftState::Writing;
    }

    /// Adds a token that the model wrote.
    pub fn push(&mut self, token: Token) {
        let token = self.draft_token(token);
        self.tokens.push(token);
        if let Some(step) = self.steps.last_mut() {
            step.wrote += 1;
        }
    }

    fn draft_token(&mut self, token: Token) -> DraftToken {
        let Token { id, log_prob, unconditional_log_prob, top_logprobs, .. } = token;
        let text = |id: u32| (!self.tokenizer.eos().contains(&id)).then(|| self.spelled(id));
        let top_logprobs =
            top_logprobs.into_iter().map(|(id, log_prob)| (id, text(id), log_prob)).collect();
        let text = self.decoder.push(self.tokenizer.bytes(id));
        DraftToken { id, text, log_prob, unconditional_log_prob, top_logprobs }
    }

    /// Returns the text of a single token.
    fn spelled(&self, id: u32) -> String {
        String::from_utf8_lossy(self.tokenizer.bytes(id)).into_owned()
    }

    /// Ends the running step.
    pub fn end(&mut self, outcome: Result<Completion, String>) {
        match outcome {
            Ok(completion) => {
                let ended = completion.finish_reason;
                self.close(ended);
                self.completed = Some(completion).filter(|_| !self.is_steered());
            }
            Err(why) => {
                self.close(FinishReason::Cancelled);
                (self.state, self.message) = (DraftState::Failed, Some(why));
            }
        }
    }

    fn close(&mut self, ended: FinishReason) {
        self.state = match ended {
            FinishReason::Cancelled => DraftState::Stopped,
            _ => DraftState::Done,
        };
        self.ended = Some(ended);
        if let Some(step) = self.steps.last_mut() {
            step.ended = ended;
        }
    }

    /// Stops the running step. Tokens that arrive later are ignored.
    pub fn stop(&mut self) {
        if self.state.is_running() {
            self.cancelled.store(true, Ordering::Relaxed);
            self.close(FinishReason::Cancelled);
        }
    }

    /// Opens the next step, with the settings `generation`. Returns the request that continues the text,
    /// or `None` if the chosen token ends it.
    ///
    /// # Errors
    /// Returns the reason if the step is not possible.
    pub fn continue_from(
        &mut self,
        Continuation { kept, chosen }: Continuation,
        generation: &Generation,
    ) -> Result<Option<Request>, String> {
        if kept > self.tokens.len() {
            return Err(format!("the draft has only {} tokens", self.tokens.len()));
        }
        if chosen.is_some_and(|id| id as usize >= self.tokenizer.vocab_size()) {
            return Err("the chosen token is not in the model's vocabulary".to_owned());
        }
        let prompt = self.first.prompt.len();
        let left = self.n_positions - prompt;
        let before = kept + usize::from(chosen.is_some());
        let ends = chosen.is_some_and(|id| self.tokenizer.eos().contains(&id));
        if before >= left && !ends {
            return Err(format!("the text has reached the model's limit of {left} tokens"));
        }
        self.stop();
        let replaced = self.tokens.get(kept).map(|token| token.top_logprobs.clone());
        self.keep(kept);
        let changed = generation.differences_from(&self.request.essay.generation);
        if ends {
            self.open_step(kept, None, GenerationOverrides::default());
            self.close(FinishReason::EndOfText);
            return Ok(None);
        }
        self.open_step(kept, chosen.map(|id| self.spelled(id)), changed);
        if let Some(id) = chosen {
            let top_logprobs = replaced.unwrap_or_default();
            let known = top_logprobs.iter().find(|(likely, ..)| *likely == id);
            // The probability of a token outside the top list is unknown, so use the lowest one in the
            // list.
            let least = top_logprobs.last().map_or(f32::MIN, |(.., log_prob)| *log_prob);
            let log_prob = known.map_or(least, |(.., log_prob)| *log_prob);
            let text = self.decoder.push(self.tokenizer.bytes(id));
            let unconditional_log_prob = None;
            let token = DraftToken { id, text, log_prob, unconditional_log_prob, top_logprobs };
            self.tokens.push(token);
        }
        Ok(Some(self.next_request(before, left, generation)))
    }

    /// Removes all but the first `kept` tokens.
    fn keep(&mut self, kept: usize) {
        self.tokens.truncate(kept);
        self.decoder = Utf8Decoder::default();
        for token in &mut self.tokens {
            token.text = self.decoder.push(self.tokenizer.bytes(token.id));
        }
    }

    /// Returns the request that continues the text after its first `before` tokens. `left` is the
    /// maximum length of the whole text, in tokens.
    fn next_request(&self, before: usize, left: usize, generation: &Generation) -> Request {
        let limit = self.first.generation.max_new_tokens.unwrap_or(left);
        // The user can continue a text past its limit, by the same number of tokens again.
        let room = if before < limit { (limit - before).max(LEAST_ROOM) } else { limit };
        let round = self.steps.len() as u32;
        let essay = &self.request.essay;
        let new: Vec<u32> = self.tokens.iter().map(|token| token.id).collect();
        Request {
            id: 0,
            prompt: [self.first.prompt.as_slice(), &new].concat(),
            unconditional_prompt: [self.first.unconditional_prompt.as_slice(), &new].concat(),
            generation: Generation {
                max_new_tokens: Some(room.min(left - before)),
                min_new_tokens: 0,
                ..generation.clone()
            },
            rng_key: candidate_key(essay.rng_seed, essay.take, round, 1),
            top_logprobs: TOP_LOGPROBS,
            score_prompt: false,
        }
    }

    /// Whether the draft was stopped, continued or rewritten, and may therefore differ from the text that
    /// `venti generate` writes.
    pub fn is_steered(&self) -> bool {
        let [only] = self.steps.as_slice() else { return true };
        !self.state.is_running() && only.ended == FinishReason::Cancelled
    }

    /// Returns the text so far, as a completion of the model.
    pub fn completion(&self) -> Completion {
        if let Some(completed) = &self.completed {
            return completed.clone();
        }
        let unconditional = self.tokens.iter().map(|token| token.unconditional_log_prob);
        Completion {
            // The probabilities of tokens that a person chose are unknown.
            unconditional_log_probs: unconditional.collect::<Option<_>>().unwrap_or_default(),
            text: self.text(),
            prompt_tokens: self.first.prompt.len(),
            token_ids: self.tokens.iter().map(|token| token.id).collect(),
            log_probs: self.tokens.iter().map(|token| token.log_prob).collect(),
            finish_reason: self.ended.unwrap_or(FinishReason::Cancelled),
        }
    }

    /// Returns the text, cut at the stop string if the last step reached one.
    fn text(&self) -> String {
        let bytes: Vec<u8> =
            self.tokens.iter().flat_map(|token| self.tokenizer.bytes(token.id)).copied().collect();
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if self.ended == Some(FinishReason::Stop) {
            let kept = self.steps.last().map_or(0, |step| step.kept);
            let before: usize = self.tokens[..kept].iter().map(|token| token.text.len()).sum();
            let stops = self.request.essay.generation.stop.iter();
            let first =
                stops.filter_map(|stop| Some(before + text.get(before..)?.find(stop)?)).min();
            text.truncate(first.unwrap_or(text.len()));
        }
        text
    }

    /// Returns the text as it would be published, with the verdict on its quality. A steered text is
    /// not cut at the maximum number of words.
    pub fn candidate(&self) -> Candidate {
        let DraftRequest { essay, blocklist, .. } = &self.request;
        let completion = self.completion();
        let tokenizer = self.tokenizer.as_ref();
        if !self.is_steered() {
            return essay.judged(completion, tokenizer, blocklist, (1, 1));
        }
        let generation = Generation { max_words: usize::MAX, ..essay.generation.clone() };
        EssayRequest { generation, ..essay.clone() }.judged(
            completion,
            tokenizer,
            blocklist,
            (1, 1),
        )
    }
}
