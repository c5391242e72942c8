//! A GGUF file as a model of Hugging Face.

use super::config::{self, Seen};
use super::family::{self, Family};
use super::file::GgufFile;
use super::layout::Layout;
use super::names::Name;
use super::tokenizer::{self, Tokenizer};
use crate::Result;
use candle_core::Tensor;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::Path;

/// A model of a GGUF file, opened: its settings were read, its tensors were not.
pub struct Imported {
    file: GgufFile,
    /// What `config.json` says in a folder with the same model.
    pub config: Map<String, Value>,
    entries: Vec<Entry>,
    places: HashMap<String, usize>,
}

/// One tensor.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name in transformers.
    pub name: String,
    /// Its shape in transformers.
    pub shape: Vec<usize>,
    /// The type of its numbers in the file, such as Q4_K.
    pub dtype: &'static str,
    /// Its place in the file's list.
    index: usize,
    layout: Layout,
}

impl Imported {
    /// Opens a file, reads its settings and names its tensors.
    ///
    /// # Errors
    /// A file that is damaged or holds what is not read: an architecture, a type of tensors, a setting, a tensor.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = GgufFile::open(path)?;
        let family = family_of(&file)?;
        let layers = file.required(&file.key("block_count"), GgufFile::int)?;
        if layers as usize > file.tensors.len() {
            let (key, n) = (file.key("block_count"), file.tensors.len());
            return Err(file.error(format_args!("{key}: {layers} layers, but the file has {n} tensors")));
        }
        let seen = see(&mut file, family)?;
        let config = config::read(&file, family, &seen)?;
        let entries = entries(&file, family, &config, seen.is_tied)?;
        let places = entries.iter().enumerate().map(|(place, entry)| (entry.name.clone(), place)).collect();
        Ok(Self { file, config, entries, places })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// All tensors, in the file's order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Reads a tensor by its name in transformers: dequantised to f32, in the layout of transformers.
    ///
    /// # Errors
    /// There is no such tensor, or the file cannot be read.
    pub fn tensor(&mut self, name: &str) -> Result<Tensor> {
        let entry = self.places.get(name).map(|place| &self.entries[*place]);
        let entry = entry.ok_or_else(|| self.file.error(format_args!("tensor {name} is missing")))?;
        let (layout, index) = (entry.layout, entry.index);
        layout.read(&self.file.tensor(index)?).map_err(|error| error.context(name))
    }

    /// Reads the tokenizer; none if the file has none.
    ///
    /// # Errors
    /// A tokenizer that Hugging Face has no form for, or that contradicts itself.
    pub fn tokenizer(&self) -> Result<Option<Tokenizer>> {
        tokenizer::read(&self.file)
    }

    /// What `generation_config.json` says in a folder with the same model.
    pub fn generation(&self) -> Value {
        let ids = ["bos_token_id", "eos_token_id", "pad_token_id"];
        let ids = ids.iter().filter_map(|key| Some(((*key).to_owned(), self.config.get(*key)?.clone())));
        Value::Object(ids.collect())
    }

    /// The files of a folder with the same model, besides its tensors, with their names.
    ///
    /// # Errors
    /// As for [`Self::tokenizer`].
    pub fn files(&self) -> Result<Vec<(&'static str, Value)>> {
        let mut files = vec![("config.json", Value::Object(self.config.clone()))];
        if self.generation() != json!({}) {
            files.push(("generation_config.json", self.generation()));
        }
        if let Some(Tokenizer { json, config }) = self.tokenizer()? {
            files.push(("tokenizer.json", json));
            files.push(("tokenizer_config.json", Value::Object(config)));
        }
        Ok(files)
    }
}

/// The family of a file.
fn family_of(file: &GgufFile) -> Result<&'static Family> {
    let window = file.int(&file.key("attention.sliding_window"))?.is_some_and(|window| window > 0);
    let model_type = match file.arch.as_str() {
        "llama" if window => "mistral",
        // the same network with another tokenizer and other positions
        "bert" if file.text("tokenizer.ggml.model")?.is_some_and(|model| model != "bert") => "roberta",
        "gemma3" => "gemma3_text",
        "phi2" => "phi",
        name => name,
    };
    let family = family::by_model_type(model_type).filter(|family| family.arch == file.arch);
    family.ok_or_else(|| {
        let (arch, known) = (&file.arch, family::architectures());
        file.error(format_args!("general.architecture: expected one of {known}, got {arch:?}"))
    })
}

/// Reads what settings the tensors hold.
fn see(file: &mut GgufFile, family: &Family) -> Result<Seen> {
    let mut constant = |name: &str| -> Result<Option<Vec<f64>>> {
        let Some(index) = file.index(name) else { return Ok(None) };
        let values: Vec<f32> = file.tensor(index)?.flatten_all()?.to_vec1()?;
        Ok(Some(values.into_iter().map(|value| value.to_string().parse().unwrap_or(f64::NAN)).collect()))
    };
    let divisors = constant("rope_freqs.weight")?;
    let long = constant("rope_factors_long.weight")?;
    let short = constant("rope_factors_short.weight")?;
    let table = file.index("token_embd.weight").ok_or_else(|| file.error("has no tensor token_embd.weight"))?;
    let output = file.index("output.weight");
    let is_tied = match output {
        None => true,
        // llama.cpp's files of GPT-2 have the table twice
        Some(output) if family.model_type == "gpt2" && file.tensors[output].shape == file.tensors[table].shape => {
            let difference = file.tensor(output)?.sub(&file.tensor(table)?)?.abs()?.sum_all()?;
            difference.to_scalar::<f32>()? == 0.0
        }
        Some(_) => false,
    };
    let vocab = file.tensors[table].shape[0];
    Ok(Seen { vocab, is_tied, divisors, long_and_short: long.zip(short) })
}

/// Names all tensors and finds their layouts.
fn entries(file: &GgufFile, family: &Family, config: &Map<String, Value>, is_tied: bool) -> Result<Vec<Entry>> {
    let size = |key: &str| config.get(key).and_then(Value::as_u64).unwrap_or(0) as usize;
    let (heads, kv_heads) = (size("num_attention_heads"), size("num_key_value_heads"));
    let mut entries = Vec::new();
    for (index, tensor) in file.tensors.iter().enumerate() {
        let name = match family.names.of_transformers(&tensor.name) {
            Name::Known(name) => name,
            Name::Constant => continue,
            Name::NotKept | Name::Unknown => {
                let (name, family) = (&tensor.name, family.model_type);
                return Err(file.error(format_args!("tensor {name:?} belongs to no part of a model of type {family}")));
            }
        };
        if is_tied && tensor.name == "output.weight" {
            continue;
        }
        let layout = Layout::of(family, &tensor.name, heads, kv_heads);
        if !layout.fits(&tensor.shape) {
            let (name, shape) = (&tensor.name, &tensor.shape);
            return Err(file.error(format_args!("tensor {name:?} has shape {shape:?}, which {heads} heads do not fit")));
        }
        let shape = layout.shape(&tensor.shape);
        entries.push(Entry { name, shape, dtype: tensor.kind.name, index, layout });
    }
    Ok(entries)
}
