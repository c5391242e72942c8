//! Which model an adapter is for: checksums of its files, in the adapter's folder.

use super::PeftConfig;
use crate::base::files::{MAX_BINARY_BYTES, hex, read_file};
use crate::formats::hf::CONFIG;
use crate::formats::safetensors::Weights;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

/// The file with the checksums. PEFT does not know it: an adapter of another program has none.
pub const BASE: &str = "trainyard/base.json";

/// The files that an adapter is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// SHA-256 by the names of files.
    pub sha256: BTreeMap<String, String>,
}

impl Base {
    /// The checksums of the model in `folder`: of `config.json` and the weights.
    ///
    /// # Errors
    /// No weights, a file that cannot be read.
    pub fn of(folder: &Path) -> Result<Self> {
        let mut sha256 = BTreeMap::new();
        for path in std::iter::once(folder.join(CONFIG)).chain(Weights::open(folder)?.files()) {
            let mut digest = Sha256::new();
            let read = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut digest));
            read.map_err(|error| Error::io(&path, "read", &error))?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            sha256.insert(name.unwrap_or_default(), hex(&digest.finalize()));
        }
        Ok(Self { sha256 })
    }
}

/// Compares the model that the adapter in `folder` is for with the one that it was trained beside, where that is known.
///
/// # Errors
/// Another model, or none.
pub fn check_base(folder: &Path) -> Result<()> {
    let path = folder.join(BASE);
    if !path.is_file() {
        return Ok(());
    }
    let bytes = read_file(&path, MAX_BINARY_BYTES).map_err(|error| Error::io(&path, "read", &error))?;
    let then: Base = serde_json::from_slice(&bytes)
        .map_err(|error| Error::run(format!("{}: expected checksums: {error}", path.display())))?;
    let base = PeftConfig::read(folder)?.base(folder)?;
    let now = Base::of(&base)?;
    match then.sha256.iter().find(|(name, sha256)| now.sha256.get(*name) != Some(sha256)) {
        None => Ok(()),
        Some((name, _)) => Err(Error::usage(format!(
            "{}: is an adapter for another model: {name} in {} is not what it was trained beside; restore it",
            folder.display(),
            base.display()
        ))),
    }
}
