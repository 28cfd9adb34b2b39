//! Evaluation: prediction of a given text, quality of essays, copying from the training text, and bias.

pub mod bias;
pub mod copied;
pub mod essays;
pub mod precision;
pub mod prediction;
pub mod report;
mod scores;
