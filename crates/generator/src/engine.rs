//! The user's choice of device and number format, before the machine's capabilities are known.

use serde::{Deserialize, Serialize};

/// Largest number of texts that may be written at once.
pub const MAX_BATCH_SIZE: usize = 4096;

/// Largest number of CPU threads.
pub const MAX_THREADS: usize = 1024;

/// The device a model should run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DevicePreference {
    /// The GPU if a usable one exists, otherwise the CPU.
    #[default]
    Auto,
    Cpu,
    Cuda,
    Metal,
}

impl DevicePreference {
    pub const ALL: [Self; 4] = [Self::Auto, Self::Cpu, Self::Cuda, Self::Metal];

    /// Returns the name used in `venti.yaml` and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        }
    }
}

/// The number format that a model should compute in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DtypePreference {
    /// The fastest format on the device whose text quality has been verified.
    #[default]
    Auto,
    F32,
    F16,
    Bf16,
    Int8,
}

impl DtypePreference {
    pub const ALL: [Self; 5] = [Self::Auto, Self::F32, Self::F16, Self::Bf16, Self::Int8];

    /// Returns the name used in `venti.yaml` and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}
