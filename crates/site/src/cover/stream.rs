//! The pseudo-random stream behind a cover, read from BLAKE3's extendable output. It does not use a
//! random number crate, so that updating dependencies cannot change a key's picture.

use blake3::{Hasher, OutputReader};

/// An endless, reproducible sequence of choices.
pub struct Stream(OutputReader);

impl Stream {
    /// Creates a stream seeded with the data that `hasher` has hashed.
    pub fn new(hasher: &Hasher) -> Self {
        Self(hasher.finalize_xof())
    }

    fn word(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    /// Returns a uniformly distributed number in [0, 1).
    fn unit(&mut self) -> f64 {
        f64::from(self.word()) / 4_294_967_296.0
    }

    /// Returns a uniformly distributed number between `low` and `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Returns an integer from 0 to `count - 1`. `count` must not be 0.
    pub fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        usize::try_from(u64::from(self.word()) % count).unwrap_or(0)
    }

    /// Returns `true` with probability `share`.
    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// Returns one of `choices`, which must not be empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Returns -1 or 1.
    pub fn sign(&mut self) -> f64 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// Returns `items` in random order.
    pub fn shuffled<T, const N: usize>(&mut self, mut items: [T; N]) -> [T; N] {
        for last in (1..N).rev() {
            items.swap(last, self.below(last + 1));
        }
        items
    }
}
