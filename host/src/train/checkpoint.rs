//! Checkpoints: a Hugging Face folder plus what a run needs to go on, written so that a crash leaves the old or the new
//! one.

use crate::ops::Tensor;
use crate::{Error, Result};
use safetensors::tensor::serialize_to_file;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "trainyard/manifest.json";
const FORMAT: u32 = 1;

/// The checksums of all other files. Written last: a folder without it is no checkpoint.
#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    sha256: BTreeMap<String, String>,
}

/// The files of a checkpoint, each with its path inside the folder.
pub struct Writer {
    temporary: PathBuf,
    target: PathBuf,
    sha256: BTreeMap<String, String>,
}

impl Writer {
    /// Begins `checkpoints/step-N`; nothing of that name exists until [`Writer::finish`].
    pub fn begin(checkpoints: &Path, step: u64) -> Result<Self> {
        let temporary = checkpoints.join(format!(".step-{step}.partial"));
        remove_folder(&temporary)?;
        let folder = temporary.join("trainyard");
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, "create", &error))?;
        Ok(Self { temporary, target: checkpoints.join(folder_name(step)), sha256: BTreeMap::new() })
    }

    /// Writes bytes.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.temporary.join(name);
        fs::write(&path, bytes).map_err(|error| Error::io(&path, "write", &error))?;
        self.seal(name)
    }

    /// Writes a value as JSON.
    pub fn json(&mut self, name: &str, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Error::run(format!("{name}: {error}")))?;
        self.bytes(name, text.as_bytes())
    }

    /// Writes tensors in the safetensors format.
    pub fn tensors<'a>(&mut self, name: &str, tensors: impl Iterator<Item = (&'a str, &'a Tensor)>) -> Result<()> {
        let path = self.temporary.join(name);
        let tensors = tensors.map(|(name, tensor)| Ok((name, tensor.to_cpu()?))).collect::<Result<Vec<_>>>()?;
        // Readers of Hugging Face folders refuse files that do not say where they come from.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        serialize_to_file(tensors, Some(metadata), &path)
            .map_err(|error| Error::run(format!("{}: cannot write: {error}", path.display())))?;
        self.seal(name)
    }

    /// Writes the manifest, makes everything durable, and gives the folder its name.
    pub fn finish(mut self) -> Result<PathBuf> {
        let manifest = Manifest { format: FORMAT, sha256: std::mem::take(&mut self.sha256) };
        self.json(MANIFEST, &manifest)?;
        sync(&self.temporary.join("trainyard"))?;
        sync(&self.temporary)?;
        remove_folder(&self.target)?;
        fs::rename(&self.temporary, &self.target).map_err(|error| Error::io(&self.target, "rename", &error))?;
        if let Some(parent) = self.target.parent() {
            sync(parent)?;
        }
        Ok(self.target)
    }

    fn seal(&mut self, name: &str) -> Result<()> {
        let path = self.temporary.join(name);
        sync(&path)?;
        self.sha256.insert(name.to_owned(), sha256(&path)?);
        Ok(())
    }
}

/// A checkpoint whose files were compared with their checksums.
pub struct Reader {
    folder: PathBuf,
}

impl Reader {
    /// Opens a checkpoint. A missing, damaged or unfinished one is an error that names the file.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let text = fs::read_to_string(&path).map_err(|error| Error::io(&path, "read", &error))?;
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|error| Error::run(format!("{}: not a checkpoint's manifest: {error}", path.display())))?;
        if manifest.format != FORMAT {
            return Err(Error::run(format!(
                "{}: checkpoint format {}, this program reads format {FORMAT}",
                folder.display(),
                manifest.format
            )));
        }
        for (name, expected) in &manifest.sha256 {
            let path = folder.join(name);
            if sha256(&path)? != *expected {
                return Err(Error::run(format!(
                    "{}: does not match its checksum; delete {} to go on from the checkpoint before it",
                    path.display(),
                    folder.display()
                )));
            }
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file's bytes.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(|error| Error::io(&path, "read", &error))
    }

    /// A JSON file.
    pub fn json<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<T> {
        serde_json::from_slice(&self.bytes(name)?)
            .map_err(|error| Error::run(format!("{}: {error}", self.folder.join(name).display())))
    }

    /// All tensors of a safetensors file.
    pub fn tensors(&self, name: &str) -> Result<BTreeMap<String, candle_core::Tensor>> {
        let path = self.folder.join(name);
        let tensors = candle_core::safetensors::load(&path, &candle_core::Device::Cpu)
            .map_err(|error| Error::run(format!("{}: {error}", path.display())))?;
        Ok(tensors.into_iter().collect())
    }
}

/// The folder of a step's checkpoint.
pub fn folder_name(step: u64) -> String {
    format!("step-{step}")
}

/// The steps that have a checkpoint, rising. Unfinished ones are not among them.
pub fn steps(checkpoints: &Path) -> Result<Vec<u64>> {
    let entries = match fs::read_dir(checkpoints) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(checkpoints, "read", &error)),
    };
    let mut steps = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| Error::io(checkpoints, "read", &error))?.file_name();
        steps.extend(name.to_str().and_then(|name| name.strip_prefix("step-")?.parse::<u64>().ok()));
    }
    steps.sort_unstable();
    Ok(steps)
}

/// Removes all but the `keep` newest checkpoints and `protect`; `keep` 0 keeps all.
pub fn prune(checkpoints: &Path, keep: usize, protect: Option<u64>) -> Result<()> {
    let steps = steps(checkpoints)?;
    let excess = if keep == 0 { 0 } else { steps.len().saturating_sub(keep) };
    for step in &steps[..excess] {
        if Some(*step) != protect {
            remove_folder(&checkpoints.join(folder_name(*step)))?;
        }
    }
    Ok(())
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path, "remove", &error)),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| Error::io(path, "make durable", &error))
}

/// SHA-256 of a file, in lower-case hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|error| Error::io(path, "read", &error))?;
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher).map_err(|error| Error::io(path, "read", &error))?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
