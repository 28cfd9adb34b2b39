//! Evaluation: prediction of a given text, quality of essays, copying from the training text, and bias.

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

/// Follows an evaluation.
pub trait EvalProgress {
    /// A part with this many steps begins.
    fn begin(&self, part: &str, steps: usize);
    /// A step is done.
    fn step(&self);
}
