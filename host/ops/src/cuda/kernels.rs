//! The kernels that the program was built with.

use crate::{Error, Result};
use std::path::Path;

/// A file of kernels to use instead of those built in: to try out kernels without building the program again, and for
/// the emulator of the tests.
const FROM_FILE: &str = "TRAINYARD_CUDA_KERNELS";

#[cfg(feature = "cuda")]
include!(concat!(env!("OUT_DIR"), "/kernels.rs"));

#[cfg(not(feature = "cuda"))]
const KERNELS: &[(&str, &[u8])] = &[];

/// Images of machine code, each with its name.
pub(super) fn images() -> Result<Vec<(String, Vec<u8>)>> {
    if let Some(path) = std::env::var_os(FROM_FILE) {
        let path = Path::new(&path);
        let image = std::fs::read(path).map_err(|error| Error::io(path, "read", &error))?;
        return Ok(vec![(path.display().to_string(), image)]);
    }
    if KERNELS.is_empty() {
        return Err(Error::usage(
            "train.device: this program was built without CUDA kernels; use trainyard-cuda (`make cuda` builds it), or set \
             train.device = \"cpu\"",
        ));
    }
    Ok(KERNELS.iter().map(|(name, image)| ((*name).to_owned(), image.to_vec())).collect())
}

/// Whether there are any.
pub(super) fn exist() -> bool {
    !KERNELS.is_empty() || std::env::var_os(FROM_FILE).is_some()
}
