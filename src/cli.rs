//! What was asked: the command line as parsed, before anything is looked up.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Device, Dtype, GenerationOverrides, Misfit};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "venti",
    version,
    about = "A static site generator whose posts are written by a language model",
    after_help = "Start a site with `venti init my-site`, add a quote with `venti new \"…\"`, \
                  and write and render it with `venti build`.",
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

/// Flags that every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// The site's folder [default: the nearest folder upward that has a venti.yaml]
    #[arg(long, value_name = "DIR", global = true, help_heading = "Global options")]
    pub root: Option<PathBuf>,
    /// The configuration file [default: venti.yaml in the site's folder]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Print errors and results only
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

/// When to use colour on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a new site in a folder
    Init(Init),
    /// Add a seed: a quote for the model to continue
    New(New),
    /// Turn a list of quotes (txt, json, csv) into seeds
    Import(Import),
    /// Write the missing essays, or one essay to standard output
    Generate(Generate),
    /// Write the missing essays and render the site
    Build(Build),
    /// Show the site in a browser while it is made: it is built again whenever something changes
    #[cfg(feature = "serve")]
    Serve(Serve),
    /// Check the built site: links, anchors, assets, ids, headings, names, colours
    Check(Check),
    /// Remove the built site and caches; never essays that belong to a seed
    Clean(Clean),
    /// Show and move the models this site uses
    #[cfg(feature = "model")]
    Model(Model),
    /// Measure how fast a model writes on this machine
    #[cfg(feature = "model")]
    Bench(Bench),
    /// Train a model on texts of your own
    #[cfg(feature = "model")]
    Train(Train),
    /// Measure how good a model is, several side by side
    #[cfg(feature = "model")]
    Eval(Eval),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page, or write one page a command into a folder
    Man(Man),
}

/// `venti init`
#[derive(Debug, Args)]
pub struct Init {
    /// The folder; made if it is not there
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The site's title [default: made from the folder's name]
    #[arg(long)]
    pub title: Option<String>,
}

/// `venti new`
#[derive(Debug, Args)]
pub struct New {
    /// The quote
    pub quote: String,
    /// Who said it
    #[arg(long)]
    pub author: Option<String>,
    /// The thinkpiece's title [default: made from the quote]
    #[arg(long)]
    pub title: Option<String>,
    /// Where the quote comes from, an http(s) address
    #[arg(long, value_name = "URL")]
    pub source: Option<String>,
    /// Tags, separated by commas
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// The seed's name in addresses [default: made from the title or the quote]
    #[arg(long)]
    pub slug: Option<String>,
    /// Mark it as a draft
    #[arg(long)]
    pub draft: bool,
}

/// `venti import`
#[derive(Debug, Args)]
pub struct Import {
    /// A .txt file (one quote a paragraph or a line), .json (a list, or an object of texts) or .csv (with a `quote` column)
    pub file: PathBuf,
    /// The file's format [default: from its name]
    #[arg(long)]
    pub format: Option<ImportFormat>,
    /// Tags that every imported seed gets, separated by commas
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Say what would be written, write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The formats of a list of quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportFormat {
    Txt,
    Json,
    Csv,
}

/// `venti generate`
#[derive(Debug, Args)]
pub struct Generate {
    /// The seeds to write, by slug [default: all]
    #[arg(value_name = "SEED", conflicts_with = "text")]
    pub seeds: Vec<String>,
    /// Write one essay from this quote to standard output, as it is written; nothing is stored
    #[arg(long, value_name = "QUOTE")]
    pub text: Option<String>,
    /// With --text: the essay's title [default: made from the quote]
    #[arg(long, requires = "text")]
    pub title: Option<String>,
    /// With --text: the take, as in a seed's `takes`
    #[arg(long, value_name = "N", requires = "text", default_value_t = 1)]
    pub take: u32,
    /// With --text: the text is the exact prompt, the completion is printed untouched
    #[arg(long, requires = "text")]
    pub raw: bool,
    /// Print JSON: with --text one object a candidate, one a line; else the summary
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
    /// Render only; fail, naming the seeds, if an essay is missing
    #[arg(long, conflicts_with_all = ["refresh", "force"])]
    pub frozen: bool,
    /// Publish seeds dated after today; their essays are written ahead in any case
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
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: String,
    /// The port to listen on [default: 8501, or the next that is free]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Open the site in the browser
    #[arg(long)]
    pub open: bool,
    /// Show seeds marked as drafts, too
    #[arg(long)]
    pub drafts: bool,
    /// Show seeds dated after today, too
    #[arg(long)]
    pub future: bool,
    /// Answer OpenAI's completions at /v1/, too
    #[arg(long)]
    pub api: bool,
    /// With --api: the key that its clients must have; VENTI_API_KEY says it without showing it to
    /// other users of this machine
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
    /// Write essays again whose model or site-wide settings have changed: all, or those of these seeds
    #[arg(long, value_name = "SEED", num_args = 0.., value_delimiter = ',')]
    pub refresh: Option<Vec<String>>,
    /// Overwrite an essay that a person has edited, where its seed changed or it is named
    #[arg(long)]
    pub force: bool,
}

/// Which model, and what it runs on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelFlags {
    /// venti-mini, gpt2, a folder, or owner/name or owner/name@revision on the hub
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    #[command(flatten)]
    pub engine: Engine,
}

/// What a model runs on.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Model")]
pub struct Engine {
    /// Where it runs
    #[arg(long)]
    pub device: Option<Device>,
    /// What it computes in
    #[arg(long)]
    pub dtype: Option<Dtype>,
    /// CPU threads
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
    /// Texts written together
    #[arg(long, value_name = "N")]
    pub batch_size: Option<std::num::NonZeroUsize>,
    /// Open no network connection
    #[arg(long)]
    pub offline: bool,
}

/// One flag a generation setting.
#[derive(Debug, Args)]
#[command(next_help_heading = "Generation")]
pub struct GenerationFlags {
    /// Randomness; 0 takes the likeliest token each time
    #[arg(long, value_name = "X")]
    pub temperature: Option<f64>,
    /// Keep the N likeliest tokens; 0 is off
    #[arg(long, value_name = "N")]
    pub top_k: Option<usize>,
    /// Keep the likeliest tokens whose probabilities sum to P; 1 is off
    #[arg(long, value_name = "P")]
    pub top_p: Option<f64>,
    /// Drop tokens less likely than P times the likeliest; 0 is off
    #[arg(long, value_name = "P")]
    pub min_p: Option<f64>,
    /// Keep tokens of typical surprise, of mass P; 1 is off
    #[arg(long, value_name = "P")]
    pub typical_p: Option<f64>,
    /// Make tokens that are already there less likely; 1 is off
    #[arg(long, value_name = "X")]
    pub repetition_penalty: Option<f64>,
    /// Never write the same N tokens in a row twice; 0 is off
    #[arg(long, value_name = "N")]
    pub no_repeat_ngram_size: Option<usize>,
    /// End before this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub stop: Option<Vec<String>>,
    /// Write at least N tokens
    #[arg(long, value_name = "N")]
    pub min_new_tokens: Option<usize>,
    /// Write at most N tokens
    #[arg(long, value_name = "N")]
    pub max_new_tokens: Option<usize>,
    /// Reject essays of fewer words
    #[arg(long, value_name = "N")]
    pub min_words: Option<usize>,
    /// Cut essays to at most N words
    #[arg(long, value_name = "N")]
    pub max_words: Option<usize>,
    /// Completions written for one essay, of which the best is kept
    #[arg(long, value_name = "N")]
    pub candidates: Option<usize>,
    /// Rounds of candidates before the best is kept although none is good
    #[arg(long, value_name = "N")]
    pub max_rounds: Option<usize>,
    /// The random seed of every essay, in place of each seed's own
    #[arg(long, value_name = "N")]
    pub rng_seed: Option<u64>,
}

impl GenerationFlags {
    /// The settings that were given.
    ///
    /// # Errors
    /// A value out of its range.
    pub fn overrides(&self) -> Result<GenerationOverrides, Misfit> {
        let given = GenerationOverrides {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            typical_p: self.typical_p,
            repetition_penalty: self.repetition_penalty,
            no_repeat_ngram_size: self.no_repeat_ngram_size,
            stop: self.stop.clone(),
            min_new_tokens: self.min_new_tokens,
            max_new_tokens: self.max_new_tokens,
            min_words: self.min_words,
            max_words: self.max_words,
            candidates: self.candidates,
            max_rounds: self.max_rounds,
        };
        given.check()?;
        Ok(given)
    }
}

/// `venti check`
#[derive(Debug, Args)]
pub struct Check {
    /// Ask links to other sites over the network whether they answer, too
    #[cfg(feature = "external-links")]
    #[arg(long)]
    pub external: bool,
    /// Fail on warnings, too
    #[arg(long)]
    pub strict: bool,
    /// Print what was found as JSON, with all its places
    #[arg(long)]
    pub json: bool,
}

/// `venti clean`
#[derive(Debug, Args)]
pub struct Clean {
    /// Remove the essays whose seed is gone, instead
    #[arg(long)]
    pub orphans: bool,
    /// With --orphans: those that a person has edited, too
    #[arg(long, requires = "orphans")]
    pub force: bool,
}

/// `venti model`
#[derive(Debug, Args)]
pub struct Model {
    #[command(subcommand)]
    pub command: ModelCommand,
}

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// What a model is: size, source, hash, what it runs on here
    Info(ModelName),
    /// Where its files are
    Path(ModelName),
    /// The models known here: embedded, in the lock, in the hub's cache, and the aliases
    List(Engine),
    /// Move the lock's pin to what the name stands for now
    Update(ModelName),
}

/// A model, by default the site's.
#[derive(Debug, Args)]
pub struct ModelName {
    /// venti-mini, gpt2, a folder, or owner/name or owner/name@revision on the hub [default: the site's]
    pub model: Option<String>,
    #[command(flatten)]
    pub engine: Engine,
}

/// `venti bench`
#[cfg(feature = "model")]
#[derive(Debug, Args)]
pub struct Bench {
    /// venti-mini, gpt2, a folder, or owner/name or owner/name@revision on the hub [default: the site's]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Where it runs
    #[arg(long)]
    pub device: Option<Device>,
    /// What it computes in; several, separated by commas [default: the site's]
    #[arg(long, value_delimiter = ',')]
    pub dtype: Vec<Dtype>,
    /// CPU threads
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
    /// Texts written together; several numbers, separated by commas [default: 1, and what a build takes]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = from_1_to::<4096>())]
    pub batch_size: Vec<usize>,
    /// Tokens of each prompt
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = from_1_to::<1_000_000>())]
    pub prompt_tokens: usize,
    /// Tokens written after each prompt
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = from_1_to::<1_000_000>())]
    pub new_tokens: usize,
    /// How often each is measured; the median is shown
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = from_1_to::<1000>())]
    pub repeat: usize,
    /// Open no network connection
    #[arg(long)]
    pub offline: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `venti train`
#[cfg(feature = "model")]
#[derive(Debug, Args)]
pub struct Train {
    /// Text and Markdown files, and folders of them; a file given twice counts twice
    #[arg(value_name = "CORPUS", required = true)]
    pub corpus: Vec<PathBuf>,
    /// The folder that the model is written to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The model to go on from: venti-mini, gpt2, a folder, or owner/name on the hub [default: the site's]
    #[arg(long, value_name = "MODEL", conflicts_with = "layers")]
    pub from: Option<String>,
    /// Go on with the run in DIR where it was saved
    #[arg(long, conflicts_with = "force")]
    pub resume: bool,
    /// Begin anew where DIR has a model already
    #[arg(long)]
    pub force: bool,
    /// Where it is trained [default: a GPU, if this program was built to train on one]
    #[arg(long)]
    pub device: Option<Device>,
    /// CPU threads
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
    /// What matrix products are computed in [default: bf16 where the device multiplies it]
    #[arg(long)]
    pub dtype: Option<TrainDtype>,
    /// Open no network connection
    #[arg(long)]
    pub offline: bool,
    #[command(flatten)]
    pub sizes: Sizes,
    #[command(flatten)]
    pub course: Course,
}

/// What a model that starts from nothing is like.
#[cfg(feature = "model")]
#[derive(Debug, Args)]
#[command(next_help_heading = "From scratch")]
pub struct Sizes {
    /// Start from scratch, with so many layers
    #[arg(long, value_name = "N", value_parser = from_1_to::<256>())]
    pub layers: Option<usize>,
    /// Attention heads [default: one for each 64 of the width]
    #[arg(long, value_name = "N", requires = "layers", value_parser = from_1_to::<256>())]
    pub heads: Option<usize>,
    /// Width
    #[arg(long, value_name = "N", default_value_t = 320, requires = "layers", value_parser = from_1_to::<16384>())]
    pub width: usize,
    /// Tokens of the vocabulary, which is learned from the corpus
    #[arg(long, value_name = "N", default_value_t = 8192, requires = "layers", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(257..=200_000))]
    pub vocab: usize,
}

/// The course of a training run.
#[cfg(feature = "model")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Course")]
pub struct Course {
    /// How often the corpus is read [default: 3]
    #[arg(long, value_name = "N", conflicts_with = "steps", value_parser = positive)]
    pub epochs: Option<f64>,
    /// Steps, however often the corpus is read
    #[arg(long, value_name = "N", value_parser = from_1_to::<100_000_000>())]
    pub steps: Option<usize>,
    /// Tokens of a row [default: the model's positions, at most 1024; from scratch also its positions]
    #[arg(long, value_name = "N", value_parser = from_1_to::<65536>())]
    pub context: Option<usize>,
    /// Rows that are computed together
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = from_1_to::<4096>())]
    pub batch_size: usize,
    /// Batches of a step
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = from_1_to::<4096>())]
    pub accumulate: usize,
    /// The peak of the learning rate [default: 0.0003, from scratch 0.002]
    #[arg(long, value_name = "X", value_parser = positive)]
    pub learning_rate: Option<f64>,
    /// Steps until the peak [default: a twentieth, at most 200]
    #[arg(long, value_name = "N")]
    pub warmup: Option<usize>,
    /// How the learning rate falls: along a cosine, in the last fifth in a straight line, or never
    #[arg(long, value_name = "NAME", default_value = "cosine")]
    pub schedule: TrainSchedule,
    /// By how much of itself, times the learning rate, a matrix shrinks in a step
    #[arg(long, value_name = "X", default_value_t = 0.1, value_parser = not_negative)]
    pub weight_decay: f64,
    /// Share of the numbers that are dropped behind embeddings and layers; for small corpora
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub dropout: f64,
    /// The largest norm of a gradient
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = positive)]
    pub clip: f64,
    /// Decay of the average of the weights, which is the model that is kept; 0 for the last weights
    #[arg(long, value_name = "SHARE", default_value_t = 0.99, value_parser = share)]
    pub average: f64,
    /// The share of the documents that is kept out to test on
    #[arg(long, value_name = "SHARE", default_value_t = 0.02, value_parser = share)]
    pub held_out: f64,
    /// Test on this file instead
    #[arg(long, value_name = "FILE")]
    pub held_out_file: Option<PathBuf>,
    /// Steps between tests [default: a twentieth of all]
    #[arg(long, value_name = "N", value_parser = from_1_to::<100_000_000>())]
    pub evaluate_every: Option<usize>,
    /// Steps between saves, which a run that was killed goes on from [default: those of a minute]
    #[arg(long, value_name = "N", value_parser = from_1_to::<100_000_000>())]
    pub save_every: Option<usize>,
    /// Stop after so many tests without improvement
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = from_1_to::<1_000_000>())]
    pub patience: usize,
    /// Of first weights, order and dropout
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// What matrix products of a training are computed in.
#[cfg(feature = "model")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrainDtype {
    F32,
    Bf16,
}

/// How the learning rate falls.
#[cfg(feature = "model")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrainSchedule {
    Cosine,
    Linear,
    Constant,
}

#[cfg(feature = "model")]
fn number(text: &str, is_allowed: impl Fn(f64) -> bool, rule: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && is_allowed(*number));
    number.ok_or_else(|| format!("expected {rule}"))
}

#[cfg(feature = "model")]
fn positive(text: &str) -> Result<f64, String> {
    number(text, |number| number > 0.0, "a number above 0")
}

#[cfg(feature = "model")]
fn not_negative(text: &str) -> Result<f64, String> {
    number(text, |number| number >= 0.0, "a number of at least 0")
}

#[cfg(feature = "model")]
fn share(text: &str) -> Result<f64, String> {
    number(text, |number| (0.0..1.0).contains(&number), "a share: at least 0 and below 1")
}

#[cfg(feature = "model")]
fn from_1_to<const MOST: u64>() -> clap::builder::RangedU64ValueParser<usize> {
    clap::builder::RangedU64ValueParser::new().range(1..=MOST)
}

/// `venti eval`
#[cfg(feature = "model")]
#[derive(Debug, Args)]
pub struct Eval {
    /// venti-mini, gpt2, folders, or owner/name or owner/name@revision on the hub [default: the site's]
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// A text to predict, or a folder of texts; may be given several times
    #[arg(long, value_name = "FILE")]
    pub corpus: Vec<PathBuf>,
    /// Tokens of the windows that texts are cut into [default: the fewest positions of the models]
    #[arg(long, value_name = "N", requires = "corpus", value_parser = from_1_to::<1_000_000>())]
    pub context: Option<usize>,
    /// Quotes to write essays to, as `venti import` takes them [default: 24 that are built in]
    #[arg(long, value_name = "FILE")]
    pub prompts: Option<PathBuf>,
    /// A text that the models were trained on, or a folder: essays that share twelve words in a row
    /// with it are counted; may be given several times
    #[arg(long, value_name = "FILE")]
    pub against: Vec<PathBuf>,
    /// What to measure, separated by commas [default: all; prediction with --corpus]
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub only: Vec<EvalPart>,
    /// Print JSON, with the essays
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub engine: Engine,
    #[command(flatten)]
    pub generation: GenerationFlags,
}

/// What `venti eval` measures.
#[cfg(feature = "model")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvalPart {
    Prediction,
    Essays,
    Bias,
}

/// `venti completions`
#[derive(Debug, Args)]
pub struct Completions {
    pub shell: clap_complete::Shell,
}

/// `venti man`
#[derive(Debug, Args)]
pub struct Man {
    /// Write venti.1 and one page a command here
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
