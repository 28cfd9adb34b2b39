//! Runs a whole benchmark: loads the model in each number format, writes batches of texts and compares
//! the time of a decoding step with the roofline.

use std::path::PathBuf;
use std::time::Instant;

use gpt2::{Checkpoint, Device, Dtype, Engine, Gpt2};
use miette::{IntoDiagnostic, Result, miette};
use text::numbers::thousands;

use super::measure::{BatchTiming, TextBatch, peak_memory, rows_of_a_text};
use super::report::{BatchResult, BenchReport, LoadedFormat, Spread, StepLimit};
use super::roofline::{self, Roofline, StepCost};

/// Options of a benchmark.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// Name and version of the program, for the report.
    pub venti: &'static str,
    /// Id of the model.
    pub model: String,
    pub prompt_tokens: usize,
    pub new_tokens: usize,
    /// Guidance scale; 1 is off.
    pub guidance_scale: f64,
    /// Number of times that each batch is written.
    pub repeat: usize,
    /// Batch sizes to measure. If empty, 1 and the batch size that a build uses.
    pub batch_sizes: Vec<usize>,
    /// Path of the cache files of packed weights, without the extension.
    pub packed: PathBuf,
}

/// The stage that a benchmark is about to begin.
#[derive(Debug, Clone, Copy)]
pub enum BenchStage {
    Load {
        dtype: Dtype,
    },
    /// Write a batch. `run` is the number of the run, from 1 to `runs`.
    Write {
        dtype: Dtype,
        batch_size: usize,
        run: usize,
        runs: usize,
    },
    MeasureRoofline,
}

/// Checks that a prompt and its new tokens fit the positions of the model called `model`.
///
/// # Errors
/// Returns an error if the text has more tokens than the model has positions.
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

/// Runs the benchmark with each engine. The engines differ only in number format. `on_stage` is called
/// between measurements, never during one.
///
/// # Errors
/// Returns an error if the model cannot be loaded or fails.
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
        guidance_scale: options.guidance_scale,
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
        // Use packed weights only if a build has already stored them, because storing weights for a
        // single measurement is not worth the disk space.
        let is_stored = content::fs::stat(&options.packed.with_extension(dtype.name()))?.is_some();
        let packed = is_stored.then_some(options.packed.as_path());
        let model = engine.load(checkpoint, device, packed)?;
        report.formats.push(LoadedFormat::new(&model, started.elapsed()));
        let batch_sizes = match &options.batch_sizes[..] {
            [] => {
                let rows = rows_of_a_text(options.guidance_scale);
                vec![1, (engine.batch_size(&model) / rows).max(1)]
            }
            chosen => chosen.to_vec(),
        };
        for batch_size in without_repetition(batch_sizes) {
            report.results.push(measure(options, checkpoint, &model, batch_size, on_stage)?);
        }
    }
    // Read the peak memory use first, because measuring the roofline also allocates memory.
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

/// Writes a batch of texts several times and summarises the timings.
fn measure(
    options: &BenchOptions,
    checkpoint: &Checkpoint,
    model: &Gpt2,
    batch_size: usize,
    on_stage: &mut dyn FnMut(BenchStage),
) -> Result<BatchResult> {
    let &BenchOptions { prompt_tokens, new_tokens, guidance_scale, repeat, .. } = options;
    let (dtype, tokenizer) = (model.dtype(), checkpoint.tokenizer());
    let texts = TextBatch { batch_size, prompt_tokens, new_tokens, guidance_scale };
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

/// Measures the roofline of the machine and adds the resulting limits to the report.
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
    // Mean number of tokens that a measured step attends to. The steps begin after the first token.
    let context = report.prompt_tokens + report.new_tokens / 2;
    let config = checkpoint.config();
    for result in &mut report.results {
        let format = report.formats.iter().find(|format| format.dtype == result.dtype);
        let multiply_adds = format.and_then(|format| format.products_per_second);
        let rows = result.batch_size * rows_of_a_text(report.guidance_scale);
        let cost = StepCost::of_step(config, device, result.dtype, rows, context);
        let (Some(multiply_adds), Some(cost)) = (multiply_adds, cost) else { continue };
        let bandwidth = roofline::memory_bandwidth(device, cost.bytes as usize)?;
        let Some(bandwidth) = bandwidth else { continue };
        let roofline = Roofline { bandwidth, multiply_adds, f32_multiply_adds };
        result.limit = Some(StepLimit::new(&cost, &roofline, result.step_seconds));
    }
    Ok(())
}
