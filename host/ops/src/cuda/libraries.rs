//! Finds NVIDIA's libraries: where the system looks, in a CUDA toolkit, or among a Python's packages, as PyTorch brings
//! them.

use crate::{Error, Result};
use cudarc::driver::sys;
use libloading::Library;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The CUDA version that a driver must support: that of the kernels.
const DRIVER: (i32, i32) = (13, 0);

/// Opens the driver and checks its version.
pub(super) fn open_driver() -> Result<()> {
    // SAFETY: looks for a library by name and closes it again.
    if !unsafe { sys::is_culib_present() } {
        return Err(Error::usage(
            "train.device: no NVIDIA driver on this machine (libcuda.so.1); install one for CUDA 13 (580 or newer), or set \
             train.device = \"cpu\"",
        ));
    }
    let mut version = 0;
    // SAFETY: writes one number.
    let result = unsafe { sys::cuDriverGetVersion(&raw mut version) };
    result.result().map_err(|error| super::driver_error("ask the driver for its version", error))?;
    let (major, minor) = (version / 1000, version % 1000 / 10);
    if (major, minor) < DRIVER {
        return Err(Error::usage(format!(
            "train.device: the NVIDIA driver supports CUDA {major}.{minor}, expected {}.{} or newer; update the driver (580 or \
             newer), or set train.device = \"cpu\"",
            DRIVER.0, DRIVER.1
        )));
    }
    Ok(())
}

/// Opens the library of matrix products.
pub(super) fn open_cublaslt() -> Result<()> {
    static FOUND: OnceLock<bool> = OnceLock::new();
    match FOUND.get_or_init(|| open(&["libcublasLt.so.13"])) {
        true => Ok(()),
        false => Err(missing("cuBLASLt", "libcublasLt.so.13", "nvidia-cublas")),
    }
}

/// Opens the compiler of generated kernels.
pub(super) fn open_nvrtc() -> Result<()> {
    static FOUND: OnceLock<bool> = OnceLock::new();
    match FOUND.get_or_init(|| open(&["libnvrtc.so.13", "libnvrtc-builtins.so.13.0"])) {
        true => Ok(()),
        false => Err(missing("NVRTC", "libnvrtc.so.13", "nvidia-cuda-nvrtc")),
    }
}

fn missing(name: &str, file: &str, package: &str) -> Error {
    Error::usage(format!(
        "train.device: {name} was not found ({file}); install the CUDA 13 toolkit or the Python package {package}, set CUDA_HOME \
         or LD_LIBRARY_PATH to where it is, or set train.device = \"cpu\""
    ))
}

/// Opens the first of `names`, and the others where they are in the same folder. They stay open: later calls find them
/// by name.
fn open(names: &[&str]) -> bool {
    if is_opened(PathBuf::from(names[0])) {
        return true;
    }
    let Some(folder) = folders().into_iter().find(|folder| folder.join(names[0]).is_file()) else { return false };
    names[1..].iter().for_each(|name| {
        is_opened(folder.join(name));
    });
    is_opened(folder.join(names[0]))
}

fn is_opened(path: PathBuf) -> bool {
    // SAFETY: NVIDIA's libraries run nothing on loading that depends on the caller.
    match unsafe { Library::new(path) } {
        Ok(library) => {
            std::mem::forget(library);
            true
        }
        Err(_) => false,
    }
}

/// Folders in which the libraries may be, the likeliest first.
fn folders() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let mut folders = Vec::new();
    let homes = ["CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"].into_iter().filter_map(variable);
    for home in homes.chain([PathBuf::from("/usr/local/cuda")]) {
        folders.extend(["lib64", "lib", "targets/x86_64-linux/lib"].map(|name| home.join(name)));
    }
    let of_path = std::env::var_os("PATH").unwrap_or_default();
    let pythons = std::env::split_paths(&of_path).filter(|folder| folder.join("python3").exists());
    // The program in PATH may be a link into the folder of an installation.
    let prefixes = pythons.flat_map(|folder| {
        let real =
            folder.join("python3").canonicalize().ok().and_then(|path| Some(path.parent()?.parent()?.to_owned()));
        folder.parent().map(PathBuf::from).into_iter().chain(real)
    });
    for prefix in ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(variable).chain(prefixes) {
        for packages in ["lib/python3*/site-packages", "lib/python3*/dist-packages", "local/lib/python3*/dist-packages"]
        {
            let pattern = prefix.join(packages).join("nvidia/*/lib");
            let Some(pattern) = pattern.to_str() else { continue };
            folders.extend(glob::glob(pattern).into_iter().flatten().flatten());
        }
    }
    folders
}
