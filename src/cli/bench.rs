//! The flags of `venti bench`.

use clap::Args;
use generator::{DevicePreference, DtypePreference, MAX_BATCH_SIZE, MAX_THREADS};

use super::engine::{device, dtype};
use super::number::{at_least_1, from_1_to};

/// `venti bench`
#[derive(Debug, Args)]
pub struct Bench {
    #[arg(
        help = "Model to measure: venti-mini, gpt2, a folder, or owner/name[@revision] on the hub [default: the site's model]"
    )]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Device to run on
    #[arg(long, value_parser = device())]
    pub device: Option<DevicePreference>,
    /// Number formats to measure, separated by commas [default: the site's]
    #[arg(long, value_delimiter = ',', value_parser = dtype())]
    pub dtype: Vec<DtypePreference>,
    /// Number of CPU threads
    #[arg(long, value_name = "N", value_parser = from_1_to::<MAX_THREADS>)]
    pub threads: Option<usize>,
    /// Batch sizes to measure, separated by commas [default: 1 and the one that a build uses]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = from_1_to::<MAX_BATCH_SIZE>)]
    pub batch_size: Vec<usize>,
    /// Number of tokens in each prompt
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = from_1_to::<1_000_000>)]
    pub prompt_tokens: usize,
    /// Number of tokens to write after each prompt
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = from_1_to::<1_000_000>)]
    pub new_tokens: usize,
    /// Guidance scale; above 1, every text is computed in two contexts
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = at_least_1)]
    pub guidance_scale: f64,
    /// Number of runs per measurement; the median is shown
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = from_1_to::<1000>)]
    pub repeat: usize,
    /// Do not use the network
    #[arg(long)]
    pub offline: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
