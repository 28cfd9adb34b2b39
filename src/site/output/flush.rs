//! Writing to the disk while more is made, so that a commit waits for the last files only. What it
//! waits for then, it waits for in any case: nothing depends on this but time.

use std::path::Path;
use std::thread::JoinHandle;

use crate::fs;

/// Bytes that are written in one go: long runs are cheap, and little is left for the end.
const ENOUGH: usize = 6 << 20;

/// What was staged and may not be on the disk yet.
#[derive(Debug, Default)]
pub struct Flush {
    /// Bytes since the last start.
    waiting: usize,
    running: Option<JoinHandle<()>>,
}

impl Flush {
    /// Notes that so many bytes were written below `dir`, and has them brought to the disk once
    /// they are enough.
    pub fn wrote(&mut self, bytes: usize, dir: &Path) {
        let busy = self.running.as_ref().is_some_and(|running| !running.is_finished());
        if self.is_due(bytes, busy) {
            self.running = fs::start_flush(dir);
        }
    }

    fn is_due(&mut self, bytes: usize, busy: bool) -> bool {
        self.waiting += bytes;
        let due = self.waiting >= ENOUGH && !busy;
        if due {
            self.waiting = 0;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_is_written_at_a_time_and_one_time_after_the_other() {
        let mut flush = Flush::default();
        assert!(!flush.is_due(ENOUGH - 1, false));
        assert!(!flush.is_due(1, true));
        assert!(flush.is_due(0, false));
        assert!(!flush.is_due(ENOUGH - 1, false));
    }
}
