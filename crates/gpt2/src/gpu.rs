//! A GPU as the network uses it: memory, kernels, and one queue in which all that is asked for
//! happens in order.
//!
//! Two things stand behind it. `cuda` is the driver of a real one. `emulated` has the same kernels
//! compiled for the CPU, thread for thread, so that a machine without a GPU can hold all of this to
//! the reference.

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

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub free: usize,
    pub total: usize,
}

/// How many blocks of how many threads run a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// Blocks along x and y.
    pub grid: [u32; 2],
    /// Threads of a block.
    pub block: u32,
    /// Bytes of memory that a block's threads share, beyond what the kernel itself declares.
    pub shared: u32,
}

/// A kernel of a [`Gpu`].
#[derive(Debug, Clone, Copy)]
pub struct Kernel(usize);

/// What stands behind a [`Gpu`]. Handles and addresses are its own; none is used after it was freed,
/// and every one before the backend goes.
trait Backend: Send + Sync {
    /// What kind of device it is, in a word.
    fn kind(&self) -> &'static str;
    /// What its maker calls it.
    fn name(&self) -> &str;
    /// How many blocks it runs side by side at least.
    fn multiprocessors(&self) -> usize;
    fn memory(&self) -> Result<Memory>;

    /// Memory of the device, filled with zeros.
    fn allocate(&self, bytes: usize) -> Result<u64>;
    unsafe fn free(&self, address: u64);
    /// Memory of the host that the device copies from and to, filled with zeros.
    fn allocate_host(&self, bytes: usize) -> Result<NonNull<u8>>;
    unsafe fn free_host(&self, memory: NonNull<u8>);

    fn kernel(&self, name: &str) -> Result<Kernel>;

    // The queue. Each call may return before what it asks for has happened.

    unsafe fn upload(&self, to: u64, from: *const u8, bytes: usize) -> Result<()>;
    unsafe fn download(&self, to: *mut u8, from: u64, bytes: usize) -> Result<()>;
    unsafe fn clear(&self, at: u64, bytes: usize) -> Result<()>;
    /// `arguments` is the kernel's one parameter of so many bytes, which is copied.
    unsafe fn launch(
        &self,
        kernel: Kernel,
        launch: Launch,
        arguments: *const c_void,
        bytes: usize,
    ) -> Result<()>;
    /// A place in the queue, to be waited for.
    fn mark(&self) -> Result<usize>;
    /// Waits until everything before the mark has happened, and frees the mark.
    fn wait(&self, mark: usize) -> Result<()>;

    /// From now on, this thread's launches are written down instead of queued.
    fn begin_recording(&self) -> Result<()>;
    /// What was written down.
    fn end_recording(&self) -> Result<usize>;
    unsafe fn replay(&self, recording: usize) -> Result<()>;
    unsafe fn free_recording(&self, recording: usize);
}

/// A GPU.
#[derive(Clone)]
pub struct Gpu(Arc<dyn Backend>);

impl Gpu {
    /// The machine's first CUDA GPU.
    ///
    /// # Errors
    /// With what is missing: the driver, a GPU, or one that is new enough.
    #[cfg(feature = "cuda")]
    pub fn cuda() -> Result<Self> {
        Ok(Self(cuda::Driver::shared()?))
    }

    /// One that is not there: the kernels run on the CPU, on so many bytes of memory.
    #[cfg(feature = "emulated-gpu")]
    pub fn emulated(memory: usize) -> Self {
        Self(Arc::new(emulated::Emulated::new(memory)))
    }

    /// What kind of device it is, in a word.
    pub fn kind(&self) -> &'static str {
        self.0.kind()
    }

    /// What its maker calls it.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// How many blocks it runs side by side at least.
    pub fn multiprocessors(&self) -> usize {
        self.0.multiprocessors()
    }

    /// How much memory it has.
    ///
    /// # Errors
    /// When the device fails.
    pub fn memory(&self) -> Result<Memory> {
        self.0.memory()
    }

    /// So many bytes of memory, filled with zeros.
    ///
    /// # Errors
    /// When there is too little.
    pub fn buffer(&self, bytes: usize) -> Result<Buffer> {
        // Nothing has no address.
        let address = self.0.allocate(bytes.max(16))?;
        Ok(Buffer { gpu: self.clone(), address, bytes })
    }

    /// Memory that holds this. Waits for the copy.
    ///
    /// # Errors
    /// When there is too little, or the device fails.
    pub fn holding<T: Pod>(&self, numbers: &[T]) -> Result<Buffer> {
        let buffer = self.buffer(size_of_val(numbers))?;
        buffer.write(0, numbers)?;
        Ok(buffer)
    }

    /// Memory of the host that is copied from and to.
    ///
    /// # Errors
    /// When there is too little.
    pub fn host_buffer(&self, bytes: usize) -> Result<HostBuffer> {
        let memory = self.0.allocate_host(bytes.max(16))?;
        Ok(HostBuffer { gpu: self.clone(), memory, bytes })
    }

    /// The kernel of that name.
    ///
    /// # Errors
    /// When there is none, which is a mistake in this crate.
    pub fn kernel(&self, name: &str) -> Result<Kernel> {
        self.0.kernel(name)
    }

    /// Queues a kernel.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Safety
    /// `arguments` is the type that the kernel takes, and it stays within the memory that they name.
    pub unsafe fn launch<T: Pod>(
        &self,
        kernel: Kernel,
        launch: Launch,
        arguments: &T,
    ) -> Result<()> {
        // SAFETY: the caller's.
        unsafe {
            self.0.launch(kernel, launch, std::ptr::from_ref(arguments).cast(), size_of::<T>())
        }
    }

    /// A place in the queue, to be waited for.
    ///
    /// # Errors
    /// When the device fails.
    pub fn mark(&self) -> Result<Mark> {
        Ok(Mark { gpu: self.clone(), mark: Some(self.0.mark()?) })
    }

    /// Writes down what `launches` launches, to be replayed at less cost.
    ///
    /// # Errors
    /// When the device fails, or `launches` does.
    pub fn record(&self, launches: impl FnOnce() -> Result<()>) -> Result<Recording> {
        self.0.begin_recording()?;
        let launched = launches();
        // Also what a failed launch leaves behind ends, and is freed.
        let recording = self.0.end_recording();
        let recording = recording.map(|recording| Recording { gpu: self.clone(), recording });
        launched.and(recording)
    }
}

/// Memory of a GPU.
pub struct Buffer {
    gpu: Gpu,
    address: u64,
    bytes: usize,
}

impl Buffer {
    /// Where it begins, for a kernel.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// How much it is.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes these so many bytes from the beginning. Waits for the copy.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When it has no room for them.
    pub fn write<T: Pod>(&self, offset: usize, numbers: &[T]) -> Result<()> {
        let from: &[u8] = bytemuck::cast_slice(numbers);
        assert!(offset + from.len() <= self.bytes, "no room for what is written");
        // SAFETY: within both, which stay until the copy is over.
        unsafe { self.gpu.0.upload(self.address + offset as u64, from.as_ptr(), from.len())? };
        self.gpu.mark()?.wait()
    }

    /// Reads so many numbers from its beginning, after everything queued has happened.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When it has fewer.
    pub fn read<T: Pod>(&self, count: usize) -> Result<Vec<T>> {
        let mut numbers = vec![T::zeroed(); count];
        let to: &mut [u8] = bytemuck::cast_slice_mut(&mut numbers);
        assert!(to.len() <= self.bytes, "more is read than there is");
        // SAFETY: within both, which stay until the copy is over.
        unsafe { self.gpu.0.download(to.as_mut_ptr(), self.address, to.len())? };
        self.gpu.mark()?.wait()?;
        Ok(numbers)
    }

    /// Queues a copy of the first `bytes` of `from`, which must not be written before it has happened.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When one of the two has fewer.
    pub fn queue_upload(&self, from: &HostBuffer, bytes: usize) -> Result<()> {
        assert!(bytes <= self.bytes && bytes <= from.bytes, "more is copied than there is");
        // SAFETY: within both.
        unsafe { self.gpu.0.upload(self.address, from.memory.as_ptr(), bytes) }
    }

    /// Queues a copy of the first `bytes` to `to`, which must not be read before it has happened.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When one of the two has fewer.
    pub fn queue_download(&self, to: &HostBuffer, bytes: usize) -> Result<()> {
        assert!(bytes <= self.bytes && bytes <= to.bytes, "more is copied than there is");
        // SAFETY: within both.
        unsafe { self.gpu.0.download(to.memory.as_ptr(), self.address, bytes) }
    }

    /// Queues that all of it becomes zero.
    ///
    /// # Errors
    /// When the device fails.
    pub fn queue_clear(&self) -> Result<()> {
        // SAFETY: within it.
        unsafe { self.gpu.0.clear(self.address, self.bytes) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: it was allocated there, and this is its only owner.
        unsafe { self.gpu.0.free(self.address) };
    }
}

/// Memory of the host that a GPU copies from and to by itself.
pub struct HostBuffer {
    gpu: Gpu,
    memory: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it owns its memory, and gives it out as its own borrow allows.
unsafe impl Send for HostBuffer {}
// SAFETY: as above.
unsafe impl Sync for HostBuffer {}

impl HostBuffer {
    /// What is in it. No copy to it may be under way.
    pub fn numbers<T: Pod>(&self) -> &[T] {
        // SAFETY: so many bytes were allocated, and zeroed.
        bytemuck::cast_slice(unsafe {
            std::slice::from_raw_parts(self.memory.as_ptr(), whole::<T>(self.bytes))
        })
    }

    /// The same, to be written. No copy from or to it may be under way.
    pub fn numbers_mut<T: Pod>(&mut self) -> &mut [T] {
        // SAFETY: so many bytes were allocated, and zeroed.
        bytemuck::cast_slice_mut(unsafe {
            std::slice::from_raw_parts_mut(self.memory.as_ptr(), whole::<T>(self.bytes))
        })
    }
}

/// The bytes of as many `T` as there is room for.
fn whole<T>(bytes: usize) -> usize {
    bytes / size_of::<T>() * size_of::<T>()
}

impl Drop for HostBuffer {
    fn drop(&mut self) {
        // SAFETY: it was allocated there, and this is its only owner.
        unsafe { self.gpu.0.free_host(self.memory) };
    }
}

/// A place in the queue.
pub struct Mark {
    gpu: Gpu,
    mark: Option<usize>,
}

impl Mark {
    /// Waits until everything before it has happened.
    ///
    /// # Errors
    /// When the device fails.
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
            // What it guards may be freed next. An error shows at the next call.
            let _ = self.gpu.0.wait(mark);
        }
    }
}

/// Launches that were written down.
pub struct Recording {
    gpu: Gpu,
    recording: usize,
}

impl Recording {
    /// Queues them again, with the same arguments.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Safety
    /// The memory that their arguments name is still there.
    pub unsafe fn replay(&self) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { self.gpu.0.replay(self.recording) }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // SAFETY: it was recorded there, and this is its only owner.
        unsafe { self.gpu.0.free_recording(self.recording) };
    }
}
