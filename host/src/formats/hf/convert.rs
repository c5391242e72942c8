//! A folder written again with numbers of another type.

use super::config::CONFIG;
use super::files::read_around;
use super::folder::Folder;
use super::output::NewFolder;
use crate::formats::safetensors::{Format, Saved, TensorSource, Weights, write};
use crate::{Error, Result};
use serde_json::Value as Json;
use std::path::Path;

/// Tensors of whole numbers that models keep for themselves and every program makes again.
const COUNTERS: [&str; 2] = ["position_ids", "num_batches_tracked"];

/// The keys of `config.json` that say of which type the numbers are, before and since version 5 of transformers.
const DTYPE: [&str; 2] = ["torch_dtype", "dtype"];

/// All tensors of a folder but those that no network reads.
struct Numbers(Weights);

impl TensorSource for Numbers {
    fn list(&self) -> Vec<(String, Vec<usize>)> {
        let is_counter = |name: &str| COUNTERS.iter().any(|end| name.ends_with(end));
        let kept =
            self.0.entries().filter(|(name, entry)| Format::of_file(&entry.dtype).is_some() || !is_counter(name));
        kept.map(|(name, entry)| (name.to_owned(), entry.shape.clone())).collect()
    }

    fn tensor(&mut self, name: &str) -> Result<candle_core::Tensor> {
        self.0.read(name)
    }
}

/// Writes the model in `from` to a new folder `to`, as numbers of `format`, in files of at most `shard_bytes` bytes:
/// `config.json`, tensors under their names, and the files around them.
///
/// # Errors
/// A folder without a model, or with a damaged one; a number that `format` cannot hold; `to` is there already, or
/// cannot be written.
pub fn convert(from: &Path, to: &Path, format: Format, shard_bytes: u64) -> Result<Saved> {
    let folder = Folder::open(from)?;
    let weights = folder.weights()?;
    let out = NewFolder::create(to)?;
    let saved = write(out.path(), &mut Numbers(weights), format, shard_bytes)?;
    let mut config = folder.config.json().clone();
    let said: Vec<_> = DTYPE.into_iter().filter(|key| folder.config.get(key).is_some()).collect();
    for key in if said.is_empty() { vec![DTYPE[0]] } else { said } {
        config.insert(key.to_owned(), format.in_config().into());
    }
    let text = serde_json::to_string_pretty(&Json::Object(config));
    let text = text.map_err(|error| Error::run(format!("{CONFIG}: {error}")))?;
    out.write(CONFIG, (text + "\n").as_bytes())?;
    for (name, bytes) in read_around(from)? {
        out.write(name, &bytes)?;
    }
    out.finish()?;
    Ok(saved)
}
