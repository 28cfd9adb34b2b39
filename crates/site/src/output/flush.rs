//! Flushes staged files in the background while others are still being generated, so that a commit
//! has little left to flush. This affects speed only: the commit flushes everything in any case.

use std::path::Path;
use std::thread::JoinHandle;

use content::fs;

/// Number of bytes after which a flush starts: large enough for fast sequential writes, small
/// enough that the last flush is short.
const ENOUGH: usize = 6 << 20;

/// Staged data that may not be on disk yet.
#[derive(Debug, Default)]
pub struct BackgroundFlush {
    /// Bytes written since the last flush started.
    waiting: usize,
    running: Option<JoinHandle<()>>,
}

impl BackgroundFlush {
    /// Records that `bytes` bytes were written below `dir`. Starts a flush once at least [`ENOUGH`]
    /// bytes are waiting and no other flush is running.
    pub fn wrote(&mut self, bytes: usize, dir: &Path) {
        self.waiting += bytes;
        let busy = self.running.as_ref().is_some_and(|running| !running.is_finished());
        if self.waiting >= ENOUGH && !busy {
            self.waiting = 0;
            self.running = fs::start_flush(dir);
        }
    }
}
