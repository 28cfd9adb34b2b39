//! A GPU that is not there: its memory is this process's, and its kernels are the same sources, compiled
//! for the CPU (`kernels/emulator.h`). Everything happens at once, in the order it is asked for.
//!
//! It is slow, and strict: memory ends are guarded, shared memory begins as NaN, and a barrier that not
//! all threads come to ends the program.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Backend, Kernel, Launch, Memory};
use crate::error::{Error, Result};

unsafe extern "C" {
    fn emulated_kernel(name: *const c_char) -> c_int;
    fn emulated_launch(
        kernel: c_int,
        blocks_x: u32,
        blocks_y: u32,
        threads: u32,
        shared: u32,
        arguments: *const c_void,
    );
}

/// What stands behind each piece of memory; nobody may write there.
const GUARD: [u8; 64] = [0xa5; 64];

/// Arguments are copied as so many words: no kernel has more.
const ARGUMENTS: usize = 32;

/// A GPU with so much memory.
pub struct Emulated {
    total: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Bytes of each piece of memory by its address.
    allocated: HashMap<usize, usize>,
    used: usize,
    recording: Option<Vec<Recorded>>,
    recordings: Vec<Option<Vec<Recorded>>>,
}

#[derive(Clone, Copy)]
struct Recorded {
    kernel: Kernel,
    launch: Launch,
    arguments: [u64; ARGUMENTS],
}

impl Emulated {
    pub fn new(total: usize) -> Self {
        Self { total, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes + GUARD.len(), 256)
            .unwrap_or_else(|_| unreachable!("no memory is so large"))
    }

    fn take(&self, bytes: usize) -> NonNull<u8> {
        let layout = Self::layout(bytes);
        // SAFETY: not of size zero.
        let Some(memory) = NonNull::new(unsafe { alloc_zeroed(layout) }) else {
            handle_alloc_error(layout)
        };
        // SAFETY: the guard is behind the bytes.
        unsafe { memory.as_ptr().add(bytes).copy_from_nonoverlapping(GUARD.as_ptr(), GUARD.len()) };
        self.state().allocated.insert(memory.as_ptr() as usize, bytes);
        memory
    }

    /// Frees memory; gives how much it was.
    unsafe fn give_back(&self, memory: *mut u8) -> usize {
        let bytes = self.state().allocated.remove(&(memory as usize));
        let Some(bytes) = bytes else { panic!("memory is freed that is not allocated") };
        // SAFETY: it was allocated like this.
        unsafe {
            let guard = std::slice::from_raw_parts(memory.add(bytes), GUARD.len());
            assert!(guard == GUARD, "a kernel wrote behind {bytes} bytes of memory");
            dealloc(memory, Self::layout(bytes));
        }
        bytes
    }
}

impl Backend for Emulated {
    fn kind(&self) -> &'static str {
        "emulated"
    }

    fn name(&self) -> &str {
        "the CPU, as a GPU"
    }

    fn multiprocessors(&self) -> usize {
        // Few, so that small networks see large tiles, too.
        4
    }

    fn memory(&self) -> Result<Memory> {
        Ok(Memory { free: self.total - self.state().used, total: self.total })
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        if bytes > self.memory()?.free {
            return Err(Error::GpuMemory { bytes });
        }
        self.state().used += bytes;
        Ok(self.take(bytes).as_ptr() as u64)
    }

    unsafe fn free(&self, address: u64) {
        // SAFETY: the caller's.
        let bytes = unsafe { self.give_back(address as *mut u8) };
        self.state().used -= bytes;
    }

    fn allocate_host(&self, bytes: usize) -> Result<NonNull<u8>> {
        Ok(self.take(bytes))
    }

    unsafe fn free_host(&self, memory: NonNull<u8>) {
        // SAFETY: the caller's.
        unsafe { self.give_back(memory.as_ptr()) };
    }

    fn kernel(&self, name: &str) -> Result<Kernel> {
        let c_name = CString::new(name).unwrap_or_default();
        // SAFETY: it reads a name.
        let kernel = unsafe { emulated_kernel(c_name.as_ptr()) };
        usize::try_from(kernel).map(Kernel).map_err(|_| Error::Gpu {
            call: "looking for a kernel",
            reason: format!("there is no `{name}`"),
        })
    }

    unsafe fn upload(&self, to: u64, from: *const u8, bytes: usize) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { from.copy_to_nonoverlapping(to as *mut u8, bytes) };
        Ok(())
    }

    unsafe fn download(&self, to: *mut u8, from: u64, bytes: usize) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { (from as *const u8).copy_to_nonoverlapping(to, bytes) };
        Ok(())
    }

    unsafe fn clear(&self, at: u64, bytes: usize) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { (at as *mut u8).write_bytes(0, bytes) };
        Ok(())
    }

    unsafe fn launch(
        &self,
        kernel: Kernel,
        launch: Launch,
        arguments: *const c_void,
        bytes: usize,
    ) -> Result<()> {
        let mut recorded = Recorded { kernel, launch, arguments: [0; ARGUMENTS] };
        let to: &mut [u8] = bytemuck::cast_slice_mut(&mut recorded.arguments);
        assert!(bytes <= to.len(), "more arguments than any kernel has");
        // SAFETY: the caller's.
        unsafe { arguments.cast::<u8>().copy_to_nonoverlapping(to.as_mut_ptr(), bytes) };
        match &mut self.state().recording {
            Some(recording) => recording.push(recorded),
            // SAFETY: the caller's.
            None => unsafe { recorded.run() },
        }
        Ok(())
    }

    fn mark(&self) -> Result<usize> {
        Ok(0)
    }

    fn wait(&self, _mark: usize) -> Result<()> {
        Ok(())
    }

    fn begin_recording(&self) -> Result<()> {
        self.state().recording = Some(Vec::new());
        Ok(())
    }

    fn end_recording(&self) -> Result<usize> {
        let mut state = self.state();
        let recording = state.recording.take();
        state.recordings.push(recording);
        Ok(state.recordings.len() - 1)
    }

    unsafe fn replay(&self, recording: usize) -> Result<()> {
        let recorded = self.state().recordings[recording].clone().unwrap_or_default();
        // SAFETY: the caller's.
        recorded.iter().for_each(|recorded| unsafe { recorded.run() });
        Ok(())
    }

    unsafe fn free_recording(&self, recording: usize) {
        self.state().recordings[recording] = None;
    }
}

impl Recorded {
    unsafe fn run(&self) {
        let Launch { grid: [x, y], block, shared } = self.launch;
        let arguments = self.arguments.as_ptr().cast();
        // SAFETY: the caller's.
        unsafe { emulated_launch(self.kernel.0 as c_int, x, y, block, shared, arguments) };
    }
}
