//! The command line as parsed, before anything is looked up.

mod bench;
mod engine;
mod eval;
mod generation;
mod number;
mod train;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use bench::Bench;
pub use engine::Engine;
pub use eval::{Eval, EvalPart};
pub use generation::GenerationFlags;
pub use train::{Sizes, Train, TrainDtype, TrainSchedule};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "venti",
    version,
    about = "A static site generator whose posts are written by a language model",
    after_help = "Start a site with `venti init my-site`, add a quote with `venti new \"…\"`, \
                  then write the essays and render the site with `venti build`.",
    arg_required_else_help = true,
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
    /// Write essays again with new random seeds, which are recorded in their seeds
    Reroll(Reroll),
    /// Preview the site in a browser and rebuild it on every change
    #[cfg(feature = "serve")]
    Serve(Serve),
    /// Check the built site: links, anchors, ids, headings, images, unreachable pages
    Check(Check),
    /// Write essays again from their provenance, and compare
    Verify(Verify),
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

impl Command {
    /// Whether the command was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        match self {
            Self::Generate(args) => args.json,
            Self::Build(args) => args.json,
            Self::Check(args) => args.json,
            Self::Bench(args) => args.json,
            Self::Eval(args) => args.json,
            _ => false,
        }
    }
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
    /// Quote to continue; `-` reads it from standard input
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
    #[arg(long, value_name = "N", requires = "text", default_value_t = 1, value_parser = number::take)]
    pub take: u32,
    /// With --text: use the text as the exact prompt and print the unedited completion
    #[arg(long, requires = "text")]
    pub raw: bool,
    /// With --text: pattern that no text may match, instead of the site's blocklist; may be repeated
    #[arg(long, value_name = "PATTERN", requires = "text")]
    pub blocklist: Vec<String>,
    /// With --text: ignore any venti.yaml, so that only the command line decides
    #[arg(long, requires = "text", conflicts_with_all = ["root", "config"])]
    pub no_site: bool,
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

/// `venti reroll`
#[derive(Debug, Args)]
pub struct Reroll {
    /// Slugs of the seeds; `SLUG.take-2` names one take
    #[arg(value_name = "SEED", required = true)]
    pub essays: Vec<String>,
    /// Also replace edited essays
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub model: ModelFlags,
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
    /// Also overwrite edited essays that the command names or whose seed changed
    #[arg(long)]
    pub force: bool,
}

/// Which model to use and how to run it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelFlags {
    #[arg(
        help = "Model to write with: venti-mini, gpt2, a folder, or owner/name[@revision] on the hub"
    )]
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

/// `venti verify`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 if all have the same words, 1 if one has other words or was edited, 3 if none \
                  is known to, but some cannot be checked here, as with a --device that this machine lacks."
)]
pub struct Verify {
    /// Essays, as `SLUG` or `SLUG.take-2` [default: all]
    #[arg(value_name = "ESSAY")]
    pub essays: Vec<String>,
    #[command(flatten)]
    pub engine: Engine,
}

/// `venti clean`
#[derive(Debug, Args)]
pub struct Clean {
    /// Instead, remove the essays whose seed is gone
    #[arg(long)]
    pub orphans: bool,
    /// Instead, remove the earlier versions of replaced and removed texts
    #[arg(long, conflicts_with = "orphans")]
    pub replaced: bool,
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
    #[arg(
        help = "venti-mini, gpt2, a folder, or owner/name[@revision] on the hub [default: the site's model]"
    )]
    pub model: Option<String>,
    #[command(flatten)]
    pub engine: Engine,
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
