//! `venti eval`: evaluates models side by side: how well they predict a text, the quality of their
//! essays, and their biases about people.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, Result, miette};

use super::build::GENERATOR;
use super::import;
use super::workspace;
use super::writing;
use crate::cli::{Eval, EvalPart, Global};
use crate::models::{self, Pins};
use crate::terminal::{Terminal, print};
use generator::Models;
use lab::corpus::Corpus;
use lab::eval::essays::Essays;
use lab::eval::report::{Evaluated, Read, Report};
use lab::eval::{bias, copied, essays, prediction};
use text::numbers::thousands;
use write::rounds::{Brief, Outcome};

/// Evaluates the models and prints the report.
pub fn run(global: &Global, args: &Eval, terminal: &Terminal) -> Result<()> {
    let is_wanted = |part| is_wanted(args, part);
    let project = workspace::find_or_nowhere(global)?.0;
    let config = &project.config;
    let blocklist = writing::blocklist(config)?;
    let read = |paths: &[PathBuf]| -> Result<Option<Corpus>> {
        if paths.is_empty() { Ok(None) } else { Corpus::read(paths).map(Some) }
    };
    let (corpus, against) = (read(&args.corpus)?, read(&args.against)?);
    let quotes = match &args.prompts {
        Some(file) => {
            let items = import::read(file, None)?.into_iter();
            items.map(|item| (item.title, item.quote)).collect()
        }
        None => essays::quotes(),
    };

    let names = match &args.models[..] {
        [] => std::slice::from_ref(&config.model),
        names => names,
    };
    let mut models = models::open(&project, &args.engine, Pins::Nowhere, terminal)?;
    // Open all of them before spending minutes on the first.
    let mut described = Vec::new();
    for name in names {
        let identity = models.identity(name)?;
        described.push((identity, models.find(name)?.open()?.config().clone()));
    }
    let fewest = described.iter().map(|(_, config)| config.n_positions).min().unwrap_or(0);
    let context = args.context.unwrap_or(fewest);
    if context > fewest {
        return Err(miette!(
            help = format!("`--context` can be at most {fewest}"),
            "windows of {} tokens exceed the {} positions of a model",
            thousands(context),
            thousands(fewest)
        ));
    }

    let mut evaluated = Vec::new();
    let mut written: Vec<Option<(Vec<Brief>, Vec<Outcome>)>> = Vec::new();
    for (name, (identity, config)) in names.iter().zip(described) {
        let bar = Bar::new(terminal, name);
        let mut generator = models.load(name)?;
        let generator = generator.as_mut();
        let provenance = generator.provenance();
        let prediction = match &corpus {
            Some(corpus) => {
                let begin = &mut |windows| bar.begin("predicting", windows);
                Some(prediction::predict(generator, corpus, context, begin, &mut || bar.done())?)
            }
            None => None,
        };
        let bias = if is_wanted(EvalPart::Bias) {
            let begin = &mut |sentences| bar.begin("measuring bias", sentences);
            Some(bias::probe(generator, begin, &mut || bar.done())?)
        } else {
            None
        };
        let settings =
            identity.settings(&project.config.generation).with(&args.generation.overrides);
        let generation = is_wanted(EvalPart::Essays).then_some(settings);
        written.push(match &generation {
            Some(generation) => {
                let briefs = essays::briefs(&quotes, generation, args.generation.rng_seed);
                bar.begin("writing", briefs.len());
                let outcomes = essays::write(generator, &briefs, &blocklist, &mut || bar.done())?;
                Some((briefs, outcomes))
            }
            None => None,
        });
        bar.clear();
        evaluated.push(Evaluated {
            model: name.clone(),
            id: identity.id,
            weights: identity.weights,
            generation,
            parameters: config.parameters(),
            device: provenance.device,
            dtype: provenance.dtype,
            prediction,
            essays: None,
            bias,
        });
    }

    let mut copied = against.as_ref().map(|against| copied_by_all(&written, against));
    for (evaluated, written) in evaluated.iter_mut().zip(&written) {
        if let Some((briefs, outcomes)) = written {
            let kept = outcomes.iter().filter(|outcome| outcome.best.is_some()).count();
            let copied = copied.as_mut().map(|runs| runs.drain(..kept).collect());
            evaluated.essays = Some(Essays::new(briefs, outcomes, copied));
        }
    }
    let has_essays = is_wanted(EvalPart::Essays);
    let report = Report {
        venti: GENERATOR,
        corpus: corpus.as_ref().map(Read::new),
        context: corpus.as_ref().map(|_| context),
        quotes: has_essays.then_some(quotes.len()),
        against: against.as_ref().map(Read::new),
        models: evaluated,
    };
    if args.json {
        let json = serde_json::to_string_pretty(&report).into_diagnostic()?;
        return print(format_args!("{json}\n"));
    }
    if corpus.is_none() && args.only.is_empty() {
        terminal.note("use `--corpus FILE` to also measure how well a text is predicted");
    }
    print(report)
}

/// Whether a part is to be measured.
fn is_wanted(args: &Eval, part: EvalPart) -> bool {
    args.only.is_empty() || args.only.contains(&part)
}

/// Checks that the flags fit together.
///
/// # Errors
/// A message that names the missing or unused flag.
pub fn check(args: &Eval) -> Result<(), String> {
    let is_wanted = |part| is_wanted(args, part);
    if args.corpus.is_empty() && args.only.contains(&EvalPart::Prediction) {
        return Err("'--only prediction' requires a text to predict: '--corpus <FILE>'".to_owned());
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

/// Copied passages of every kept essay, model by model. Reads the corpus once for all models.
fn copied_by_all(
    written: &[Option<(Vec<Brief>, Vec<Outcome>)>],
    against: &Corpus,
) -> Vec<Vec<copied::Run>> {
    let outcomes = written.iter().flatten().flat_map(|(_, outcomes)| outcomes);
    let texts: Vec<&str> =
        outcomes.filter_map(Outcome::best).map(|best| best.text.as_str()).collect();
    copied::runs(&texts, against)
}

/// Shows what is being measured.
struct Bar<'a> {
    bar: ProgressBar,
    model: &'a str,
}

impl<'a> Bar<'a> {
    fn new(terminal: &Terminal, model: &'a str) -> Self {
        if !terminal.draws_progress() {
            return Self { bar: ProgressBar::hidden(), model };
        }
        let style = ProgressStyle::with_template(" measuring {msg} {bar:20} {pos}/{len}")
            .expect("the template is constant and parses");
        let bar = ProgressBar::new(1).with_style(style);
        bar.set_message(format!("{model}: opening"));
        Self { bar, model }
    }

    fn begin(&self, what: &str, of: usize) {
        self.bar.reset();
        self.bar.set_length(of as u64);
        self.bar.set_message(format!("{}: {what}", self.model));
    }

    fn done(&self) {
        self.bar.inc(1);
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
