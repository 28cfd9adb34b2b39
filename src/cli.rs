//! The command line as parsed, before anything is looked up.

mod engine;
mod generation;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use engine::Engine;
use engine::{device, dtype};
pub use generation::GenerationFlags;
use generator::{DevicePreference, DtypePreference};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "venti",
    version,
    about = "A static site generator whose posts are written by a language model",
    after_help = "Start a site with `venti init my-site`, add a quote with `venti new \"…\"`, \
                  then write the essays and render the site with `venti build`.",
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags common to all commands.
#[derive(Debug, Args)]
pub struct Global {
    /// Site folder [default: the current folder or the nearest parent with a venti.yaml]
    #[arg(long, value_name = "DIR", global = true, help_heading = "Global options")]
    pub root: Option<PathBuf>,
    /// Configuration file [default: venti.yaml in the site folder]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Print only errors and results
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// When to use colour
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        help_heading = "Global options"
    )]
    pub color: Color,
}

/// When to colour terminal output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a new site
    Init(Init),
    /// Add a seed: a quote for the model to continue
    New(New),
    /// Import quotes from a text, JSON or CSV file as seeds
    Import(Import),
    /// Write the missing essays, or one essay to standard output
    Generate(Generate),
    /// Write the missing essays and render the site
    Build(Build),
    /// Preview the site in a browser and rebuild it on every change
    #[cfg(feature = "serve")]
    Serve(Serve),
    /// Check the built site: links, anchors, assets, ids, headings, accessible names, colours
    Check(Check),
    /// Remove the built site and caches; essays with a seed are always kept
    Clean(Clean),
    /// Show models and update their pins in venti.lock
    Model(Model),
    /// Measure how fast a model writes on this machine
    Bench(Bench),
    /// Train a model on your own texts
    Train(Train),
    /// Evaluate models side by side
    Eval(Eval),
    /// Print a shell completion script
    Completions(Completions),
    /// Print the manual page, or write one page per command to a folder
    Man(Man),
}

/// `venti init`
#[derive(Debug, Args)]
pub struct Init {
    /// Site folder; created if it does not exist
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Site title [default: derived from the folder name]
    #[arg(long)]
    pub title: Option<String>,
}

/// `venti new`
#[derive(Debug, Args)]
pub struct New {
    /// Quote to continue
    pub quote: String,
    /// Author of the quote
    #[arg(long)]
    pub author: Option<String>,
    /// Title of the thinkpiece [default: derived from the quote]
    #[arg(long)]
    pub title: Option<String>,
    /// Source of the quote, an http(s) URL
    #[arg(long, value_name = "URL")]
    pub source: Option<String>,
    /// Tags, separated by commas
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Name of the seed in URLs [default: derived from the title or the quote]
    #[arg(long)]
    pub slug: Option<String>,
    /// Mark the seed as a draft
    #[arg(long)]
    pub draft: bool,
}

/// `venti import`
#[derive(Debug, Args)]
pub struct Import {
    /// Text file (one quote per paragraph or line), JSON file (a list or object of quotes) or CSV file
    /// (with a `quote` column)
    pub file: PathBuf,
    /// Format of the file [default: from its extension]
    #[arg(long)]
    pub format: Option<ImportFormat>,
    /// Tags to add to every seed, separated by commas
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Print what would be written, but write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Formats of a list of quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportFormat {
    Txt,
    Json,
    Csv,
}

/// `venti generate`
#[derive(Debug, Args)]
pub struct Generate {
    /// Slugs of the seeds to write [default: all]
    #[arg(value_name = "SEED", conflicts_with = "text")]
    pub seeds: Vec<String>,
    /// Write one essay for this quote to standard output and store nothing
    #[arg(long, value_name = "QUOTE")]
    pub text: Option<String>,
    /// With --text: title of the essay [default: derived from the quote]
    #[arg(long, requires = "text")]
    pub title: Option<String>,
    /// With --text: number of the take, as in a seed's `takes`
    #[arg(long, value_name = "N", requires = "text", default_value_t = 1)]
    pub take: u32,
    /// With --text: use the text as the exact prompt and print the unedited completion
    #[arg(long, requires = "text")]
    pub raw: bool,
    /// Print JSON: with --text one line per candidate, otherwise the summary
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub writing: Writing,
    #[command(flatten)]
    pub model: ModelFlags,
    #[command(flatten)]
    pub generation: GenerationFlags,
}

/// `venti build`
#[derive(Debug, Args)]
pub struct Build {
    /// Render without writing essays; fail if any is missing or out of date
    #[arg(long, conflicts_with_all = ["refresh", "force"])]
    pub frozen: bool,
    /// Publish seeds dated after today (their essays are written in any case)
    #[arg(long)]
    pub future: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub writing: Writing,
    #[command(flatten)]
    pub model: ModelFlags,
    #[command(flatten)]
    pub generation: GenerationFlags,
}

/// `venti serve`
#[cfg(feature = "serve")]
#[derive(Debug, Args)]
pub struct Serve {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: String,
    /// Port to listen on [default: the first free port from 8501 on]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Open the site in the browser
    #[arg(long)]
    pub open: bool,
    /// Also show seeds marked as drafts
    #[arg(long)]
    pub drafts: bool,
    /// Also show seeds dated after today
    #[arg(long)]
    pub future: bool,
    /// Also serve an OpenAI-compatible completions API at /v1/
    #[arg(long)]
    pub api: bool,
    /// With --api: key that clients must send; setting VENTI_API_KEY instead hides it from other
    /// users of this machine
    #[arg(long, value_name = "KEY", requires = "api")]
    pub api_key: Option<String>,
    #[command(flatten)]
    pub engine: Engine,
}

/// Which essays to write.
#[derive(Debug, Args)]
pub struct Writing {
    /// Include seeds marked as drafts
    #[arg(long)]
    pub drafts: bool,
    /// Rewrite essays whose model or site-wide settings changed: all, or those of the given seeds
    #[arg(long, value_name = "SEED", num_args = 0.., value_delimiter = ',')]
    pub refresh: Option<Vec<String>>,
    /// Also overwrite edited essays whose seed changed, or that are named
    #[arg(long)]
    pub force: bool,
}

/// Which model to use and how to run it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelFlags {
    /// Model to write with: venti-mini, gpt2, a folder, or owner/name[@revision] on the hub
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    #[command(flatten)]
    pub engine: Engine,
}

/// `venti check`
#[derive(Debug, Args)]
pub struct Check {
    /// Also check external links
    #[cfg(feature = "external-links")]
    #[arg(long)]
    pub external: bool,
    /// Also fail on warnings
    #[arg(long)]
    pub strict: bool,
    /// Print the findings as JSON, with every location
    #[arg(long)]
    pub json: bool,
}

/// `venti clean`
#[derive(Debug, Args)]
pub struct Clean {
    /// Instead, remove the essays whose seed is gone
    #[arg(long)]
    pub orphans: bool,
    /// With --orphans: also remove edited essays
    #[arg(long, requires = "orphans")]
    pub force: bool,
}

/// `venti model`
#[derive(Debug, Args)]
pub struct Model {
    #[command(subcommand)]
    pub command: ModelCommand,
}

/// Commands on models.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Show a model's source, hashes and size, and the device it would run on
    Info(ModelName),
    /// Print the paths of a model's files
    Path(ModelName),
    /// List known models: the embedded one, the aliases, and those in venti.lock
    List(Engine),
    /// Update a model's pin in venti.lock to its current version
    Update(ModelName),
}

/// A model; the site's by default.
#[derive(Debug, Args)]
pub struct ModelName {
    /// venti-mini, gpt2, a folder, or owner/name[@revision] on the hub [default: the site's model]
    pub model: Option<String>,
    #[command(flatten)]
    pub engine: Engine,
}

/// `venti bench`
#[derive(Debug, Args)]
pub struct Bench {
    /// Model to measure: venti-mini, gpt2, a folder, or owner/name[@revision] on the hub
    /// [default: the site's model]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Device to run on
    #[arg(long, value_parser = device())]
    pub device: Option<DevicePreference>,
    /// Number formats to measure, separated by commas [default: the site's]
    #[arg(long, value_delimiter = ',', value_parser = dtype())]
    pub dtype: Vec<DtypePreference>,
    /// Number of CPU threads
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
    /// Batch sizes to measure, separated by commas [default: 1 and the one that a build uses]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = from_1_to::<4096>())]
    pub batch_size: Vec<usize>,
    /// Number of tokens in each prompt
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = from_1_to::<1_000_000>())]
    pub prompt_tokens: usize,
    /// Number of tokens to write after each prompt
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = from_1_to::<1_000_000>())]
    pub new_tokens: usize,
    /// Number of runs per measurement; the median is shown
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = from_1_to::<1000>())]
    pub repeat: usize,
    /// Do not use the network
    #[arg(long)]
    pub offline: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `venti train`
#[derive(Debug, Args)]
pub struct Train {
    /// Text and Markdown files, and folders of them; a file given twice counts twice
    #[arg(value_name = "CORPUS", required = true)]
    pub corpus: Vec<PathBuf>,
    /// Folder to write the model to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Model to fine-tune: venti-mini, gpt2, a folder, or owner/name[@revision] on the hub
    /// [default: the site's model]
    #[arg(long, value_name = "MODEL", conflicts_with = "layers")]
    pub from: Option<String>,
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
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
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
    #[arg(long, value_name = "N", value_parser = from_1_to::<256>())]
    pub layers: Option<usize>,
    /// Number of attention heads [default: width / 64, at least 1]
    #[arg(long, value_name = "N", requires = "layers", value_parser = from_1_to::<256>())]
    pub heads: Option<usize>,
    /// Width of the embeddings
    #[arg(long, value_name = "N", default_value_t = 320, requires = "layers", value_parser = from_1_to::<16384>())]
    pub width: usize,
    /// Vocabulary size; the vocabulary is learned from the corpus
    #[arg(long, value_name = "N", default_value_t = 8192, requires = "layers", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(257..=200_000))]
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
    #[arg(long, value_name = "N", value_parser = from_1_to::<100_000_000>())]
    pub steps: Option<usize>,
    /// Context length in tokens; from scratch, also the model's number of positions
    /// [default: the model's positions, at most 1024]
    #[arg(long, value_name = "N", value_parser = from_1_to::<65536>())]
    pub context: Option<usize>,
    /// Rows per batch
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = from_1_to::<4096>())]
    pub batch_size: usize,
    /// Batches per step
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = from_1_to::<4096>())]
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
    /// File to evaluate on instead
    #[arg(long, value_name = "FILE")]
    pub held_out_file: Option<PathBuf>,
    /// Steps between evaluations [default: 5% of all steps]
    #[arg(long, value_name = "N", value_parser = from_1_to::<100_000_000>())]
    pub evaluate_every: Option<usize>,
    /// Steps between saves, from which --resume continues [default: one save a minute]
    #[arg(long, value_name = "N", value_parser = from_1_to::<100_000_000>())]
    pub save_every: Option<usize>,
    /// Stop after N evaluations without improvement
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = from_1_to::<1_000_000>())]
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

fn number(text: &str, is_allowed: impl Fn(f64) -> bool, rule: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && is_allowed(*number));
    number.ok_or_else(|| format!("expected {rule}"))
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, |number| number > 0.0, "a number above 0")
}

fn not_negative(text: &str) -> Result<f64, String> {
    number(text, |number| number >= 0.0, "a number of at least 0")
}

fn share(text: &str) -> Result<f64, String> {
    number(text, |number| (0.0..1.0).contains(&number), "a number of at least 0 and below 1")
}

fn from_1_to<const MOST: u64>() -> clap::builder::RangedU64ValueParser<usize> {
    clap::builder::RangedU64ValueParser::new().range(1..=MOST)
}

/// `venti eval`
#[derive(Debug, Args)]
pub struct Eval {
    /// Models to evaluate: venti-mini, gpt2, folders, or owner/name[@revision] on the hub
    /// [default: the site's model]
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// Text file or folder of texts to predict; may be repeated
    #[arg(long, value_name = "FILE")]
    pub corpus: Vec<PathBuf>,
    /// Window size for prediction, in tokens [default: the smallest context length of the models]
    #[arg(long, value_name = "N", requires = "corpus", value_parser = from_1_to::<1_000_000>())]
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

/// `venti completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// Shell to generate the script for
    pub shell: clap_complete::Shell,
}

/// `venti man`
#[derive(Debug, Args)]
pub struct Man {
    /// Folder to write venti.1 and one page per command to
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
