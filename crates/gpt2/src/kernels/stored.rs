//! Numbers that were computed here, or lie in a mapped file.

use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::Pod;

/// A slice of numbers, wherever they are.
pub enum Stored<T: Pod> {
    Owned(Vec<T>),
    /// Bytes of a file.
    Mapped(Arc<memmap2::Mmap>, Range<usize>),
}

impl<T: Pod> Stored<T> {
    /// Whether they lie in a file.
    pub fn is_mapped(&self) -> bool {
        matches!(self, Self::Mapped(..))
    }
}

impl<T: Pod> Deref for Stored<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(numbers) => numbers,
            Self::Mapped(file, part) => bytemuck::cast_slice(&file[part.clone()]),
        }
    }
}
