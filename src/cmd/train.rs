//! `venti train`: trains a model on the user's texts.
//!
//! The output folder always holds the model with the lowest held-out loss so far, and the state from
//! which a killed run resumes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gpt2::{Activation, Config, Device, Dtype, Tokenizer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab::train::{
    self, Decay, Precision, Schedule, Settings, Trainer, keep_memory, text, vocabulary,
};
use miette::{Context, IntoDiagnostic, Report, Result, miette};
use rayon::prelude::*;

use super::build::GENERATOR;
use super::workspace;
use crate::cli::{self, Global, Sizes, Train, TrainDtype, TrainSchedule};
use crate::models::{self, Pins};
use crate::terminal::Terminal;
use ::text::numbers::{count, thousands};
use content::fs;
use generator::DevicePreference;
use generator::Models;
use lab::corpus::Corpus;
use lab::train::card::Run;
use lab::train::curve;
use lab::train::record::{Begun, Record};

/// Default interval between saves: the most that a killed run loses.
const SAVED_EVERY: Duration = Duration::from_secs(60);

/// Trains a model and prints the result.
pub fn run(global: &Global, args: &Train, terminal: &Terminal) -> Result<()> {
    let folder = Folder { dir: args.out.clone() };
    folder.check(args)?;
    let corpus = Corpus::read(&args.corpus)?;
    let mut run = Training::prepare(global, args, &corpus, &folder, terminal)?;
    if corpus.passed_over > 0 {
        let passed_over = count(corpus.passed_over, "file");
        terminal.note(format_args!("{passed_over} skipped, neither text nor Markdown"));
    }
    terminal.did(
        "training",
        format_args!(
            "{} parameters on {} tokens from {}: {} of {} tokens each",
            thousands(run.trainer.config().parameters()),
            thousands(run.text.tokens()),
            count(corpus.documents.len(), "document"),
            count(run.trainer.settings().steps, "step"),
            thousands(tokens_of_a_step(run.trainer.settings())),
        ),
    );
    let ended = run.go_on(args, &folder, terminal);
    // Write the card and the curve even if the run failed.
    let written = run.describe(args, &corpus, &folder);
    ended?;
    written?;
    let loss = run.record.best().map_or_else(String::new, |(step, loss)| {
        format!(
            ": held-out loss {loss:.3} nats per token, {:.3} bits per byte, after step {}",
            run.about(args, &corpus).bits_per_byte(loss),
            thousands(step)
        )
    });
    let dir = args.out.display();
    terminal.did("trained", format_args!("{dir}{loss}"));
    terminal.note(format_args!("use `venti build --model {dir}` to write with it"));
    Ok(())
}

fn tokens_of_a_step(settings: &Settings) -> usize {
    settings.accumulation * settings.batch_size * settings.context
}

/// The output folder of a run.
struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// The state from which a run resumes.
    fn state(&self) -> PathBuf {
        self.dir.join("training.safetensors")
    }

    fn record(&self) -> PathBuf {
        self.dir.join("training.jsonl")
    }

    /// Checks that a new run overwrites nothing unless forced, and that there is a run to resume.
    fn check(&self, args: &Train) -> Result<()> {
        let dir = self.dir.display();
        if args.resume {
            return match fs::stat(&self.record())? {
                Some(_) => Ok(()),
                None => Err(miette!(
                    help = "leave out --resume to start a new run",
                    "there is no training run in {dir} to resume"
                )),
            };
        }
        let is_empty = match fs::stat(&self.dir)? {
            Some(_) => fs::names(&self.dir)?.is_empty(),
            None => true,
        };
        if is_empty || args.force {
            return Ok(());
        }
        Err(miette!(
            help = "use --resume to continue the run there, or --force to start a new one",
            "{dir} is not empty"
        ))
    }
}

/// A run that is ready to start or continue.
struct Training {
    trainer: Trainer,
    tokenizer: Tokenizer,
    text: text::Text,
    held_out: Vec<Vec<u32>>,
    windows: Vec<Vec<u32>>,
    record: Record,
    from: Option<String>,
    device: &'static str,
    precision: Precision,
}

impl Training {
    fn prepare(
        global: &Global,
        args: &Train,
        corpus: &Corpus,
        folder: &Folder,
        terminal: &Terminal,
    ) -> Result<Self> {
        keep_memory();
        let project = workspace::find_or_nowhere(global)?.0;
        let flags = cli::Engine {
            device: Some(args.device.unwrap_or_default()),
            threads: args.threads,
            offline: args.offline,
            ..cli::Engine::default()
        };
        let mut models = models::open(&project, &flags, Pins::Nowhere, terminal)?;
        let is_on_cpu = flags.device == Some(DevicePreference::Auto) && !lab::train::ON_GPU;
        let device = if is_on_cpu { Device::Cpu } else { models.device()? };
        let precision = match args.dtype {
            Some(TrainDtype::F32) => Precision::F32,
            Some(TrainDtype::Bf16) => Precision::Bf16,
            None => Precision::best_on(&device),
        };
        let mut checkpoint = None;
        let (config, tokenizer, from) = match args.sizes.layers {
            Some(layers) => {
                let documents = corpus.documents.iter().map(String::as_str);
                let tokenizer = vocabulary::train(documents, args.sizes.vocab).into_diagnostic()?;
                (
                    from_scratch(&args.sizes, layers, &tokenizer, args.course.context)?,
                    tokenizer,
                    None,
                )
            }
            None => {
                let name = args.from.as_deref().unwrap_or(&project.config.model);
                let identity = models.identity(name)?;
                let found = models.find(name)?.open()?;
                let tokenizer = again(found.tokenizer())?;
                let config = found.config().clone();
                checkpoint = Some(found);
                let weights = identity.weights.get(..16).unwrap_or(&identity.weights);
                (config, tokenizer, Some(format!("{} ({weights})", identity.id)))
            }
        };
        let end = tokenizer.end_of_text().or(config.eos_token_id).ok_or_else(|| {
            miette!("the model has no end-of-text token, which training requires")
        })?;
        let documents = encoded(&tokenizer, &corpus.documents)?;
        let course = &args.course;
        let text::Split { training, held_out } = match &course.held_out_file {
            Some(file) => text::Split {
                held_out: encoded(
                    &tokenizer,
                    &Corpus::read(std::slice::from_ref(file))?.documents,
                )?,
                training: documents,
            },
            None => text::split(documents, course.held_out, course.seed),
        };
        let context = context(course.context, &config)?;
        let text = text::Text::new(training, end, context)
            .into_diagnostic()
            .wrap_err("not enough text")
            .map_err(|error| with_help(error, "add more text, or use a smaller --context"))?;
        let windows = text::windows(&held_out, end, context);
        let settings = settings(args, &text, context);
        let trainer = match &checkpoint {
            Some(from) => Trainer::from_checkpoint(from, settings, &device, precision),
            None => Trainer::from_scratch(config, settings, &device, precision),
        };
        let mut trainer = trainer.into_diagnostic()?;
        let begun =
            Begun { corpus: corpus.hash(), from: from.clone().unwrap_or_else(|| "scratch".into()) };
        let record = if args.resume {
            if !trainer.resume(&folder.state()).into_diagnostic().map_err(|error| {
                with_help(error, "use the same flags as before, or start a new run with --force")
            })? {
                // The run was killed before its first save.
                terminal.note("the run was never saved, so it starts over");
            }
            Record::resume(&folder.record(), &begun, trainer.steps_done())?
        } else {
            fs::create_dir_all(&folder.dir)?;
            fs::remove_file(&folder.state())?;
            Record::begin(&folder.record(), begun)?
        };
        let device = device.name();
        Ok(Self { trainer, tokenizer, text, held_out, windows, record, from, device, precision })
    }

    /// Trains until all steps are done or the loss stops improving.
    fn go_on(&mut self, args: &Train, folder: &Folder, terminal: &Terminal) -> Result<()> {
        let steps = self.trainer.settings().steps;
        let tested_every = args.course.evaluate_every.unwrap_or_else(|| steps.div_ceil(20));
        let mut progress =
            Progress::new(self.trainer.steps_done(), self.trainer.settings(), terminal);
        let mut saved = Instant::now();
        while self.trainer.steps_done() < steps && !self.is_done_early(args) {
            let step = self.trainer.steps_done();
            let batches = self.text.batches(self.trainer.settings(), step);
            let done = self.trainer.step(&batches).map_err(|error| self.lost(error, folder))?;
            let step = step + 1;
            self.record.step(step, &done)?;
            progress.step(step, done.loss);
            let is_last = step == steps;
            if step.is_multiple_of(tested_every) || is_last {
                self.test(step, folder, &mut progress)?;
            }
            let is_due = match args.course.save_every {
                Some(steps) => self.trainer.steps_done().is_multiple_of(steps),
                None => saved.elapsed() >= SAVED_EVERY,
            };
            if is_due || is_last || self.is_done_early(args) {
                self.trainer.save(&folder.state()).map_err(|error| self.lost(error, folder))?;
                saved = Instant::now();
            }
        }
        progress.clear();
        if self.trainer.steps_done() < steps {
            terminal.note(format_args!(
                "stopped early after step {}: {} without improvement",
                thousands(self.trainer.steps_done()),
                count(self.record.tests_since_best(), "evaluation")
            ));
        }
        Ok(())
    }

    fn is_done_early(&self, args: &Train) -> bool {
        self.record.tests_since_best() >= args.course.patience
    }

    /// Evaluates on the held-out text, and exports the model if it is the best so far.
    fn test(&mut self, step: usize, folder: &Folder, progress: &mut Progress<'_>) -> Result<()> {
        if !self.windows.is_empty() {
            let (loss, _) = self.trainer.loss(&self.windows).into_diagnostic()?;
            if !loss.is_finite() {
                let gradient_norm = f64::NAN;
                return Err(self.lost(train::Error::Diverged { step, loss, gradient_norm }, folder));
            }
            self.record.tested(step, loss)?;
            progress.tested(step, loss);
            if self.record.tests_since_best() > 0 {
                return Ok(());
            }
        }
        let exported = self.trainer.export(&folder.dir, Dtype::F16);
        exported.map_err(|error| self.lost(error, folder))?;
        let json = self.tokenizer.to_json().into_diagnostic()?;
        fs::write_atomic(&folder.dir.join("tokenizer.json"), json.as_bytes())?;
        Ok(())
    }

    /// The report of a failed step, with a hint and the state of the folder.
    fn lost(&self, error: train::Error, folder: &Folder) -> Report {
        let help = match error {
            train::Error::Diverged { .. } => Some("try a lower --learning-rate, with --force"),
            train::Error::Write { .. } => Some("free some disk space, then continue with --resume"),
            _ => None,
        };
        let dir = folder.dir.display();
        let kept = match self.record.best() {
            Some((step, _)) => format!("{dir} holds the model after step {}", thousands(step)),
            None => format!("{dir} holds no model yet"),
        };
        let report = miette!(error).wrap_err(format!("training failed; {kept}"));
        match help {
            Some(help) => with_help(report, help),
            None => report,
        }
    }

    fn about<'a>(&'a self, args: &'a Train, corpus: &'a Corpus) -> Run<'a> {
        let held_out = &self.held_out;
        let bytes = |id: &u32| self.tokenizer.bytes_of(*id).len();
        Run {
            name: args.out.file_name().and_then(|name| name.to_str()).unwrap_or("A model"),
            generator: GENERATOR,
            from: self.from.as_deref(),
            config: self.trainer.config(),
            settings: self.trainer.settings(),
            precision: self.precision.name(),
            device: self.device,
            corpus,
            tokens: self.text.tokens(),
            held_out: (
                held_out.len(),
                self.windows.iter().map(|window| window.len() - 1).sum(),
                held_out.iter().flatten().map(bytes).sum(),
            ),
            record: &self.record,
        }
    }

    /// Writes the model card and the loss curve.
    fn describe(&self, args: &Train, corpus: &Corpus, folder: &Folder) -> Result<()> {
        let curve = curve::svg(&self.record.steps, &self.record.held_out);
        fs::write_atomic(&folder.dir.join("loss.svg"), curve.as_bytes())?;
        let card = self.about(args, corpus).card();
        fs::write_atomic(&folder.dir.join("README.md"), card.as_bytes())?;
        Ok(())
    }
}

fn with_help(report: Report, help: &str) -> Report {
    let causes: Vec<String> = report.chain().map(ToString::to_string).collect();
    miette!(help = help, "{}", causes.join(": "))
}

/// Returns a copy of a tokenizer.
fn again(tokenizer: &Tokenizer) -> Result<Tokenizer> {
    let json = tokenizer.to_json().into_diagnostic()?;
    Tokenizer::from_json(json.as_bytes(), "the model's tokenizer").into_diagnostic()
}

fn encoded(tokenizer: &Tokenizer, documents: &[String]) -> Result<Vec<Vec<u32>>> {
    let encoded: Result<_, gpt2::Error> =
        documents.par_iter().map(|document| tokenizer.encode(document)).collect();
    encoded.into_diagnostic()
}

/// The configuration of a model trained from scratch.
fn from_scratch(
    sizes: &Sizes,
    layers: usize,
    tokenizer: &Tokenizer,
    context: Option<usize>,
) -> Result<Config> {
    let heads = sizes.heads.unwrap_or_else(|| (sizes.width / 64).max(1));
    if !sizes.width.is_multiple_of(heads) {
        return Err(miette!(
            help = "choose a --width that is a multiple of --heads, ideally 64 per head",
            "a width of {} cannot be split evenly among {heads} heads",
            sizes.width
        ));
    }
    Ok(Config {
        vocab_size: tokenizer.vocab_size(),
        n_positions: context.unwrap_or(1024),
        n_embd: sizes.width,
        n_layer: layers,
        n_head: heads,
        n_inner: 4 * sizes.width,
        activation: Activation::GeluTanh,
        layer_norm_epsilon: 1e-5,
        scale_attn_weights: true,
        scale_attn_by_inverse_layer_idx: false,
        tie_word_embeddings: true,
        eos_token_id: tokenizer.end_of_text(),
    })
}

fn context(asked: Option<usize>, config: &Config) -> Result<usize> {
    let positions = config.n_positions;
    match asked {
        Some(context) if context > positions => Err(miette!(
            "--context {context} exceeds the {} positions of the model",
            thousands(positions)
        )),
        Some(context) => Ok(context),
        None => Ok(positions.min(1024)),
    }
}

fn settings(args: &Train, text: &text::Text, context: usize) -> Settings {
    let course = &args.course;
    let rows_of_a_step = course.batch_size * course.accumulate;
    let steps = course.steps.unwrap_or_else(|| {
        let rows = course.epochs.unwrap_or(3.0) * text.tokens() as f64 / context as f64;
        ((rows / rows_of_a_step as f64).ceil() as usize).max(1)
    });
    let is_new = args.sizes.layers.is_some();
    let decay = match course.schedule {
        TrainSchedule::Cosine => Decay::Cosine,
        TrainSchedule::Linear => Decay::Linear { share: 0.2 },
        TrainSchedule::Constant => Decay::Linear { share: 0.0 },
    };
    Settings {
        steps,
        batch_size: course.batch_size,
        accumulation: course.accumulate,
        context,
        learning_rate: course.learning_rate.unwrap_or(if is_new { 2e-3 } else { 3e-4 }),
        schedule: Schedule {
            warmup: course.warmup.unwrap_or_else(|| steps.div_ceil(20).min(200)),
            decay,
            floor: 0.05,
        },
        weight_decay: course.weight_decay,
        clip: course.clip,
        dropout: course.dropout,
        averaged: course.average,
        seed: course.seed,
        ..Settings::default()
    }
}

/// Progress on standard error: a bar, or one line per evaluation if it is not a terminal.
struct Progress<'t> {
    terminal: &'t Terminal,
    bar: ProgressBar,
    started: Instant,
    first: usize,
    steps: usize,
    tokens: usize,
    /// Exponential moving average of the training loss.
    loss: Option<f64>,
    held_out: Option<f64>,
}

impl<'t> Progress<'t> {
    fn new(first: usize, settings: &Settings, terminal: &'t Terminal) -> Self {
        let target = if terminal.draws_progress() {
            ProgressDrawTarget::stderr_with_hz(4)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(settings.steps as u64), target);
        bar.set_style(
            ProgressStyle::with_template("  training {bar:20} {pos}/{len} {msg}")
                .expect("the template is constant and parses"),
        );
        bar.set_position(first as u64);
        Self {
            terminal,
            bar,
            started: Instant::now(),
            first,
            steps: settings.steps,
            tokens: tokens_of_a_step(settings),
            loss: None,
            held_out: None,
        }
    }

    fn step(&mut self, step: usize, loss: f64) {
        self.loss = Some(self.loss.map_or(loss, |mean| 0.95 * mean + 0.05 * loss));
        self.bar.set_position(step as u64);
        self.bar.set_message(self.line(step));
    }

    fn tested(&mut self, step: usize, loss: f64) {
        self.held_out = Some(loss);
        if !self.terminal.draws_progress() {
            let of = thousands(self.steps);
            self.terminal
                .did("step", format_args!("{} of {of} {}", thousands(step), self.line(step)));
        }
    }

    fn line(&self, step: usize) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let (done, left) = ((step - self.first) as f64, (self.steps - step) as f64);
        let loss = self.loss.unwrap_or(f64::NAN);
        let mut line = format!("· loss {loss:.3}, perplexity {:.1}", loss.exp());
        if let Some(held_out) = self.held_out {
            line += &format!(", held-out {held_out:.3}");
        }
        let rate = done * self.tokens as f64 / seconds.max(1e-3);
        line += &format!(" · {} tokens/s", thousands(rate as usize));
        if left > 0.0 {
            line += &format!(" · {} left", time(seconds / done.max(1.0) * left));
        }
        line
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// A duration as seconds, minutes, or hours and minutes.
fn time(seconds: f64) -> String {
    match seconds as u64 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}
