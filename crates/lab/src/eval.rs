//! Evaluation of models: prediction of a text, quality of essays, passages copied from a corpus, and
//! bias.

mod run;

mod bias;
mod copied;
mod essays;
pub mod precision;
mod prediction;
mod report;
mod scores;

pub use essays::{Quote, default_quotes};
pub use report::EvalReport;
pub use run::{
    EssayOptions, EvalOptions, Evaluation, ModelUnderTest, PredictionOptions, window_size,
};

/// Receives the progress of an evaluation.
pub trait EvalProgress {
    /// Called when a part of the evaluation begins, with its number of steps.
    fn begin(&self, part: &str, steps: usize);
    /// Called when a step is done.
    fn step(&self);
}
