//! A CUDA GPU. At run time, the program needs only NVIDIA's driver.
//!
//! The driver is loaded on first use, so the program also runs on machines without one. The kernels are
//! embedded in the program: machine code for common GPUs, and PTX for newer ones, which the driver
//! compiles and caches.

use std::cell::Cell;
use std::ffi::{CString, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys;

use super::{Backend, KernelHandle, Launch, MemoryInfo};
use crate::error::{Error, Result};

/// Aligns the embedded fat binary to 16 bytes for the driver.
#[repr(C, align(16))]
struct Aligned<T: ?Sized>(T);

static KERNELS: &Aligned<[u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin")));

/// CUDA version of the compiler that built the kernels.
const COMPILED_BY: &str = env!("GPT2_CUDA_RELEASE");

/// Compute capabilities that the kernels have machine code for.
const COMPILED_FOR: &str = env!("GPT2_CUDA_CARDS");

/// Minimum compute capability. The kernels need bf16 tensor cores and asynchronous copies to shared
/// memory.
const LEAST: (i32, i32) = (8, 0);

/// Every driver function that this module calls. `cudarc` panics when it calls a missing function, so
/// all functions are looked up in advance.
#[cfg(not(feature = "cuda-linked"))]
const FUNCTIONS: [&str; 38] = [
    "cuCtxSetCurrent",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDriverGetVersion",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuFuncGetAttribute",
    "cuFuncSetAttribute",
    "cuGetErrorName",
    "cuGetErrorString",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuInit",
    "cuLaunchKernel",
    "cuMemAlloc_v2",
    "cuMemFreeHost",
    "cuMemFree_v2",
    "cuMemGetInfo_v2",
    "cuMemHostAlloc",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemsetD8Async",
    "cuModuleGetFunction",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuStreamBeginCapture_v2",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamEndCapture",
    "cuStreamSynchronize",
];

thread_local! {
    /// Stream that captures this thread's launches during recording; null otherwise. The queue is a
    /// separate stream, so copies and other threads' launches are not recorded.
    static RECORDING: Cell<sys::CUstream> = const { Cell::new(ptr::null_mut()) };
}

/// The machine's first GPU, or the first one in `CUDA_VISIBLE_DEVICES`.
pub struct Driver {
    name: String,
    multiprocessors: usize,
    /// Maximum shared memory per block, in bytes.
    shared: i32,
    // The following fields are released in reverse order.
    context: Context,
    stream: sys::CUstream,
    module: sys::CUmodule,
}

// SAFETY: the driver's handles may be used from any thread that has made the context current, which
// every method does first.
unsafe impl Send for Driver {}
// SAFETY: as above; the driver does its own locking.
unsafe impl Sync for Driver {}

impl Driver {
    /// Opens the GPU, or returns it if it is already open. Creating a context is slow and takes a few
    /// hundred megabytes of GPU memory, so all users share it.
    ///
    /// # Errors
    /// See [`Driver::open`].
    pub fn shared() -> Result<Arc<Self>> {
        static OPENED: Mutex<Weak<Driver>> = Mutex::new(Weak::new());
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(driver) = opened.upgrade() {
            return Ok(driver);
        }
        let driver = Arc::new(Self::open()?);
        *opened = Arc::downgrade(&driver);
        Ok(driver)
    }

    /// Opens the driver and the first GPU.
    ///
    /// # Errors
    /// Returns an error if a sufficiently recent driver or GPU is missing; the error says which.
    fn open() -> Result<Self> {
        look_for_functions()?;
        result::init().map_err(|error| no_gpu(describe(error)))?;
        if result::device::get_count().map_err(failed("cuDeviceGetCount"))? == 0 {
            return Err(no_gpu("the driver found no GPU".to_owned()));
        }
        let device = result::device::get(0).map_err(failed("cuDeviceGet"))?;
        let name = result::device::get_name(device).map_err(failed("cuDeviceGetName"))?;
        let attribute = |attribute| {
            // SAFETY: the driver returned this device.
            unsafe { result::device::get_attribute(device, attribute) }
                .map_err(failed("cuDeviceGetAttribute"))
        };
        use sys::CUdevice_attribute as Attribute;
        let capability = (
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        );
        check_capability(&name, capability)?;
        let multiprocessors = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        let shared = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
        let context = Context::of(device)?;
        // From here on, dropping `driver` releases everything.
        let mut driver = Self {
            name,
            multiprocessors: usize::try_from(multiprocessors).unwrap_or(1).max(1),
            shared,
            context,
            stream: ptr::null_mut(),
            module: ptr::null_mut(),
        };
        driver.stream = new_stream()?;
        // SAFETY: the image is a fat binary from nvcc.
        driver.module = unsafe { result::module::load_data(KERNELS.0.as_ptr().cast()) }
            .map_err(|error| no_gpu(kernels_refused(error, &driver.name, capability)))?;
        Ok(driver)
    }

    /// Returns the stream for this thread's launches: the thread's recording if it has one, otherwise
    /// the queue.
    fn launch_stream(&self) -> sys::CUstream {
        let recording = RECORDING.get();
        if recording.is_null() { self.stream } else { recording }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Errors are ignored, because nothing can be done about them. At process exit the driver may
        // already be unloaded; then each call only returns an error.
        // SAFETY: the driver returned each handle, and none is used any more.
        unsafe {
            let _ = self.context.enter();
            if !self.stream.is_null() {
                let _ = result::stream::synchronize(self.stream);
            }
            if !self.module.is_null() {
                let _ = result::module::unload(self.module);
            }
            if !self.stream.is_null() {
                let _ = result::stream::destroy(self.stream);
            }
        }
        // The context is dropped afterwards.
    }
}

/// The device's primary context, which other code in this process may share.
struct Context {
    device: sys::CUdevice,
    context: sys::CUcontext,
}

impl Context {
    /// Retains the device's primary context and makes it current on this thread.
    fn of(device: sys::CUdevice) -> Result<Self> {
        // SAFETY: the driver returned this device.
        let context = unsafe { result::primary_ctx::retain(device) };
        let context = context.map_err(failed("cuDevicePrimaryCtxRetain"))?;
        let context = Self { device, context };
        context.enter()?;
        Ok(context)
    }

    /// Makes the context current on this thread.
    fn enter(&self) -> Result<()> {
        // SAFETY: the context is retained.
        unsafe { result::ctx::set_current(self.context) }.map_err(failed("cuCtxSetCurrent"))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context was retained once.
        let _ = unsafe { result::primary_ctx::release(self.device) };
    }
}

impl Backend for Driver {
    fn kind(&self) -> &'static str {
        "cuda"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn multiprocessors(&self) -> usize {
        self.multiprocessors
    }

    fn memory(&self) -> Result<MemoryInfo> {
        self.context.enter()?;
        let (free, total) = result::mem_get_info().map_err(failed("cuMemGetInfo"))?;
        Ok(MemoryInfo { free, total })
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        self.context.enter()?;
        // SAFETY: the memory is cleared before anyone reads it.
        let address = unsafe { result::malloc_sync(bytes) }.map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => Error::GpuMemory { bytes },
            _ => failed("cuMemAlloc")(error),
        })?;
        // SAFETY: `bytes` bytes were allocated at this address.
        let cleared = unsafe { result::memset_d8_async(address, 0, bytes, self.stream) };
        // SAFETY: no other code has the address.
        cleared
            .map_err(failed("cuMemsetD8Async"))
            .inspect_err(|_| unsafe { self.free(address) })?;
        Ok(address)
    }

    unsafe fn free(&self, address: u64) {
        // The driver waits for queued operations first. Any error stems from an earlier call, and the
        // next call reports it again.
        // SAFETY: guaranteed by the caller.
        let _ = self.context.enter().map(|()| unsafe { result::free_sync(address) });
    }

    fn allocate_host(&self, bytes: usize) -> Result<NonNull<u8>> {
        self.context.enter()?;
        // SAFETY: the memory is cleared before anyone reads it.
        let memory = unsafe { result::malloc_host(bytes, 0) }.map_err(failed("cuMemHostAlloc"))?;
        let memory = NonNull::new(memory.cast::<u8>()).ok_or_else(|| Error::Gpu {
            call: "cuMemHostAlloc",
            reason: "returned a null pointer".to_owned(),
        })?;
        // SAFETY: `bytes` bytes were allocated at this address.
        unsafe { memory.write_bytes(0, bytes) };
        Ok(memory)
    }

    unsafe fn free_host(&self, memory: NonNull<u8>) {
        // SAFETY: guaranteed by the caller.
        let _ = self.context.enter().map(|()| unsafe { result::free_host(memory.as_ptr().cast()) });
    }

    fn kernel(&self, name: &str) -> Result<KernelHandle> {
        use sys::CUfunction_attribute_enum as Attribute;
        self.context.enter()?;
        let c_name = CString::new(name).unwrap_or_default();
        // SAFETY: the module is loaded.
        let function = unsafe { result::module::get_function(self.module, c_name) };
        let function = function.map_err(|error| Error::Gpu {
            call: "cuModuleGetFunction",
            reason: format!("`{name}`: {}", describe(error)),
        })?;
        // Allow more dynamic shared memory than the default of 48 KB. The call also loads the kernel
        // now, because a driver with lazy loading could not load it during recording.
        // SAFETY: the function belongs to the module.
        unsafe {
            let own = Attribute::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES;
            let own = result::function::get_function_attribute(function, own)
                .map_err(failed("cuFuncGetAttribute"))?;
            let most = Attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            result::function::set_function_attribute(function, most, self.shared - own)
                .map_err(failed("cuFuncSetAttribute"))?;
        }
        Ok(KernelHandle(function as usize))
    }

    unsafe fn upload(&self, to: u64, from: *const u8, bytes: usize) -> Result<()> {
        self.context.enter()?;
        // SAFETY: guaranteed by the caller.
        unsafe {
            let from = std::slice::from_raw_parts(from, bytes);
            result::memcpy_htod_async(to, from, self.stream)
        }
        .map_err(failed("cuMemcpyHtoDAsync"))
    }

    unsafe fn download(&self, to: *mut u8, from: u64, bytes: usize) -> Result<()> {
        self.context.enter()?;
        // SAFETY: guaranteed by the caller.
        unsafe {
            let to = std::slice::from_raw_parts_mut(to, bytes);
            result::memcpy_dtoh_async(to, from, self.stream)
        }
        .map_err(failed("cuMemcpyDtoHAsync"))
    }

    unsafe fn launch(
        &self,
        kernel: KernelHandle,
        launch: Launch,
        arguments: *const c_void,
        _bytes: usize,
    ) -> Result<()> {
        self.context.enter()?;
        let Launch { grid: [x, y], block, shared } = launch;
        // The driver knows the size of the parameter and copies it.
        let mut parameters = [arguments.cast_mut()];
        let function = kernel.0 as sys::CUfunction;
        // SAFETY: guaranteed by the caller.
        unsafe {
            let (grid, block) = ((x, y, 1), (block, 1, 1));
            let stream = self.launch_stream();
            result::launch_kernel(function, grid, block, shared, stream, &mut parameters)
        }
        .map_err(failed("cuLaunchKernel"))
    }

    fn mark(&self) -> Result<usize> {
        self.context.enter()?;
        // CU_EVENT_BLOCKING_SYNC is not set, so a waiting thread spins. A pass takes a fraction of a
        // millisecond, and waking a sleeping thread would make it considerably slower.
        let event = result::event::create(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING)
            .map_err(failed("cuEventCreate"))?;
        // SAFETY: `self` owns both handles.
        match unsafe { result::event::record(event, self.stream) } {
            Ok(()) => Ok(event as usize),
            Err(error) => {
                // SAFETY: the event is valid, and no one else has it.
                let _ = unsafe { result::event::destroy(event) };
                Err(failed("cuEventRecord")(error))
            }
        }
    }

    fn wait(&self, mark: usize) -> Result<()> {
        self.context.enter()?;
        let event = mark as sys::CUevent;
        // SAFETY: the mark is an event that has not been destroyed.
        let waited = unsafe { result::event::synchronize(event) };
        // SAFETY: a mark is waited for only once.
        let _ = unsafe { result::event::destroy(event) };
        waited.map_err(failed("cuEventSynchronize"))
    }

    fn begin_recording(&self) -> Result<()> {
        self.context.enter()?;
        if !RECORDING.get().is_null() {
            let reason = "this thread is already recording".to_owned();
            return Err(Error::Gpu { call: "cuStreamBeginCapture", reason });
        }
        let stream = new_stream()?;
        // In relaxed mode, other driver calls are allowed during the capture and are not captured.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: the stream was just created here.
        match unsafe { result::stream::begin_capture(stream, mode) } {
            Ok(()) => RECORDING.set(stream),
            Err(error) => {
                // SAFETY: as above.
                let _ = unsafe { result::stream::destroy(stream) };
                return Err(failed("cuStreamBeginCapture")(error));
            }
        }
        Ok(())
    }

    fn end_recording(&self) -> Result<usize> {
        self.context.enter()?;
        let stream = RECORDING.replace(ptr::null_mut());
        // SAFETY: this thread created the stream; the graph is freed after it has been instantiated.
        unsafe {
            let graph = result::stream::end_capture(stream);
            let _ = result::stream::destroy(stream);
            let graph = graph.map_err(failed("cuStreamEndCapture"))?;
            let recording =
                result::graph::instantiate(graph, sys::CUgraphInstantiate_flags_enum(0));
            let _ = result::graph::destroy(graph);
            Ok(recording.map_err(failed("cuGraphInstantiate"))? as usize)
        }
    }

    unsafe fn replay(&self, recording: usize) -> Result<()> {
        self.context.enter()?;
        // SAFETY: guaranteed by the caller.
        unsafe { result::graph::launch(recording as sys::CUgraphExec, self.stream) }
            .map_err(failed("cuGraphLaunch"))
    }

    unsafe fn free_recording(&self, recording: usize) {
        let recording = recording as sys::CUgraphExec;
        // The driver frees a running graph when it completes.
        // SAFETY: guaranteed by the caller.
        let _ = self.context.enter().map(|()| unsafe { result::graph::exec_destroy(recording) });
    }
}

/// Does nothing. With candle's CUDA support, the program is linked to the driver and does not start if a
/// function is missing.
#[cfg(feature = "cuda-linked")]
fn look_for_functions() -> Result<()> {
    Ok(())
}

/// Checks that the driver has all functions in [`FUNCTIONS`], so no call can panic.
#[cfg(not(feature = "cuda-linked"))]
fn look_for_functions() -> Result<()> {
    // SAFETY: loading the driver has no side effects.
    if !unsafe { sys::is_culib_present() } {
        let library = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };
        return Err(no_gpu(format!(
            "the NVIDIA driver is not installed ({library} was not found)"
        )));
    }
    // SAFETY: the library is present.
    let library = unsafe { sys::culib() };
    for function in FUNCTIONS {
        // SAFETY: the symbol is looked up but not called.
        if unsafe { library.get::<unsafe extern "C" fn()>(function.as_bytes()) }.is_err() {
            return Err(no_gpu(format!(
                "the NVIDIA driver is too old ({function} was not found); update it"
            )));
        }
    }
    Ok(())
}

/// Creates a stream that does not synchronise with the default stream.
fn new_stream() -> Result<sys::CUstream> {
    result::stream::create(result::stream::StreamKind::NonBlocking)
        .map_err(failed("cuStreamCreate"))
}

fn check_capability(name: &str, (major, minor): (i32, i32)) -> Result<()> {
    if (major, minor) >= LEAST {
        return Ok(());
    }
    let (least_major, least_minor) = LEAST;
    Err(no_gpu(format!(
        "the {name} has compute capability {major}.{minor}, expected {least_major}.{least_minor} or \
         higher"
    )))
}

/// Explains why the driver rejected the kernels: either the driver is older than the compiler, or the
/// kernels were not compiled for this GPU.
fn kernels_refused(error: DriverError, name: &str, (major, minor): (i32, i32)) -> String {
    let mut version: c_int = 0;
    // SAFETY: the call writes one integer.
    let version = match unsafe { sys::cuDriverGetVersion(&mut version) }.result() {
        // The driver reports version 12.8 as 12080.
        Ok(()) => format!("{}.{}", version / 1000, version % 1000 / 10),
        Err(_) => "an unknown version".to_owned(),
    };
    format!(
        "the driver rejected the kernels: {}. The driver supports CUDA {version}; the kernels were \
         compiled with CUDA {COMPILED_BY} for compute capabilities {COMPILED_FOR} and higher, and \
         the {name} has {major}{minor}. Install a driver for CUDA {COMPILED_BY} or newer",
        describe(error)
    )
}

fn no_gpu(reason: String) -> Error {
    Error::NoGpu { kind: "CUDA", reason }
}

fn failed(call: &'static str) -> impl Fn(DriverError) -> Error {
    move |error| Error::Gpu { call, reason: describe(error) }
}

/// Returns the driver's description of an error.
fn describe(error: DriverError) -> String {
    let text = |text: Result<&std::ffi::CStr, DriverError>| {
        text.map_or_else(|_| String::new(), |text| text.to_string_lossy().into_owned())
    };
    match (text(error.error_string()), text(error.error_name())) {
        (words, name) if words.is_empty() && name.is_empty() => format!("error {}", error.0 as u32),
        (words, name) => format!("{words} ({name})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Gpu;

    /// Does nothing on a machine that has the driver.
    #[cfg(not(feature = "cuda-linked"))]
    #[test]
    fn a_missing_driver_is_an_error_that_says_so() {
        // SAFETY: loading the driver has no side effects.
        if unsafe { sys::is_culib_present() } {
            return;
        }
        let message = Gpu::cuda().err().unwrap().to_string();
        let expected =
            "no usable CUDA GPU: the NVIDIA driver is not installed (libcuda.so.1 was not found)";
        assert_eq!(message.replace("nvcuda.dll", "libcuda.so.1"), expected);
    }

    #[test]
    fn an_old_gpu_is_reported_with_its_compute_capability() {
        assert!(check_capability("NVIDIA A100", (8, 0)).is_ok());
        assert!(check_capability("NVIDIA H200", (9, 0)).is_ok());
        assert_eq!(
            check_capability("NVIDIA GeForce GTX 1080", (6, 1)).unwrap_err().to_string(),
            "no usable CUDA GPU: the NVIDIA GeForce GTX 1080 has compute capability 6.1, \
             expected 8.0 or higher"
        );
    }
}
