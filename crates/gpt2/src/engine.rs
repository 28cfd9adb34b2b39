//! Selects the device, the number format and the batch size from the user's preferences and the
//! machine's capabilities.

use std::path::Path;

use generator::{DevicePreference, DtypePreference};
use miette::miette;

use crate::{Checkpoint, Device, Dtype, Error, Gpt2};

/// Maximum default batch size on the CPU. A pass reads the weights once for the whole batch; beyond
/// this size, a larger batch gains little.
const MAX_BATCH_SIZE: usize = 64;
/// Maximum default batch size on a GPU.
const MAX_BATCH_SIZE_ON_GPU: usize = 1024;
/// Minimum default batch size on the CPU. A smaller batch would underuse the vector units.
const MIN_BATCH_SIZE: usize = 16;
/// Assumed size of the CPU cache, in bytes. If a model's weights fit into it, the KV cache should fit
/// as well.
const PROCESSOR_CACHE_BYTES: usize = 24 << 20;
/// Maximum size of the KV cache, in bytes, with the default batch size.
const CACHE_BYTES: usize = 2 << 30;

/// Preferences for running a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Engine {
    pub device: DevicePreference,
    pub dtype: DtypePreference,
    /// Number of texts decoded together. By default, the number that gives the highest throughput
    /// within the available memory.
    pub batch_size: Option<usize>,
    /// Number of concurrent clients. By default, the batch has a slot for each client if memory allows.
    pub clients: usize,
}

impl Engine {
    /// Opens the configured device. If `auto` falls back to the CPU although the program was built for
    /// a GPU, the second value says why.
    ///
    /// # Errors
    /// Returns an error if the requested device is unavailable.
    pub fn device(self) -> miette::Result<(Device, Option<Error>)> {
        let (device, is_built) = match self.device {
            DevicePreference::Auto => return Ok(Device::best()),
            DevicePreference::Cpu => return Ok((Device::Cpu, None)),
            DevicePreference::Cuda => (Device::cuda(), cfg!(feature = "cuda")),
            DevicePreference::Metal => (Device::metal(), cfg!(feature = "metal")),
        };
        let device = device.map_err(|error| {
            let name = self.device.name();
            let help = if is_built {
                "`device: cpu` and `device: auto` work here".to_owned()
            } else {
                format!(
                    "`cargo install --locked --path . --features {name}` builds venti with support \
                     for it; this build supports `device: cpu` and `device: auto`"
                )
            };
            miette!(help = help, "{error}")
        })?;
        Ok((device, None))
    }

    /// Returns the number format to use on a device. `auto` selects the fastest format whose text
    /// quality has been verified; see `docs/performance.md`.
    pub fn dtype(self, device: &Device) -> Dtype {
        match self.dtype {
            DtypePreference::Auto => match device {
                Device::Cpu => Dtype::Int8,
                Device::Metal(_) => Dtype::F32,
                // Matches `Device::Gpu`, which exists only with some features.
                #[allow(unreachable_patterns, reason = "the variant depends on features")]
                _ => Dtype::Bf16,
            },
            DtypePreference::F32 => Dtype::F32,
            DtypePreference::F16 => Dtype::F16,
            DtypePreference::Bf16 => Dtype::Bf16,
            DtypePreference::Int8 => Dtype::Int8,
        }
    }

    /// Checks that the device supports the number format.
    ///
    /// # Errors
    /// Returns an error that lists the supported formats if the selected one is not among them.
    pub fn check(self, device: &Device) -> miette::Result<()> {
        self.dtype(device).check(device).map_err(|error| {
            miette!(help = "`dtype: auto` selects the fastest format for the device", "{error}")
        })
    }

    /// Loads a checkpoint's weights onto the device. Weights converted for the CPU are cached in the
    /// file `packed`.
    ///
    /// # Errors
    /// Returns an error if the device does not support the number format or has too little memory, or
    /// the weights do not match the configuration.
    pub fn load(
        self,
        checkpoint: &Checkpoint,
        device: &Device,
        packed: Option<&Path>,
    ) -> miette::Result<Gpt2> {
        self.check(device)?;
        Ok(Gpt2::load_packed(checkpoint, device, self.dtype(device), packed)?)
    }

    /// Returns the batch size for a model.
    pub fn batch_size(self, model: &Gpt2) -> usize {
        self.batch_size.unwrap_or_else(|| default_batch_size(model, self.clients)).max(1)
    }
}

/// Returns the default batch size: the one with the highest throughput, or `clients` if that is
/// larger, but no more than fits in memory.
fn default_batch_size(model: &Gpt2, clients: usize) -> usize {
    if let Some(slots) = model.slots_in_memory() {
        return slots.min(MAX_BATCH_SIZE_ON_GPU.max(clients));
    }
    let text = model.cache_bytes(model.config().n_positions).max(1);
    let fastest =
        if model.device().is_cpu() && model.weight_footprint().bytes <= PROCESSOR_CACHE_BYTES {
            // On average a text occupies half of the positions.
            (2 * PROCESSOR_CACHE_BYTES / text).clamp(MIN_BATCH_SIZE, MAX_BATCH_SIZE)
        } else {
            MAX_BATCH_SIZE
        };
    fastest.max(clients).min(CACHE_BYTES / text).max(1)
}
