//! The flags of `venti train`.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use generator::{DevicePreference, MAX_THREADS};

use super::engine::device;
use super::number::{from_1_to, not_negative, positive, share};

/// `venti train`
#[derive(Debug, Args)]
pub struct Train {
    /// Text and Markdown files, and folders of them; a file given twice counts twice
    #[arg(value_name = "CORPUS", required = true)]
    pub corpus: Vec<PathBuf>,
    /// Folder to write the model to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[arg(
        help = "Model to fine-tune: venti-mini, gpt2, a folder, or owner/name[@revision] on the hub [default: the site's model]"
    )]
    #[arg(long, value_name = "MODEL", conflicts_with = "layers")]
    pub from: Option<String>,
    /// Repeat layers of the base model until it has N; the model computes the same at first
    #[arg(long, value_name = "N", conflicts_with = "layers", value_parser = from_1_to::<256>)]
    pub grow: Option<usize>,
    /// Resume the run in DIR from its last save
    #[arg(long, conflicts_with = "force")]
    pub resume: bool,
    /// Start a new run even if DIR is not empty
    #[arg(long)]
    pub force: bool,
    /// Device to train on [default: a GPU if this build can train on one, otherwise the CPU]
    #[arg(long, value_parser = device())]
    pub device: Option<DevicePreference>,
    /// Number of CPU threads
    #[arg(long, value_name = "N", value_parser = from_1_to::<MAX_THREADS>)]
    pub threads: Option<usize>,
    /// Number format for matrix products [default: bf16 if the device supports it, otherwise f32]
    #[arg(long)]
    pub dtype: Option<TrainDtype>,
    /// Do not use the network
    #[arg(long)]
    pub offline: bool,
    #[command(flatten)]
    pub sizes: Sizes,
    #[command(flatten)]
    pub course: Course,
}

/// Sizes of a model trained from scratch.
#[derive(Debug, Args)]
#[command(next_help_heading = "From scratch")]
pub struct Sizes {
    /// Train from scratch, with N layers
    #[arg(long, value_name = "N", value_parser = from_1_to::<256>)]
    pub layers: Option<usize>,
    /// Number of attention heads [default: width / 64, at least 1]
    #[arg(long, value_name = "N", requires = "layers", value_parser = from_1_to::<256>)]
    pub heads: Option<usize>,
    /// Width of the embeddings
    #[arg(long, value_name = "N", default_value_t = 320, requires = "layers", value_parser = from_1_to::<16384>)]
    pub width: usize,
    /// Vocabulary size; the vocabulary is learned from the corpus
    #[arg(long, value_name = "N", default_value_t = 8192, requires = "layers", value_parser = RangedU64ValueParser::<usize>::new().range(257..=200_000))]
    pub vocab: usize,
}

/// Settings of a training run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub struct Course {
    /// Number of passes over the corpus [default: 3]
    #[arg(long, value_name = "N", conflicts_with = "steps", value_parser = positive)]
    pub epochs: Option<f64>,
    /// Number of steps, instead of --epochs
    #[arg(long, value_name = "N", value_parser = from_1_to::<100_000_000>)]
    pub steps: Option<usize>,
    /// Context length in tokens; from scratch, also the model's number of positions
    /// [default: the model's positions, at most 1024]
    #[arg(long, value_name = "N", value_parser = from_1_to::<65536>)]
    pub context: Option<usize>,
    /// Rows per batch
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = from_1_to::<4096>)]
    pub batch_size: usize,
    /// Batches per step
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = from_1_to::<4096>)]
    pub accumulate: usize,
    /// Peak learning rate [default: 0.0003, or 0.002 from scratch]
    #[arg(long, value_name = "X", value_parser = positive)]
    pub learning_rate: Option<f64>,
    /// Warm-up steps [default: 5% of all steps, at most 200]
    #[arg(long, value_name = "N")]
    pub warmup: Option<usize>,
    /// Learning-rate decay: along a cosine, linear over the last fifth of the steps, or none
    #[arg(long, value_name = "NAME", default_value = "cosine")]
    pub schedule: TrainSchedule,
    /// Decoupled weight decay
    #[arg(long, value_name = "X", default_value_t = 0.1, value_parser = not_negative)]
    pub weight_decay: f64,
    /// Dropout rate, useful for small corpora
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub dropout: f64,
    /// Maximum gradient norm
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = positive)]
    pub clip: f64,
    /// Decay of the moving average of the weights, which becomes the model; 0 keeps the last weights
    #[arg(long, value_name = "SHARE", default_value_t = 0.99, value_parser = share)]
    pub average: f64,
    /// Share of the documents held out for evaluation
    #[arg(long, value_name = "SHARE", default_value_t = 0.02, value_parser = share)]
    pub held_out: f64,
    /// File to evaluate on instead of held-out documents
    #[arg(long, value_name = "FILE")]
    pub held_out_file: Option<PathBuf>,
    /// Steps between evaluations [default: 5% of all steps]
    #[arg(long, value_name = "N", value_parser = from_1_to::<100_000_000>)]
    pub evaluate_every: Option<usize>,
    /// Steps between saves, from which --resume continues [default: one save a minute]
    #[arg(long, value_name = "N", value_parser = from_1_to::<100_000_000>)]
    pub save_every: Option<usize>,
    /// Stop after N evaluations without improvement
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = from_1_to::<1_000_000>)]
    pub patience: usize,
    /// Random seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// Number formats for the matrix products of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrainDtype {
    F32,
    Bf16,
}

/// Learning-rate decay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrainSchedule {
    Cosine,
    Linear,
    Constant,
}
