//! The input of a forward pass.

/// One token of a forward pass, with its slot and position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputToken {
    /// Cache slot of the text that the token belongs to.
    pub slot: usize,
    /// Position in the text, counted from 0. All earlier positions must be in the cache or in this
    /// pass.
    pub position: usize,
    /// Token id.
    pub id: u32,
}

impl InputToken {
    /// Placeholder for the id that the device itself sampled for this position.
    pub(crate) const SAMPLED: u32 = u32::MAX;
}
