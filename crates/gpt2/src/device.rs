//! Where a model computes.

use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu::Gpu;

/// A device.
#[derive(Clone)]
pub enum Device {
    /// The processor, with all threads of the current rayon pool.
    Cpu,
    /// A GPU, through kernels of this crate.
    #[cfg(feature = "gpu")]
    Gpu(Gpu),
    /// An Apple GPU, through candle's operations.
    Metal(candle_core::Device),
}

impl Device {
    /// The machine's first CUDA GPU.
    ///
    /// # Errors
    /// With what is missing: the feature, the driver, or a GPU that is new enough.
    pub fn cuda() -> Result<Self> {
        #[cfg(feature = "cuda")]
        return Ok(Self::Gpu(Gpu::cuda()?));
        #[cfg(not(feature = "cuda"))]
        Err(not_built_for("CUDA"))
    }

    /// The machine's Apple GPU.
    ///
    /// # Errors
    /// When there is none, or the feature is missing.
    pub fn metal() -> Result<Self> {
        if cfg!(not(feature = "metal")) {
            return Err(not_built_for("Metal"));
        }
        let reason = |error: candle_core::Error| error.to_string();
        let device = candle_core::Device::new_metal(0).map_err(reason);
        device.map(Self::Metal).map_err(|reason| Error::NoGpu { kind: "Metal", reason })
    }

    /// A GPU that is not there: its kernels run on the CPU, slowly, on so many bytes of memory.
    #[cfg(feature = "emulated-gpu")]
    pub fn emulated(memory: usize) -> Self {
        Self::Gpu(Gpu::emulated(memory))
    }

    /// The machine's GPU, if it has one; else the CPU, with the reason why the GPU that this program was
    /// built for is not used.
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

    /// Whether it is the processor.
    pub fn is_cpu(&self) -> bool {
        matches!(self, Self::Cpu)
    }

    /// What kind it is, in a word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.kind(),
            Self::Metal(_) => "metal",
        }
    }

    /// What the GPU's maker calls it.
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
