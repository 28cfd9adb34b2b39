//! A whole benchmark: loads the model in each number format, writes batches of texts, and compares the
//! time of a step with the roofline.

use std::path::PathBuf;
use std::time::Instant;

use gpt2::{Checkpoint, Device, Dtype, Engine, Gpt2};
use miette::{IntoDiagnostic, Result, miette};
use text::numbers::thousands;

use super::measure::{BatchTiming, TextBatch, peak_memory};
use super::report::{BatchResult, BenchReport, LoadedFormat, Spread, StepLimit};
use super::roofline::{self, Roofline, StepCost};

/// What to measure.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// Program and version.
    pub venti: &'static str,
    /// Id of the model.
    pub model: String,
    pub prompt_tokens: usize,
    pub new_tokens: usize,
    /// Number of runs per measurement.
    pub repeat: usize,
    /// By default 1 and the one that a build uses.
    pub batch_sizes: Vec<usize>,
    /// Cache files of packed weights, without the extension.
    pub packed: PathBuf,
}

/// What happens next.
#[derive(Debug, Clone, Copy)]
pub enum BenchStage {
    Load {
        dtype: Dtype,
    },
    /// Run number `run` of `runs`.
    Write {
        dtype: Dtype,
        batch_size: usize,
        run: usize,
        runs: usize,
    },
    MeasureRoofline,
}

/// Checks that every text fits the positions of the model called `model`.
///
/// # Errors
/// If it does not.
pub fn check_length(
    prompt_tokens: usize,
    new_tokens: usize,
    n_positions: usize,
    model: &str,
) -> Result<()> {
    if prompt_tokens.checked_add(new_tokens).is_some_and(|tokens| tokens <= n_positions) {
        return Ok(());
    }
    let help = match n_positions.checked_sub(prompt_tokens) {
        Some(largest @ 1..) => format!("`--new-tokens` can be at most {largest} after this prompt"),
        _ => format!("`--prompt-tokens` can be at most {}", n_positions - 1),
    };
    Err(miette!(
        help = help,
        "{} prompt tokens and {} new tokens exceed the {} positions of {model}",
        thousands(prompt_tokens),
        thousands(new_tokens),
        thousands(n_positions)
    ))
}

/// Runs the benchmark with each engine; they differ in the number format. `on_stage` is called between
/// measurements, never during one.
///
/// # Errors
/// If the model cannot be loaded or fails.
pub fn run(
    options: &BenchOptions,
    checkpoint: &Checkpoint,
    device: &Device,
    engines: &[Engine],
    on_stage: &mut dyn FnMut(BenchStage),
) -> Result<BenchReport> {
    let mut report = BenchReport {
        venti: options.venti,
        model: options.model.clone(),
        parameters: checkpoint.config().parameters(),
        device: device.name(),
        card: device.card().map(str::to_owned),
        instruction_set: device.is_cpu().then(roofline::instruction_set),
        threads: rayon::current_num_threads(),
        prompt_tokens: options.prompt_tokens,
        new_tokens: options.new_tokens,
        repeat: options.repeat,
        peak_memory_bytes: None,
        read_bytes_per_second: None,
        formats: Vec::new(),
        results: Vec::new(),
    };
    for engine in engines {
        let dtype = engine.dtype(device);
        on_stage(BenchStage::Load { dtype });
        let started = Instant::now();
        // Use packed weights only if a build has stored them: storing a format that is measured once is
        // not worth the disk space.
        let is_stored = content::fs::stat(&options.packed.with_extension(dtype.name()))?.is_some();
        let packed = is_stored.then_some(options.packed.as_path());
        let model = engine.load(checkpoint, device, packed)?;
        report.formats.push(LoadedFormat::new(&model, started.elapsed()));
        let batch_sizes = match &options.batch_sizes[..] {
            [] => vec![1, engine.batch_size(&model)],
            chosen => chosen.to_vec(),
        };
        for batch_size in without_repetition(batch_sizes) {
            report.results.push(measure(options, checkpoint, &model, batch_size, on_stage)?);
        }
    }
    // Measuring the roofline allocates memory of its own, so the peak is read first.
    report.peak_memory_bytes = peak_memory();
    on_stage(BenchStage::MeasureRoofline);
    add_limits(&mut report, checkpoint, device).into_diagnostic()?;
    Ok(report)
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

/// Writes a batch of texts several times.
fn measure(
    options: &BenchOptions,
    checkpoint: &Checkpoint,
    model: &Gpt2,
    batch_size: usize,
    on_stage: &mut dyn FnMut(BenchStage),
) -> Result<BatchResult> {
    let &BenchOptions { prompt_tokens, new_tokens, repeat, .. } = options;
    let (dtype, tokenizer) = (model.dtype(), checkpoint.tokenizer());
    let texts = TextBatch { batch_size, prompt_tokens, new_tokens };
    // Warm up: the first text reads the weights for the first time and starts the threads.
    TextBatch { batch_size: 1, new_tokens: 1, ..texts }.write(model, tokenizer)?;
    let mut timings: Vec<BatchTiming> = Vec::new();
    for run in 1..=repeat {
        on_stage(BenchStage::Write { dtype, batch_size, run, runs: repeat });
        timings.push(texts.write(model, tokenizer)?);
    }
    let tokens = (batch_size * new_tokens) as f64;
    let spread =
        |figure: &dyn Fn(&BatchTiming) -> f64| Spread::of(timings.iter().map(figure).collect());
    let steps: Vec<f64> = timings.iter().filter_map(|timing| timing.step).collect();
    Ok(BatchResult {
        dtype,
        batch_size,
        tokens_per_second: spread(&|timing| tokens / timing.total),
        first_token_seconds: spread(&|timing| timing.first_token).median,
        step_seconds: (!steps.is_empty()).then(|| Spread::of(steps).median),
        limit: None,
    })
}

/// Measures the roofline of the machine and adds the limits that follow from it to the results.
fn add_limits(
    report: &mut BenchReport,
    checkpoint: &Checkpoint,
    device: &Device,
) -> gpt2::Result<()> {
    let Some(f32_multiply_adds) = roofline::peak_multiply_adds(device, Dtype::F32)? else {
        return Ok(());
    };
    for format in &mut report.formats {
        format.products_per_second = match format.dtype {
            Dtype::F32 => Some(f32_multiply_adds),
            dtype => roofline::peak_multiply_adds(device, dtype)?,
        };
    }
    report.read_bytes_per_second = roofline::memory_bandwidth(device, roofline::OUT_OF_CACHE)?;
    // Mean context over the measured steps, which begin after the first token.
    let context = report.prompt_tokens + report.new_tokens / 2;
    let config = checkpoint.config();
    for result in &mut report.results {
        let format = report.formats.iter().find(|format| format.dtype == result.dtype);
        let multiply_adds = format.and_then(|format| format.products_per_second);
        let cost = StepCost::of_step(config, device, result.dtype, result.batch_size, context);
        let (Some(multiply_adds), Some(cost)) = (multiply_adds, cost) else { continue };
        let bandwidth = roofline::memory_bandwidth(device, cost.bytes as usize)?;
        let Some(bandwidth) = bandwidth else { continue };
        let roofline = Roofline { bandwidth, multiply_adds, f32_multiply_adds };
        result.limit = Some(StepLimit::new(&cost, &roofline, result.step_seconds));
    }
    Ok(())
}
