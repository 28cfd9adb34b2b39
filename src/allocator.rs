//! The program's memory allocator.

use mimalloc::MiMalloc;

// Rendering allocates and frees many small strings on all cores at once.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Keeps freed memory from now on, instead of returning it to the operating system. A training step frees
/// as much memory as the next one needs, and getting it back takes a fifth of a step.
pub fn keep_freed_memory() {
    /// `mi_option_purge_delay` in mimalloc.h: milliseconds until freed memory is returned; -1 for never.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: this sets a number and may be called at any time.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}
