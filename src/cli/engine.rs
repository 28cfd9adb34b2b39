//! The flags for how to run a model.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use generator::{DevicePreference, DtypePreference, MAX_BATCH_SIZE, MAX_THREADS};

use super::number::from_1_to;

/// How to run a model.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Model")]
pub struct Engine {
    /// Device to run on
    #[arg(long, value_parser = device())]
    pub device: Option<DevicePreference>,
    /// Number format to compute in
    #[arg(long, value_parser = dtype())]
    pub dtype: Option<DtypePreference>,
    /// Number of CPU threads
    #[arg(long, value_name = "N", value_parser = from_1_to::<MAX_THREADS>)]
    pub threads: Option<usize>,
    /// Number of texts to write at once
    #[arg(long, value_name = "N", value_parser = from_1_to::<MAX_BATCH_SIZE>)]
    pub batch_size: Option<usize>,
    /// Do not use the network
    #[arg(long)]
    pub offline: bool,
}

/// Parses a device.
pub fn device() -> impl TypedValueParser<Value = DevicePreference> {
    let all = DevicePreference::ALL;
    PossibleValuesParser::new(all.map(DevicePreference::name)).map(move |name| {
        *all.iter().find(|device| device.name() == name).expect("one of the possible values")
    })
}

/// Parses a number format.
pub fn dtype() -> impl TypedValueParser<Value = DtypePreference> {
    let all = DtypePreference::ALL;
    PossibleValuesParser::new(all.map(DtypePreference::name)).map(move |name| {
        *all.iter().find(|dtype| dtype.name() == name).expect("one of the possible values")
    })
}
