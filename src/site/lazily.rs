//! Things that only some builds need: each is made when it is first asked for, by whichever thread
//! asks, and kept.

use std::ops::Index;
use std::sync::OnceLock;

/// Values by position.
pub struct Lazily<'a, T> {
    cells: Vec<OnceLock<T>>,
    make: Box<dyn Fn(usize) -> T + Send + Sync + 'a>,
}

impl<'a, T> Lazily<'a, T> {
    /// `len` values; `make` gives the one at a position, always the same.
    pub fn new(len: usize, make: impl Fn(usize) -> T + Send + Sync + 'a) -> Self {
        Self { cells: (0..len).map(|_| OnceLock::new()).collect(), make: Box::new(make) }
    }

    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// The value at a position; none beyond the last.
    pub fn get(&self, at: usize) -> Option<&T> {
        Some(self.cells.get(at)?.get_or_init(|| (self.make)(at)))
    }
}

impl<T> Index<usize> for Lazily<'_, T> {
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
    fn each_value_is_made_once_and_only_if_it_is_asked_for() {
        let made = AtomicUsize::new(0);
        let squares = Lazily::new(3, |at| {
            made.fetch_add(1, Ordering::Relaxed);
            at * at
        });
        assert_eq!((squares[2], squares[2], squares.get(1)), (4, 4, Some(&1)));
        assert_eq!((squares.get(3), squares.len()), (None, 3));
        assert_eq!(made.load(Ordering::Relaxed), 2);
    }
}
