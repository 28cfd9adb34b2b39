//! The tokens that end a text.

/// The tokens that end a text: none, one, or up to [`EndTokens::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndTokens {
    /// Token ids, then [`EndTokens::NONE`] up to the array's end.
    ids: [u32; Self::MAX],
}

impl EndTokens {
    /// Maximum number of tokens.
    pub const MAX: usize = 5;
    /// No token has this id.
    const NONE: u32 = u32::MAX;

    /// Returns `None` if there are more than [`EndTokens::MAX`] ids.
    pub fn new(ids: &[u32]) -> Option<Self> {
        let mut all = Self::default();
        all.ids.get_mut(..ids.len())?.copy_from_slice(ids);
        Some(all)
    }

    pub fn as_slice(&self) -> &[u32] {
        let end = self.ids.iter().position(|id| *id == Self::NONE).unwrap_or(Self::MAX);
        &self.ids[..end]
    }

    /// Returns the ids, followed by `u32::MAX`, which is no token's id.
    pub fn padded(&self) -> [u32; Self::MAX] {
        self.ids
    }
}

/// No token ends a text.
impl Default for EndTokens {
    fn default() -> Self {
        Self { ids: [Self::NONE; Self::MAX] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_five_tokens_end_a_text() {
        assert!(EndTokens::default().as_slice().is_empty());
        assert_eq!(EndTokens::new(&[7, 0]).unwrap().as_slice(), [7, 0]);
        assert_eq!(EndTokens::new(&[1, 2, 3, 4, 5]).unwrap().as_slice(), [1, 2, 3, 4, 5]);
        assert_eq!(EndTokens::new(&[0; 6]), None);
    }
}
