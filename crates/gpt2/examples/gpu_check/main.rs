//! Compares a model's results on a device with this crate's CPU reference and prints one line per
//! check. The GPU machine needs no Rust toolchain: copy the binary there and run it with
//! `scripts/gpu_check.sh`.
//!
//! ```text
//! gpu_check MODEL_DIR --device cpu|cuda|emulated [--small|--cold-start]
//! ```
//!
//! If the device is the CPU, the reference is the network implemented with candle's operations.
//! `--small` uses fewer and shorter completions; `--cold-start` only measures the time to the first
//! token. The exit status is 1 if a check failed.

mod batch;
mod numbers;
mod sampler;
mod texts;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use gpt2::{Checkpoint, Device, Dtype, Error, Gpt2};

/// Source text for the prompts, so that the model has a realistic context.
const PROSE: &str = include_str!("../../tests/fixtures/prose.txt");

/// Memory size of the emulated GPU, in bytes.
#[cfg(feature = "emulated-gpu")]
const EMULATED_MEMORY: usize = 1 << 30;

fn main() -> ExitCode {
    match run(Instant::now()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Amount of work in each check.
#[derive(Debug, Clone, Copy)]
struct CheckSizes {
    /// Length, in tokens, of the text whose logits are compared.
    logits: usize,
    /// Number of greedy completions, generated only in f32, and their length in tokens.
    greedy: (usize, usize),
    /// Number of sampled completions, and their approximate length in tokens.
    texts: (usize, usize),
    /// Batch sizes to compare. The first one is used for the reference completions. The last one is
    /// used for only a few completions.
    batch_sizes: [usize; 3],
    /// Number of tokens to compare with the host's sampler for each group of settings.
    draws: usize,
}

const FULL: CheckSizes = CheckSizes {
    logits: 512,
    greedy: (4, 200),
    texts: (256, 64),
    batch_sizes: [256, 16, 1],
    draws: 600,
};
const SMALL: CheckSizes = CheckSizes {
    logits: 80,
    greedy: (2, 40),
    texts: (24, 16),
    batch_sizes: [24, 5, 1],
    draws: 100,
};

/// The model under test, and its reference.
struct Subject<'a> {
    checkpoint: &'a Checkpoint,
    /// The model on the device, in the number format under test.
    model: &'a Gpt2,
    /// The reference on the CPU, in f32.
    reference: &'a Gpt2,
    /// The tokens of [`PROSE`].
    prose: &'a [u32],
    sizes: CheckSizes,
}

/// Runs all checks and returns whether all of them passed.
fn run(started: Instant) -> Result<bool, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (model, device, sizes) = match arguments[..] {
        [model, "--device", device] => (model, device, Some(FULL)),
        [model, "--device", device, "--small"] => (model, device, Some(SMALL)),
        [model, "--device", device, "--cold-start"] => (model, device, None),
        _ => return Err("usage: gpu_check MODEL_DIR --device DEVICE [--small|--cold-start]".into()),
    };
    let (checkpoint, device) = cold_start(model, device, started)?;
    let Some(sizes) = sizes else { return Ok(true) };
    let mut report = CheckReport { failed: 0, checks: 0 };
    let prose = checkpoint.tokenizer().encode(PROSE)?;
    let reference = if device.is_cpu() {
        Gpt2::load_tensors(&checkpoint, &device, Dtype::F32)?
    } else {
        Gpt2::load(&checkpoint, &Device::Cpu, Dtype::F32)?
    };
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
        if let Err(refused) = dtype.check(&device) {
            report.skip(dtype, &refused);
            continue;
        }
        let model = match Gpt2::load(&checkpoint, &device, dtype) {
            Ok(model) => model,
            Err(error) => {
                report.check(dtype, "load", || Err(error.into()));
                continue;
            }
        };
        let (checkpoint, model, reference) = (&checkpoint, &model, &reference);
        check(&mut report, &Subject { checkpoint, model, reference, prose: &prose, sizes });
    }
    let CheckReport { checks, failed } = report;
    println!("{checks} checks, {failed} failed");
    Ok(failed == 0)
}

/// Opens the device and the model, generates a token, and prints the duration of each step.
fn cold_start(
    model: &str,
    device: &str,
    started: Instant,
) -> Result<(Checkpoint, Device), Box<dyn std::error::Error>> {
    let mut parts = Vec::new();
    let mut since = started;
    let mut took = |part: &str| {
        parts.push(format!("{part} {:.1} ms", since.elapsed().as_secs_f64() * 1e3));
        since = Instant::now();
    };
    let device = match device {
        "cpu" => Device::Cpu,
        "cuda" => Device::cuda()?,
        #[cfg(feature = "emulated-gpu")]
        "emulated" => Device::emulated(EMULATED_MEMORY),
        other => return Err(format!("unsupported device `{other}`").into()),
    };
    took("device");
    let checkpoint = Checkpoint::from_dir(Path::new(model))?;
    took("checkpoint");
    let dtype = if device.is_cpu() { Dtype::F32 } else { Dtype::Bf16 };
    let model = Gpt2::load(&checkpoint, &device, dtype)?;
    took("weights and kernels");
    let one_token = [batch::request(&[1, 2, 3, 4], 0, 4, batch::lively(), 1)];
    batch::write(&model, &checkpoint, &one_token, 1)?;
    took("first token");
    let total = started.elapsed().as_secs_f64() * 1e3;
    batch::write(&model, &checkpoint, &one_token, 1)?;
    took("another");
    let on = device.card().unwrap_or_else(|| device.name());
    println!("time  {:<4}  cold start  {total:.1} ms on {on}: {}", dtype.name(), parts.join(", "));
    Ok((checkpoint, device))
}

/// Runs all checks for one number format.
fn check(report: &mut CheckReport, subject: &Subject) {
    let dtype = subject.model.dtype();
    report.check(dtype, "logits", || numbers::logits(subject));
    report.check(dtype, "tiles", || numbers::tiles(subject));
    if dtype == Dtype::F32 {
        report.check(dtype, "greedy", || texts::greedy(subject));
    }
    for (name, settings) in sampler::settings() {
        report.check(dtype, &format!("sampler, {name}"), || sampler::check(subject, &settings));
    }
    let mut reference_texts = None;
    report.check(dtype, "texts", || {
        let (texts, result) = texts::ReferenceTexts::new(subject)?;
        reference_texts = Some(texts);
        Ok(result)
    });
    let Some(reference_texts) = reference_texts else { return };
    for batch_size in subject.sizes.batch_sizes {
        report.check(dtype, &format!("batches of {batch_size}"), || {
            reference_texts.in_batches(subject, batch_size)
        });
    }
    if !subject.model.device().is_cpu() {
        report.check(dtype, "memory", || reference_texts.memory(subject));
    }
}

/// Whether a check passed, and a description of the result.
type CheckResult = Result<(bool, String), Box<dyn std::error::Error>>;

/// Prints and counts the results of the checks.
struct CheckReport {
    checks: usize,
    failed: usize,
}

impl CheckReport {
    /// Runs a check. Errors and panics count as failures and do not prevent further checks.
    fn check(&mut self, dtype: Dtype, name: &str, check: impl FnOnce() -> CheckResult) {
        let started = Instant::now();
        let (passed, figure) = match catch_unwind(AssertUnwindSafe(check)) {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => (false, error.to_string()),
            Err(_) => (false, "panicked".to_owned()),
        };
        self.checks += 1;
        self.failed += usize::from(!passed);
        let verdict = if passed { "pass" } else { "FAIL" };
        let took = started.elapsed().as_secs_f64();
        println!("{verdict}  {:<4}  {name}: {figure} ({took:.2} s)", dtype.name());
    }

    fn skip(&self, dtype: Dtype, why: &Error) {
        println!("skip  {:<4}  {why}", dtype.name());
    }
}
