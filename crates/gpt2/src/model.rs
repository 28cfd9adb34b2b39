//! GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"), under the
//! names of its checkpoints.
//!
//! The network is written down three times. `tensors` has it in candle's operations, which are the
//! reference, and what runs on Metal. `cpu` and `gpu` have it on hand-written kernels, in whichever
//! number format is asked for, and are held to the reference in the tests.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod packing;
pub(crate) mod tensors;

use std::path::Path;

use candle_core::DType;

use self::packing::Packing;
use crate::config::Config;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::format::{Bf16, F32, Format, Int8};
use crate::kernels::linear::Linear;
use crate::kernels::simd::Level;
use crate::kv_cache::{KvCache, Layers, Token};
use crate::sampling::{Choice, Sampled};
use crate::weights::Checkpoint;

/// What a network's weights, its products' inputs and its cache are kept as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// Everywhere.
    F32,
    /// On a GPU.
    F16,
    /// Everywhere.
    Bf16,
    /// On the CPU: eight bits, with a scale for every 64 numbers.
    Int8,
}

impl Dtype {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// Refuses what a device does not compute in.
    ///
    /// # Errors
    /// With what it does compute in.
    pub fn check(self, device: &Device) -> Result<()> {
        match self {
            Self::F16 if device.is_cpu() => Err(self.refused(device)),
            Self::Int8 if !device.is_cpu() => Err(self.refused(device)),
            _ => Ok(()),
        }
    }

    fn refused(self, device: &Device) -> Error {
        Error::DType {
            dtype: self.name(),
            device: if device.is_cpu() { "CPU" } else { "GPU" },
            expected: if device.is_cpu() { "f32, bf16 or int8" } else { "f32, f16 or bf16" },
        }
    }

    /// Bytes of a number.
    pub fn size_in_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Int8 => 1,
        }
    }
}

/// What a loaded model's weights take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// In the device's memory.
    pub bytes: usize,
    /// Whether most of them are those of a mapped file, which the system may share and drop.
    pub is_mapped: bool,
}

/// A GPT-2 ready to compute.
pub struct Gpt2 {
    config: Config,
    device: Device,
    dtype: Dtype,
    network: Network,
}

enum Network {
    Tensors(tensors::Network),
    F32(cpu::Network<F32>),
    Bf16(cpu::Network<Bf16>),
    Int8(cpu::Network<Int8>),
    #[cfg(feature = "gpu")]
    Gpu(gpu::Network),
}

impl Gpt2 {
    /// Converts a checkpoint's weights to `dtype` on `device`.
    ///
    /// # Errors
    /// When the device does not compute in this format, or a tensor is missing or of another shape
    /// than the configuration says, each by name.
    pub fn load(checkpoint: &Checkpoint, device: &Device, dtype: Dtype) -> Result<Self> {
        Self::load_packed(checkpoint, device, dtype, None)
    }

    /// The same, by way of a file that keeps what the conversion for a CPU makes of the weights. It
    /// is written when converting takes long enough to be worth it, and mapped when it is there.
    /// Its name must change with the weights; the format's is added to it.
    ///
    /// # Errors
    /// As [`Gpt2::load`]. A file that cannot be written or is of no use is left alone.
    pub fn load_packed(
        checkpoint: &Checkpoint,
        device: &Device,
        dtype: Dtype,
        packed: Option<&Path>,
    ) -> Result<Self> {
        let network = match (device, dtype) {
            (Device::Cpu, Dtype::F32) => Network::F32(on_cpu(checkpoint, dtype, packed)?),
            (Device::Cpu, Dtype::Bf16) => Network::Bf16(on_cpu(checkpoint, dtype, packed)?),
            (Device::Cpu, Dtype::Int8) => Network::Int8(on_cpu(checkpoint, dtype, packed)?),
            #[cfg(feature = "gpu")]
            (Device::Gpu(gpu), Dtype::F32 | Dtype::F16 | Dtype::Bf16) => {
                Network::Gpu(gpu::Network::new(checkpoint, gpu, dtype)?)
            }
            _ => return Self::load_tensors(checkpoint, device, dtype),
        };
        Ok(Self { config: checkpoint.config().clone(), device: device.clone(), dtype, network })
    }

    /// The same in candle's operations, which is how it runs on Metal. On the CPU it is slow, and there
    /// to be compared with.
    ///
    /// # Errors
    /// As [`Gpt2::load`].
    pub fn load_tensors(checkpoint: &Checkpoint, device: &Device, dtype: Dtype) -> Result<Self> {
        let (on, computed) = match (device, dtype) {
            (Device::Cpu, Dtype::F32) => (&candle_core::Device::Cpu, DType::F32),
            (Device::Metal(metal), Dtype::F32) => (metal, DType::F32),
            (Device::Metal(metal), Dtype::F16) => (metal, DType::F16),
            (Device::Metal(metal), Dtype::Bf16) => (metal, DType::BF16),
            _ => return Err(dtype.refused(device)),
        };
        let network = Network::Tensors(tensors::Network::new(checkpoint, on, computed)?);
        Ok(Self { config: checkpoint.config().clone(), device: device.clone(), dtype, network })
    }

    /// Sizes and choices.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What it computes in.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// What its weights take.
    pub fn held(&self) -> Held {
        match &self.network {
            Network::Tensors(_) => {
                let bytes = self.config.parameters() * self.dtype.size_in_bytes();
                Held { bytes, is_mapped: false }
            }
            Network::F32(network) => self.held_on_cpu(network),
            Network::Bf16(network) => self.held_on_cpu(network),
            Network::Int8(network) => self.held_on_cpu(network),
            #[cfg(feature = "gpu")]
            Network::Gpu(network) => Held { bytes: network.bytes(), is_mapped: false },
        }
    }

    /// Everything but the linear layers' weights is kept as f32.
    fn held_on_cpu<F: Format>(&self, network: &cpu::Network<F>) -> Held {
        let packed: usize = network.layers().map(|layer| size_of_val(layer.packed())).sum();
        let linear: usize = self.config.linear_layers().map(|(k, n)| k * n).sum();
        Held {
            bytes: packed + (self.config.parameters() - linear) * size_of::<f32>(),
            is_mapped: network.layers().all(Linear::is_mapped),
        }
    }

    /// Bytes of the keys and values of a text of so many tokens.
    pub fn cache_bytes(&self, tokens: usize) -> usize {
        let scale = if self.dtype == Dtype::Int8 { size_of::<f32>() } else { 0 };
        let head = self.config.head_dim() * self.dtype.size_in_bytes() + scale;
        tokens * self.config.n_layer * 2 * self.config.n_head * head
    }

    /// How many texts a GPU has memory for, when it gives half of what is free now; none on a device
    /// that shares the machine's.
    pub fn slots_in_memory(&self) -> Option<usize> {
        match &self.network {
            #[cfg(feature = "gpu")]
            Network::Gpu(network) => network.slots_in_memory().ok(),
            _ => None,
        }
    }

    /// An empty cache with room for `slots` texts.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn new_cache(&self, slots: usize) -> Result<KvCache> {
        let config = &self.config;
        let layers = match &self.network {
            Network::Tensors(network) => Layers::Tensors(network.new_cache(config, slots)?),
            Network::F32(_) => Layers::Cpu(cpu::Cache::new::<F32>(config, slots)?),
            Network::Bf16(_) => Layers::Cpu(cpu::Cache::new::<Bf16>(config, slots)?),
            Network::Int8(_) => Layers::Cpu(cpu::Cache::new::<Int8>(config, slots)?),
            #[cfg(feature = "gpu")]
            Network::Gpu(network) => Layers::Gpu(Box::new(network.new_cache(slots)?)),
        };
        Ok(KvCache { slots, config: config.clone(), dtype: self.dtype, layers })
    }

    /// Takes `tokens` (N) into the cache, which this model made, and gives the logits (W, V) that
    /// follow the W of them whose indices are `wanted`, in f32, row after row.
    ///
    /// # Errors
    /// When a token, position or slot does not exist, the cache is another kind of model's, or the
    /// device fails.
    pub fn forward(
        &self,
        cache: &mut KvCache,
        tokens: &[Token],
        wanted: &[u32],
        logits: &mut Vec<f32>,
    ) -> Result<()> {
        cache.check(tokens, &self.config)?;
        if let Some(&index) = wanted.iter().find(|index| **index as usize >= tokens.len()) {
            return Err(Error::WantedOutOfRange { index, tokens: tokens.len() });
        }
        if !cache.fits(self) {
            return Err(Error::ForeignCache);
        }
        match (&self.network, &mut cache.layers) {
            (Network::Tensors(network), Layers::Tensors(cache)) => {
                network.forward(cache, tokens, wanted, logits)?;
            }
            (Network::F32(network), Layers::Cpu(cache)) => {
                network.forward(cache, tokens, wanted, logits);
            }
            (Network::Bf16(network), Layers::Cpu(cache)) => {
                network.forward(cache, tokens, wanted, logits);
            }
            (Network::Int8(network), Layers::Cpu(cache)) => {
                network.forward(cache, tokens, wanted, logits);
            }
            #[cfg(feature = "gpu")]
            (Network::Gpu(network), Layers::Gpu(cache)) => {
                network.forward(cache, tokens, wanted, logits)?;
            }
            _ => return Err(Error::ForeignCache),
        }
        Ok(())
    }
}

impl Gpt2 {
    /// Whether it is on a device that chooses tokens itself.
    pub(crate) fn chooses_tokens(&self) -> bool {
        match &self.network {
            #[cfg(feature = "gpu")]
            Network::Gpu(_) => true,
            _ => false,
        }
    }

    /// Prompt tokens that a pass should take in at most, over all texts.
    pub(crate) fn prompt_tokens_per_pass(&self) -> usize {
        match &self.network {
            #[cfg(feature = "gpu")]
            Network::Gpu(_) => gpu::PROMPT_TOKENS,
            // The weights are long since read once for very many tokens.
            _ => 512,
        }
    }

    /// Tells the device to take `tokens` (N) into the cache and to choose what follows those whose indices
    /// are `wanted`, one choice each. A token's id may be the one chosen for its place.
    ///
    /// # Errors
    /// When the device fails, or does not choose tokens.
    #[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "no device chooses tokens"))]
    pub(crate) fn submit(
        &self,
        cache: &mut KvCache,
        tokens: &[Token],
        wanted: &[u32],
        choices: &[Choice],
    ) -> Result<()> {
        match (&self.network, &mut cache.layers) {
            #[cfg(feature = "gpu")]
            (Network::Gpu(network), Layers::Gpu(cache)) => {
                network.submit(cache, tokens, wanted, choices)
            }
            _ => Err(Error::ForeignCache),
        }
    }

    /// Waits for what was chosen by the first of the passes that were submitted and not collected.
    ///
    /// # Errors
    /// When the device fails, or does not choose tokens.
    pub(crate) fn collect(&self, cache: &mut KvCache) -> Result<Vec<Sampled>> {
        match (&self.network, &mut cache.layers) {
            #[cfg(feature = "gpu")]
            (Network::Gpu(network), Layers::Gpu(cache)) => network.collect(cache),
            _ => Err(Error::ForeignCache),
        }
    }
}

fn on_cpu<F: Format>(
    checkpoint: &Checkpoint,
    dtype: Dtype,
    packed: Option<&Path>,
) -> Result<cpu::Network<F>> {
    let level = Level::best();
    let mut packing = Packing::new(checkpoint, dtype, level, packed)?;
    let network = cpu::Network::new(checkpoint.config(), &mut packing, level)?;
    packing.keep(network.layers());
    Ok(network)
}
