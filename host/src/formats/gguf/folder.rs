//! A GGUF file as a folder of Hugging Face on disk.

use super::import::Imported;
use crate::base::write::write_file;
use crate::formats::safetensors::{Format, SHARD_BYTES, Saved, TensorSource, write};
use crate::{Error, Result};
use candle_core::Tensor;
use std::fs;
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
/// A file that cannot be read, or a folder that has files already or cannot be written.
pub fn to_folder(file: &Path, out: &Path, format: Format) -> Result<Saved> {
    let mut model = Imported::open(file)?;
    let files = model.files()?;
    fs::create_dir_all(out).map_err(|error| Error::io(out, "create", &error))?;
    let mut entries = fs::read_dir(out).map_err(|error| Error::io(out, "read", &error))?;
    if entries.next().is_some() {
        let cure = "name a new or an empty folder";
        return Err(Error::usage(format!("{}: has files already, none is overwritten: {cure}", out.display())));
    }
    let saved = write(out, &mut model, format, SHARD_BYTES)?;
    for (name, json) in files {
        let text = serde_json::to_string_pretty(&json).map_err(|error| Error::run(format!("{name}: {error}")))?;
        write_file(&out.join(name), (text + "\n").as_bytes())?;
    }
    Ok(saved)
}
