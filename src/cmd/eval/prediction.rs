//! How well a model predicts a text that somebody else wrote.

use gpt2::train::text::windows;
use miette::{Result, miette};
use rayon::prelude::*;
use serde::Serialize;

use super::scores::scores;
use crate::cmd::corpus::Corpus;
use crate::write::generator::Generator;

/// The likeliest tokens that a text's is looked for among.
const LIKELIEST: usize = 5;

/// The figures. Those of each token depend on the vocabulary; bits a byte compare between any two.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// Tokens predicted: those of the documents, and after each the one that ends it.
    pub tokens: usize,
    /// Mean of minus their natural-log probabilities.
    pub nats_per_token: f64,
    /// e to that.
    pub perplexity: f64,
    pub bits_per_byte: f64,
    /// Share of the tokens that the model held likeliest.
    pub top_1: f64,
    /// Share of them among its five likeliest.
    pub top_5: f64,
}

/// Predicts the documents, each from its beginning, in windows of `context` tokens.
///
/// # Errors
/// When the model has no token that ends a text, or fails.
pub fn predict(
    generator: &mut dyn Generator,
    corpus: &Corpus,
    context: usize,
    begin: &mut dyn FnMut(usize),
    done: &mut dyn FnMut(),
) -> Result<Prediction> {
    let vocabulary = generator.vocabulary();
    let end = vocabulary.end_of_text().ok_or_else(|| {
        miette!("the model has no token that ends a document, and so none that one begins after")
    })?;
    let documents: Result<Vec<_>> =
        corpus.documents.par_iter().map(|document| vocabulary.tokenize(document)).collect();
    let windows = windows(&documents?, end, context);
    begin(windows.len());
    let scored = scores(generator, &windows, LIKELIEST, done)?;

    let tokens: usize = scored.iter().map(|scores| scores.log_probs.len()).sum();
    let of_window = |log_probs: &[f32]| log_probs.iter().map(|&p| f64::from(p)).sum::<f64>();
    let nats = -scored.iter().map(|scores| of_window(&scores.log_probs)).sum::<f64>();
    let bytes: usize = corpus.documents.iter().map(String::len).sum();
    let share = |hits: usize| hits as f64 / tokens.max(1) as f64;
    let nats_per_token = nats / tokens.max(1) as f64;
    Ok(Prediction {
        tokens,
        nats_per_token,
        perplexity: nats_per_token.exp(),
        bits_per_byte: nats / std::f64::consts::LN_2 / bytes.max(1) as f64,
        top_1: share(scored.iter().map(|scores| scores.first).sum()),
        top_5: share(scored.iter().map(|scores| scores.among_likeliest).sum()),
    })
}
