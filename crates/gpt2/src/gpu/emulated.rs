//! An emulated GPU. The kernels are compiled for the CPU (see `kernels/emulator.h`) and use this
//! process's memory. All operations are synchronous.
//!
//! The emulator is slow and strict: guard bytes follow every allocation, shared memory is initialised
//! to NaN, and the program aborts if some threads never reach a barrier.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Backend, KernelHandle, Launch, MemoryInfo};
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

/// Guard bytes after each allocation. A kernel must not overwrite them.
const GUARD: [u8; 64] = [0xa5; 64];

/// Maximum size of a kernel's arguments, in 64-bit words.
const ARGUMENTS: usize = 32;

/// An emulated GPU with `total` bytes of memory.
pub struct Emulated {
    total: usize,
    state: Mutex<EmulatorState>,
}

#[derive(Default)]
struct EmulatorState {
    /// Size in bytes of each allocation, by address.
    allocated: HashMap<usize, usize>,
    used: usize,
    recording: Option<Vec<Recorded>>,
    recordings: Vec<Option<Vec<Recorded>>>,
}

#[derive(Clone, Copy)]
struct Recorded {
    kernel: KernelHandle,
    launch: Launch,
    arguments: [u64; ARGUMENTS],
}

impl Emulated {
    pub fn new(total: usize) -> Self {
        Self { total, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, EmulatorState> {
        // A panic leaves the state consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes + GUARD.len(), 256)
            .unwrap_or_else(|_| unreachable!("allocations are far smaller than isize::MAX"))
    }

    fn take(&self, bytes: usize) -> NonNull<u8> {
        let layout = Self::layout(bytes);
        // SAFETY: the size is not zero.
        let Some(memory) = NonNull::new(unsafe { alloc_zeroed(layout) }) else {
            handle_alloc_error(layout)
        };
        // SAFETY: the layout has room for the guard after `bytes`.
        unsafe { memory.as_ptr().add(bytes).copy_from_nonoverlapping(GUARD.as_ptr(), GUARD.len()) };
        self.state().allocated.insert(memory.as_ptr() as usize, bytes);
        memory
    }

    /// Frees memory and returns its size.
    unsafe fn give_back(&self, memory: *mut u8) -> usize {
        let bytes = self.state().allocated.remove(&(memory as usize));
        let Some(bytes) = bytes else { panic!("tried to free memory that is not allocated") };
        // SAFETY: `take` allocated it with this layout.
        unsafe {
            let guard = std::slice::from_raw_parts(memory.add(bytes), GUARD.len());
            assert!(guard == GUARD, "a kernel wrote past the end of {bytes} bytes of memory");
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
        "emulated GPU"
    }

    fn multiprocessors(&self) -> usize {
        // The number is low, so small networks also use the large tiles.
        4
    }

    fn memory(&self) -> Result<MemoryInfo> {
        Ok(MemoryInfo { free: self.total - self.state().used, total: self.total })
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        if bytes > self.memory()?.free {
            return Err(Error::GpuMemory { bytes });
        }
        self.state().used += bytes;
        Ok(self.take(bytes).as_ptr() as u64)
    }

    unsafe fn free(&self, address: u64) {
        // SAFETY: guaranteed by the caller.
        let bytes = unsafe { self.give_back(address as *mut u8) };
        self.state().used -= bytes;
    }

    fn allocate_host(&self, bytes: usize) -> Result<NonNull<u8>> {
        Ok(self.take(bytes))
    }

    unsafe fn free_host(&self, memory: NonNull<u8>) {
        // SAFETY: guaranteed by the caller.
        unsafe { self.give_back(memory.as_ptr()) };
    }

    fn kernel(&self, name: &str) -> Result<KernelHandle> {
        let c_name = CString::new(name).unwrap_or_default();
        // SAFETY: `c_name` is a valid C string.
        let kernel = unsafe { emulated_kernel(c_name.as_ptr()) };
        usize::try_from(kernel).map(KernelHandle).map_err(|_| Error::Gpu {
            call: "finding a kernel",
            reason: format!("no kernel named `{name}`"),
        })
    }

    unsafe fn upload(&self, to: u64, from: *const u8, bytes: usize) -> Result<()> {
        // SAFETY: guaranteed by the caller.
        unsafe { from.copy_to_nonoverlapping(to as *mut u8, bytes) };
        Ok(())
    }

    unsafe fn download(&self, to: *mut u8, from: u64, bytes: usize) -> Result<()> {
        // SAFETY: guaranteed by the caller.
        unsafe { (from as *const u8).copy_to_nonoverlapping(to, bytes) };
        Ok(())
    }

    unsafe fn launch(
        &self,
        kernel: KernelHandle,
        launch: Launch,
        arguments: *const c_void,
        bytes: usize,
    ) -> Result<()> {
        let mut recorded = Recorded { kernel, launch, arguments: [0; ARGUMENTS] };
        let to: &mut [u8] = bytemuck::cast_slice_mut(&mut recorded.arguments);
        assert!(bytes <= to.len(), "kernel arguments are too large");
        // SAFETY: guaranteed by the caller.
        unsafe { arguments.cast::<u8>().copy_to_nonoverlapping(to.as_mut_ptr(), bytes) };
        match &mut self.state().recording {
            Some(recording) => recording.push(recorded),
            // SAFETY: guaranteed by the caller.
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
        // SAFETY: guaranteed by the caller.
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
        // SAFETY: guaranteed by the caller.
        unsafe { emulated_launch(self.kernel.0 as c_int, x, y, block, shared, arguments) };
    }
}
