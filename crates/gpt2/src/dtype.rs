//! Number formats.

use crate::device::Device;
use crate::error::{Error, Result};

/// Number format of a network's weights, the inputs of its matrix products and its KV cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// Supported on all devices.
    F32,
    /// Supported on GPUs only.
    F16,
    /// Supported on all devices.
    Bf16,
    /// Supported on the CPU only: 8 bits, with one scale per 64 numbers.
    Int8,
}

impl Dtype {
    /// Lower-case name of the format.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// Checks that the device supports this format.
    ///
    /// # Errors
    /// Returns an error that lists the supported formats if this one is not among them.
    pub fn check(self, device: &Device) -> Result<()> {
        match self {
            Self::F16 if device.is_cpu() => Err(self.refused(device)),
            Self::Int8 if !device.is_cpu() => Err(self.refused(device)),
            _ => Ok(()),
        }
    }

    pub(crate) fn refused(self, device: &Device) -> Error {
        Error::DType {
            dtype: self.name(),
            device: if device.is_cpu() { "CPU" } else { "GPU" },
            expected: if device.is_cpu() { "f32, bf16 or int8" } else { "f32, f16 or bf16" },
        }
    }

    /// Bytes per number.
    pub fn size_in_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Int8 => 1,
        }
    }
}
