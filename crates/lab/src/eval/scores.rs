//! Scores texts token by token.

use generator::{Completion, Generation, Generator, Request, Token, Work};
use miette::Result;

use super::EvalProgress;

/// A model's scores for a text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenScores {
    /// Log probability of every token except the first.
    pub log_probs: Vec<f32>,
    /// Number of tokens that were the model's most likely choice.
    pub top_1_hits: usize,
    /// Number of tokens that were among the model's `k` most likely choices.
    pub top_k_hits: usize,
}

/// Scores texts, given as token ids. Each may have at most one token more than the model has positions.
/// `k` is the number of most likely tokens that count as top-k hits. Each text counts as one progress
/// step.
///
/// # Errors
/// Returns an error if a text is too long or the generator fails.
pub fn scores(
    generator: &mut dyn Generator,
    texts: &[Vec<u32>],
    k: usize,
    progress: &dyn EvalProgress,
) -> Result<Vec<TokenScores>> {
    let scores = vec![TokenScores::default(); texts.len()];
    let mut work = ScoringWork { texts, k, next: 0, scores, progress };
    generator.run(&mut work)?;
    Ok(work.scores)
}

struct ScoringWork<'a> {
    texts: &'a [Vec<u32>],
    k: usize,
    next: usize,
    scores: Vec<TokenScores>,
    progress: &'a dyn EvalProgress,
}

impl Work for ScoringWork<'_> {
    fn next(&mut self) -> Option<Request> {
        let prompt = self.texts.get(self.next)?.clone();
        let id = self.next as u64;
        self.next += 1;
        Some(Request {
            id,
            prompt,
            unconditional_prompt: Vec::new(),
            generation: Generation { max_new_tokens: Some(0), ..Generation::default() },
            rng_key: [0; 32],
            top_logprobs: self.k,
            score_prompt: true,
        })
    }

    fn token(&mut self, id: u64, token: Token) {
        let Some(scores) = self.scores.get_mut(id as usize) else { return };
        scores.log_probs.push(token.log_prob);
        let place = token.top_logprobs.iter().position(|(id, _)| *id == token.id);
        scores.top_1_hits += usize::from(place == Some(0));
        scores.top_k_hits += usize::from(place.is_some());
    }

    fn done(&mut self, _id: u64, _completion: Completion) -> Result<()> {
        self.progress.step();
        Ok(())
    }
}
