//! Holds a device to this crate's reference on the CPU, a line a check. A machine with a GPU needs no Rust
//! to run it: it is built elsewhere and carried there, and `scripts/gpu_check.sh` runs it.
//!
//! ```text
//! gpu_check MODEL_DIR [--device cpu|cuda|emulated] [--small] [--cold-start]
//! ```
//!
//! On the CPU the reference is the network in candle's operations. With `--small` it takes fewer and
//! shorter texts, with `--cold-start` it times the first token and checks nothing. Its status is 1 if
//! a check failed.

mod numbers;
mod sampler;
mod texts;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use gpt2::{Checkpoint, Device, Dtype, Error, Gpt2};

/// What texts begin with: prose of nobody's, so that a model has something to say.
const PROSE: &str = include_str!("../../tests/fixtures/prose.txt");

/// The memory of the GPU that is not there.
#[cfg(feature = "emulated-gpu")]
const EMULATED_MEMORY: usize = 1 << 30;

fn main() -> ExitCode {
    let started = Instant::now();
    let outcome = match Asked::from_arguments() {
        Ok(asked) => run(&asked, started),
        Err(usage) => Err(usage.into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The command line.
struct Asked {
    model: PathBuf,
    device: String,
    sizes: Sizes,
    only_cold_start: bool,
}

impl Asked {
    fn from_arguments() -> Result<Self, String> {
        let mut asked = Self {
            model: PathBuf::new(),
            device: "cuda".into(),
            sizes: FULL,
            only_cold_start: false,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--device" => {
                    asked.device = arguments.next().ok_or("`--device` needs a device")?;
                }
                "--small" => asked.sizes = SMALL,
                "--cold-start" => asked.only_cold_start = true,
                flag if flag.starts_with('-') => return Err(format!("unknown flag `{flag}`")),
                model => asked.model = model.into(),
            }
        }
        if asked.model.as_os_str().is_empty() {
            return Err("expected a model's folder".into());
        }
        Ok(asked)
    }

    fn device(&self) -> Result<Device, Box<dyn std::error::Error>> {
        match self.device.as_str() {
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::cuda()?),
            #[cfg(feature = "emulated-gpu")]
            "emulated" => Ok(Device::emulated(EMULATED_MEMORY)),
            other => Err(format!("`{other}` is not a device of this program").into()),
        }
    }
}

/// How much is checked.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// Tokens of the text whose logits are compared.
    logits: usize,
    /// Texts of one token at a time, in f32, and how many tokens each.
    greedy: (usize, usize),
    /// Texts that are sampled, and about how many tokens each.
    texts: (usize, usize),
    /// Texts written together. The first batch is the largest, the last writes few of the texts.
    batch_sizes: [usize; 3],
    /// Choices that are held to the host's sampler, for each of several settings.
    draws: usize,
}

const FULL: Sizes = Sizes {
    logits: 512,
    greedy: (4, 200),
    texts: (256, 64),
    batch_sizes: [256, 16, 1],
    draws: 600,
};
const SMALL: Sizes =
    Sizes { logits: 80, greedy: (2, 40), texts: (24, 16), batch_sizes: [24, 5, 1], draws: 100 };

/// What is checked, and what with.
struct Subject<'a> {
    checkpoint: &'a Checkpoint,
    /// On the device, in the format that is checked.
    model: &'a Gpt2,
    /// On the CPU, in f32.
    reference: &'a Gpt2,
    /// The tokens of [`PROSE`].
    prose: &'a [u32],
    sizes: Sizes,
}

/// Runs everything; whether all of it passed.
fn run(asked: &Asked, started: Instant) -> Result<bool, Box<dyn std::error::Error>> {
    let mut report = Report { failed: 0, checks: 0 };
    let (checkpoint, device) = cold_start(asked, started)?;
    if asked.only_cold_start {
        return Ok(true);
    }
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
                report.check(dtype, "load", || Err(error));
                continue;
            }
        };
        check(
            &mut report,
            &Subject {
                checkpoint: &checkpoint,
                model: &model,
                reference: &reference,
                prose: &prose,
                sizes: asked.sizes,
            },
        );
    }
    let Report { checks, failed } = report;
    println!("{checks} checks, {failed} failed");
    Ok(failed == 0)
}

/// Opens everything and writes a token, with the time that each step of it took.
fn cold_start(
    asked: &Asked,
    started: Instant,
) -> Result<(Checkpoint, Device), Box<dyn std::error::Error>> {
    let mut parts = Vec::new();
    let mut since = started;
    let mut took = |part: &str| {
        parts.push(format!("{part} {:.1} ms", since.elapsed().as_secs_f64() * 1e3));
        since = Instant::now();
    };
    let device = asked.device()?;
    took("device");
    let checkpoint = Checkpoint::from_dir(&asked.model)?;
    took("checkpoint");
    let dtype = if device.is_cpu() { Dtype::F32 } else { Dtype::Bf16 };
    let model = Gpt2::load(&checkpoint, &device, dtype)?;
    took("weights and kernels");
    texts::one_token(&checkpoint, &model)?;
    took("first token");
    let total = started.elapsed().as_secs_f64() * 1e3;
    texts::one_token(&checkpoint, &model)?;
    took("another");
    let on = device.card().unwrap_or_else(|| device.name());
    println!("time  {:<4}  cold start  {total:.1} ms on {on}: {}", dtype.name(), parts.join(", "));
    Ok((checkpoint, device))
}

/// Every check of a number format.
fn check(report: &mut Report, subject: &Subject) {
    let dtype = subject.model.dtype();
    report.check(dtype, "logits", || numbers::logits(subject));
    report.check(dtype, "tiles", || numbers::tiles(subject));
    if dtype == Dtype::F32 {
        report.check(dtype, "greedy", || texts::greedy(subject));
    }
    for (name, settings) in sampler::settings() {
        report.check(dtype, &format!("sampler, {name}"), || sampler::check(subject, &settings));
    }
    let mut written = None;
    report.check(dtype, "texts", || {
        let (texts, figure) = texts::Written::new(subject)?;
        written = Some(texts);
        Ok((true, figure))
    });
    let Some(written) = written else { return };
    report.check(dtype, "another run", || written.again(subject));
    for batch_size in &subject.sizes.batch_sizes[1..] {
        report.check(dtype, &format!("batches of {batch_size}"), || {
            written.in_batches(subject, *batch_size)
        });
    }
    report.check(dtype, "endings", || written.endings(subject));
    report.check(dtype, "cancelled", || written.cancelled(subject));
    if !subject.model.device().is_cpu() {
        report.check(dtype, "memory", || written.memory(subject));
    }
}

/// Whether a check passed, and what it saw.
type Found = Result<(bool, String), Error>;

/// Says and counts what was found.
struct Report {
    checks: usize,
    failed: usize,
}

impl Report {
    /// An error and a panic are failures, and keep no other check from running.
    fn check(&mut self, dtype: Dtype, name: &str, check: impl FnOnce() -> Found) {
        let started = Instant::now();
        let (passed, figure) = match catch_unwind(AssertUnwindSafe(check)) {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => (false, error.to_string()),
            Err(_) => (false, "it panicked".to_owned()),
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
