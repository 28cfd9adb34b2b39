//! The memory of a generation: keys and values of every token so far, and the tokens of one
//! forward pass, which say where in it they stand.
//!
//! A cache has slots, one for each text that is being written. A pass takes any tokens side by
//! side: one of each of fifty texts, the whole prompt of another, half of a third. Each names its
//! slot and position, so ragged prompts, decoding and a newcomer in a freed slot are one case.

use candle_core::{DType, Device, Tensor};

use crate::config::Config;
use crate::error::{Error, Result};

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

/// Keys and values of every block, allocated once and written in place.
pub struct KvCache {
    /// Of each block keys and values, both (S, H, T, D): slots, heads, positions, head width.
    pub(crate) layers: Vec<(Tensor, Tensor)>,
    slots: usize,
}

impl KvCache {
    /// Room for `slots` texts of up to `n_positions` tokens. On the CPU the system hands out the
    /// memory as it is first written.
    pub(crate) fn new(
        config: &Config,
        slots: usize,
        device: &Device,
        dtype: DType,
    ) -> Result<Self> {
        let shape = (slots, config.n_head, config.n_positions, config.head_dim());
        let half = || Tensor::zeros(shape, dtype, device);
        let layers = (0..config.n_layer).map(|_| Ok((half()?, half()?))).collect::<Result<_>>()?;
        Ok(Self { layers, slots })
    }
}

/// The tokens of one forward pass (N), checked and laid out for the device.
pub(crate) struct Pass<'a> {
    pub tokens: &'a [Token],
    /// Token ids and positions, (N).
    pub ids: Tensor,
    pub positions: Tensor,
    /// Where each token's keys go: rows of a block's cache seen as (S H T, D), given as (N H, D).
    rows: Tensor,
}

impl<'a> Pass<'a> {
    pub fn new(
        tokens: &'a [Token],
        config: &Config,
        cache: &KvCache,
        device: &Device,
    ) -> Result<Self> {
        let (vocab_size, n_positions) = (config.vocab_size, config.n_positions);
        let mut rows = Vec::with_capacity(tokens.len() * config.n_head);
        for &Token { slot, position, id } in tokens {
            if id as usize >= vocab_size {
                return Err(Error::TokenOutOfRange { token: id, vocab_size });
            }
            if position >= n_positions {
                return Err(Error::PositionOutOfRange { position, n_positions });
            }
            if slot >= cache.slots {
                return Err(Error::SlotOutOfRange { slot, slots: cache.slots });
            }
            rows.extend(
                (0..config.n_head)
                    .map(|head| ((slot * config.n_head + head) * n_positions + position) as u32),
            );
        }
        let ids = tokens.iter().map(|token| token.id).collect::<Vec<_>>();
        let positions = tokens.iter().map(|token| token.position as u32).collect::<Vec<_>>();
        let count = rows.len();
        Ok(Self {
            tokens,
            ids: Tensor::new(ids, device)?,
            positions: Tensor::new(positions, device)?,
            rows: Tensor::from_vec(rows, (count, 1), device)?
                .broadcast_as((count, config.head_dim()))?
                .contiguous()?,
        })
    }

    /// Writes this pass's keys or values (N, C) into a block's half of the cache (S, H, T, D).
    pub fn write(&self, cache: &Tensor, new: &Tensor) -> Result<()> {
        let head_dim = cache.dim(3)?;
        let new = new.contiguous()?.reshape(((), head_dim))?;
        // The reshaped cache shares its memory, so this writes in place.
        cache.reshape(((), head_dim))?.scatter_set(&self.rows, &new, 0)?;
        Ok(())
    }
}
