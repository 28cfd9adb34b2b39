//! How likely a model holds texts, token by token.

use miette::Result;

use crate::config::Generation;
use crate::write::generator::{Completion, Generator, Request, Token, Work};

/// What a model says of a text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// Natural-log probability of every token but the first.
    pub log_probs: Vec<f32>,
    /// How many of them the model held likeliest of all.
    pub first: usize,
    /// How many were among those asked for as likeliest.
    pub among_likeliest: usize,
}

/// Scores `texts` of token ids, each of at most one more token than the model has positions.
/// `likeliest` says among how many of the likeliest tokens each is looked for; `done` is called after
/// each text.
///
/// # Errors
/// When a text is too long, or what the generator says.
pub fn scores(
    generator: &mut dyn Generator,
    texts: &[Vec<u32>],
    likeliest: usize,
    done: &mut dyn FnMut(),
) -> Result<Vec<Scores>> {
    let scores = vec![Scores::default(); texts.len()];
    let mut scoring = Scoring { texts, likeliest, begun: 0, scores, done };
    generator.run(&mut scoring)?;
    Ok(scoring.scores)
}

struct Scoring<'a> {
    texts: &'a [Vec<u32>],
    likeliest: usize,
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
            likeliest: self.likeliest,
            scores_prompt: true,
        })
    }

    fn token(&mut self, id: u64, token: Token) {
        let Some(scores) = self.scores.get_mut(id as usize) else { return };
        scores.log_probs.push(token.log_prob);
        let place = token.likeliest.iter().position(|(id, _)| *id == token.id);
        scores.first += usize::from(place == Some(0));
        scores.among_likeliest += usize::from(place.is_some());
    }

    fn done(&mut self, _id: u64, _completion: Completion) -> Result<()> {
        (self.done)();
        Ok(())
    }
}
