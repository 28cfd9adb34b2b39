//! Pure functions on text: building prompts, cleaning and judging completions, choosing pull quotes.

pub mod clean;
pub mod judge;
pub mod made_up_words;
pub mod numbers;
pub mod prompt;
pub mod pull_quote;
pub mod whitespace;
pub mod words;

mod figures;

pub use figures::Figures;
