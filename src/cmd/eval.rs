//! `venti eval`: how good a model is, several side by side. How well it predicts a text, what its essays
//! are like, and what it takes for granted about people.

mod bias;
mod copied;
mod essays;
mod prediction;
mod report;
mod scores;

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, Result, miette};

use self::essays::Essays;
use self::report::{Evaluated, Read, Report};
use super::build::GENERATOR;
use super::corpus::Corpus;
use super::import;
use super::models::{self, Pins};
use super::site;
use super::summary::thousands;
use super::terminal::{Terminal, print};
use super::writing;
use crate::cli::{Eval, EvalPart, Global};
use crate::write::generator::Models;
use crate::write::rounds::Outcome;

/// Measures, and prints what was found.
pub fn run(global: &Global, args: &Eval, terminal: &Terminal) -> Result<()> {
    let is_wanted = |part| is_wanted(args, part);
    let project = site::find_or_nowhere(global)?.0;
    let config = &project.config;
    let generation = config.generation.with(&args.generation.overrides().into_diagnostic()?);
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
    let briefs = essays::briefs(quotes, &generation, args.generation.rng_seed);

    let names = match &args.models[..] {
        [] => std::slice::from_ref(&config.model),
        names => names,
    };
    let mut models = models::open(&project, &args.engine, Pins::Nowhere, terminal)?;
    // All of them, before minutes are spent on the first.
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
            "windows of {} tokens are more than the {} positions of a model",
            thousands(context),
            thousands(fewest)
        ));
    }

    let mut evaluated = Vec::new();
    let mut written: Vec<Option<Vec<Outcome>>> = Vec::new();
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
            let begin = &mut |sentences| bar.begin("asking for biases", sentences);
            Some(bias::probe(generator, begin, &mut || bar.done())?)
        } else {
            None
        };
        written.push(if is_wanted(EvalPart::Essays) {
            bar.begin("writing", briefs.len());
            Some(essays::write(generator, &briefs, &blocklist, &mut || bar.done())?)
        } else {
            None
        });
        bar.clear();
        evaluated.push(Evaluated {
            model: name.clone(),
            id: identity.id,
            weights: identity.weights,
            parameters: config.parameters(),
            device: provenance.device,
            dtype: provenance.dtype,
            prediction,
            essays: None,
            bias,
        });
    }

    let mut copied = against.as_ref().map(|against| copied_by_all(&written, against));
    for (evaluated, outcomes) in evaluated.iter_mut().zip(&written) {
        if let Some(outcomes) = outcomes {
            let kept = outcomes.iter().filter(|outcome| outcome.best.is_some()).count();
            let copied = copied.as_mut().map(|runs| runs.drain(..kept).collect());
            evaluated.essays = Some(Essays::new(&briefs, outcomes, copied));
        }
    }
    let has_essays = is_wanted(EvalPart::Essays);
    let report = Report {
        venti: GENERATOR,
        corpus: corpus.as_ref().map(Read::new),
        context: corpus.as_ref().map(|_| context),
        quotes: has_essays.then_some(briefs.len()),
        generation: has_essays.then_some(generation),
        against: against.as_ref().map(Read::new),
        models: evaluated,
    };
    if args.json {
        let json = serde_json::to_string_pretty(&report).into_diagnostic()?;
        return print(format_args!("{json}\n"));
    }
    if corpus.is_none() && args.only.is_empty() {
        terminal.note("`--corpus FILE` measures how well a text is predicted, too");
    }
    print(report)
}

/// Whether a part is asked for.
fn is_wanted(args: &Eval, part: EvalPart) -> bool {
    args.only.is_empty() || args.only.contains(&part)
}

/// Refuses what would measure nothing, in words.
///
/// # Errors
/// With the flag that is missing, or of no use.
pub fn check(args: &Eval) -> Result<(), String> {
    let is_wanted = |part| is_wanted(args, part);
    if args.corpus.is_empty() && args.only.contains(&EvalPart::Prediction) {
        return Err("'--only prediction' needs a text to predict: '--corpus <FILE>'".to_owned());
    }
    let idle = [
        ("--corpus", !args.corpus.is_empty() && !is_wanted(EvalPart::Prediction)),
        ("--prompts", args.prompts.is_some() && !is_wanted(EvalPart::Essays)),
        ("--against", !args.against.is_empty() && !is_wanted(EvalPart::Essays)),
    ];
    match idle.iter().find(|(_, is_idle)| *is_idle) {
        Some((flag, _)) => Err(format!("'{flag}' is of no use to what '--only' names")),
        None => Ok(()),
    }
}

/// The runs of every essay that was kept, one model after the other. The corpus is read once for all.
fn copied_by_all(written: &[Option<Vec<Outcome>>], against: &Corpus) -> Vec<Vec<copied::Run>> {
    let outcomes = written.iter().flatten().flatten();
    let texts: Vec<&str> =
        outcomes.filter_map(Outcome::best).map(|best| best.text.as_str()).collect();
    copied::runs(&texts, against)
}

/// What is being measured, for somebody who waits.
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
