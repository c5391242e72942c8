//! Checkpoints: a Hugging Face folder plus what is needed to resume, written so that a crash leaves the old or the new
//! one.

use super::pruning::{dispose, retire};
use super::removal::{list, remove_file, sync};
use crate::ops::Tensor;
use crate::{Error, Result};
use safetensors::tensor::serialize_to_file;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

pub(crate) const MANIFEST: &str = "trainyard/manifest.json";
/// The file names of a checkpoint that is being written, which may be removed if it is never finished.
pub(crate) const NAMES: &str = "trainyard/.files";
const FORMAT: u32 = 1;

/// The checksums of all other files. It is written last: a folder without it is not a checkpoint.
#[derive(Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    pub sha256: BTreeMap<String, String>,
}

/// The files of a checkpoint, each with its path inside the folder.
pub struct Writer {
    temporary: PathBuf,
    target: PathBuf,
    names: File,
    sha256: BTreeMap<String, String>,
}

impl Writer {
    /// Begins the folder `name` of `checkpoints`; it is not changed until [`Writer::finish`].
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn begin(checkpoints: &Path, name: &str) -> Result<Self> {
        let temporary = checkpoints.join(format!(".{name}.{}.partial", std::process::id()));
        let target = checkpoints.join(name);
        dispose(&temporary, &target)?;
        let folder = temporary.join("trainyard");
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, "create", &error))?;
        let path = temporary.join(NAMES);
        let names = File::create(&path).map_err(|error| Error::io(&path, "create", &error))?;
        Ok(Self { temporary, target, names, sha256: BTreeMap::new() })
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.announce(name)?;
        let path = self.temporary.join(name);
        fs::write(&path, bytes).map_err(|error| Error::io(&path, "write", &error))?;
        self.seal(name)
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// A value that is not JSON, or a file that cannot be written.
    pub fn json(&mut self, name: &str, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Error::run(format!("{name}: {error}")))?;
        self.bytes(name, text.as_bytes())
    }

    /// Writes tensors in the safetensors format.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn tensors<'a>(&mut self, name: &str, tensors: impl Iterator<Item = (&'a str, &'a Tensor)>) -> Result<()> {
        self.announce(name)?;
        let path = self.temporary.join(name);
        let tensors = tensors.map(|(name, tensor)| Ok((name, tensor.to_cpu()?))).collect::<Result<Vec<_>>>()?;
        // Readers of Hugging Face folders refuse files that do not say where they come from.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        serialize_to_file(tensors, Some(metadata), &path)
            .map_err(|error| Error::run(format!("{}: cannot write: {error}", path.display())))?;
        self.seal(name)
    }

    /// Writes the manifest, syncs everything to disk, and gives the folder its name. A checkpoint of that name is
    /// replaced; files in it that are not its own stay.
    ///
    /// # Errors
    /// A file that cannot be written or renamed.
    pub fn finish(mut self) -> Result<PathBuf> {
        let manifest = Manifest { format: FORMAT, sha256: std::mem::take(&mut self.sha256) };
        self.json(MANIFEST, &manifest)?;
        remove_file(&self.temporary.join(NAMES))?;
        sync(&self.temporary.join("trainyard"))?;
        sync(&self.temporary)?;
        let retired = retire(&self.target)?;
        fs::rename(&self.temporary, &self.target).map_err(|error| Error::io(&self.target, "rename", &error))?;
        if let Some(parent) = self.target.parent() {
            sync(parent)?;
        }
        retired.iter().try_for_each(|retired| dispose(retired, &self.target))?;
        Ok(self.target.clone())
    }

    /// Notes that a file of this name is ours, before it is there.
    fn announce(&mut self, name: &str) -> Result<()> {
        writeln!(self.names, "{name}").map_err(|error| Error::io(&self.temporary.join(NAMES), "write", &error))
    }

    fn seal(&mut self, name: &str) -> Result<()> {
        let path = self.temporary.join(name);
        sync(&path)?;
        self.sha256.insert(name.to_owned(), sha256(&path)?);
        Ok(())
    }
}

impl Drop for Writer {
    /// Removes an unfinished checkpoint, because the disk may be full. After `finish` there is none.
    fn drop(&mut self) {
        dispose(&self.temporary, &self.target).unwrap_or_else(|error| tracing::warn!("{error}"));
    }
}

/// A checkpoint whose files were compared with their checksums.
pub struct Reader {
    folder: PathBuf,
}

impl Reader {
    /// Opens a checkpoint.
    ///
    /// # Errors
    /// A missing, damaged or unfinished checkpoint; the error names the file.
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
            if !is_inside(name) {
                return Err(Error::run(format!(
                    "{}: expected files of the checkpoint, got {name:?}; delete {} to resume from the one before it",
                    path.display(),
                    folder.display()
                )));
            }
            let path = folder.join(name);
            if sha256(&path)? != *expected {
                return Err(Error::run(format!(
                    "{}: does not match its checksum; delete {} to resume from the checkpoint before it",
                    path.display(),
                    folder.display()
                )));
            }
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a file's bytes.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(|error| Error::io(&path, "read", &error))
    }

    /// Reads a JSON file.
    ///
    /// # Errors
    /// A file that is missing or not of this form.
    pub fn json<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<T> {
        serde_json::from_slice(&self.bytes(name)?)
            .map_err(|error| Error::run(format!("{}: {error}", self.folder.join(name).display())))
    }

    /// Reads all tensors of a safetensors file.
    ///
    /// # Errors
    /// A file that is missing or not in this format.
    pub fn tensors(&self, name: &str) -> Result<BTreeMap<String, candle_core::Tensor>> {
        let path = self.folder.join(name);
        let tensors = candle_core::safetensors::load(&path, &candle_core::Device::Cpu)
            .map_err(|error| Error::run(format!("{}: {error}", path.display())))?;
        Ok(tensors.into_iter().collect())
    }
}

/// Whether a name leads to a file below the folder that it is taken from.
fn is_inside(name: &str) -> bool {
    Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Returns the name of the folder of a step's checkpoint.
pub fn folder_name(step: u64) -> String {
    format!("step-{step}")
}

/// Returns the name of the folder of the state before a failed step: it is not a checkpoint, and no run resumes from it
/// unless told to.
pub(crate) fn replay_name(step: u64) -> String {
    format!("replay-{step}")
}

/// Returns the steps that have a checkpoint, rising. Unfinished ones, which have no manifest, are not included.
///
/// # Errors
/// A folder that cannot be read.
pub fn steps(checkpoints: &Path) -> Result<Vec<u64>> {
    numbered(checkpoints, "step-")
}

/// Returns the steps that have a [`replay_name`], rising.
pub(crate) fn replays(checkpoints: &Path) -> Result<Vec<u64>> {
    numbered(checkpoints, "replay-")
}

fn numbered(checkpoints: &Path, prefix: &str) -> Result<Vec<u64>> {
    let number = |name: &str| {
        let number: u64 = name.strip_prefix(prefix)?.parse().ok()?;
        // "step-007" is none of ours
        (name == format!("{prefix}{number}") && checkpoints.join(name).join(MANIFEST).exists()).then_some(number)
    };
    let mut steps: Vec<_> = list(checkpoints)?.iter().filter_map(|name| number(name.to_str()?)).collect();
    steps.sort_unstable();
    Ok(steps)
}

/// Returns the SHA-256 of a file, in lower-case hexadecimal.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|error| Error::io(path, "read", &error))?;
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher).map_err(|error| Error::io(path, "read", &error))?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
