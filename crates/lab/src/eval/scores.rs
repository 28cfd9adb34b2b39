//! Scores texts token by token.

use miette::Result;

use generator::Generation;
use generator::{Completion, Generator, Request, Token, Work};

/// A model's scores for a text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// Log probability of every token except the first.
    pub log_probs: Vec<f32>,
    /// Number of tokens that were the model's most likely choice.
    pub first: usize,
    /// Number of tokens that were among the `top_logprobs` most likely.
    pub among_likeliest: usize,
}

/// Scores texts given as token ids. A text may have at most one token more than the model has positions.
/// `top_logprobs` is the k of the top-k accuracy; `done` is called after each text.
///
/// # Errors
/// If a text is too long, or the generator fails.
pub fn scores(
    generator: &mut dyn Generator,
    texts: &[Vec<u32>],
    top_logprobs: usize,
    done: &mut dyn FnMut(),
) -> Result<Vec<Scores>> {
    let scores = vec![Scores::default(); texts.len()];
    let mut scoring = Scoring { texts, top_logprobs, begun: 0, scores, done };
    generator.run(&mut scoring)?;
    Ok(scoring.scores)
}

struct Scoring<'a> {
    texts: &'a [Vec<u32>],
    top_logprobs: usize,
    begun: usize,
    scores: Vec<Scores>,
    done: &'a mut dyn FnMut(),
}

impl Work for Scoring<'_> {
    fn next(&mut self) -> Option<Request> {
        let prompt = self.texts.get(self.begun)?.clone();
        let id = self.begun as u64;
        self.begun += 1;
        Some(Request {
            id,
            prompt,
            generation: Generation { max_new_tokens: Some(0), ..Generation::default() },
            rng_key: [0; 32],
            top_logprobs: self.top_logprobs,
            score_prompt: true,
        })
    }

    fn token(&mut self, id: u64, token: Token) {
        let Some(scores) = self.scores.get_mut(id as usize) else { return };
        scores.log_probs.push(token.log_prob);
        let place = token.top_logprobs.iter().position(|(id, _)| *id == token.id);
        scores.first += usize::from(place == Some(0));
        scores.among_likeliest += usize::from(place.is_some());
    }

    fn done(&mut self, _id: u64, _completion: Completion) -> Result<()> {
        (self.done)();
        Ok(())
    }
}
