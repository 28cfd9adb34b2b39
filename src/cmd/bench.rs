//! `venti bench`: measures how fast a model writes, compared with the limits of the machine.

use gpt2::{Device, Engine};
use lab::bench::{self, BenchOptions, BenchStage};
use miette::{IntoDiagnostic, Result};

use super::build::GENERATOR;
use super::workspace;
use crate::cli::{self, Bench, Global};
use crate::models::{self, Pins};
use crate::terminal::{Terminal, print};
use generator::{DtypePreference, Models};
use text::numbers::count;

/// Runs the benchmark and prints the report.
pub fn run(global: &Global, args: &Bench, terminal: &Terminal) -> Result<()> {
    let project = workspace::find_or_nowhere(global)?.0;
    let flags = cli::Engine {
        device: args.device,
        threads: args.threads,
        offline: args.offline,
        ..cli::Engine::default()
    };
    let mut models = models::open(&project, &flags, Pins::Unpinned, terminal)?;
    let name = args.model.as_deref().unwrap_or(&project.config.model);
    let identity = models.identity(name)?;
    let found = models.find(name)?;
    let checkpoint = found.open()?;
    let n_positions = checkpoint.config().n_positions;
    bench::check_length(args.prompt_tokens, args.new_tokens, n_positions, name)?;
    let engine = models.engine();
    let device = models.device()?;
    let engines = engines(engine, &args.dtype, &device)?;

    let options = BenchOptions {
        venti: GENERATOR,
        model: identity.id,
        prompt_tokens: args.prompt_tokens,
        new_tokens: args.new_tokens,
        guidance_scale: args.guidance_scale,
        repeat: args.repeat,
        batch_sizes: args.batch_size.clone(),
        packed: found.packed_in(&project.root),
    };
    let bar = terminal.progress_bar(1, " measuring {msg}");
    let mut show = |stage| bar.set_message(stage_text(stage, name));
    let report = bench::run(&options, &checkpoint, &device, &engines, &mut show)?;
    bar.finish_and_clear();
    if args.json {
        let json = serde_json::to_string_pretty(&report).into_diagnostic()?;
        return print(format_args!("{json}\n"));
    }
    print(report)
}

/// Returns one engine per distinct number format. Fails if the device does not support a requested
/// format.
fn engines(engine: Engine, dtypes: &[DtypePreference], device: &Device) -> Result<Vec<Engine>> {
    let requested = if dtypes.is_empty() { &[engine.dtype][..] } else { dtypes };
    let mut engines: Vec<Engine> = Vec::new();
    for &dtype in requested {
        let engine = Engine { dtype, ..engine };
        engine.check(device)?;
        if engines.iter().all(|other| other.dtype(device) != engine.dtype(device)) {
            engines.push(engine);
        }
    }
    Ok(engines)
}

/// Describes the current stage.
fn stage_text(stage: BenchStage, model: &str) -> String {
    match stage {
        BenchStage::Load { dtype } => format!("{} · loading {model}", dtype.name()),
        BenchStage::Write { dtype, batch_size, run, runs } => {
            format!("{} · {} · {run} of {runs}", dtype.name(), count(batch_size, "text"))
        }
        BenchStage::MeasureRoofline => "limits of the machine".to_owned(),
    }
}
