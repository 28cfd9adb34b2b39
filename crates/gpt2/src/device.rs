//! Devices that a model can run on.

use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu::Gpu;

/// A device that a model runs on.
#[derive(Clone)]
pub enum Device {
    /// The CPU, with all threads of the current rayon pool.
    Cpu,
    /// A CUDA GPU, with this crate's own kernels.
    #[cfg(feature = "gpu")]
    Gpu(Gpu),
    /// An Apple GPU, with candle's operations.
    Metal(candle_core::Device),
}

impl Device {
    /// Opens the machine's first CUDA GPU.
    ///
    /// # Errors
    /// Returns an error if the `cuda` feature, the driver, or a sufficiently recent GPU is missing; the
    /// error says which.
    pub fn cuda() -> Result<Self> {
        #[cfg(feature = "cuda")]
        return Ok(Self::Gpu(Gpu::cuda()?));
        #[cfg(not(feature = "cuda"))]
        Err(not_built_for("CUDA"))
    }

    /// Opens the machine's Apple GPU.
    ///
    /// # Errors
    /// Returns an error if the machine has no Apple GPU or the `metal` feature is not enabled.
    pub fn metal() -> Result<Self> {
        if cfg!(not(feature = "metal")) {
            return Err(not_built_for("Metal"));
        }
        let reason = |error: candle_core::Error| error.to_string();
        let device = candle_core::Device::new_metal(0).map_err(reason);
        device.map(Self::Metal).map_err(|reason| Error::NoGpu { kind: "Metal", reason })
    }

    /// Creates an emulated GPU with `memory` bytes of memory. Its kernels run on the CPU and are slow.
    #[cfg(feature = "emulated-gpu")]
    pub fn emulated(memory: usize) -> Self {
        Self::Gpu(Gpu::emulated(memory))
    }

    /// Opens the machine's GPU if it is usable, otherwise returns the CPU. The error says why the
    /// program, though built for a GPU, does not use one.
    pub fn best() -> (Self, Option<Error>) {
        let unusable = match cfg!(feature = "cuda").then(Self::cuda) {
            Some(Ok(device)) => return (device, None),
            Some(Err(reason)) => Some(reason),
            None => None,
        };
        match cfg!(feature = "metal").then(Self::metal) {
            Some(Ok(device)) => (device, None),
            Some(Err(reason)) => (Self::Cpu, unusable.or(Some(reason))),
            None => (Self::Cpu, unusable),
        }
    }

    pub fn is_cpu(&self) -> bool {
        matches!(self, Self::Cpu)
    }

    /// Short name of the device kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.kind(),
            Self::Metal(_) => "metal",
        }
    }

    /// The GPU's model name, as reported by the driver.
    pub fn card(&self) -> Option<&str> {
        match self {
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => Some(gpu.name()),
            _ => None,
        }
    }
}

fn not_built_for(kind: &'static str) -> Error {
    Error::NoGpu { kind, reason: format!("this program was built without {kind}") }
}
