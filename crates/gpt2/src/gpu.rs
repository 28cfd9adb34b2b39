//! A GPU with its memory, its kernels, and one in-order command queue.
//!
//! There are two backends. `cuda` uses NVIDIA's driver. `emulated` runs the same kernels, compiled for
//! the CPU and executed thread by thread, so they can be tested on a machine without a GPU.

pub mod arguments;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "emulated-gpu")]
mod emulated;
pub mod rates;
pub mod sampling;

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

use bytemuck::Pod;

use crate::error::Result;

/// Free and total device memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryInfo {
    pub free: usize,
    pub total: usize,
}

/// Launch dimensions of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// Number of blocks along x and y.
    pub grid: [u32; 2],
    /// Threads per block.
    pub block: u32,
    /// Dynamic shared memory per block, in bytes, on top of the kernel's static shared memory.
    pub shared: u32,
}

/// Handle to a kernel on a [`Gpu`].
#[derive(Debug, Clone, Copy)]
pub struct KernelHandle(usize);

/// Implementation of a [`Gpu`]. Handles and addresses belong to the backend that returned them. Callers
/// must not use a handle or an address after freeing it, and must free all of them before they drop the
/// backend.
trait Backend: Send + Sync {
    /// Short name of the device kind.
    fn kind(&self) -> &'static str;
    /// The GPU's model name.
    fn name(&self) -> &str;
    /// Number of multiprocessors, each of which runs at least one block at a time.
    fn multiprocessors(&self) -> usize;
    fn memory(&self) -> Result<MemoryInfo>;

    /// Allocates device memory, filled with zeros.
    fn allocate(&self, bytes: usize) -> Result<u64>;
    unsafe fn free(&self, address: u64);
    /// Allocates host memory for copies to and from the device, filled with zeros.
    fn allocate_host(&self, bytes: usize) -> Result<NonNull<u8>>;
    unsafe fn free_host(&self, memory: NonNull<u8>);

    fn kernel(&self, name: &str) -> Result<KernelHandle>;

    // Queue operations. They are asynchronous: a call may return before the operation has completed.

    unsafe fn upload(&self, to: u64, from: *const u8, bytes: usize) -> Result<()>;
    unsafe fn download(&self, to: *mut u8, from: u64, bytes: usize) -> Result<()>;
    /// Queues a kernel launch. `arguments` points to the kernel's only parameter, which is `bytes`
    /// bytes long and is copied.
    unsafe fn launch(
        &self,
        kernel: KernelHandle,
        launch: Launch,
        arguments: *const c_void,
        bytes: usize,
    ) -> Result<()>;
    /// Adds a mark to the queue that [`Backend::wait`] can wait for.
    fn mark(&self) -> Result<usize>;
    /// Waits until all operations before the mark have completed, and frees the mark.
    fn wait(&self, mark: usize) -> Result<()>;

    /// Starts recording: this thread's launches are recorded instead of queued.
    fn begin_recording(&self) -> Result<()>;
    /// Ends recording and returns a handle to the recorded launches.
    fn end_recording(&self) -> Result<usize>;
    unsafe fn replay(&self, recording: usize) -> Result<()>;
    unsafe fn free_recording(&self, recording: usize);
}

/// An open GPU, cheap to clone.
#[derive(Clone)]
pub struct Gpu(Arc<dyn Backend>);

impl Gpu {
    /// Opens the machine's first CUDA GPU.
    ///
    /// # Errors
    /// Returns an error if the driver or a sufficiently recent GPU is missing; the error says which.
    #[cfg(feature = "cuda")]
    pub fn cuda() -> Result<Self> {
        Ok(Self(cuda::Driver::shared()?))
    }

    /// Creates an emulated GPU with `memory` bytes of memory. Its kernels run on the CPU.
    #[cfg(feature = "emulated-gpu")]
    pub fn emulated(memory: usize) -> Self {
        Self(Arc::new(emulated::Emulated::new(memory)))
    }

    /// Short name of the device kind.
    pub fn kind(&self) -> &'static str {
        self.0.kind()
    }

    /// The GPU's model name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Number of multiprocessors, each of which runs at least one block at a time.
    pub fn multiprocessors(&self) -> usize {
        self.0.multiprocessors()
    }

    /// Returns the free and total device memory.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    pub fn memory(&self) -> Result<MemoryInfo> {
        self.0.memory()
    }

    /// Allocates `bytes` bytes of device memory, filled with zeros.
    ///
    /// # Errors
    /// Returns an error if there is too little memory.
    pub fn buffer(&self, bytes: usize) -> Result<Buffer> {
        // The driver rejects empty allocations.
        let address = self.0.allocate(bytes.max(16))?;
        Ok(Buffer { gpu: self.clone(), address, bytes })
    }

    /// Copies `numbers` to a new buffer and waits until the copy has completed.
    ///
    /// # Errors
    /// Returns an error if there is too little memory or the device fails.
    pub fn buffer_from<T: Pod>(&self, numbers: &[T]) -> Result<Buffer> {
        let buffer = self.buffer(size_of_val(numbers))?;
        buffer.write(0, numbers)?;
        Ok(buffer)
    }

    /// Allocates host memory for copies to and from the device.
    ///
    /// # Errors
    /// Returns an error if there is too little memory.
    pub fn host_buffer(&self, bytes: usize) -> Result<HostBuffer> {
        let memory = self.0.allocate_host(bytes.max(16))?;
        Ok(HostBuffer { gpu: self.clone(), memory, bytes })
    }

    /// Finds a kernel by name.
    ///
    /// # Errors
    /// Returns an error if there is no kernel with this name, which is a bug in this crate.
    pub fn kernel(&self, name: &str) -> Result<KernelHandle> {
        self.0.kernel(name)
    }

    /// Queues a kernel launch.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    ///
    /// # Safety
    /// `arguments` must have the type that the kernel takes, and the kernel must stay within the memory
    /// that `arguments` refers to.
    pub unsafe fn launch<T: Pod>(
        &self,
        kernel: KernelHandle,
        launch: Launch,
        arguments: &T,
    ) -> Result<()> {
        // SAFETY: guaranteed by the caller.
        unsafe {
            self.0.launch(kernel, launch, std::ptr::from_ref(arguments).cast(), size_of::<T>())
        }
    }

    /// Adds a mark to the queue; use [`Mark::wait`] to wait for it.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    pub fn mark(&self) -> Result<Mark> {
        Ok(Mark { gpu: self.clone(), mark: Some(self.0.mark()?) })
    }

    /// Records the kernel launches made by `launches`. Replaying them costs less than launching each
    /// kernel again.
    ///
    /// # Errors
    /// Returns an error if the device or `launches` fails.
    pub fn record(&self, launches: impl FnOnce() -> Result<()>) -> Result<Recording> {
        self.0.begin_recording()?;
        let launched = launches();
        // Recording must be ended and freed even if a launch failed.
        let recording = self.0.end_recording();
        let recording = recording.map(|recording| Recording { gpu: self.clone(), recording });
        launched.and(recording)
    }
}

/// A buffer in device memory.
pub struct Buffer {
    gpu: Gpu,
    address: u64,
    bytes: usize,
}

impl Buffer {
    /// Device address of the first byte.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes `numbers` to the buffer, starting at byte `offset`, and waits until the copy has
    /// completed.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    ///
    /// # Panics
    /// Panics if the buffer is too small.
    pub fn write<T: Pod>(&self, offset: usize, numbers: &[T]) -> Result<()> {
        let from: &[u8] = bytemuck::cast_slice(numbers);
        assert!(offset + from.len() <= self.bytes, "write past the end of the buffer");
        // SAFETY: the range is within both buffers, which outlive the copy.
        unsafe { self.gpu.0.upload(self.address + offset as u64, from.as_ptr(), from.len())? };
        self.gpu.mark()?.wait()
    }

    /// Reads the first `count` numbers, after all queued operations have completed.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    ///
    /// # Panics
    /// Panics if the buffer is too small.
    pub fn read<T: Pod>(&self, count: usize) -> Result<Vec<T>> {
        let mut numbers = vec![T::zeroed(); count];
        let to: &mut [u8] = bytemuck::cast_slice_mut(&mut numbers);
        assert!(to.len() <= self.bytes, "read past the end of the buffer");
        // SAFETY: the range is within both buffers, which outlive the copy.
        unsafe { self.gpu.0.download(to.as_mut_ptr(), self.address, to.len())? };
        self.gpu.mark()?.wait()?;
        Ok(numbers)
    }

    /// Queues a copy of the first `bytes` bytes of `from` to this buffer. `from` must not be modified
    /// until the copy has completed.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    ///
    /// # Panics
    /// Panics if either buffer is too small.
    pub fn queue_upload(&self, from: &HostBuffer, bytes: usize) -> Result<()> {
        assert!(bytes <= self.bytes && bytes <= from.bytes, "copy past the end of a buffer");
        // SAFETY: the range is within both buffers.
        unsafe { self.gpu.0.upload(self.address, from.memory.as_ptr(), bytes) }
    }

    /// Queues a copy of this buffer's first `bytes` bytes to `to`. `to` must not be read until the copy
    /// has completed.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    ///
    /// # Panics
    /// Panics if either buffer is too small.
    pub fn queue_download(&self, to: &HostBuffer, bytes: usize) -> Result<()> {
        assert!(bytes <= self.bytes && bytes <= to.bytes, "copy past the end of a buffer");
        // SAFETY: the range is within both buffers.
        unsafe { self.gpu.0.download(to.memory.as_ptr(), self.address, bytes) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: this backend allocated the memory, and `self` is its only owner.
        unsafe { self.gpu.0.free(self.address) };
    }
}

/// Host memory for asynchronous copies to and from the GPU.
pub struct HostBuffer {
    gpu: Gpu,
    memory: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the buffer owns its memory, which is accessed only through a borrow of the buffer.
unsafe impl Send for HostBuffer {}
// SAFETY: as above.
unsafe impl Sync for HostBuffer {}

impl HostBuffer {
    /// Returns the contents as a slice of numbers. No copy to this buffer may be in flight.
    pub fn numbers<T: Pod>(&self) -> &[T] {
        // SAFETY: at least this many bytes were allocated and zeroed.
        bytemuck::cast_slice(unsafe {
            std::slice::from_raw_parts(self.memory.as_ptr(), whole::<T>(self.bytes))
        })
    }

    /// Returns the contents as a mutable slice of numbers. No copy to or from this buffer may be in
    /// flight.
    pub fn numbers_mut<T: Pod>(&mut self) -> &mut [T] {
        // SAFETY: at least this many bytes were allocated and zeroed.
        bytemuck::cast_slice_mut(unsafe {
            std::slice::from_raw_parts_mut(self.memory.as_ptr(), whole::<T>(self.bytes))
        })
    }
}

/// Rounds `bytes` down to a multiple of the size of `T`.
fn whole<T>(bytes: usize) -> usize {
    bytes / size_of::<T>() * size_of::<T>()
}

impl Drop for HostBuffer {
    fn drop(&mut self) {
        // SAFETY: this backend allocated the memory, and `self` is its only owner.
        unsafe { self.gpu.0.free_host(self.memory) };
    }
}

/// A point in the queue that can be waited for.
pub struct Mark {
    gpu: Gpu,
    mark: Option<usize>,
}

impl Mark {
    /// Waits until all operations before the mark have completed.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    pub fn wait(mut self) -> Result<()> {
        match self.mark.take() {
            Some(mark) => self.gpu.0.wait(mark),
            None => Ok(()),
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        if let Some(mark) = self.mark.take() {
            // The caller may free memory that the queue still uses, so wait. The next call reports any
            // error.
            let _ = self.gpu.0.wait(mark);
        }
    }
}

/// Recorded kernel launches.
pub struct Recording {
    gpu: Gpu,
    recording: usize,
}

impl Recording {
    /// Queues the launches again with the same arguments.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    ///
    /// # Safety
    /// The memory that the recorded arguments refer to must still be allocated.
    pub unsafe fn replay(&self) -> Result<()> {
        // SAFETY: guaranteed by the caller.
        unsafe { self.gpu.0.replay(self.recording) }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // SAFETY: this backend made the recording, and `self` is its only owner.
        unsafe { self.gpu.0.free_recording(self.recording) };
    }
}
