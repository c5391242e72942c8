//! Writes tensors: one file, or shards with an index where a file would be too large.

use super::index::{Index, Metadata};
use super::numbers::{Format, to_bytes};
use super::{INDEX, MODEL};
use crate::base::write::{TemporaryFile, write_file};
use crate::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The most bytes of numbers in a file before a model is cut into shards, as in transformers.
pub const SHARD_BYTES: u64 = 5_000_000_000;

/// The place that tensors come from when they are written: one at a time, so that a model need not fit into memory.
pub trait TensorSource {
    /// Names and shapes of all tensors, in the order in which they are written.
    fn list(&self) -> Vec<(String, Vec<usize>)>;

    /// The numbers of a tensor, on the CPU.
    ///
    /// # Errors
    /// A tensor that cannot be read.
    fn tensor(&mut self, name: &str) -> Result<candle_core::Tensor>;
}

/// The files that were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Their names, the index last.
    pub files: Vec<String>,
    /// Numbers of all tensors.
    pub numbers: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Writes all tensors of `source` into `folder`, as numbers of `format`, in files of at most `shard_bytes` bytes each,
/// unless a single tensor is larger.
///
/// # Errors
/// A number that `format` cannot hold, a tensor that cannot be read, a full disk.
pub fn write(folder: &Path, source: &mut dyn TensorSource, format: Format, shard_bytes: u64) -> Result<Saved> {
    let list = source.list();
    let size = |shape: &[usize]| shape.iter().product::<usize>() as u64 * format.bytes() as u64;
    let mut shards: Vec<Vec<&(String, Vec<usize>)>> = vec![Vec::new()];
    let (mut total, mut in_shard) = (0, 0);
    for tensor in &list {
        let bytes = size(&tensor.1);
        let is_full = in_shard + bytes > shard_bytes && shards.last().is_some_and(|shard| !shard.is_empty());
        if is_full {
            shards.push(Vec::new());
            in_shard = 0;
        }
        if let Some(shard) = shards.last_mut() {
            shard.push(tensor);
        }
        in_shard += bytes;
        total += bytes;
    }
    let numbers = total / format.bytes() as u64;
    let mut saved = Saved { files: Vec::new(), numbers, bytes: total };
    if let [single] = shards.as_slice() {
        write_shard(&folder.join(MODEL), single, source, format)?;
        saved.files.push(MODEL.to_owned());
        return Ok(saved);
    }
    let mut weight_map = BTreeMap::new();
    for (index, shard) in shards.iter().enumerate() {
        let name = format!("model-{:05}-of-{:05}.safetensors", index + 1, shards.len());
        write_shard(&folder.join(&name), shard, source, format)?;
        weight_map.extend(shard.iter().map(|(tensor, _)| (tensor.clone(), name.clone())));
        saved.files.push(name);
    }
    let index = Index { metadata: Metadata { total_parameters: numbers, total_size: total }, weight_map };
    let text = serde_json::to_string_pretty(&index).map_err(|error| Error::run(format!("{INDEX}: {error}")))?;
    write_file(&folder.join(INDEX), (text + "\n").as_bytes())?;
    saved.files.push(INDEX.to_owned());
    Ok(saved)
}

fn write_shard(
    path: &Path,
    tensors: &[&(String, Vec<usize>)],
    source: &mut dyn TensorSource,
    format: Format,
) -> Result<()> {
    let mut header = Map::new();
    // Readers of Hugging Face folders refuse files that do not say where they come from.
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    let mut end = 0_u64;
    for (name, shape) in tensors {
        let begin = end;
        end += (shape.iter().product::<usize>() * format.bytes()) as u64;
        let entry = json!({"dtype": format.in_file(), "shape": shape, "data_offsets": [begin, end]});
        header.insert(name.clone(), entry);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    // The numbers begin at a multiple of 8, where programs can map them.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = TemporaryFile::create(path)?;
    file.write(&(header.len() as u64).to_le_bytes())?;
    file.write(&header)?;
    for (name, shape) in tensors {
        let tensor = source.tensor(name)?;
        if tensor.dims() != shape.as_slice() {
            return Err(Error::run(format!("tensor {name} has shape {:?}, expected {shape:?}", tensor.dims())));
        }
        let bytes = to_bytes(&tensor, format)?.map_err(|number| {
            Error::usage(format!(
                "tensor {name} holds {number}, which numbers of type {} cannot; write them as bf16 or f32",
                format.in_file()
            ))
        })?;
        file.write(&bytes)?;
    }
    file.finish()?;
    Ok(())
}
