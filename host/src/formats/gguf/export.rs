//! A folder of Hugging Face as a GGUF file.

use super::config::{self, Config};
use super::family::{self, Family};
use super::layout::Layout;
use super::names::Name;
use super::tokenizer::{self, Files, Special};
use crate::base::files::{MAX_BINARY_BYTES, MAX_TEXT_BYTES, read_file};
use crate::base::write::TemporaryFile;
use crate::formats::safetensors::Weights;
use crate::{Error, Result};
use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};
use serde_json::{Map, Value as Json};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The numbers of the products in a file. Norms, biases and tables of positions are always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits.
    F16,
    /// 8 bits and a scale for 32 numbers; f16 where a row is not whole blocks of 32.
    Q8_0,
}

impl Precision {
    /// The number in metadata.
    fn file_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q8_0 => 7,
        }
    }

    /// The type of a tensor.
    fn of(self, name: &str, shape: &[usize]) -> GgmlDType {
        let is_product = shape.len() > 1 && !name.starts_with("position_embd") && !name.starts_with("token_types");
        match self {
            Self::F16 | Self::Q8_0 if !is_product => GgmlDType::F32,
            Self::F32 => GgmlDType::F32,
            Self::Q8_0 if shape.last().is_some_and(|columns| columns.is_multiple_of(32)) => GgmlDType::Q8_0,
            Self::F16 | Self::Q8_0 => GgmlDType::F16,
        }
    }
}

/// Writes the model in `folder` as the file `out`, with its tokenizer and chat template.
///
/// # Errors
/// A folder that cannot be read; a family, setting, tokenizer or tensor that llama.cpp has no place for; a number that
/// is too large for the precision.
pub fn write(folder: &Path, out: &Path, precision: Precision) -> Result<()> {
    let config = json(folder, "config.json", MAX_TEXT_BYTES)?.ok_or_else(|| {
        let cure = "expected a folder of Hugging Face or a checkpoint";
        Error::run(format!("{}: has no config.json, {cure}", folder.display()))
    })?;
    let config = Config(config);
    let in_folder = |error: Error| error.context(folder.display());
    let model_type = config.required("model_type", Config::text).map_err(in_folder)?;
    let family = family::by_model_type(model_type).ok_or_else(|| {
        let known = family::model_types();
        Error::run(format!("{}: model_type: expected one of {known}, got {model_type:?}", folder.display()))
    })?;
    let written = config::write(&config, family).map_err(in_folder)?;
    let mut metadata = general(folder, family, precision);
    metadata.extend(written.metadata);
    if family.arch == "bert" {
        metadata.push((format!("{}.pooling_type", family.arch), Value::U32(pooling(folder)?)));
    }
    let id = |key: &str| match config.get(key) {
        Some(Json::Array(ids)) => ids.first().and_then(Json::as_u64).and_then(|id| u32::try_from(id).ok()),
        value => value.and_then(Json::as_u64).and_then(|id| u32::try_from(id).ok()),
    };
    let special = Special { bos: id("bos_token_id"), eos: id("eos_token_id"), pad: id("pad_token_id") };
    metadata.extend(tokenizer::write(&files(folder)?, &special, written.vocab).map_err(in_folder)?);

    let mut weights = Weights::open(folder)?;
    let mut tensors = Vec::new();
    for (name, values) in &written.tensors {
        let tensor = Tensor::from_slice(values, values.len(), &Device::Cpu)?;
        tensors.push((name.clone(), QTensor::quantize(&tensor, GgmlDType::F32)?));
    }
    let heads = (written.heads, written.kv_heads);
    let is_tied = config.bool("tie_word_embeddings").map_err(in_folder)?.unwrap_or(family.is_tied);
    for (here, name) in places(family, &weights, is_tied).map_err(in_folder)? {
        let tensor = weights.read(&name)?;
        if here == "token_embd.weight" && tensor.dims().first() != Some(&written.vocab) {
            let (shape, vocab) = (tensor.dims(), written.vocab);
            let error = Error::run(format!("tensor {name} has shape {shape:?}, config.json's vocab_size is {vocab}"));
            return Err(in_folder(error));
        }
        tensors.push((here.clone(), quantised(family, &here, &tensor, heads, precision)?));
    }
    save(out, &metadata, &tensors)
}

/// What every file says of itself.
fn general(folder: &Path, family: &Family, precision: Precision) -> Vec<(String, Value)> {
    let name = folder.canonicalize().unwrap_or_else(|_| folder.into());
    let name = name.file_name().map_or_else(|| "model".into(), |name| name.to_string_lossy().into_owned());
    let text = |key: &str, value: &str| (format!("general.{key}"), Value::String(value.into()));
    let number = |key: &str, value: u32| (format!("general.{key}"), Value::U32(value));
    vec![
        text("architecture", family.arch),
        text("type", "model"),
        text("name", &name),
        number("file_type", precision.file_type()),
        number("quantization_version", 2),
    ]
}

/// llama.cpp's number for how a sentence's vector is made, as sentence-transformers' files say.
fn pooling(folder: &Path) -> Result<u32> {
    let Some(pooling) = json(&folder.join("1_Pooling"), "config.json", MAX_TEXT_BYTES)? else { return Ok(0) };
    let is_on = |key: &str| pooling.get(key) == Some(&Json::Bool(true));
    Ok(match () {
        () if is_on("pooling_mode_mean_tokens") => 1,
        () if is_on("pooling_mode_cls_token") => 2,
        () => 0,
    })
}

/// The files of the folder's tokenizer.
fn files(folder: &Path) -> Result<Files> {
    let template = folder.join("chat_template.jinja");
    let chat_template = match template.is_file() {
        true => {
            let bytes = read_file(&template, MAX_TEXT_BYTES).map_err(|error| Error::io(&template, "read", &error))?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        false => None,
    };
    Ok(Files {
        json: json(folder, "tokenizer.json", MAX_BINARY_BYTES)?.map(Json::Object),
        config: json(folder, "tokenizer_config.json", MAX_TEXT_BYTES)?.unwrap_or_default(),
        chat_template,
    })
}

/// Reads a JSON object; none if there is no such file.
fn json(folder: &Path, name: &str, max_bytes: u64) -> Result<Option<Map<String, Json>>> {
    let path: PathBuf = folder.join(name);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = read_file(&path, max_bytes).map_err(|error| Error::io(&path, "read", &error))?;
    let object = serde_json::from_slice(&bytes);
    object.map(Some).map_err(|error| Error::run(format!("{}: {error}", path.display())))
}

/// The tensors that are written: the name in the file and that in the folder.
fn places(family: &Family, weights: &Weights, is_tied: bool) -> Result<Vec<(String, String)>> {
    let mut places = Vec::new();
    let mut lost = Vec::new();
    for (name, _) in weights.entries() {
        match family.names.of_llama(name) {
            // the table of tokens under another name
            Name::Known(here) if is_tied && here == "output.weight" => {}
            Name::Known(here) => places.push((here, name.to_owned())),
            Name::Constant => {}
            Name::NotKept => lost.push(name),
            Name::Unknown => {
                let family = family.model_type;
                return Err(Error::run(format!("tensor {name} has no place in a GGUF file of type {family}")));
            }
        }
    }
    if !lost.is_empty() {
        tracing::warn!("GGUF has no place for these tensors, which are left out: {}", lost.join(", "));
    }
    // by layer, as llama.cpp's own programs write them
    let layer = |here: &str| here.strip_prefix("blk.").and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    places.sort_by(|(a, _), (b, _)| (layer(a), a).cmp(&(layer(b), b)));
    if let Some(pair) = places.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(Error::run(format!("tensors {} and {} are both {}", pair[0].1, pair[1].1, pair[0].0)));
    }
    Ok(places)
}

fn quantised(
    family: &Family,
    here: &str,
    tensor: &Tensor,
    (heads, kv_heads): (usize, usize),
    precision: Precision,
) -> Result<QTensor> {
    let layout = Layout::of(family, here, heads, kv_heads);
    if tensor.rank() == 0 || !layout.fits(tensor.dims()) {
        let shape = tensor.dims();
        return Err(Error::run(format!("tensor {here} has shape {shape:?}, which {heads} heads do not fit")));
    }
    let tensor = layout.write(&tensor.to_dtype(DType::F32)?)?;
    let kind = precision.of(here, tensor.dims());
    if kind != GgmlDType::F32 {
        let largest = tensor.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
        // a scale of Q8_0 is an f16 too
        let limit = if kind == GgmlDType::F16 { 65504.0 } else { 127.0 * 65504.0 };
        if largest.is_nan() || largest > limit {
            let what = format!("holds {largest}, which {kind:?} cannot");
            return Err(Error::usage(format!("tensor {here} {what}; write the file as f32")));
        }
    }
    Ok(QTensor::quantize(&tensor, kind)?)
}

/// Writes the file, which appears whole or not at all.
fn save(out: &Path, metadata: &[(String, Value)], tensors: &[(String, QTensor)]) -> Result<()> {
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut file = Counted { file: TemporaryFile::create(out)?, at: 0 };
    gguf_file::write(&mut file, &metadata, &tensors)
        .map_err(|error| Error::run(format!("{}: cannot write: {error}", out.display())))?;
    file.file.finish()?;
    Ok(())
}

/// A file that is written from start to end, and knows where it is: candle asks.
struct Counted {
    file: TemporaryFile,
    at: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = Write::write(&mut self.file, bytes)?;
        self.at += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Current(0) => Ok(self.at),
            _ => Err(io::Error::other("only written from start to end")),
        }
    }
}
