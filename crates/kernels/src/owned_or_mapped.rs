//! Numbers in owned memory or in a memory-mapped file.

use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::Pod;

pub enum OwnedOrMapped<T: Pod> {
    Owned(Vec<T>),
    /// Byte range of a mapped file.
    Mapped(Arc<dyn AsRef<[u8]> + Send + Sync>, Range<usize>),
}

impl<T: Pod> OwnedOrMapped<T> {
    /// Whether the numbers are in a mapped file.
    pub fn is_mapped(&self) -> bool {
        matches!(self, Self::Mapped(..))
    }
}

impl<T: Pod> Deref for OwnedOrMapped<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(numbers) => numbers,
            Self::Mapped(file, part) => bytemuck::cast_slice(&(**file).as_ref()[part.clone()]),
        }
    }
}
