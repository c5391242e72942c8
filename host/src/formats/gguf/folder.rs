//! A GGUF file as a folder of Hugging Face on disk.

use super::import::Imported;
use crate::formats::hf::NewFolder;
use crate::formats::safetensors::{Format, SHARD_BYTES, Saved, TensorSource, write};
use crate::{Error, Result};
use candle_core::Tensor;
use std::path::Path;

impl TensorSource for Imported {
    fn list(&self) -> Vec<(String, Vec<usize>)> {
        self.entries().iter().map(|entry| (entry.name.clone(), entry.shape.clone())).collect()
    }

    fn tensor(&mut self, name: &str) -> Result<Tensor> {
        self.tensor(name)
    }
}

/// Writes the model of a GGUF file as the folder `out`, which transformers loads: its settings, its tensors as numbers
/// of `format`, its tokenizer and chat template.
///
/// # Errors
/// A file that cannot be read; `out` is there already, or cannot be written.
pub fn to_folder(file: &Path, out: &Path, format: Format) -> Result<Saved> {
    let mut model = Imported::open(file)?;
    let files = model.files()?;
    let folder = NewFolder::create(out)?;
    let saved = write(folder.path(), &mut model, format, SHARD_BYTES)?;
    for (name, json) in files {
        let text = serde_json::to_string_pretty(&json).map_err(|error| Error::run(format!("{name}: {error}")))?;
        folder.write(name, (text + "\n").as_bytes())?;
    }
    folder.finish()?;
    Ok(saved)
}
