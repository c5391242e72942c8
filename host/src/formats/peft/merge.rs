//! An adapter's matrices, and weights with them.

use super::{A, ADAPTER, B, PREFIX, PeftConfig, QUANTIZED};
use crate::base::files::{MAX_BINARY_BYTES, read_file};
use crate::formats::safetensors::TensorFile;
use crate::ops::Quantized;
use crate::{Error, Result};
use candle_core::Tensor;
use std::path::{Path, PathBuf};

/// What DoRA's lengths are called behind a layer's name, in newer and in older files.
const LENGTHS: [&str; 2] = [".lora_magnitude_vector", ".lora_magnitude_vector.weight"];

/// An adapter in a folder, opened.
#[derive(Debug)]
pub struct Adapter {
    /// What it is.
    pub config: PeftConfig,
    file: TensorFile,
    /// Weights of the model that it was trained beside in blocks.
    quantized: Option<Quantized>,
}

impl Adapter {
    /// Opens the adapter in `folder`.
    ///
    /// # Errors
    /// Files that cannot be read, are damaged, or hold another kind of adapter.
    pub fn open(folder: &Path) -> Result<Self> {
        let config = PeftConfig::read(folder)?;
        let path = folder.join(ADAPTER);
        if !path.is_file() {
            return Err(Error::usage(format!("{}: expected {ADAPTER} in it, the adapter's weights", folder.display())));
        }
        Ok(Self { config, file: TensorFile::open(&path)?, quantized: quantized(folder)? })
    }

    /// The file of its weights.
    pub fn path(&self) -> PathBuf {
        self.file.path().to_owned()
    }

    /// Names of its tensors, as the model's parameters are named, with their shapes.
    pub fn names(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.file.entries.iter().map(|(name, entry)| (name.strip_prefix(PREFIX).unwrap_or(name), &entry.shape[..]))
    }

    /// Names of the layers that have matrices.
    pub fn layers(&self) -> impl Iterator<Item = &str> {
        self.names().filter_map(|(name, _)| name.strip_suffix(A))
    }

    /// Refuses a model with these parameters that it is not for.
    ///
    /// # Errors
    /// A tensor of a layer that the model does not have, or of another shape.
    pub fn check<'a>(&self, shape: impl Fn(&str) -> Option<&'a [usize]>) -> Result<()> {
        for (name, own) in self.names() {
            let layer = [A, B, LENGTHS[0], LENGTHS[1]].into_iter().find_map(|end| name.strip_suffix(end));
            let of = layer.map_or_else(|| name.to_owned(), |layer| format!("{layer}.weight"));
            let Some(shape) = shape(&of) else {
                let message = format!("{} is for {of}, which the model does not have: it is for another model", name);
                return Err(Error::usage(format!("{}: {message}", self.file.path().display())));
            };
            let (rows, columns) = match (self.config.fan_in_fan_out, shape) {
                (false, [rows, columns]) | (true, [columns, rows]) => (*rows, *columns),
                _ => (0, 0),
            };
            let fits = match (layer, own) {
                (None, own) => own == shape,
                (Some(_), [_, last]) if name.ends_with(A) => *last == columns,
                (Some(_), [first, _]) => *first == rows,
                (Some(_), own) => own == [rows],
            };
            if !fits {
                return Err(Error::usage(format!(
                    "{}: {name} has shape {own:?}, and {of} of the model {shape:?}: it is for another model",
                    self.file.path().display()
                )));
            }
        }
        Ok(())
    }

    /// A tensor by the name of the model's parameter.
    ///
    /// # Errors
    /// A tensor that is not there or cannot be read.
    pub fn read(&mut self, name: &str) -> Result<Tensor> {
        let full = format!("{PREFIX}{name}");
        let full = if self.file.entries.contains_key(&full) { full } else { name.to_owned() };
        self.file.read(&full)
    }

    fn has(&self, name: &str) -> bool {
        self.names().any(|(own, _)| own == name)
    }

    /// The parameter `name` of the model, whose own values are `weight`, with the adapter: W + scale · B A, and with
    /// DoRA each of its rows made as long as the adapter says. W is rounded as it was while the adapter was trained.
    ///
    /// # Errors
    /// Matrices that cannot be read.
    pub fn merged(&mut self, name: &str, weight: Tensor) -> Result<Tensor> {
        if self.has(name) {
            return self.read(name);
        }
        let weight = match self.quantized.as_ref().filter(|quantized| quantized.tensors.contains(name)) {
            Some(quantized) => quantized.format.rounded(&weight)?,
            None => weight,
        };
        let Some(layer) = name.strip_suffix(".weight").filter(|layer| self.has(&format!("{layer}{A}"))) else {
            return Ok(weight);
        };
        let dtype = weight.dtype();
        let (a, b) = (self.read(&format!("{layer}{A}"))?, self.read(&format!("{layer}{B}"))?);
        let scale = self.config.scale(layer, a.dims().first().copied().unwrap_or(1));
        let product = (b.to_dtype(dtype)?.matmul(&a.to_dtype(dtype)?)? * scale)?;
        let product = if self.config.fan_in_fan_out { product.t()?.contiguous()? } else { product };
        let merged = (weight + product)?;
        let lengths = LENGTHS.into_iter().map(|end| format!("{layer}{end}")).find(|name| self.has(name));
        let Some(lengths) = lengths else { return Ok(merged) };
        let lengths = self.read(&lengths)?.to_dtype(dtype)?;
        let along = usize::from(!self.config.fan_in_fan_out);
        let own = merged.sqr()?.sum_keepdim(along)?.sqrt()?;
        let lengths = lengths.flatten_all()?.unsqueeze(along)?;
        Ok(merged.broadcast_mul(&lengths.broadcast_div(&own)?)?)
    }
}

/// The weights of the model that the adapter in `folder` was trained beside in blocks, if there were any.
fn quantized(folder: &Path) -> Result<Option<Quantized>> {
    let path = folder.join(QUANTIZED);
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = read_file(&path, MAX_BINARY_BYTES).map_err(|error| Error::io(&path, "read", &error))?;
    let quantized = serde_json::from_slice(&bytes);
    quantized.map(Some).map_err(|error| Error::run(format!("{}: expected names of weights: {error}", path.display())))
}
