//! `venti eval`: compares models by how well they predict a text, the quality of their essays, and
//! their social biases.

use std::path::PathBuf;

use indicatif::ProgressBar;
use miette::{IntoDiagnostic, Result};

use super::build::GENERATOR;
use super::import;
use super::workspace;
use super::writing;
use crate::cli::{Eval, EvalPart, Global};
use crate::models::{self, Pins};
use crate::terminal::{Terminal, print};
use content::config::Config;
use generator::Models;
use lab::corpus::Corpus;
use lab::eval::{
    self, EssayOptions, EvalOptions, EvalProgress, Evaluation, ModelUnderTest, PredictionOptions,
    Quote,
};

/// Evaluates the models and prints the report.
pub fn run(global: &Global, args: &Eval, terminal: &Terminal) -> Result<()> {
    let project = workspace::find_or_nowhere(global)?.0;
    let config = &project.config;
    let corpus = read(&args.corpus)?;
    let essays = is_wanted(args, EvalPart::Essays).then(|| essay_options(args, config));
    let essays = essays.transpose()?;

    let names = match &args.models[..] {
        [] => std::slice::from_ref(&config.model),
        names => names,
    };
    let mut models = models::open(&project, &args.engine, Pins::Unpinned, terminal)?;
    // Open all models before spending minutes on the first, so that errors appear early.
    let mut candidates = Vec::new();
    let mut fewest = usize::MAX;
    for name in names {
        let identity = models.identity(name)?;
        let model = models.find(name)?.open()?.config().clone();
        fewest = fewest.min(model.n_positions);
        candidates.push(ModelUnderTest {
            name: name.clone(),
            generation: identity.settings(&config.generation).with(&args.generation.overrides),
            identity,
            parameters: model.parameters(),
        });
    }
    let context = eval::window_size(args.context, fewest)?;

    let mut evaluation = Evaluation::new(EvalOptions {
        venti: GENERATOR,
        prediction: corpus.map(|corpus| PredictionOptions { corpus, context }),
        essays,
        bias: is_wanted(args, EvalPart::Bias),
    });
    for (name, candidate) in names.iter().zip(candidates) {
        let bar = EvalBar::new(terminal, name);
        evaluation.evaluate(candidate, models.load(name)?.as_mut(), &bar)?;
        bar.clear();
    }
    let report = evaluation.report();
    if args.json {
        let json = serde_json::to_string_pretty(&report).into_diagnostic()?;
        return print(format_args!("{json}\n"));
    }
    if report.corpus.is_none() && args.only.is_empty() {
        terminal.note("use `--corpus FILE` to also measure how well a text is predicted");
    }
    print(report)
}

/// Reads a corpus; `None` if there are no paths.
fn read(paths: &[PathBuf]) -> Result<Option<Corpus>> {
    if paths.is_empty() { Ok(None) } else { Corpus::read(paths).map(Some) }
}

fn essay_options(args: &Eval, config: &Config) -> Result<EssayOptions> {
    let quotes = match &args.prompts {
        Some(file) => {
            let items = import::read(file, None)?.items.into_iter();
            items.map(|item| Quote { title: item.title, text: item.quote }).collect()
        }
        None => eval::default_quotes(),
    };
    Ok(EssayOptions {
        quotes,
        rng_seed: args.generation.rng_seed,
        blocklist: writing::blocklist(&config.blocklist)?,
        against: read(&args.against)?,
    })
}

/// Whether to run this part of the evaluation.
fn is_wanted(args: &Eval, part: EvalPart) -> bool {
    args.only.is_empty() || args.only.contains(&part)
}

/// Checks that the flags can be combined.
///
/// # Errors
/// Returns a message that names the missing or unused flag.
pub fn check(args: &Eval) -> Result<(), String> {
    let is_wanted = |part| is_wanted(args, part);
    if args.corpus.is_empty() && args.only.contains(&EvalPart::Prediction) {
        return Err("'--only prediction' requires '--corpus <FILE>', a text to predict".to_owned());
    }
    let idle = [
        ("--corpus", !args.corpus.is_empty() && !is_wanted(EvalPart::Prediction)),
        ("--prompts", args.prompts.is_some() && !is_wanted(EvalPart::Essays)),
        ("--against", !args.against.is_empty() && !is_wanted(EvalPart::Essays)),
    ];
    match idle.iter().find(|(_, is_idle)| *is_idle) {
        Some((flag, _)) => Err(format!("'{flag}' has no effect on the parts named by '--only'")),
        None => Ok(()),
    }
}

/// A progress bar that shows the current measurement.
struct EvalBar<'a> {
    bar: ProgressBar,
    model: &'a str,
}

impl<'a> EvalBar<'a> {
    fn new(terminal: &Terminal, model: &'a str) -> Self {
        let bar = terminal.progress_bar(1, " measuring {msg} {bar:20} {pos}/{len}");
        bar.set_message(format!("{model}: opening"));
        Self { bar, model }
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl EvalProgress for EvalBar<'_> {
    fn begin(&self, part: &str, steps: usize) {
        self.bar.reset();
        self.bar.set_length(steps as u64);
        self.bar.set_message(format!("{}: {part}", self.model));
    }

    fn step(&self) {
        self.bar.inc(1);
    }
}
