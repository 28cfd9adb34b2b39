//! The KV cache: attention keys and values of every token processed so far.
//!
//! A cache has one slot per text in the batch. A forward pass takes any mix of tokens: one from each of
//! fifty texts, the whole prompt of another, half the prompt of yet another. Each token names its slot
//! and position, so prompts of different lengths, decoding, and a new text in a freed slot need no
//! special cases.

use std::sync::Arc;

use crate::config::Config;
use crate::dtype::Dtype;
use crate::error::{Error, Result};

#[cfg(feature = "gpu")]
use super::gpu;
use super::{InputToken, cpu, tensors};

/// Keys and values of every block, allocated once and updated in place.
pub struct KvCache {
    pub(crate) slots: usize,
    pub(crate) config: Arc<Config>,
    pub(crate) dtype: Dtype,
    pub(crate) layers: Layers,
}

/// The cache in the layout of the network that reads it.
pub(crate) enum Layers {
    Tensors(tensors::Cache),
    Cpu(cpu::Cache),
    #[cfg(feature = "gpu")]
    Gpu(Box<gpu::Cache>),
}

impl KvCache {
    /// Whether the cache matches a model's sizes and number format.
    pub(crate) fn fits(&self, config: &Arc<Config>, dtype: Dtype) -> bool {
        (Arc::ptr_eq(&self.config, config) || self.config == *config) && self.dtype == dtype
    }

    /// Checks that every token is in the vocabulary, that its slot and position exist in this cache, and
    /// that no two tokens share a position.
    pub(crate) fn check(&self, tokens: &[InputToken], config: &Config) -> Result<()> {
        let (vocab_size, n_positions, slots) = (config.vocab_size, config.n_positions, self.slots);
        for &InputToken { slot, position, id } in tokens {
            if id as usize >= vocab_size {
                return Err(Error::TokenOutOfRange { token: id, vocab_size });
            }
            if position >= n_positions {
                return Err(Error::PositionOutOfRange { position, n_positions });
            }
            if slot >= slots {
                return Err(Error::SlotOutOfRange { slot, slots });
            }
        }
        // Threads write concurrently, so no two tokens may share a position. Usually the tokens are
        // already in order.
        let place = |token: &InputToken| (token.slot, token.position);
        if tokens.is_sorted_by(|a, b| place(a) < place(b)) {
            return Ok(());
        }
        let mut places: Vec<_> = tokens.iter().map(place).collect();
        places.sort_unstable();
        match places.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(&[(slot, position), ..]) => Err(Error::PositionTakenTwice { slot, position }),
            _ => Ok(()),
        }
    }
}
