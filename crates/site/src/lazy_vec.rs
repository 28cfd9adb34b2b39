//! Values that only some builds need. Each value is computed by the first thread that asks for it,
//! and then kept.

use std::ops::Index;
use std::sync::OnceLock;

/// A list of values that are computed on first use.
pub struct LazyVec<'a, T> {
    cells: Vec<OnceLock<T>>,
    make: Box<dyn Fn(usize) -> T + Send + Sync + 'a>,
}

impl<'a, T> LazyVec<'a, T> {
    /// Creates a list of `len` values. `make` computes the value at an index and must be
    /// deterministic.
    pub fn new(len: usize, make: impl Fn(usize) -> T + Send + Sync + 'a) -> Self {
        Self { cells: (0..len).map(|_| OnceLock::new()).collect(), make: Box::new(make) }
    }

    pub fn len(&self) -> usize {
        self.cells.len()
    }
}

impl<T> Index<usize> for LazyVec<'_, T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        self.cells[at].get_or_init(|| (self.make)(at))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn values_are_computed_on_demand_and_only_once() {
        let made = AtomicUsize::new(0);
        let squares = LazyVec::new(3, |at| {
            made.fetch_add(1, Ordering::Relaxed);
            at * at
        });
        assert_eq!((squares[2], squares[2], squares[1], squares.len()), (4, 4, 1, 3));
        assert_eq!(made.load(Ordering::Relaxed), 2);
    }
}
