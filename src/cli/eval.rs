//! The flags of `venti eval`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::number::from_1_to;
use super::{Engine, GenerationFlags};

/// `venti eval`
#[derive(Debug, Args)]
pub struct Eval {
    #[arg(
        help = "Models to evaluate: venti-mini, gpt2, folders, or owner/name[@revision] on the hub [default: the site's model]"
    )]
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// Text file or folder of texts to predict; may be repeated
    #[arg(long, value_name = "FILE")]
    pub corpus: Vec<PathBuf>,
    /// Window size for prediction, in tokens [default: the smallest context length of the models]
    #[arg(long, value_name = "N", requires = "corpus", value_parser = from_1_to::<1_000_000>)]
    pub context: Option<usize>,
    /// File of quotes to write essays for, in a format of `venti import` [default: 24 built-in quotes]
    #[arg(long, value_name = "FILE")]
    pub prompts: Option<PathBuf>,
    /// Training text, or a folder of texts: count the essays that share twelve words in a row with
    /// it; may be repeated
    #[arg(long, value_name = "FILE")]
    pub against: Vec<PathBuf>,
    /// Parts to measure, separated by commas [default: all; prediction only with --corpus]
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub only: Vec<EvalPart>,
    /// Print JSON, including the essays
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub engine: Engine,
    #[command(flatten)]
    pub generation: GenerationFlags,
}

/// Parts of `venti eval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvalPart {
    Prediction,
    Essays,
    Bias,
}
