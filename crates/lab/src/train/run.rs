//! Performs a whole training run: prepares the corpus, trains, evaluates, and exports the best model.

use std::time::{Duration, Instant};

use gpt2::{Device, Dtype, Tokenizer};
use miette::{Context, IntoDiagnostic, Report, Result, miette};
use rayon::prelude::*;
use text::numbers::thousands;

use super::card::{HeldOutSize, ModelCard};
use super::curve;
use super::dataset::{self, Dataset, Split};
use super::log::{RunIdentity, TrainingLog};
use super::options::{BaseModel, HeldOut, RunOptions};
use super::{Error, Precision, Trainer, TrainingSettings, vocabulary};
use crate::corpus::Corpus;

/// Default interval between saves. An interrupted run loses at most the work since the last save.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);

/// An event during a training run. Steps are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TrainingEvent {
    Step {
        step: usize,
        loss: f64,
    },
    /// The held-out loss after a step.
    Evaluated {
        step: usize,
        loss: f64,
    },
    /// The run ended because the last `evaluations` evaluations brought no improvement.
    StoppedEarly {
        step: usize,
        evaluations: usize,
    },
}

/// The evaluation with the lowest loss in a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BestEvaluation {
    pub step: usize,
    /// Held-out loss in nats per token.
    pub loss: f64,
    pub bits_per_byte: f64,
}

/// A run that is ready to start or continue.
pub struct TrainingRun {
    options: RunOptions,
    corpus: Corpus,
    /// Id of the base model; `None` if the model is trained from scratch.
    base: Option<String>,
    tokenizer_json: String,
    dataset: Dataset,
    /// Windows of the held-out set.
    windows: Vec<Vec<u32>>,
    held_out: HeldOutSize,
    trainer: Trainer,
    log: TrainingLog,
    device: &'static str,
    precision: Precision,
    starts_over: bool,
}

impl TrainingRun {
    /// Prepares a run. Writes to the folder only after everything else has succeeded.
    ///
    /// # Errors
    /// Returns an error if the options do not fit the model or the corpus, or the run cannot be
    /// resumed.
    pub fn prepare(
        options: RunOptions,
        base: BaseModel,
        corpus: Corpus,
        device: &Device,
    ) -> Result<Self> {
        let precision = options.precision.unwrap_or_else(|| Precision::best_on(device));
        let learned;
        let (config, tokenizer) = match &base {
            BaseModel::Scratch(size) => {
                let documents = corpus.documents.iter().map(String::as_str);
                learned = vocabulary::train(documents, size.vocab_size).into_diagnostic()?;
                (size.config(&learned, options.context)?, &learned)
            }
            BaseModel::Checkpoint { checkpoint, layers, .. } => {
                let n_layer = checkpoint.config().n_layer;
                if let Some(layers) = layers.filter(|layers| *layers < n_layer) {
                    return Err(miette!("--grow {layers}: the model already has {n_layer} layers"));
                }
                (checkpoint.config().clone(), checkpoint.tokenizer())
            }
        };
        let begin = config.bos_token_id.or(tokenizer.end_of_text()).ok_or_else(|| {
            miette!("the model has no token that begins a document, which training requires")
        })?;
        // Where the same token begins and ends a document, one separates two.
        let end = config.eos_token_ids.as_slice().first().filter(|end| **end != begin).copied();
        let encode = |documents| encode_all(tokenizer, documents, end);
        let documents = encode(&corpus.documents)?;
        let Split { training, held_out } = match &options.held_out {
            HeldOut::Documents(held_out) => {
                Split { training: documents, held_out: encode(held_out)? }
            }
            HeldOut::Share(share) => dataset::split(documents, *share, options.seed),
        };
        let context = options.context(&config)?;
        let dataset = Dataset::new(training, begin, context)
            .into_diagnostic()
            .wrap_err("not enough text")
            .map_err(|error| with_help(error, "add more text, or use a smaller --context"))?;
        let windows = dataset::windows(&held_out, begin, context);
        let held_out = HeldOutSize {
            documents: held_out.len(),
            tokens: windows.iter().map(|window| window.len() - 1).sum(),
            bytes: held_out.iter().flatten().map(|id| tokenizer.bytes_of(*id).len()).sum(),
        };
        let tokenizer_json = tokenizer.to_json().into_diagnostic()?;

        let is_from_scratch = matches!(base, BaseModel::Scratch(_));
        let settings = options.settings(dataset.tokens(), context, is_from_scratch);
        let (trainer, base) = match base {
            BaseModel::Scratch(_) => {
                (Trainer::from_scratch(config, settings, device, precision), None)
            }
            BaseModel::Checkpoint { checkpoint, id, layers } => {
                let id = match layers {
                    Some(layers) => format!("{id}, grown to {layers} layers"),
                    None => id,
                };
                let layers = layers.unwrap_or(checkpoint.config().n_layer);
                let trainer =
                    Trainer::from_checkpoint(&checkpoint, layers, settings, device, precision);
                (trainer, Some(id))
            }
        };
        let mut trainer = trainer.into_diagnostic()?;
        let identity = RunIdentity {
            corpus: corpus.hash(),
            from: base.clone().unwrap_or_else(|| "scratch".into()),
        };
        let (log, starts_over) = open_log(&options, identity, &mut trainer)?;
        Ok(Self {
            options,
            corpus,
            base,
            tokenizer_json,
            dataset,
            windows,
            held_out,
            trainer,
            log,
            device: device.name(),
            precision,
            starts_over,
        })
    }

    /// Whether the run to resume was killed before its first save and therefore starts over.
    pub fn starts_over(&self) -> bool {
        self.starts_over
    }

    pub fn settings(&self) -> &TrainingSettings {
        self.trainer.settings()
    }

    pub fn steps_done(&self) -> usize {
        self.trainer.steps_done()
    }

    pub fn parameters(&self) -> usize {
        self.trainer.config().parameters()
    }

    pub fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// Returns the number of tokens per epoch.
    pub fn tokens(&self) -> usize {
        self.dataset.tokens()
    }

    /// Returns the best evaluation so far.
    pub fn best(&self) -> Option<BestEvaluation> {
        let (step, loss) = self.log.best()?;
        Some(BestEvaluation { step, loss, bits_per_byte: self.held_out.bits_per_byte(loss) })
    }

    /// Trains until all steps are done or the loss stops improving.
    ///
    /// # Errors
    /// Returns an error if the loss diverges, the device fails, or a file cannot be written. The folder
    /// keeps the best model so far.
    pub fn train(&mut self, on_event: &mut dyn FnMut(TrainingEvent)) -> Result<()> {
        let steps = self.settings().steps;
        let evaluate_every = self.options.evaluate_every.unwrap_or_else(|| steps.div_ceil(20));
        let mut saved = Instant::now();
        while self.steps_done() < steps && !self.is_out_of_patience() {
            let batches = self.dataset.batches(self.trainer.settings(), self.trainer.steps_done());
            let metrics = self.trainer.step(&batches).map_err(|error| self.failure(error))?;
            let step = self.steps_done();
            self.log.step(step, &metrics)?;
            on_event(TrainingEvent::Step { step, loss: metrics.loss });
            let is_last = step == steps;
            if step.is_multiple_of(evaluate_every) || is_last {
                self.evaluate(step, on_event)?;
            }
            let is_due = match self.options.save_every {
                Some(steps) => step.is_multiple_of(steps),
                None => saved.elapsed() >= SAVE_INTERVAL,
            };
            if is_due || is_last || self.is_out_of_patience() {
                let state = self.options.folder.state();
                self.trainer.save(&state).map_err(|error| self.failure(error))?;
                saved = Instant::now();
            }
        }
        if self.steps_done() < steps {
            let evaluations = self.log.evaluations_since_best();
            on_event(TrainingEvent::StoppedEarly { step: self.steps_done(), evaluations });
        }
        Ok(())
    }

    fn is_out_of_patience(&self) -> bool {
        self.log.evaluations_since_best() >= self.options.patience
    }

    /// Evaluates on the held-out set and exports the model if it is the best so far.
    fn evaluate(&mut self, step: usize, on_event: &mut dyn FnMut(TrainingEvent)) -> Result<()> {
        if !self.windows.is_empty() {
            let (loss, _) = self.trainer.loss(&self.windows).into_diagnostic()?;
            if !loss.is_finite() {
                let gradient_norm = f64::NAN;
                return Err(self.failure(Error::Diverged { step, loss, gradient_norm }));
            }
            self.log.evaluated(step, loss)?;
            on_event(TrainingEvent::Evaluated { step, loss });
            if self.log.evaluations_since_best() > 0 {
                return Ok(());
            }
        }
        let folder = &self.options.folder;
        let exported = self.trainer.export(folder.path(), Dtype::F16);
        exported.map_err(|error| self.failure(error))?;
        folder.write("tokenizer.json", &self.tokenizer_json)
    }

    /// Turns an error into a report that includes a hint and says which model the folder holds.
    fn failure(&self, error: Error) -> Report {
        let help = match error {
            Error::Diverged { .. } => Some("start over with --force and a lower --learning-rate"),
            Error::File(_) => Some("free some disk space, then continue with --resume"),
            _ => None,
        };
        let dir = self.options.folder.path().display();
        let kept = match self.log.best() {
            Some((step, _)) => format!("{dir} holds the model after step {}", thousands(step)),
            None => format!("{dir} holds no model yet"),
        };
        let report = miette!(error).wrap_err(format!("training failed; {kept}"));
        match help {
            Some(help) => with_help(report, help),
            None => report,
        }
    }

    /// Writes the model card and the loss curve.
    ///
    /// # Errors
    /// Returns an error if a file cannot be written.
    pub fn write_card(&self) -> Result<()> {
        let folder = &self.options.folder;
        folder.write("loss.svg", &curve::svg(&self.log.steps, &self.log.held_out))?;
        let card = ModelCard {
            name: folder.name(),
            generator: self.options.generator,
            base: self.base.as_deref(),
            config: self.trainer.config(),
            settings: self.trainer.settings(),
            precision: self.precision.name(),
            device: self.device,
            corpus: &self.corpus,
            tokens: self.dataset.tokens(),
            held_out: self.held_out,
            log: &self.log,
        };
        folder.write("README.md", &card.to_markdown())
    }
}

/// Starts the log of a new run, or restores the state of the run to resume and opens its log. Also
/// returns whether a resumed run has no saved state.
fn open_log(
    options: &RunOptions,
    identity: RunIdentity,
    trainer: &mut Trainer,
) -> Result<(TrainingLog, bool)> {
    let folder = &options.folder;
    if !options.resume {
        content::fs::create_dir_all(folder.path())?;
        content::fs::remove_file(&folder.state())?;
        return Ok((TrainingLog::begin(&folder.log(), identity)?, false));
    }
    let is_saved = trainer.resume(&folder.state()).into_diagnostic().map_err(|error| {
        with_help(error, "use the same flags as before, or start a new run with --force")
    })?;
    Ok((TrainingLog::resume(&folder.log(), &identity, trainer.steps_done())?, !is_saved))
}

fn with_help(report: Report, help: &str) -> Report {
    let causes: Vec<String> = report.chain().map(ToString::to_string).collect();
    miette!(help = help, "{}", causes.join(": "))
}

/// Encodes the documents, each followed by `end`.
fn encode_all(
    tokenizer: &Tokenizer,
    documents: &[String],
    end: Option<u32>,
) -> Result<Vec<Vec<u32>>> {
    let encode = |document: &String| {
        let mut tokens = tokenizer.encode(document)?;
        tokens.extend(end);
        Ok(tokens)
    };
    let encoded: gpt2::Result<_> = documents.par_iter().map(encode).collect();
    encoded.into_diagnostic()
}
