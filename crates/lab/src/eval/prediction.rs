//! Measures how well a model predicts a given text.

use generator::Generator;
use miette::{Result, miette};
use rayon::prelude::*;
use serde::Serialize;

use super::EvalProgress;
use super::scores::scores;
use crate::corpus::Corpus;
use crate::train::dataset::windows;

/// Number of most likely tokens that count as hits for the top-k accuracy.
const TOP_K: usize = 5;

/// Measures of how well a model predicts a text. Per-token figures depend on the vocabulary; bits per
/// byte are comparable between any two models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// Number of tokens predicted: the tokens of the documents, and an end-of-text token after each
    /// document.
    pub tokens: usize,
    /// Mean negative log probability of a token.
    pub nats_per_token: f64,
    /// Exponential of `nats_per_token`.
    pub perplexity: f64,
    pub bits_per_byte: f64,
    /// Share of tokens that were the model's most likely choice.
    pub top_1: f64,
    /// Share of tokens that were among the model's five most likely choices.
    pub top_5: f64,
}

/// Predicts each document from its beginning, in windows of `context` tokens.
///
/// # Errors
/// Returns an error if the model has no end-of-text token or fails.
pub fn predict(
    generator: &mut dyn Generator,
    corpus: &Corpus,
    context: usize,
    progress: &dyn EvalProgress,
) -> Result<Prediction> {
    let tokenizer = generator.tokenizer();
    let begin =
        tokenizer.bos().ok_or_else(|| miette!("the model has no token that begins a document"))?;
    let documents: Result<Vec<_>> =
        corpus.documents.par_iter().map(|document| tokenizer.tokenize(document)).collect();
    let windows = windows(&documents?, begin, context);
    progress.begin("predicting", windows.len());
    let scored = scores(generator, &windows, TOP_K, progress)?;

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
        top_1: share(scored.iter().map(|scores| scores.top_1_hits).sum()),
        top_5: share(scored.iter().map(|scores| scores.top_k_hits).sum()),
    })
}
