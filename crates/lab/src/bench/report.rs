//! The benchmark report, printed as tables or as JSON.

use std::fmt;
use std::time::Duration;

use gpt2::{Dtype, Gpt2, WeightFootprint};
use serde::{Serialize, Serializer};

use super::measure::median;
use super::roofline::{Bound, Roofline, StepCost};
use crate::table::TextTable;
use text::numbers::{count, thousands};

/// All measurements. The field names are the JSON keys; unknown values are null.
#[derive(Serialize)]
pub struct BenchReport {
    pub venti: &'static str,
    pub model: String,
    pub parameters: usize,
    pub device: &'static str,
    /// Product name of the GPU, if the model runs on one.
    pub card: Option<String>,
    /// Instruction set of the CPU, if the model runs on it.
    pub instruction_set: Option<String>,
    pub threads: usize,
    pub prompt_tokens: usize,
    pub new_tokens: usize,
    /// Guidance scale; 1 is off.
    pub guidance_scale: f64,
    pub repeat: usize,
    /// Peak memory use of the process, up to the end of the last text.
    pub peak_memory_bytes: Option<u64>,
    /// Read bandwidth of main memory, measured with more data than the caches hold.
    pub read_bytes_per_second: Option<f64>,
    pub formats: Vec<LoadedFormat>,
    pub results: Vec<BatchResult>,
}

/// The model as loaded in one number format.
#[derive(Serialize)]
pub struct LoadedFormat {
    #[serde(serialize_with = "name")]
    pub dtype: Dtype,
    pub load_seconds: f64,
    pub weights_bytes: usize,
    /// Whether the weights are memory-mapped from a cache file that a build has stored.
    pub weights_mapped: bool,
    /// The device's peak number of multiply-adds per second in this format.
    pub products_per_second: Option<f64>,
}

impl LoadedFormat {
    pub fn new(model: &Gpt2, took: Duration) -> Self {
        let WeightFootprint { bytes, is_mapped } = model.weight_footprint();
        Self {
            dtype: model.dtype(),
            load_seconds: took.as_secs_f64(),
            weights_bytes: bytes,
            weights_mapped: is_mapped,
            products_per_second: None,
        }
    }
}

/// Results for a number format and a batch size.
#[derive(Serialize)]
pub struct BatchResult {
    #[serde(serialize_with = "name")]
    pub dtype: Dtype,
    pub batch_size: usize,
    /// Number of new tokens in all texts, divided by the total time including the prompts.
    pub tokens_per_second: Spread,
    pub first_token_seconds: f64,
    pub step_seconds: Option<f64>,
    pub limit: Option<StepLimit>,
}

/// The minimum time of a decoding step on this machine, and the figures from which it is computed.
#[derive(Serialize)]
pub struct StepLimit {
    bytes: u64,
    products: u64,
    attention_products: u64,
    /// Read bandwidth for reading the same `bytes` bytes repeatedly; they may fit in a cache.
    read_bytes_per_second: f64,
    step_seconds: f64,
    #[serde(serialize_with = "bound")]
    bound: Bound,
    /// Minimum time of a step as a fraction of its measured time.
    share: Option<f64>,
}

impl StepLimit {
    pub fn new(cost: &StepCost, roofline: &Roofline, measured: Option<f64>) -> Self {
        let (step_seconds, bound) = roofline.minimum_time(cost);
        Self {
            bytes: cost.bytes,
            products: cost.multiply_adds,
            attention_products: cost.attention_multiply_adds,
            read_bytes_per_second: roofline.bandwidth,
            step_seconds,
            bound,
            share: measured.map(|measured| step_seconds / measured),
        }
    }
}

/// Summary of repeated measurements.
#[derive(Serialize)]
pub struct Spread {
    pub median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    pub fn of(numbers: Vec<f64>) -> Self {
        Self {
            least: numbers.iter().copied().fold(f64::INFINITY, f64::min),
            most: numbers.iter().copied().fold(0.0, f64::max),
            median: median(numbers),
        }
    }
}

fn name<S: Serializer>(dtype: &Dtype, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(dtype.name())
}

fn bound<S: Serializer>(bound: &Bound, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(bound_name(*bound))
}

fn bound_name(bound: Bound) -> &'static str {
    match bound {
        Bound::Memory => "reading",
        Bound::Compute => "multiplying",
    }
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut device = self.device.to_owned();
        if let Some(card) = &self.card {
            device += &format!(", {card}");
        }
        if let Some(set) = &self.instruction_set {
            device += &format!(", {set}, {}", count(self.threads, "thread"));
        }
        let runs = match self.repeat {
            1 => "one run".to_owned(),
            runs => format!("median of {runs} runs (min–max)"),
        };
        let (prompt, new) = (thousands(self.prompt_tokens), thousands(self.new_tokens));
        let held = self.peak_memory_bytes.map(|bytes| format!("{} peak", megabytes(bytes)));
        let read =
            self.read_bytes_per_second.map(|rate| format!("read bandwidth {}", gigabytes(rate)));
        let memory: Vec<String> = held.into_iter().chain(read).collect();
        let parameters = thousands(self.parameters);
        writeln!(f, "model   {}", self.model)?;
        writeln!(f, "size    {parameters} parameters")?;
        writeln!(f, "device  {device}")?;
        let guided = match self.guidance_scale {
            1.0 => String::new(),
            scale => format!(", guided by {scale}"),
        };
        writeln!(f, "texts   {prompt} prompt and {new} new tokens each{guided}; {runs}")?;
        if !memory.is_empty() {
            writeln!(f, "memory  {}", memory.join(", "))?;
        }
        writeln!(f, "\n{}", self.formats_table())?;
        write!(f, "{}", self.results_table())
    }
}

impl BenchReport {
    fn formats_table(&self) -> TextTable {
        let mut table = TextTable::new(["dtype", "load time", "weights", "", "multiply-adds"])
            .with_last_to_the_left();
        for format in &self.formats {
            let mapped = if format.weights_mapped { "(mapped)" } else { "" };
            table.row([
                format.dtype.name().to_owned(),
                duration(format.load_seconds),
                megabytes(format.weights_bytes as u64),
                mapped.to_owned(),
                format.products_per_second.map_or_else(
                    || "not measured".to_owned(),
                    |rate| format!("{} G/s", thousands((rate / 1e9).round() as usize)),
                ),
            ]);
        }
        table
    }

    fn results_table(&self) -> TextTable {
        let heads = ["dtype", "batch", "tokens/s", "", "first token", "step", "of limit"];
        let mut table = TextTable::new(heads).with_last_to_the_left();
        for row in &self.results {
            let Spread { median, least, most } = row.tokens_per_second;
            // Print all three figures with the same number of decimals.
            let rate = |rate: f64| match median {
                ..100.0 => format!("{rate:.1}"),
                _ => thousands(rate.round() as usize),
            };
            let spread = format!("({}–{})", rate(least), rate(most));
            table.row([
                row.dtype.name().to_owned(),
                thousands(row.batch_size),
                rate(median),
                if self.repeat > 1 { spread } else { String::new() },
                duration(row.first_token_seconds),
                row.step_seconds.map_or_else(|| "–".to_owned(), duration),
                match &row.limit {
                    None => "not measured".to_owned(),
                    Some(limit) => limit.share.map_or_else(
                        || "–".to_owned(),
                        |share| format!("{:.0}%, {}", 100.0 * share, bound_name(limit.bound)),
                    ),
                },
            ]);
        }
        table
    }
}

/// Formats a duration: `0.81 ms`, `81.2 ms` or `1.23 s`.
fn duration(seconds: f64) -> String {
    match seconds * 1e3 {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 1000.0 => format!("{ms:.1} ms"),
        _ => format!("{seconds:.2} s"),
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", thousands((bytes as f64 / 1e6).round() as usize))
}

fn gigabytes(rate: f64) -> String {
    format!("{:.1} GB/s", rate / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(
        dtype: Dtype,
        rates: [f64; 3],
        step_seconds: Option<f64>,
        limit: Option<StepLimit>,
    ) -> BatchResult {
        let tokens_per_second = Spread::of(rates.to_vec());
        BatchResult {
            dtype,
            batch_size: 8,
            tokens_per_second,
            first_token_seconds: 0.0123,
            step_seconds,
            limit,
        }
    }

    fn report(device: &'static str, results: Vec<BatchResult>) -> BenchReport {
        let formats = results.iter().map(|row| LoadedFormat {
            dtype: row.dtype,
            load_seconds: 1.5,
            weights_bytes: 135_400_000,
            weights_mapped: row.dtype == Dtype::Int8,
            products_per_second: row.limit.as_ref().map(|_| 914.4e9),
        });
        BenchReport {
            venti: "venti 0.1.0",
            model: "gpt2".into(),
            parameters: 124_439_808,
            device,
            card: (device == "cuda").then(|| "NVIDIA H200".into()),
            instruction_set: (device == "cpu").then(|| "AVX2".to_owned()),
            threads: 2,
            prompt_tokens: 32,
            new_tokens: 128,
            guidance_scale: 1.0,
            repeat: 3,
            peak_memory_bytes: (device == "cpu").then_some(1_001_000_000),
            read_bytes_per_second: (device == "cpu").then_some(37.14e9),
            formats: formats.collect(),
            results,
        }
    }

    #[test]
    fn a_cpu_report_shows_the_limits() {
        let roofline = Roofline { bandwidth: 40e9, multiply_adds: 914e9, f32_multiply_adds: 230e9 };
        let cost =
            StepCost { bytes: 136_000_000, multiply_adds: 124_000_000, attention_multiply_adds: 0 };
        let limit = |step| Some(StepLimit::new(&cost, &roofline, step));
        let results = vec![
            row(Dtype::F32, [86.7, 101.9, 85.12], None, limit(None)),
            row(Dtype::Int8, [1208.4, 968.6, 1007.1], Some(0.0051), limit(Some(0.0051))),
        ];
        let expected = "\
model   gpt2
size    124,439,808 parameters
device  cpu, AVX2, 2 threads
texts   32 prompt and 128 new tokens each; median of 3 runs (min–max)
memory  1,001 MB peak, read bandwidth 37.1 GB/s

dtype  load time  weights            multiply-adds
f32       1.50 s   135 MB            914 G/s
int8      1.50 s   135 MB  (mapped)  914 G/s

dtype  batch  tokens/s                first token     step  of limit
f32        8      86.7  (85.1–101.9)      12.3 ms        –  –
int8       8     1,007   (969–1,208)      12.3 ms  5.10 ms  67%, reading
";
        assert_eq!(report("cpu", results).to_string(), expected);
    }

    #[test]
    fn a_gpu_report_says_which_figures_are_not_measured() {
        let results = vec![row(Dtype::F16, [5000.0, 5001.0, 5002.0], Some(0.0002), None)];
        let expected = "\
model   gpt2
size    124,439,808 parameters
device  cuda, NVIDIA H200
texts   32 prompt and 128 new tokens each; median of 3 runs (min–max)

dtype  load time  weights  multiply-adds
f16       1.50 s   135 MB  not measured

dtype  batch  tokens/s                 first token     step  of limit
f16        8     5,001  (5,000–5,002)      12.3 ms  0.20 ms  not measured
";
        assert_eq!(report("cuda", results).to_string(), expected);
    }
}
