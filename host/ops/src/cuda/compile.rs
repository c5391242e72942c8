//! Kernels that are generated while the program runs, compiled by NVRTC and kept on disk.

use super::{Gpu, Kernel, driver_error, libraries};
use crate::{Error, Result};
use cudarc::driver::CudaModule;
use cudarc::nvrtc::{Ptx, result, sys};
use sha2::{Digest, Sha256};
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Compiled kernels.
#[derive(Clone)]
pub struct Module(Arc<CudaModule>);

impl Module {
    /// The kernel of this name.
    ///
    /// # Errors
    /// No kernel of this name.
    pub fn kernel(&self, name: &str) -> Result<Kernel> {
        let found = self.0.load_function(name);
        Ok(Kernel(found.map_err(|error| driver_error(&format!("find the kernel {name}"), error))?))
    }
}

impl Gpu {
    /// Compiles `source` for this device. The machine code is kept in the user's cache folder, by the digest of all
    /// that it depends on; where it cannot be kept it is compiled again.
    ///
    /// # Errors
    /// A source that does not compile, a GPU that fails.
    pub fn compile(&self, source: &str) -> Result<Module> {
        libraries::open_nvrtc()?;
        let (major, minor) = self.capability();
        let architecture = format!("sm_{major}{minor}");
        let file = cache_file(source, &architecture)?;
        let image = match file.as_deref().and_then(read_cached) {
            Some(image) => image,
            None => {
                let image = compile(source, &architecture)?;
                file.as_deref().inspect(|file| keep(file, &image));
                image
            }
        };
        let module = self.context.load_module(Ptx::from_binary(image));
        Ok(Module(module.map_err(|error| driver_error("load the compiled loss", error))?))
    }
}

/// None where the user has no cache folder.
fn cache_file(source: &str, architecture: &str) -> Result<Option<PathBuf>> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: writes two numbers.
    unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) }
        .result()
        .map_err(|error| nvrtc_error("start", &error))?;
    let Some(folder) = trainyard_base::dirs::cache() else { return Ok(None) };
    let mut digest = Sha256::new();
    for part in [architecture, &format!("{major}.{minor}"), source] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let name: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(folder.join("cuda").join(name + ".cubin")))
}

/// The image behind its digest; none when there is none or it is damaged.
fn read_cached(file: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(file).ok()?;
    let (digest, image) = bytes.split_at_checked(32)?;
    (Sha256::digest(image).as_slice() == digest).then(|| image.to_vec())
}

/// Complete or not at all. A cache that cannot be written is no reason to fail.
fn keep(file: &Path, image: &[u8]) {
    let Some(folder) = file.parent() else { return };
    let written =
        std::fs::create_dir_all(folder).and_then(|()| tempfile::NamedTempFile::new_in(folder)).and_then(|temporary| {
            std::fs::write(temporary.path(), [Sha256::digest(image).as_slice(), image].concat())?;
            temporary.persist(file).map_err(|error| error.error)
        });
    if let Err(error) = written {
        tracing::debug!("{}: compiled loss not kept: {error}", file.display());
    }
}

fn compile(source: &str, architecture: &str) -> Result<Vec<u8>> {
    let text = CString::new(source).map_err(|_| Error::run("cuda: generated source with a zero byte"))?;
    let program = result::create_program(&text, None).map_err(|error| nvrtc_error("take the source", &error))?;
    let options = [format!("--gpu-architecture={architecture}"), "--std=c++17".to_owned()];
    // SAFETY: the program is valid until it is destroyed below.
    let image = unsafe {
        match result::compile_program(program, &options) {
            Ok(()) => cubin(program),
            Err(error) => Err(failed(program, &error)),
        }
    };
    // SAFETY: as above; nothing refers to it afterwards.
    unsafe { result::destroy_program(program) }.map_err(|error| nvrtc_error("end", &error))?;
    image
}

/// # Safety
/// `program` was compiled for a real architecture.
unsafe fn cubin(program: sys::nvrtcProgram) -> Result<Vec<u8>> {
    let mut size = 0;
    // SAFETY: writes the size, then as many bytes.
    unsafe {
        let fail = |error| nvrtc_error("give its result", &error);
        sys::nvrtcGetCUBINSize(program, &raw mut size).result().map_err(fail)?;
        let mut image = vec![0_u8; size];
        sys::nvrtcGetCUBIN(program, image.as_mut_ptr().cast()).result().map_err(fail)?;
        Ok(image)
    }
}

/// # Safety
/// `program` is valid.
unsafe fn failed(program: sys::nvrtcProgram, error: &result::NvrtcError) -> Error {
    // SAFETY: as above; the log ends with a zero byte.
    let log = unsafe {
        result::get_program_log(program).map(|log| CStr::from_ptr(log.as_ptr()).to_string_lossy().into_owned())
    };
    let first = log.unwrap_or_default().lines().find(|line| line.contains("error")).unwrap_or_default().to_owned();
    nvrtc_error(&format!("compile the loss ({first})"), error)
}

fn nvrtc_error(what: &str, error: &result::NvrtcError) -> Error {
    Error::run(format!("cuda: NVRTC cannot {what}: {:?}", error.0))
}
