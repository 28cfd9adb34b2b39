//! Rounds of candidates: several completions are written for one text, the best is kept, and when
//! none is good enough another round is written. All texts share the generator's batch.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use miette::{Result, miette};

use super::clean::clean;
use super::coined::coined;
use super::generator::{Completion, Generator, Request, Vocabulary, Work};
use super::judge::{Blocklist, Verdict, figures, judge};
use super::key::candidate_key;
use super::prompt::Prompt;
use crate::config::Generation;
use crate::content::essay::Figures;

/// Tokens that a word takes: about 1.25 with venti-mini's vocabulary and 1.3 with GPT-2's. A text does
/// not end before it can have `min_words`, since it would only be rejected.
const TOKENS_A_WORD: f64 = 1.25;

/// Tokens asked for per word of `max_words`, some of them for the sentences that cleaning leaves out.
const MOST_TOKENS_A_WORD: f64 = 1.6;

/// One text to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Brief {
    pub prompt: Prompt,
    pub generation: Generation,
    pub rng_seed: u64,
    pub take: u32,
}

impl Brief {
    /// Candidates in a round: one at temperature 0, where every other would be the same text.
    fn candidates(&self) -> u32 {
        if self.generation.temperature == 0.0 {
            1
        } else {
            self.generation.candidates.max(1) as u32
        }
    }

    /// What is asked of a generator for the first candidate of the first round. It may have as many
    /// tokens as are given, or as `max_words` can need, within what the model's `n_positions` leave.
    ///
    /// # Errors
    /// When they leave none.
    pub fn request(&self, vocabulary: &dyn Vocabulary, n_positions: usize) -> Result<Request> {
        let prompt = vocabulary.tokenize(&self.prompt.text)?;
        let left = n_positions.saturating_sub(prompt.len());
        if left == 0 {
            return Err(miette!(
                help = "shorten the quote, or choose a model with more positions",
                "the prompt {:?} is {} tokens long, and the model has {n_positions} positions",
                self.prompt.title,
                prompt.len(),
            ));
        }
        let tokens = |words: usize, each: f64| (words as f64 * each).ceil() as usize;
        let enough = tokens(self.generation.max_words, MOST_TOKENS_A_WORD);
        let least = tokens(self.generation.min_words, TOKENS_A_WORD);
        let limit = self.generation.max_new_tokens.unwrap_or(enough).min(left);
        Ok(Request {
            id: 0,
            prompt,
            generation: Generation {
                max_new_tokens: Some(limit),
                min_new_tokens: self.generation.min_new_tokens.max(least).min(limit),
                ..self.generation.clone()
            },
            rng_key: candidate_key(self.rng_seed, self.take, 1, 1),
            likeliest: 0,
            scores_prompt: false,
        })
    }

    /// A completion as it would be published, and how good it is.
    pub fn judged(
        &self,
        completion: Completion,
        vocabulary: &dyn Vocabulary,
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
        let mut coined = coined(&completion, vocabulary);
        coined.retain(|word| text.contains(word.as_str()));
        let verdict =
            judge(quote, &text, &completion, &figures, coined.len(), &self.generation, blocklist);
        Candidate { round, candidate, completion, text, figures, coined, verdict }
    }

    /// Rounds before the best is kept whatever it is.
    fn max_rounds(&self) -> u32 {
        if self.generation.temperature == 0.0 { 1 } else { self.generation.max_rounds as u32 }
    }
}

/// A completion, cleaned and judged. Rounds and candidates count from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub round: u32,
    pub candidate: u32,
    /// As the model wrote it.
    pub completion: Completion,
    /// As it would be published: plain text, paragraphs separated by one empty line.
    pub text: String,
    pub figures: Figures,
    /// The words of `text` that the model made up.
    pub coined: Vec<String>,
    pub verdict: Verdict,
}

/// All candidates of one text, in the order of rounds and candidates.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub candidates: Vec<Candidate>,
    /// Which of them is kept; none when each holds a pattern of the blocklist or no text at all.
    pub best: Option<usize>,
}

impl Outcome {
    /// The candidate that is kept.
    pub fn best(&self) -> Option<&Candidate> {
        self.best.map(|best| &self.candidates[best])
    }

    /// Why the kept candidate did not pass the gate; none when it did.
    pub fn flagged(&self) -> Option<String> {
        let faults = &self.best()?.verdict.faults;
        (!faults.is_empty()).then(|| faults.join("; "))
    }
}

/// What the generator does, as it happens. `text` counts the texts handed to [`write_all`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Progress<'a> {
    /// The first candidate of a text is begun.
    Begun { text: usize },
    /// A piece of a candidate as the model wrote it, about one token.
    Piece { text: usize, round: u32, candidate: u32, piece: &'a str },
    /// A candidate is finished.
    Candidate { text: usize, new_tokens: usize },
}

/// Writes all texts and hands each to `finished` as soon as its rounds are over.
///
/// What becomes of a text depends on its brief alone: neither on the other texts nor on the order
/// in which the generator finishes candidates.
///
/// # Errors
/// A prompt that leaves the model no position to write at; what the generator or `finished` said.
pub fn write_all(
    generator: &mut dyn Generator,
    briefs: &[&Brief],
    blocklist: &Blocklist,
    progress: &mut dyn FnMut(Progress),
    finished: &mut dyn FnMut(usize, Outcome) -> Result<()>,
) -> Result<()> {
    let texts =
        briefs.iter().map(|brief| Text::new(generator, brief)).collect::<Result<Vec<_>>>()?;
    let mut rounds = Rounds {
        vocabulary: generator.vocabulary(),
        texts,
        waiting: VecDeque::new(),
        asked: Vec::new(),
        blocklist,
        progress,
        finished,
    };
    // The longest first, so that the last rows of the batch do not wait for a long text that was
    // begun late; equals as they were given.
    let mut order: Vec<usize> = (0..briefs.len()).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(rounds.texts[text].longest()));
    for text in order {
        rounds.queue(text, 1);
    }
    generator.run(&mut rounds)
}

/// A text and what has been written for it.
struct Text<'a> {
    brief: &'a Brief,
    request: Request,
    written: Vec<Candidate>,
}

impl<'a> Text<'a> {
    fn new(generator: &dyn Generator, brief: &'a Brief) -> Result<Self> {
        let request = brief.request(generator.vocabulary().as_ref(), generator.n_positions())?;
        Ok(Self { brief, request, written: Vec::new() })
    }

    /// New tokens of the longest that it can become.
    fn longest(&self) -> usize {
        self.request.generation.max_new_tokens.unwrap_or(usize::MAX)
    }
}

/// A candidate that was or will be asked of the generator.
#[derive(Clone, Copy)]
struct Ticket {
    text: usize,
    round: u32,
    candidate: u32,
}

struct Rounds<'a> {
    vocabulary: Arc<dyn Vocabulary>,
    texts: Vec<Text<'a>>,
    waiting: VecDeque<Ticket>,
    /// What was asked for, by the request's id.
    asked: Vec<Ticket>,
    blocklist: &'a Blocklist,
    progress: &'a mut dyn FnMut(Progress),
    finished: &'a mut dyn FnMut(usize, Outcome) -> Result<()>,
}

impl Rounds<'_> {
    /// Puts a round of candidates in line; a later round goes first, so that what was begun is
    /// finished first.
    fn queue(&mut self, text: usize, round: u32) {
        let candidates = self.texts[text].brief.candidates();
        for candidate in 1..=candidates {
            let ticket = Ticket { text, round, candidate };
            if round == 1 {
                self.waiting.push_back(ticket);
            } else {
                self.waiting.push_front(Ticket { candidate: candidates + 1 - candidate, ..ticket });
            }
        }
    }
}

impl Work for Rounds<'_> {
    fn next(&mut self) -> Option<Request> {
        let ticket = self.waiting.pop_front()?;
        let Ticket { text, round, candidate } = ticket;
        let Text { brief, request, .. } = &self.texts[text];
        if round == 1 && candidate == 1 {
            (self.progress)(Progress::Begun { text });
        }
        let id = self.asked.len() as u64;
        self.asked.push(ticket);
        Some(Request {
            id,
            rng_key: candidate_key(brief.rng_seed, brief.take, round, candidate),
            ..request.clone()
        })
    }

    fn text(&mut self, id: u64, piece: &str) -> ControlFlow<()> {
        if let Some(&Ticket { text, round, candidate }) = self.asked.get(id as usize) {
            (self.progress)(Progress::Piece { text, round, candidate, piece });
        }
        ControlFlow::Continue(())
    }

    fn done(&mut self, id: u64, completion: Completion) -> Result<()> {
        let ticket = *self
            .asked
            .get(id as usize)
            .ok_or_else(|| miette!("the generator finished request {id}, which nobody made"))?;
        let Ticket { text, round, candidate } = ticket;
        (self.progress)(Progress::Candidate { text, new_tokens: completion.token_ids.len() });
        let brief = self.texts[text].brief;
        let vocabulary = self.vocabulary.as_ref();
        let candidate = brief.judged(completion, vocabulary, self.blocklist, (round, candidate));
        let Text { brief, written, .. } = &mut self.texts[text];
        written.push(candidate);
        if written.len() < (round * brief.candidates()) as usize {
            return Ok(());
        }
        let passed = written.iter().any(|candidate| candidate.verdict.passes());
        if !passed && round < brief.max_rounds() {
            self.queue(text, round + 1);
            return Ok(());
        }
        let outcome = outcome(std::mem::take(written));
        (self.finished)(text, outcome)
    }
}

/// Chooses the best candidate: of those that pass the gate the one with the highest score, else of
/// those that are not blocked; the earliest among equals.
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
