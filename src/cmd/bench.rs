//! `venti bench`: measures how fast a model writes, compared with the limits of the machine.

use std::time::Instant;

use gpt2::{Checkpoint, Gpt2};
use indicatif::{ProgressBar, ProgressStyle};
use lab::bench::roofline::{self, Rates, Work};
use miette::{IntoDiagnostic, Result, miette};

use super::build::GENERATOR;
use super::workspace;
use crate::cli::{self, Bench, Global};
use crate::models::{self, Pins};
use crate::terminal::{Terminal, print};
use generator::DtypePreference;
use generator::Models;
use gpt2::Engine;
use lab::bench::measure::{self, Run, Texts};
use lab::bench::report::{Limit, Loaded, Report, Row, Spread};
use text::numbers::thousands;

/// Runs the benchmark and prints the report.
pub fn run(global: &Global, args: &Bench, terminal: &Terminal) -> Result<()> {
    let project = workspace::find_or_nowhere(global)?.0;
    let flags = cli::Engine {
        device: args.device,
        threads: args.threads,
        offline: args.offline,
        ..cli::Engine::default()
    };
    let mut models = models::open(&project, &flags, Pins::Nowhere, terminal)?;
    let name = args.model.as_deref().unwrap_or(&project.config.model);
    let identity = models.identity(name)?;
    let found = models.find(name)?;
    let checkpoint = found.open()?;
    check_length(args, name, checkpoint.config().n_positions)?;
    let engine = models.engine();
    let device = models.device()?;
    let engines = engines(engine, &args.dtype, &device)?;

    let bar = Bar::new(terminal);
    let mut report = Report {
        venti: GENERATOR,
        model: identity.id,
        parameters: checkpoint.config().parameters(),
        device: device.name(),
        card: device.card().map(str::to_owned),
        instruction_set: device.is_cpu().then(roofline::instruction_set),
        threads: rayon::current_num_threads(),
        prompt_tokens: args.prompt_tokens,
        new_tokens: args.new_tokens,
        repeat: args.repeat,
        peak_memory_bytes: None,
        read_bytes_per_second: None,
        formats: Vec::new(),
        results: Vec::new(),
    };
    for engine in engines {
        let dtype = engine.dtype(&device).name();
        bar.say(format_args!("{dtype} · loading {name}"));
        let started = Instant::now();
        // Use packed weights only if a build has stored them: storing a format that is measured once is
        // not worth the disk space.
        let packed = found.packed_in(&project.root);
        let is_kept = content::fs::stat(&packed.with_extension(dtype))?.is_some();
        let model = engine.load(&checkpoint, &device, is_kept.then_some(packed.as_path()))?;
        report.formats.push(Loaded::new(&model, started.elapsed()));
        let batch_sizes = match &args.batch_size[..] {
            [] => vec![1, engine.rows(&model)],
            chosen => chosen.to_vec(),
        };
        for batch_size in without_repetition(batch_sizes) {
            let row = measure(args, &checkpoint, &model, batch_size, &bar)?;
            report.results.push(row);
        }
    }
    // Measuring the limits allocates memory of its own, so the peak is read first.
    report.peak_memory_bytes = measure::peak_memory();
    bar.say("limits of the machine");
    add_limits(&mut report, &checkpoint, &device).into_diagnostic()?;
    bar.clear();
    if args.json {
        let json = serde_json::to_string_pretty(&report).into_diagnostic()?;
        return print(format_args!("{json}\n"));
    }
    print(report)
}

/// Checks that every text fits the model's positions.
fn check_length(args: &Bench, model: &str, n_positions: usize) -> Result<()> {
    let (prompt, new) = (args.prompt_tokens, args.new_tokens);
    if prompt.checked_add(new).is_some_and(|tokens| tokens <= n_positions) {
        return Ok(());
    }
    let help = match n_positions.checked_sub(prompt) {
        Some(largest @ 1..) => format!("`--new-tokens` can be at most {largest} after this prompt"),
        _ => format!("`--prompt-tokens` can be at most {}", n_positions - 1),
    };
    Err(miette!(
        help = help,
        "{} prompt tokens and {} new tokens exceed the {} positions of {model}",
        thousands(prompt),
        thousands(new),
        thousands(n_positions)
    ))
}

/// One engine per requested number format, all of them supported by the device.
fn engines(
    engine: Engine,
    dtypes: &[DtypePreference],
    device: &gpt2::Device,
) -> Result<Vec<Engine>> {
    let asked = if dtypes.is_empty() { &[engine.dtype][..] } else { dtypes };
    let mut engines: Vec<Engine> = Vec::new();
    for &dtype in asked {
        let engine = Engine { dtype, ..engine };
        engine.check(device)?;
        if engines.iter().all(|other| other.dtype(device) != engine.dtype(device)) {
            engines.push(engine);
        }
    }
    Ok(engines)
}

fn without_repetition(numbers: Vec<usize>) -> Vec<usize> {
    let mut once = Vec::new();
    for number in numbers {
        if !once.contains(&number) {
            once.push(number);
        }
    }
    once
}

/// Measures a batch of texts `args.repeat` times.
fn measure(
    args: &Bench,
    checkpoint: &Checkpoint,
    model: &Gpt2,
    batch_size: usize,
    bar: &Bar,
) -> Result<Row> {
    let dtype = model.dtype();
    let texts =
        Texts { batch_size, prompt_tokens: args.prompt_tokens, new_tokens: args.new_tokens };
    // Warm up: the first text reads the weights for the first time and starts the threads.
    Texts { batch_size: 1, new_tokens: 1, ..texts }.write(model, checkpoint.tokenizer())?;
    let mut runs: Vec<Run> = Vec::new();
    for number in 1..=args.repeat {
        let texts_at_once = text::numbers::count(batch_size, "text");
        bar.say(format_args!("{} · {texts_at_once} · {number} of {}", dtype.name(), args.repeat));
        runs.push(texts.write(model, checkpoint.tokenizer())?);
    }
    let tokens = (batch_size * args.new_tokens) as f64;
    let of = |figure: fn(&Run) -> f64| runs.iter().map(figure).collect::<Vec<f64>>();
    let steps: Vec<f64> = runs.iter().filter_map(|run| run.step).collect();
    Ok(Row {
        dtype,
        batch_size,
        tokens_per_second: Spread::of(of(|run| run.whole).iter().map(|s| tokens / s).collect()),
        first_token_seconds: Spread::of(of(|run| run.first_token)).median,
        step_seconds: (!steps.is_empty()).then(|| Spread::of(steps).median),
        limit: None,
    })
}

/// Measures the limits of the machine and adds them to the results.
fn add_limits(
    report: &mut Report,
    checkpoint: &Checkpoint,
    device: &gpt2::Device,
) -> Result<(), gpt2::Error> {
    let Some(f32_products) = roofline::product_rate(device, gpt2::Dtype::F32)? else {
        return Ok(());
    };
    for format in &mut report.formats {
        format.products_per_second = match format.dtype {
            gpt2::Dtype::F32 => Some(f32_products),
            dtype => roofline::product_rate(device, dtype)?,
        };
    }
    report.read_bytes_per_second = roofline::read_rate(device, roofline::OUT_OF_CACHE)?;
    // Mean context over the measured steps, which begin after the first token.
    let context = report.prompt_tokens + report.new_tokens / 2;
    for row in &mut report.results {
        let format = report.formats.iter().find(|format| format.dtype == row.dtype);
        let products = format.and_then(|format| format.products_per_second);
        let work = Work::of_step(checkpoint.config(), device, row.dtype, row.batch_size, context);
        let (Some(products), Some(work)) = (products, work) else { continue };
        let Some(bytes) = roofline::read_rate(device, work.bytes as usize)? else { continue };
        let rates = Rates { bytes, products, f32_products };
        row.limit = Some(Limit::new(&work, &rates, row.step_seconds));
    }
    Ok(())
}

/// Shows what is being measured. Drawn between measurements, never during one.
struct Bar(ProgressBar);

impl Bar {
    fn new(terminal: &Terminal) -> Self {
        if !terminal.draws_progress() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template(" measuring {msg}")
            .expect("the template is constant and parses");
        Self(ProgressBar::new_spinner().with_style(style))
    }

    fn say(&self, what: impl std::fmt::Display) {
        self.0.set_message(what.to_string());
    }

    fn clear(&self) {
        self.0.finish_and_clear();
    }
}
