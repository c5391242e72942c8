//! What `trainyard model inspect` shows.

use super::folder::weights_folder;
use super::guess::guess;
use super::imported::Imported;
use super::load::{ignored, wanted};
use crate::Result;
use crate::formats::hf::{Fit, Folder, Request};
use crate::formats::safetensors::Weights;
use crate::model::flops;
use crate::model::graph::Graph;
use crate::plugin::{Plugin, PluginConfig};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use trainyard_plugin::network::Network;
use trainyard_plugin::{Kind, Sizes};

/// A model, and what it costs.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// The folder, unless it is a plugin's default model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// `model_type` of its `config.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_type: Option<String>,
    /// Classes in transformers that it was saved from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// The plugin that reads it; none where no plugin does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Built-in models with tensors of such names, each with the share of names that agree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guesses: Vec<(String, f64)>,
    /// The plugin's settings.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Tokens in the vocabulary.
    pub vocabulary: usize,
    /// Longest sequence, in tokens.
    pub context: usize,
    /// Blocks of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<usize>,
    /// Its operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<usize>,
    /// Numbers in all parameters.
    pub parameters: u64,
    /// Their bytes: in the folder, or else as f32.
    pub bytes: u64,
    /// Bytes in the folder by type of number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, u64>,
    /// Floating-point operations of a forward pass per token, at the full context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flops_per_token: Option<f64>,
    /// Every parameter, or every tensor where no plugin reads them.
    pub tensors: Vec<TensorReport>,
}

/// One tensor.
#[derive(Debug, Clone, Serialize)]
pub struct TensorReport {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The type of its numbers in the folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
}

impl ModelReport {
    /// Reports on the model in a folder, read by `named` or else by the built-in model for it. Its tensors are compared
    /// with what the network needs.
    ///
    /// # Errors
    /// No folder, a `config.json` that its plugin does not read, weights that are damaged or do not fit.
    pub fn of_folder(from: &Path, named: Option<&PluginConfig>) -> Result<Self> {
        let folder = Folder::open(&weights_folder(from)?)?;
        let weights = folder.weights()?;
        let model_type = folder.config.model_type()?.to_owned();
        let mut report = Self::of_weights(&folder, &weights)?;
        let is_known = super::model_types().iter().any(|(known, _)| *known == model_type);
        if named.is_none() && !is_known {
            report.guesses = guess(weights.entries().map(|(name, _)| name))?;
            return Ok(report);
        }
        let imported = Imported::open(from, named)?;
        let network = imported.network(imported.vocab, imported.context)?;
        let wanted = wanted(&network.parameters);
        let family = imported.plugin.identity().name.clone();
        let (vocab, ignored) = ((imported.vocab, imported.vocab), ignored(&network));
        let request = Request { family: &family, wanted: &wanted, ignored: &ignored, vocab, new_head: false };
        Fit::new(&request, &weights)?;
        report.family = Some(family);
        report.settings = imported.plugin.settings().collect();
        report.context = imported.context;
        report.describe(&network)?;
        Ok(report)
    }

    /// Reports on the model of a plugin, for a vocabulary and a context.
    ///
    /// # Errors
    /// A plugin that cannot be opened, settings or sizes that it refuses.
    pub fn of_plugin(config: &PluginConfig, vocabulary: usize, context: usize) -> Result<Self> {
        let plugin = Plugin::open(config, Kind::Model)?;
        let size = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let network = plugin.model()?.describe(&Sizes::new(size(vocabulary), size(context)))?;
        let mut report = Self {
            folder: None,
            model_type: None,
            architectures: Vec::new(),
            family: Some(plugin.identity().name.clone()),
            guesses: Vec::new(),
            settings: plugin.settings().collect(),
            vocabulary,
            context,
            blocks: None,
            operations: None,
            parameters: 0,
            bytes: 0,
            types: BTreeMap::new(),
            flops_per_token: None,
            tensors: Vec::new(),
        };
        report.tensors = wanted(&network.parameters)
            .into_iter()
            .map(|parameter| TensorReport { name: parameter.name, shape: parameter.shape, dtype: None })
            .collect();
        report.describe(&network)?;
        report.bytes = 4 * report.parameters;
        Ok(report)
    }

    fn of_weights(folder: &Folder, weights: &Weights) -> Result<Self> {
        let mut types = BTreeMap::new();
        for (_, entry) in weights.entries() {
            *types.entry(entry.dtype.clone()).or_default() += entry.n_bytes();
        }
        let tensor = |(name, entry): (&str, &crate::formats::safetensors::Entry)| TensorReport {
            name: name.to_owned(),
            shape: entry.shape.clone(),
            dtype: Some(entry.dtype.clone()),
        };
        Ok(Self {
            folder: Some(folder.root().to_owned()),
            model_type: Some(folder.config.model_type()?.to_owned()),
            architectures: folder.config.architectures().into_iter().map(str::to_owned).collect(),
            family: None,
            guesses: Vec::new(),
            settings: BTreeMap::new(),
            vocabulary: folder.sizes.vocab,
            context: folder.sizes.context,
            blocks: None,
            operations: None,
            parameters: weights.entries().map(|(_, entry)| entry.elements() as u64).sum(),
            bytes: types.values().sum(),
            types,
            flops_per_token: None,
            tensors: weights.entries().map(tensor).collect(),
        })
    }

    /// Adds what the network says.
    fn describe(&mut self, network: &Network) -> Result<()> {
        let graph = Graph::new(network)?;
        let numbers = |shape: &[u32]| shape.iter().map(|&size| u64::from(size)).product::<u64>();
        self.parameters = network.parameters.iter().map(|parameter| numbers(&parameter.shape)).sum();
        self.blocks = Some(network.blocks.len());
        self.operations = Some(network.layers.len());
        self.flops_per_token = Some(flops::forward_per_token(&graph, self.context));
        Ok(())
    }
}

impl Display for ModelReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let line = |f: &mut Formatter<'_>, name: &str, value: &str| writeln!(f, "{name:<16}{value}");
        if let Some(folder) = &self.folder {
            line(f, "folder", &folder.display().to_string())?;
        }
        if let Some(model_type) = &self.model_type {
            let classes = self.architectures.join(", ");
            line(
                f,
                "config.json",
                &if classes.is_empty() { model_type.clone() } else { format!("{model_type}, {classes}") },
            )?;
        }
        let guesses: Vec<_> =
            self.guesses.iter().map(|(name, share)| format!("{name} ({:.0} %)", share * 100.0)).collect();
        match (&self.family, guesses.is_empty()) {
            (Some(family), _) => line(f, "family", family)?,
            (None, true) => line(f, "family", "unknown: no built-in model reads this model_type or has such tensors")?,
            (None, false) => {
                let guesses = guesses.join(", ");
                line(
                    f,
                    "family",
                    &format!("unknown: no built-in model reads this model_type; tensors as of {guesses}"),
                )?;
            }
        }
        if !self.settings.is_empty() {
            let settings: Vec<_> = self.settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            line(f, "settings", &settings.join(", "))?;
        }
        line(f, "vocabulary", &grouped(self.vocabulary as u64))?;
        line(f, "context", &grouped(self.context as u64))?;
        if let (Some(blocks), Some(operations)) = (self.blocks, self.operations) {
            line(f, "layers", &format!("{blocks} blocks, {operations} operations"))?;
        }
        let types: Vec<_> = self.types.iter().map(|(name, bytes)| format!("{name} {}", grouped(*bytes))).collect();
        let of_types = if types.is_empty() { " as F32".to_owned() } else { format!(" ({})", types.join(", ")) };
        line(f, "parameters", &grouped(self.parameters))?;
        line(f, "bytes", &(grouped(self.bytes) + &of_types))?;
        if let Some(flops) = self.flops_per_token {
            line(
                f,
                "flops per token",
                &format!("{} forward, three times that in training", grouped(flops.round() as u64)),
            )?;
        }
        let width = self.tensors.iter().map(|tensor| tensor.name.len()).max().unwrap_or(0);
        writeln!(f, "tensors")?;
        for TensorReport { name, shape, dtype } in &self.tensors {
            let shape = format!("{shape:?}");
            writeln!(f, "  {name:<width$}  {}", format!("{shape:<14} {}", dtype.as_deref().unwrap_or("")).trim_end())?;
        }
        Ok(())
    }
}

/// A number with commas: 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
