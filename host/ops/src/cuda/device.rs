//! An open GPU, and how kernels are launched on it.

use super::blas::Blas;
use super::control::Control;
use super::memory::{Memory, Scratch};
use super::{driver_error, kernels, libraries};
use crate::{Error, Result};
use crate::{Tensor, View};
use candle_core::DType;
use cudarc::driver::{CudaContext, CudaFunction, CudaModule, CudaStream, result, sys};
use cudarc::nvrtc::Ptx;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The oldest compute capability that the kernels are compiled for, and the newest: what is newer still is compiled by
/// the driver.
const CAPABILITIES: ((i32, i32), (i32, i32)) = ((8, 0), (9, 0));

/// An NVIDIA GPU.
pub struct Gpu {
    pub(super) context: Arc<CudaContext>,
    pub(super) stream: Arc<CudaStream>,
    pub(super) free: Mutex<Vec<Memory>>,
    pub(super) blas: Blas,
    pub(super) control: Control,
    modules: Vec<Arc<CudaModule>>,
    known: Mutex<HashMap<String, Kernel>>,
    ordinal: usize,
    name: String,
    capability: (i32, i32),
    multiprocessors: u32,
}

/// A kernel that can be launched.
#[derive(Debug, Clone)]
pub struct Kernel(pub(super) CudaFunction);

/// How many threads run a kernel.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Blocks in each dimension.
    pub blocks: [u32; 3],
    /// Threads of a block.
    pub threads: u32,
    /// Bytes of shared memory whose size the launch says.
    pub shared: u32,
}

impl Grid {
    /// Blocks in one dimension.
    pub fn new(blocks: usize, threads: u32) -> Self {
        Self { blocks: [u32::try_from(blocks).unwrap_or(u32::MAX), 1, 1], threads, shared: 0 }
    }
}

/// What a kernel takes: one word of 8 bytes.
pub trait Argument {
    /// The word.
    fn word(&self) -> u64;
}

impl Argument for u64 {
    fn word(&self) -> u64 {
        *self
    }
}

impl Argument for usize {
    fn word(&self) -> u64 {
        *self as u64
    }
}

impl Argument for f64 {
    fn word(&self) -> u64 {
        self.to_bits()
    }
}

impl Argument for bool {
    fn word(&self) -> u64 {
        u64::from(*self)
    }
}

/// The address of the first element; the caller has checked that the tensor is on a GPU.
impl Argument for &Tensor {
    fn word(&self) -> u64 {
        self.pointer()
    }
}

/// The same of the first column.
impl Argument for View<'_> {
    fn word(&self) -> u64 {
        self.pointer()
    }
}

/// The words of these arguments.
#[macro_export]
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => {
        &[$($crate::cuda::Argument::word(&$argument)),*]
    };
}
pub use arguments;

impl Gpu {
    /// Opens device `ordinal`.
    ///
    /// # Errors
    /// One line that says what is missing: kernels in this program, the driver, the device, its compute capability, a
    /// library.
    pub fn open(ordinal: usize) -> Result<Arc<Self>> {
        let images = kernels::images()?;
        libraries::open_driver()?;
        result::init().map_err(|error| driver_error("start the driver", error))?;
        let n = CudaContext::device_count().map_err(|error| driver_error("count the devices", error))? as usize;
        if ordinal >= n {
            return Err(Error::usage(format!(
                "train.device: cuda:{ordinal} does not exist, this machine has {n} CUDA device{}; choose {}",
                if n == 1 { "" } else { "s" },
                if n == 0 { "\"cpu\"".to_owned() } else { format!("cuda:0 to cuda:{}", n - 1) }
            )));
        }
        let fail = |what: &'static str| move |error| driver_error(&format!("{what} of cuda:{ordinal}"), error);
        let context = CudaContext::new(ordinal).map_err(fail("open the context"))?;
        // SAFETY: all work is on one stream; the other one waits by events of its own.
        unsafe { context.disable_event_tracking() };
        let name = context.name().map_err(fail("read the name"))?;
        let capability = context.compute_capability().map_err(fail("read the compute capability"))?;
        check_capability(ordinal, &name, capability)?;
        libraries::open_cublaslt()?;
        let load = |(name, image): (String, Vec<u8>)| {
            let what = format!("load the kernels {name} on cuda:{ordinal}");
            context.load_module(Ptx::from_binary(image)).map_err(|error| driver_error(&what, error))
        };
        let modules = images.into_iter().map(load).collect::<Result<_>>()?;
        let stream = context.new_stream().map_err(fail("make a stream"))?;
        let count = sys::CUdevice_attribute_enum::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
        let multiprocessors = context.attribute(count).map_err(fail("count the multiprocessors"))? as u32;
        let gpu = Self {
            blas: Blas::new(&stream)?,
            control: Control::new(&stream)?,
            free: Mutex::default(),
            known: Mutex::default(),
            modules,
            ordinal,
            name,
            capability,
            multiprocessors,
            stream,
            context,
        };
        gpu.keep_memory()?;
        Ok(Arc::new(gpu))
    }

    /// Whether this program has kernels, so that a device could be opened.
    pub fn has_kernels() -> bool {
        kernels::exist()
    }

    /// "cuda:0".
    pub fn place(&self) -> String {
        format!("cuda:{}", self.ordinal)
    }

    /// The product's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Major and minor compute capability.
    pub fn capability(&self) -> (i32, i32) {
        self.capability
    }

    /// Number of multiprocessors.
    pub fn multiprocessors(&self) -> usize {
        self.multiprocessors as usize
    }

    /// Memory on loan.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn scratch(&self, bytes: usize) -> Result<Scratch<'_>> {
        Scratch::new(self, bytes)
    }

    /// A kernel that the program was built with.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn kernel(&self, name: &str) -> Result<Kernel> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernel) = known.get(name) {
            return Ok(kernel.clone());
        }
        let found = self.modules.iter().find_map(|module| module.load_function(name).ok());
        let kernel = Kernel(found.ok_or_else(|| Error::run(format!("cuda: there is no kernel {name}")))?);
        known.insert(name.to_owned(), kernel.clone());
        Ok(kernel)
    }

    /// Launches kernel `name` for elements of type `dtype`.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn launch(&self, name: &str, dtype: DType, grid: Grid, arguments: &[u64]) -> Result<()> {
        self.launch_kernel(&self.kernel(&format!("{name}_{}", suffix(dtype)?))?, grid, arguments)
    }

    /// Launches an elementwise kernel over `n` elements.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn launch_flat(&self, name: &str, dtype: DType, n: usize, arguments: &[u64]) -> Result<()> {
        // A thread takes one or two loads of 16 bytes.
        let blocks = n.div_ceil(256 * 32 / dtype.size_in_bytes().max(4)).max(1);
        self.launch(name, dtype, Grid::new(blocks, 256), arguments)
    }

    /// Launches a kernel. An empty grid is nothing to do.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn launch_kernel(&self, kernel: &Kernel, grid: Grid, arguments: &[u64]) -> Result<()> {
        if grid.blocks.contains(&0) {
            return Ok(());
        }
        let mut pointers: Vec<*mut std::ffi::c_void> =
            arguments.iter().map(|word| std::ptr::from_ref(word).cast_mut().cast()).collect();
        let [x, y, z] = grid.blocks;
        self.bind()?;
        // SAFETY: the words outlive the call, which copies them. Their number and meaning are the kernel's: each op
        // launches its own kernel with tensors whose sizes it knows; the tests run every kernel over guarded memory.
        unsafe {
            let (function, stream) = (self.function(kernel), self.stream.cu_stream());
            result::launch_kernel(function, (x, y, z), (grid.threads, 1, 1), grid.shared, stream, &mut pointers)
        }
        .map_err(|error| driver_error("launch a kernel", error))
    }

    /// Lets launches of `kernel` ask for this much shared memory.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn allow_shared(&self, kernel: &Kernel, bytes: u32) -> Result<()> {
        let limit = sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        kernel
            .0
            .set_attribute(limit, bytes as i32)
            .map_err(|error| driver_error("raise the limit of shared memory", error))
    }

    fn function(&self, kernel: &Kernel) -> sys::CUfunction {
        kernel.0.cu_function()
    }

    /// The calling thread works with this device from now on.
    pub(super) fn bind(&self) -> Result<()> {
        self.context.bind_to_thread().map_err(|error| driver_error("use the device", error))
    }

    /// Waits until everything launched has run.
    ///
    /// # Errors
    /// A launch that failed.
    pub fn synchronize(&self) -> Result<()> {
        self.stream.synchronize().map_err(|error| driver_error("finish what was launched", error))
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gpu({}, {})", self.place(), self.name)
    }
}

fn check_capability(ordinal: usize, name: &str, (major, minor): (i32, i32)) -> Result<()> {
    let (oldest, newest) = CAPABILITIES;
    if (major, minor) >= oldest {
        return Ok(());
    }
    Err(Error::usage(format!(
        "train.device: cuda:{ordinal} ({name}) has compute capability {major}.{minor}, the kernels are built for {}.{} to {}.{} and \
         newer ones; set train.device = \"cpu\"",
        oldest.0, oldest.1, newest.0, newest.1
    )))
}

/// What names of kernels end in.
///
/// # Errors
/// A GPU that fails.
pub fn suffix(dtype: DType) -> Result<&'static str> {
    match dtype {
        DType::F32 => Ok("f32"),
        DType::F64 => Ok("f64"),
        DType::BF16 => Ok("bf16"),
        other => Err(Error::run(format!("training needs f32, f64 or bf16 tensors, got {other:?}"))),
    }
}
