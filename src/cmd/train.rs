//! `venti train`: trains a model on the user's texts.

mod progress;

use gpt2::Device;
use lab::corpus::Corpus;
use lab::train::{
    BaseModel, Decay, HeldOut, ModelSize, ON_GPU, Precision, RunFolder, RunLength, RunOptions,
    TrainingRun,
};
use miette::Result;

use super::build::GENERATOR;
use super::workspace;
use crate::allocator;
use crate::cli::{self, Global, Train, TrainDtype, TrainSchedule};
use crate::models::{self, Gpt2Models, Pins};
use crate::terminal::Terminal;
use ::text::numbers::{count, thousands};
use content::project::Project;
use generator::{DevicePreference, Models};
use progress::ProgressBar;

/// Trains a model and prints the result.
pub fn run(global: &Global, args: &Train, terminal: &Terminal) -> Result<()> {
    let folder = RunFolder::new(args.out.clone());
    folder.check(args.resume, args.force)?;
    let corpus = Corpus::read(&args.corpus)?;
    let skipped = corpus.skipped;
    let mut run = prepare(global, args, folder, corpus, terminal)?;
    if run.starts_over() {
        terminal.note("no save found; starting over");
    }
    if skipped > 0 {
        let skipped = count(skipped, "file");
        terminal.note(format_args!("{skipped} skipped (neither text nor Markdown)"));
    }
    terminal.did(
        "training",
        format_args!(
            "{} parameters on {} tokens from {}: {} of {} tokens each",
            thousands(run.parameters()),
            thousands(run.tokens()),
            count(run.corpus().documents.len(), "document"),
            count(run.settings().steps, "step"),
            thousands(run.settings().tokens_per_step()),
        ),
    );
    allocator::keep_freed_memory();
    let mut progress = ProgressBar::new(run.steps_done(), run.settings(), terminal);
    let trained = run.train(&mut |event| progress.event(event));
    progress.clear();
    // Write the model card and the loss curve even if the run failed.
    let written = run.write_card();
    trained?;
    written?;
    let loss = run.best().map_or_else(String::new, |best| {
        format!(
            ": held-out loss {:.3} nats per token, {:.3} bits per byte, after step {}",
            best.loss,
            best.bits_per_byte,
            thousands(best.step)
        )
    });
    let dir = args.out.display();
    terminal.did("trained", format_args!("{dir}{loss}"));
    terminal.note(format_args!("use `venti build --model {dir}` to write with this model"));
    Ok(())
}

/// Opens the base model and prepares the run.
fn prepare(
    global: &Global,
    args: &Train,
    folder: RunFolder,
    corpus: Corpus,
    terminal: &Terminal,
) -> Result<TrainingRun> {
    let project = workspace::find_or_nowhere(global)?.0;
    let flags = cli::Engine {
        device: Some(args.device.unwrap_or_default()),
        threads: args.threads,
        offline: args.offline,
        ..cli::Engine::default()
    };
    let mut models = models::open(&project, &flags, Pins::Unpinned, terminal)?;
    let is_on_cpu = flags.device == Some(DevicePreference::Auto) && !ON_GPU;
    let device = if is_on_cpu { Device::Cpu } else { models.device()? };
    let base = base_model(args, &project, &mut models)?;
    TrainingRun::prepare(options(args, folder)?, base, corpus, &device)
}

fn base_model(args: &Train, project: &Project, models: &mut Gpt2Models) -> Result<BaseModel> {
    if let Some(layers) = args.sizes.layers {
        let cli::Sizes { heads, width, vocab, .. } = args.sizes;
        return Ok(BaseModel::Scratch(ModelSize { layers, heads, width, vocab_size: vocab }));
    }
    let name = args.from.as_deref().unwrap_or(&project.config.model);
    let identity = models.identity(name)?;
    let checkpoint = Box::new(models.find(name)?.open()?);
    let weights = identity.weights.get(..16).unwrap_or(&identity.weights);
    let id = format!("{} ({weights})", identity.id);
    Ok(BaseModel::Checkpoint { checkpoint, id, layers: args.grow })
}

fn options(args: &Train, folder: RunFolder) -> Result<RunOptions> {
    let course = &args.course;
    Ok(RunOptions {
        generator: GENERATOR,
        folder,
        resume: args.resume,
        length: match course.steps {
            Some(steps) => RunLength::Steps(steps),
            None => RunLength::Epochs(course.epochs.unwrap_or(3.0)),
        },
        context: course.context,
        batch_size: course.batch_size,
        accumulation: course.accumulate,
        learning_rate: course.learning_rate,
        warmup: course.warmup,
        decay: match course.schedule {
            TrainSchedule::Cosine => Decay::Cosine,
            TrainSchedule::Linear => Decay::Linear { share: 0.2 },
            TrainSchedule::Constant => Decay::Linear { share: 0.0 },
        },
        weight_decay: course.weight_decay,
        dropout: course.dropout,
        clip: course.clip,
        averaged: course.average,
        held_out: match &course.held_out_file {
            Some(file) => HeldOut::Documents(Corpus::read(std::slice::from_ref(file))?.documents),
            None => HeldOut::Share(course.held_out),
        },
        evaluate_every: course.evaluate_every,
        save_every: course.save_every,
        patience: course.patience,
        precision: args.dtype.map(|dtype| match dtype {
            TrainDtype::F32 => Precision::F32,
            TrainDtype::Bf16 => Precision::Bf16,
        }),
        seed: course.seed,
    })
}
