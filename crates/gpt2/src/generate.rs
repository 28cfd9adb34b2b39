//! Many prompts to many completions: which texts are in the batch, what each pass feeds the model,
//! and when a text ends.
//!
//! Batching is continuous. A finished text's row goes to the next prompt waiting, whose tokens are
//! taken in by the same passes that carry the other rows on. A long prompt is taken in by pieces,
//! so that no pass grows beyond what memory is good for; the pieces change no bit of the result.
//!
//! A GPU chooses tokens itself, and is told the next pass while it computes the last one: what the
//! last one chooses is fed without anybody here having seen it. Only when a text turns out to have
//! ended is its row's place in the pass under way wasted.

mod queue;

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::ops::{ControlFlow, Range};

use crate::error::{Error, Result};
use crate::kv_cache::Token;
use crate::model::Gpt2;
use crate::sampling::{Sampler, Scored, Settings};
use crate::text::TextStream;
use crate::tokenizer::Tokenizer;

use queue::Queue;

/// One text asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The caller's own name for it; handed back with every event.
    pub id: u64,
    /// What the model continues: at least one token, fewer than `n_positions`. Where nothing is to
    /// follow it may be one more than `n_positions`, for nothing has to be known of the last.
    pub prompt: Vec<u32>,
    /// How tokens are chosen.
    pub settings: Settings,
    /// The text ends before the first of these.
    pub stop: Vec<String>,
    /// The text ends after so many tokens.
    pub max_new_tokens: usize,
    /// Key of this text's random stream.
    pub rng_key: [u8; 32],
    /// So many of the likeliest tokens are told with each token.
    pub likeliest: usize,
    /// The prompt's tokens are told, too, all but the first, which nothing comes before.
    pub scores_prompt: bool,
}

/// One text written.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The tokens chosen, without the one that ended the text; after [`FinishReason::Stop`] they
    /// still hold the stop string.
    pub token_ids: Vec<u32>,
    /// Their text, up to the stop string.
    pub text: String,
    /// Natural-log probability of each of `token_ids` under the model's own distribution
    /// (temperature 1, no rule applied).
    pub log_probs: Vec<f32>,
    /// Why it ended.
    pub finish_reason: FinishReason,
}

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model chose its end-of-text token.
    EndOfText,
    /// A stop string was reached.
    Stop,
    /// `max_new_tokens` were written.
    Length,
    /// Prompt and completion fill the model's `n_positions`.
    ContextFull,
    /// The caller ended it.
    Cancelled,
}

/// Where requests come from and completions go.
pub trait Work {
    /// The next text to write; none when nothing is waiting now. Asked whenever a row is free, so
    /// a finished text may bring new ones.
    fn next(&mut self) -> Option<Request>;

    /// A token that was chosen, or one of a prompt that is to be scored, with its `position` in
    /// prompt and text. It comes before the text that it makes certain.
    fn token(&mut self, _id: u64, _position: usize, _token: &Scored) {}

    /// Text that no later token can change: whole UTF-8, no possible stop string. `Break` cancels
    /// the text.
    fn text(&mut self, id: u64, text: &str) -> ControlFlow<()>;

    /// A text is finished. An error ends the run.
    fn done(
        &mut self,
        id: u64,
        completion: Completion,
    ) -> Result<(), Box<dyn StdError + Send + Sync>>;
}

/// Of a prompt that is scored: each of these has a distribution over the whole vocabulary.
const SCORED_TOKENS_PER_PASS: usize = 64;

/// Writes texts, at most `batch_size` (but at least one) at a time, until `work` has nothing
/// waiting and every row is finished. Where a GPU has too little memory for so many, it is half of
/// them, or half of that.
///
/// # Errors
/// When a prompt is empty, too long or not of the vocabulary, when the model fails, and whatever
/// error [`Work::done`] gives. What was handed to `done` before stays done.
pub fn generate(
    model: &Gpt2,
    tokenizer: &Tokenizer,
    work: &mut dyn Work,
    batch_size: usize,
) -> Result<()> {
    let mut rows: Vec<Option<Row>> = (0..batch_size.max(1)).map(|_| None).collect();
    let mut admitted = Admitted::default();
    let mut queue = None;
    loop {
        for row in rows.iter_mut().filter(|row| row.is_none()) {
            *row = admitted.next(model, tokenizer, work)?;
        }
        let queue = match &mut queue {
            Some(queue) => queue,
            None if rows.iter().all(Option::is_none) => return Ok(()),
            None => queue.insert(Queue::new(model, &mut rows, &mut admitted)?),
        };
        let Passes { here, there } = Passes::plan(model, &mut rows);
        if here.is_empty() && there.is_empty() && queue.is_empty() {
            return Ok(());
        }
        let is_waiting = there.is_empty();
        queue.submit(there, &mut rows)?;
        let answers = queue.compute(here, &mut rows)?;
        take(model, &mut rows, answers, work)?;
        if is_waiting || queue.is_full() {
            let answers = queue.collect(&mut rows)?;
            take(model, &mut rows, answers, work)?;
        }
    }
}

/// The tokens that follow what was asked about.
type Answers = Vec<(Asked, Vec<Scored>)>;

/// Gives the rows their tokens, and hands over the texts that end with them.
fn take(
    model: &Gpt2,
    rows: &mut [Option<Row>],
    answers: Answers,
    work: &mut dyn Work,
) -> Result<()> {
    for (Asked { slot, positions, .. }, scored) in answers {
        let Some(mut row) = rows[slot].take() else { continue };
        match row.take(model, positions, &scored, work) {
            None => rows[slot] = Some(row),
            Some(reason) => row.finish(reason, work)?,
        }
    }
    Ok(())
}

/// Texts on their way into a row.
#[derive(Default)]
struct Admitted {
    /// Those that had a row, before it turned out that memory is too short for it.
    displaced: VecDeque<Row>,
    count: u64,
}

impl Admitted {
    /// The next text that needs the model, as a row.
    fn next(
        &mut self,
        model: &Gpt2,
        tokenizer: &Tokenizer,
        work: &mut dyn Work,
    ) -> Result<Option<Row>> {
        if let Some(row) = self.displaced.pop_front() {
            return Ok(Some(row));
        }
        while let Some(request) = work.next() {
            self.count += 1;
            let row = Row::new(request, self.count, model, tokenizer)?;
            if row.max_new_tokens > 0 || row.scores_prompt && row.tokens.len() > 1 {
                return Ok(Some(row));
            }
            row.finish(FinishReason::Length, work)?;
        }
        Ok(None)
    }
}

/// What one forward pass takes in, and the distributions it is to give.
#[derive(Default)]
struct Pass {
    tokens: Vec<Token>,
    asked: Vec<Asked>,
    /// The indices in `tokens` of the positions asked for.
    wanted: Vec<u32>,
}

/// Positions of a row whose next tokens a pass gives.
struct Asked {
    slot: usize,
    /// Which row it was: a slot may have another one by the time there is an answer.
    serial: u64,
    positions: Range<usize>,
}

/// What is fed next: to be answered here from its logits, and by the device itself.
#[derive(Default)]
struct Passes {
    here: Pass,
    there: Pass,
}

impl Passes {
    /// Every row that is being written feeds its last token; prompts share what a pass has room for.
    fn plan(model: &Gpt2, rows: &mut [Option<Row>]) -> Self {
        let mut passes = Self::default();
        let n_positions = model.config().n_positions;
        let mut room = model.prompt_tokens_per_pass();
        for (slot, row) in rows.iter_mut().enumerate() {
            let Some(row) = row else { continue };
            if row.is_spoken_for(n_positions) {
                continue;
            }
            let is_there = row.is_for_device && model.chooses_tokens();
            let pass = if is_there { &mut passes.there } else { &mut passes.here };
            let pending = row.end() - row.cached;
            let most = if row.is_scored() { room.min(SCORED_TOKENS_PER_PASS) } else { room };
            let fed = if pending == 1 { 1 } else { pending.min(most) };
            if pending > 1 {
                room -= fed;
            }
            let fed = row.cached..row.cached + fed;
            let asked = row.asked(&fed);
            for position in fed.clone() {
                if asked.contains(&position) {
                    pass.wanted.push(pass.tokens.len() as u32);
                }
                let id = row.tokens.get(position).copied().unwrap_or(Token::CHOSEN);
                pass.tokens.push(Token { slot, position, id });
            }
            row.cached = fed.end;
            if !asked.is_empty() {
                pass.asked.push(Asked { slot, serial: row.serial, positions: asked });
            }
        }
        passes
    }
}

impl Pass {
    fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

/// A text that is being written.
struct Row {
    id: u64,
    /// No other row of this run has it.
    serial: u64,
    /// The prompt, then what was chosen.
    tokens: Vec<u32>,
    prompt_tokens: usize,
    /// How many of its tokens are in the cache, or on their way there.
    cached: usize,
    /// Tokens that the device has been asked for and that are not known here yet.
    promised: usize,
    /// Whether a device that chooses tokens can choose this text's.
    is_for_device: bool,
    max_new_tokens: usize,
    likeliest: usize,
    scores_prompt: bool,
    sampler: Sampler,
    stream: TextStream,
    text: String,
    log_probs: Vec<f32>,
}

impl Row {
    fn new(request: Request, serial: u64, model: &Gpt2, tokenizer: &Tokenizer) -> Result<Self> {
        let Request {
            id,
            prompt,
            settings,
            stop,
            max_new_tokens,
            rng_key,
            likeliest,
            scores_prompt,
        } = request;
        let (tokens, n_positions) = (prompt.len(), model.config().n_positions);
        if tokens == 0 {
            return Err(Error::EmptyPrompt { id });
        }
        let most = if max_new_tokens == 0 { n_positions + 1 } else { n_positions - 1 };
        if tokens > most {
            return Err(Error::PromptTooLong { id, tokens, most, n_positions });
        }
        let vocab_size = model.config().vocab_size;
        if let Some(&token) = prompt.iter().find(|token| **token as usize >= vocab_size) {
            return Err(Error::TokenOutOfRange { token, vocab_size });
        }
        let sampler = Sampler::new(settings, rng_key);
        Ok(Self {
            id,
            serial,
            prompt_tokens: prompt.len(),
            tokens: prompt,
            cached: 0,
            promised: 0,
            // It tells nothing but the token, and knows all rules but one.
            is_for_device: likeliest == 0 && !scores_prompt && sampler.settings().typical_p >= 1.0,
            max_new_tokens,
            likeliest,
            scores_prompt,
            sampler,
            stream: TextStream::new(tokenizer.bytes().clone(), stop),
            text: String::new(),
            log_probs: Vec::new(),
        })
    }

    /// Whether its prompt is taken in for its scores.
    fn is_scored(&self) -> bool {
        self.scores_prompt && self.cached < self.prompt_tokens
    }

    /// How many of its tokens the model has to see. What follows the last one of a text that is only
    /// scored is of no interest.
    fn end(&self) -> usize {
        self.tokens.len() + self.promised - usize::from(self.max_new_tokens == 0)
    }

    /// Whether all that is still to come has been asked for.
    fn is_spoken_for(&self, n_positions: usize) -> bool {
        let tokens = self.tokens.len() + self.promised;
        self.promised > 0
            && (tokens - self.prompt_tokens >= self.max_new_tokens || tokens >= n_positions)
    }

    /// The positions among those `fed` whose next tokens are of interest.
    fn asked(&self, fed: &Range<usize>) -> Range<usize> {
        let first = if self.is_scored() { 0 } else { self.end() - 1 };
        first.max(fed.start)..fed.end
    }

    /// The token after `position`: the prompt's own, or one that is chosen.
    fn next_token(&mut self, position: usize, logits: &mut [f32], eos: Option<u32>) -> Scored {
        match self.tokens.get(position + 1) {
            Some(&given) => Scored::given(logits, given, self.likeliest),
            None => {
                let new_tokens = self.tokens.len() - self.prompt_tokens;
                self.sampler.sample(logits, &self.tokens, new_tokens, eos, self.likeliest)
            }
        }
    }

    /// Takes the tokens that follow `positions`; tells why the text ends with them, if it does.
    fn take(
        &mut self,
        model: &Gpt2,
        positions: Range<usize>,
        scored: &[Scored],
        work: &mut dyn Work,
    ) -> Option<FinishReason> {
        for (position, scored) in positions.map(|position| position + 1).zip(scored) {
            if position < self.tokens.len() {
                work.token(self.id, position, scored);
            } else {
                return self.append(model, position, scored, work);
            }
        }
        let is_over = self.max_new_tokens == 0 && self.cached == self.end();
        is_over.then_some(FinishReason::Length)
    }

    fn append(
        &mut self,
        model: &Gpt2,
        position: usize,
        scored: &Scored,
        work: &mut dyn Work,
    ) -> Option<FinishReason> {
        let (config, &Scored { token, log_prob, .. }) = (model.config(), scored);
        if Some(token) == config.eos_token_id {
            return Some(FinishReason::EndOfText);
        }
        work.token(self.id, position, scored);
        self.tokens.push(token);
        self.log_probs.push(log_prob);
        let certain = self.stream.push(token);
        self.text.push_str(&certain);
        if !certain.is_empty() && work.text(self.id, &certain).is_break() {
            return Some(FinishReason::Cancelled);
        }
        if self.stream.stopped() {
            return Some(FinishReason::Stop);
        }
        if self.tokens.len() == config.n_positions {
            return Some(FinishReason::ContextFull);
        }
        (self.log_probs.len() == self.max_new_tokens).then_some(FinishReason::Length)
    }

    /// Hands over what was held back, then the whole.
    fn finish(mut self, finish_reason: FinishReason, work: &mut dyn Work) -> Result<()> {
        let rest = self.stream.finish();
        self.text.push_str(&rest);
        if !rest.is_empty() && finish_reason != FinishReason::Cancelled {
            // The text is over: there is nothing left to cancel.
            let _ = work.text(self.id, &rest);
        }
        let completion = Completion {
            token_ids: self.tokens.split_off(self.prompt_tokens),
            text: self.text,
            log_probs: self.log_probs,
            finish_reason,
        };
        work.done(self.id, completion).map_err(|source| Error::Work { source })
    }
}
