//! Generates candidates in rounds: several completions of each prompt, of which the best is kept. If
//! none is good enough, another round follows. All essays share the generator's batch.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use miette::{Report, Result, miette};

use super::key::{Inputs, candidate_key};
use generator::{
    Completion, FinishReason, Generation, Generator, Identity, Request, Tokenizer, Work,
};
use text::Figures;
use text::clean::clean;
use text::judge::{Blocklist, Verdict, figures, judge};
use text::made_up_words::made_up_words;
use text::prompt::Prompt;

/// Minimum number of tokens per word of `min_words`. A word takes about 1.25 tokens with venti-mini's
/// vocabulary and 1.3 with GPT-2's. A text with fewer tokens would be rejected as too short.
const TOKENS_A_WORD: f64 = 1.25;

/// Maximum number of tokens per word of `max_words`, with a margin for the sentences that cleaning
/// removes.
const MOST_TOKENS_A_WORD: f64 = 1.6;

/// A request to write one essay: the prompt and the settings.
#[derive(Debug, Clone, PartialEq)]
pub struct EssayRequest {
    pub prompt: Prompt,
    pub generation: Generation,
    pub rng_seed: u64,
    pub take: u32,
}

impl EssayRequest {
    /// Returns the key of the essay that this request describes; see [`Inputs::key`].
    pub fn key(&self, identity: &Identity, blocklist: &Blocklist) -> String {
        let inputs = Inputs {
            identity,
            prompt: &self.prompt.text,
            generation: &self.generation,
            blocklist: blocklist.patterns(),
            rng_seed: self.rng_seed,
            take: self.take,
        };
        inputs.key()
    }

    /// Returns the number of candidates per round: one at temperature 0, where all would be identical.
    pub(super) fn candidates(&self) -> u32 {
        if self.generation.temperature == 0.0 {
            1
        } else {
            self.generation.candidates.max(1) as u32
        }
    }

    /// Returns the request for the first candidate of the first round. The token limit is
    /// `max_new_tokens` or is derived from `max_words`; it never exceeds the positions left after the
    /// prompt.
    ///
    /// # Errors
    /// Returns an error if the prompt fills all positions, cannot be tokenised or has no tokens.
    pub fn request(&self, tokenizer: &dyn Tokenizer, n_positions: usize) -> Result<Request> {
        let prompt = tokenizer.tokenize_document(self.prompt.document())?;
        if prompt.is_empty() {
            return Err(miette!(
                help = "choose the tokenizer that belongs to the model, or another quote",
                "the model's tokenizer has no token for any of the prompt"
            ));
        }
        let left = n_positions.saturating_sub(prompt.len());
        if left == 0 {
            return Err(no_room(prompt.len(), n_positions));
        }
        let tokens = |words: usize, each: f64| (words as f64 * each).ceil() as usize;
        let enough = tokens(self.generation.max_words, MOST_TOKENS_A_WORD);
        let least = tokens(self.generation.min_words, TOKENS_A_WORD);
        let limit = self.generation.max_new_tokens.unwrap_or(enough).min(left);
        Ok(Request {
            id: 0,
            unconditional_prompt: tokenizer.unconditional_prompt(&prompt),
            prompt,
            generation: Generation {
                max_new_tokens: Some(limit),
                min_new_tokens: self.generation.min_new_tokens.max(least).min(limit),
                ..self.generation.clone()
            },
            rng_key: candidate_key(self.rng_seed, self.take, 1, 1),
            top_logprobs: 0,
            score_prompt: false,
        })
    }

    /// Cleans and judges a completion.
    pub fn judged(
        &self,
        completion: Completion,
        tokenizer: &dyn Tokenizer,
        blocklist: &Blocklist,
        (round, candidate): (u32, u32),
    ) -> Candidate {
        let raw = match &self.prompt.lead {
            Some(lead) => format!("{lead}{}", completion.text),
            None => completion.text.clone(),
        };
        let text = clean(&raw, self.generation.max_words);
        let mut figures = figures(&text, &completion);
        figures.rounds = round;
        let quote = self.prompt.quote();
        let made_up_words = kept_words(made_up_words(&completion, tokenizer), &text);
        let verdict = judge(
            quote,
            &text,
            &completion,
            &figures,
            made_up_words.len(),
            &self.generation,
            blocklist,
        );
        Candidate { round, candidate, completion, text, figures, made_up_words, verdict }
    }

    /// Returns the maximum number of rounds. After the last round, the best candidate is kept even if
    /// none passes.
    fn max_rounds(&self) -> u32 {
        if self.generation.temperature == 0.0 { 1 } else { self.generation.max_rounds as u32 }
    }
}

/// The error for a prompt after which the model's context has no room for a sentence.
fn no_room(prompt_tokens: usize, n_positions: usize) -> Report {
    miette!(
        help = "shorten the quote or the title, or choose a model with a longer context",
        "the prompt is {prompt_tokens} tokens long, which leaves no room for a sentence: \
         the model has only {n_positions} positions"
    )
}

/// Returns those words of a completion that are left in its cleaned text, each at most as often as it
/// occurs there.
fn kept_words(mut words: Vec<String>, text: &str) -> Vec<String> {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in text.split(|c: char| !c.is_ascii_alphabetic()) {
        *left.entry(word).or_default() += 1;
    }
    words.retain(|word| match left.get_mut(word.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    });
    words
}

/// A cleaned and judged completion. Rounds and candidates are numbered from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub round: u32,
    pub candidate: u32,
    /// Raw output of the model.
    pub completion: Completion,
    /// Cleaned plain text with paragraphs separated by a blank line.
    pub text: String,
    pub figures: Figures,
    /// Words of `text` that the model made up.
    pub made_up_words: Vec<String>,
    pub verdict: Verdict,
}

/// All candidates of an essay, ordered by round and candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub candidates: Vec<Candidate>,
    /// Index of the kept candidate; `None` if every candidate is empty or matches the blocklist.
    pub best: Option<usize>,
}

impl Outcome {
    /// Returns the kept candidate.
    pub fn best(&self) -> Option<&Candidate> {
        self.best.map(|best| &self.candidates[best])
    }

    /// Returns the outcome, or an error if every candidate is empty because the prompt takes most of the
    /// model's context.
    pub(super) fn with_room(self) -> Result<Self> {
        let Some(Candidate { completion, .. }) = self.candidates.first() else { return Ok(self) };
        let Completion { prompt_tokens, token_ids, .. } = completion;
        let is_cut = |candidate: &Candidate| {
            let Completion { finish_reason, token_ids, .. } = &candidate.completion;
            candidate.text.is_empty()
                && *finish_reason == FinishReason::ContextFull
                && token_ids.len() < *prompt_tokens
        };
        if self.candidates.iter().all(is_cut) {
            return Err(no_room(*prompt_tokens, prompt_tokens + token_ids.len()));
        }
        Ok(self)
    }

    /// Returns why the kept candidate did not pass the gate, or `None` if it passed.
    pub fn flagged(&self) -> Option<String> {
        let faults = &self.best()?.verdict.faults;
        (!faults.is_empty()).then(|| faults.join("; "))
    }
}

/// Progress of the candidates. `essay` is an index into the requests passed to [`write_all`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CandidateEvent<'a> {
    /// The first candidate of an essay has been started.
    Begun { essay: usize },
    /// A piece of a candidate's raw text, about one token.
    Piece { essay: usize, round: u32, candidate: u32, piece: &'a str },
    /// A candidate is finished.
    Finished { essay: usize, new_tokens: usize },
}

/// Writes all essays and passes each to `finished` as soon as its last round is complete. An essay whose
/// prompt does not fit the model, or for which the generator fails, is passed as an error, and the others
/// are written.
///
/// Each result depends only on the essay's request and the blocklist, not on other essays or the order
/// in which the generator finishes candidates.
///
/// # Errors
/// Returns an error if the generator or `finished` fails.
pub fn write_all(
    generator: &mut dyn Generator,
    essays: &[&EssayRequest],
    blocklist: &Blocklist,
    progress: &mut dyn FnMut(CandidateEvent),
    finished: &mut dyn FnMut(usize, Result<Outcome>) -> Result<()>,
) -> Result<()> {
    let mut sets = Vec::with_capacity(essays.len());
    for (index, essay) in essays.iter().enumerate() {
        match CandidateSet::new(generator, index, essay) {
            Ok(set) => sets.push(set),
            Err(error) => finished(index, Err(error))?,
        }
    }
    let mut rounds = Rounds {
        sets,
        tokenizer: generator.tokenizer(),
        queue: VecDeque::new(),
        started: Vec::new(),
        blocklist,
        progress,
        finished,
    };
    // Start the longest texts first, so the batch does not end up waiting for a long text that started
    // late. The sort is stable.
    let mut order: Vec<usize> = (0..rounds.sets.len()).collect();
    order.sort_by_key(|&set| std::cmp::Reverse(rounds.sets[set].max_new_tokens()));
    for set in order {
        rounds.enqueue(set, 1);
    }
    generator.run(&mut rounds)
}

/// An essay and its finished candidates.
struct CandidateSet<'a> {
    /// Index of the essay in the list passed to [`write_all`].
    index: usize,
    essay: &'a EssayRequest,
    /// Request for the first candidate; the requests for the others differ in `id` and `rng_key`.
    request: Request,
    candidates: Vec<Candidate>,
    /// Whether a candidate failed, so that the essay is not written.
    has_failed: bool,
}

impl<'a> CandidateSet<'a> {
    fn new(generator: &dyn Generator, index: usize, essay: &'a EssayRequest) -> Result<Self> {
        let request = essay.request(generator.tokenizer().as_ref(), generator.n_positions())?;
        Ok(Self { index, essay, request, candidates: Vec::new(), has_failed: false })
    }

    fn max_new_tokens(&self) -> usize {
        self.request.generation.max_new_tokens.unwrap_or(usize::MAX)
    }
}

#[derive(Clone, Copy)]
struct CandidateId {
    /// Index of the essay's set.
    set: usize,
    round: u32,
    candidate: u32,
}

/// The [`Work`] that a run passes to the generator.
struct Rounds<'a> {
    tokenizer: Arc<dyn Tokenizer>,
    sets: Vec<CandidateSet<'a>>,
    queue: VecDeque<CandidateId>,
    /// Candidates requested from the generator, indexed by request id.
    started: Vec<CandidateId>,
    blocklist: &'a Blocklist,
    progress: &'a mut dyn FnMut(CandidateEvent),
    finished: &'a mut dyn FnMut(usize, Result<Outcome>) -> Result<()>,
}

impl Rounds<'_> {
    /// Queues a round of candidates. Later rounds go to the front of the queue, so essays already
    /// started finish first.
    fn enqueue(&mut self, set: usize, round: u32) {
        let candidates = self.sets[set].essay.candidates();
        let ids = (1..=candidates).map(|candidate| CandidateId { set, round, candidate });
        if round == 1 {
            self.queue.extend(ids);
        } else {
            ids.rev().for_each(|id| self.queue.push_front(id));
        }
    }
}

impl Work for Rounds<'_> {
    fn next(&mut self) -> Option<Request> {
        let candidate_id = self.queue.pop_front()?;
        let CandidateId { set, round, candidate } = candidate_id;
        let CandidateSet { index, essay, request, .. } = &self.sets[set];
        if round == 1 && candidate == 1 {
            (self.progress)(CandidateEvent::Begun { essay: *index });
        }
        let id = self.started.len() as u64;
        self.started.push(candidate_id);
        Some(Request {
            id,
            rng_key: candidate_key(essay.rng_seed, essay.take, round, candidate),
            ..request.clone()
        })
    }

    fn text(&mut self, id: u64, piece: &str) -> ControlFlow<()> {
        if let Some(&CandidateId { set, round, candidate }) = self.started.get(id as usize) {
            let essay = self.sets[set].index;
            (self.progress)(CandidateEvent::Piece { essay, round, candidate, piece });
        }
        ControlFlow::Continue(())
    }

    fn done(&mut self, id: u64, completion: Completion) -> Result<()> {
        let CandidateId { set, round, candidate } = *self
            .started
            .get(id as usize)
            .ok_or_else(|| miette!("the generator finished an unknown request: {id}"))?;
        let new_tokens = completion.token_ids.len();
        let CandidateSet { index, essay: request, candidates, has_failed, .. } =
            &mut self.sets[set];
        if *has_failed {
            return Ok(());
        }
        let essay = *index;
        (self.progress)(CandidateEvent::Finished { essay, new_tokens });
        let tokenizer = self.tokenizer.as_ref();
        let number = (round, candidate);
        candidates.push(request.judged(completion, tokenizer, self.blocklist, number));
        if candidates.len() < (round * request.candidates()) as usize {
            return Ok(());
        }
        let passed = candidates.iter().any(|candidate| candidate.verdict.passes());
        if !passed && round < request.max_rounds() {
            self.enqueue(set, round + 1);
            return Ok(());
        }
        let outcome = outcome(std::mem::take(candidates));
        (self.finished)(essay, Ok(outcome))
    }

    fn failed(&mut self, id: u64, error: Report) -> Result<()> {
        let Some(&CandidateId { set, .. }) = self.started.get(id as usize) else {
            return Err(error);
        };
        self.queue.retain(|candidate| candidate.set != set);
        let set = &mut self.sets[set];
        match std::mem::replace(&mut set.has_failed, true) {
            true => Ok(()),
            false => (self.finished)(set.index, Err(error)),
        }
    }
}

/// Chooses the candidate with the highest score among those that pass the gate or, if none passes,
/// among those that are neither blocked nor empty. The earliest candidate wins a tie.
fn outcome(mut candidates: Vec<Candidate>) -> Outcome {
    candidates.sort_by_key(|candidate| (candidate.round, candidate.candidate));
    let best = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| candidate.verdict.blocked.is_none() && !candidate.text.is_empty())
        .max_by(|(i, a), (j, b)| {
            let passes = a.verdict.passes().cmp(&b.verdict.passes());
            passes.then(a.verdict.score.total_cmp(&b.verdict.score)).then(j.cmp(i))
        })
        .map(|(i, _)| i);
    Outcome { candidates, best }
}

#[cfg(test)]
mod tests {
    use super::kept_words;

    #[test]
    fn made_up_words_are_counted_as_whole_words_of_the_text() {
        let words = ["ing", "yarden", "yarden", "Sip"].map(str::to_owned).to_vec();
        assert_eq!(kept_words(words, "Waiting in the yarden. A gossip."), ["yarden"]);
    }
}
