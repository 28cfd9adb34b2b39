//! The memory of a generation: keys and values of every token so far.
//!
//! A cache has slots, one for each text that is being written. A pass takes any tokens side by
//! side: one of each of fifty texts, the whole prompt of another, half of a third. Each names its
//! slot and position, so ragged prompts, decoding and a newcomer in a freed slot are one case.

use crate::config::Config;
use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::model::gpu;
use crate::model::{Dtype, Gpt2, cpu, tensors};

/// One token of a forward pass and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// The text it belongs to: a slot of the cache.
    pub slot: usize,
    /// Its place in that text, from 0; everything before it must be in the cache or in this pass.
    pub position: usize,
    /// Which token it is.
    pub id: u32,
}

impl Token {
    /// Stands for the id that a device chose for this place itself.
    pub(crate) const CHOSEN: u32 = u32::MAX;
}

/// Keys and values of every block, allocated once and written in place.
pub struct KvCache {
    pub(crate) slots: usize,
    pub(crate) config: Config,
    pub(crate) dtype: Dtype,
    pub(crate) layers: Layers,
}

/// As the network that reads them needs them.
pub(crate) enum Layers {
    Tensors(tensors::Cache),
    Cpu(cpu::Cache),
    #[cfg(feature = "gpu")]
    Gpu(Box<gpu::Cache>),
}

impl KvCache {
    /// Whether it has the sizes and number format of a model.
    pub(crate) fn fits(&self, model: &Gpt2) -> bool {
        (&self.config, self.dtype) == (model.config(), model.dtype())
    }

    /// Whether these tokens exist for a model, and have a place here.
    pub(crate) fn check(&self, tokens: &[Token], config: &Config) -> Result<()> {
        let (vocab_size, n_positions, slots) = (config.vocab_size, config.n_positions, self.slots);
        for &Token { slot, position, id } in tokens {
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
        // Threads write side by side, each its own places.
        let mut places: Vec<_> = tokens.iter().map(|token| (token.slot, token.position)).collect();
        places.sort_unstable();
        let taken_twice = places.windows(2).find(|pair| pair[0] == pair[1]);
        if let Some(&[(slot, position), ..]) = taken_twice {
            return Err(Error::PlaceTakenTwice { slot, position });
        }
        Ok(())
    }
}
