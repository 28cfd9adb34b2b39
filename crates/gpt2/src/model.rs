//! GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"), with tensor names
//! as in its checkpoints.
//!
//! There are three implementations of the network. `tensors` uses candle's operations; it is the
//! reference, and it runs on Metal. `cpu` and `gpu` use hand-written kernels for several number
//! formats, and tests compare them with the reference.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod input;
mod kv_cache;
pub mod packing;
pub(crate) mod tensors;

use std::path::Path;
use std::sync::Arc;

use candle_core::DType;

pub use input::InputToken;
pub use kv_cache::KvCache;

use crate::config::Config;
use crate::device::Device;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::weights::Checkpoint;
use kernels::format::{Bf16, F32, Format, Int8};
use kernels::linear::Linear;
use kernels::sampling::{SampleParams, SampledToken};
use kernels::simd::Level;
use kv_cache::Layers;
use packing::Packing;

/// Memory used by a loaded model's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightFootprint {
    /// Bytes in the device's memory.
    pub bytes: usize,
    /// Whether most of these bytes belong to a memory-mapped file, which the system may share and evict.
    pub is_mapped: bool,
}

/// A loaded GPT-2 model, ready to run.
pub struct Gpt2 {
    config: Arc<Config>,
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
    /// Loads a checkpoint's weights onto `device`, converted to `dtype`.
    ///
    /// # Errors
    /// Returns an error if the device does not support the format, or a tensor is missing or has the
    /// wrong shape. The error names the tensor.
    pub fn load(checkpoint: &Checkpoint, device: &Device, dtype: Dtype) -> Result<Self> {
        Self::load_packed(checkpoint, device, dtype, None)
    }

    /// Like [`Gpt2::load`], but caches the weights converted for the CPU in the file `packed`. The file
    /// is written if the conversion was slow enough to be worth caching, and memory-mapped if it
    /// exists. `packed` must differ for different weights; its extension is replaced with the number
    /// format.
    ///
    /// # Errors
    /// See [`Gpt2::load`]. A cache file that is unusable or cannot be written is ignored.
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
        let config = Arc::new(checkpoint.config().clone());
        Ok(Self { config, device: device.clone(), dtype, network })
    }

    /// Loads the implementation based on candle's operations, for Metal. On the CPU it is slow and
    /// serves as the reference.
    ///
    /// # Errors
    /// See [`Gpt2::load`].
    pub fn load_tensors(checkpoint: &Checkpoint, device: &Device, dtype: Dtype) -> Result<Self> {
        let (on, computed) = match (device, dtype) {
            (Device::Cpu, Dtype::F32) => (&candle_core::Device::Cpu, DType::F32),
            (Device::Metal(metal), Dtype::F32) => (metal, DType::F32),
            (Device::Metal(metal), Dtype::F16) => (metal, DType::F16),
            (Device::Metal(metal), Dtype::Bf16) => (metal, DType::BF16),
            _ => return Err(dtype.refused(device)),
        };
        let network = Network::Tensors(tensors::Network::new(checkpoint, on, computed)?);
        let config = Arc::new(checkpoint.config().clone());
        Ok(Self { config, device: device.clone(), dtype, network })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    pub fn weight_footprint(&self) -> WeightFootprint {
        match &self.network {
            Network::Tensors(_) => {
                let bytes = self.config.parameters() * self.dtype.size_in_bytes();
                WeightFootprint { bytes, is_mapped: false }
            }
            Network::F32(network) => self.cpu_footprint(network),
            Network::Bf16(network) => self.cpu_footprint(network),
            Network::Int8(network) => self.cpu_footprint(network),
            #[cfg(feature = "gpu")]
            Network::Gpu(network) => WeightFootprint { bytes: network.bytes(), is_mapped: false },
        }
    }

    /// Returns the memory used by a CPU network's weights, which are f32 except in the linear layers.
    fn cpu_footprint<F: Format>(&self, network: &cpu::Network<F>) -> WeightFootprint {
        let packed: usize = network.layers().map(|layer| size_of_val(layer.packed())).sum();
        let linear: usize = self.config.linear_layers().map(|(k, n)| k * n).sum();
        WeightFootprint {
            bytes: packed + (self.config.parameters() - linear) * size_of::<f32>(),
            is_mapped: network.layers().all(Linear::is_mapped),
        }
    }

    /// Returns the size of the KV cache, in bytes, for a text of `tokens` tokens.
    pub fn cache_bytes(&self, tokens: usize) -> usize {
        let scale = if self.dtype == Dtype::Int8 { size_of::<f32>() } else { 0 };
        let head = self.config.head_dim() * self.dtype.size_in_bytes() + scale;
        tokens * self.config.n_layer * 2 * self.config.n_head * head
    }

    /// Number of batch slots that fit in half of the GPU's free memory; `None` on a device that uses
    /// system memory.
    pub fn slots_in_memory(&self) -> Option<usize> {
        match &self.network {
            #[cfg(feature = "gpu")]
            Network::Gpu(network) => network.slots_in_memory().ok(),
            _ => None,
        }
    }

    /// Creates an empty KV cache with `slots` batch slots.
    ///
    /// # Errors
    /// Returns an error if the device has too little memory.
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
        Ok(KvCache { slots, config: Arc::clone(&self.config), dtype: self.dtype, layers })
    }

    /// Adds `tokens` (N) to `cache` and fills `logits` (W, V) with the f32 logits that follow each of
    /// the W tokens whose indices are in `wanted`.
    ///
    /// # Errors
    /// Returns an error if a token, position, slot or index is out of range, the cache was created for
    /// an incompatible model, or the device fails.
    pub fn forward(
        &self,
        cache: &mut KvCache,
        tokens: &[InputToken],
        wanted: &[u32],
        logits: &mut Vec<f32>,
    ) -> Result<()> {
        cache.check(tokens, &self.config)?;
        if let Some(&index) = wanted.iter().find(|index| **index as usize >= tokens.len()) {
            return Err(Error::WantedOutOfRange { index, tokens: tokens.len() });
        }
        if !cache.fits(&self.config, self.dtype) {
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
    /// Whether the device samples tokens itself.
    pub(crate) fn samples_tokens(&self) -> bool {
        match &self.network {
            #[cfg(feature = "gpu")]
            Network::Gpu(_) => true,
            _ => false,
        }
    }

    /// Maximum number of prompt tokens in a pass, over all texts.
    pub(crate) fn prompt_tokens_per_pass(&self) -> usize {
        match &self.network {
            #[cfg(feature = "gpu")]
            Network::Gpu(_) => gpu::PROMPT_TOKENS,
            // With this many tokens, reading the weights no longer dominates the cost of a pass.
            _ => 512,
        }
    }

    /// Queues a pass on the device that adds `tokens` (N) to the cache and samples one next token for
    /// each index in `wanted`. A token's id may be [`InputToken::SAMPLED`].
    ///
    /// # Errors
    /// Returns an error if the device fails or cannot sample tokens.
    #[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "no device samples tokens"))]
    pub(crate) fn submit(
        &self,
        cache: &mut KvCache,
        tokens: &[InputToken],
        wanted: &[u32],
        params: &[SampleParams],
    ) -> Result<()> {
        match (&self.network, &mut cache.layers) {
            #[cfg(feature = "gpu")]
            (Network::Gpu(network), Layers::Gpu(cache)) => {
                network.submit(cache, tokens, wanted, params)
            }
            _ => Err(Error::ForeignCache),
        }
    }

    /// Waits for the oldest submitted pass and returns the tokens that it sampled.
    ///
    /// # Errors
    /// Returns an error if the device fails or cannot sample tokens.
    pub(crate) fn collect(&self, cache: &mut KvCache) -> Result<Vec<SampledToken>> {
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
    packing.write_cache(network.layers());
    Ok(network)
}
