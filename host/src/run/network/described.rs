//! What a run's model plugin says once, before training.

use crate::feed::tasks::{FeaturesConfig, TaskConfig};
use crate::model::CRF;
use crate::ops::Quantized;
use crate::plugin::Plugin;
use crate::run::adapter::{Adapted, adapted};
use crate::run::{RunConfig, frozen};
use crate::{Error, Result};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use trainyard_plugin::network::{Network, Parameter, Space, Type, check_for};
use trainyard_plugin::{ErrorKind, Setting, Sizes, Value};

/// The parameter whose rows are the vectors of tokens, in the task of embeddings.
pub const VECTORS: &str = "input.weight";

/// A network, and the `config.json` by which other programs know it.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The network.
    pub network: Network,
    /// Sizes that it is for.
    pub sizes: Sizes,
    /// Columns of the last hidden states, which the output layer multiplies.
    pub width: usize,
    /// Parameters of a conditional random field over the labels, where there is one: no layer reads them.
    pub field: Vec<Parameter>,
    /// What is trained beside the weights, where they stay.
    pub adapter: Option<Adapted>,
    /// Whether there is one row of them for each sequence, and not for each token.
    pub is_pooled: bool,
    config: Map<String, Json>,
}

impl Described {
    /// What a new instance of the plugin says for these sizes.
    ///
    /// # Errors
    /// Whatever the plugin reports.
    pub fn new(plugin: &Plugin, sizes: &Sizes) -> Result<Self> {
        let model = plugin.model()?;
        let network = model.describe(sizes)?;
        let config = match model.export(sizes) {
            Ok(settings) => settings.into_iter().map(|Setting { key, value }| (key, json(value))).collect(),
            Err(error) if error.kind == ErrorKind::Unsupported => unknown(&plugin.identity().name, sizes),
            Err(error) => return Err(error.into()),
        };
        let (width, is_pooled) = hidden(&network, sizes)?;
        let field = Vec::new();
        Ok(Self { network, sizes: *sizes, width, is_pooled, field, adapter: None, config: nested(config) })
    }

    /// The same for `task`: with the parameters of a conditional random field over the labels where it has one, which
    /// begin as pytorch-crf's do.
    ///
    /// # Errors
    /// Weights of features or vectors that the network does not have, rows that are not those of the task.
    pub fn of_task(mut self, task: &TaskConfig) -> Result<Self> {
        let is_weighted = task.features().is_some_and(FeaturesConfig::are_weighted);
        if is_weighted && !self.network.layers.iter().any(|layer| layer.op == "bag") {
            let cure = "set model.plugin = \"features\" with model.config.reads = \"bag\", or task.weights = \"count\"";
            return Err(Error::usage(format!("task.weights: the model does not read what words count for; {cure}")));
        }
        match task {
            TaskConfig::Tags(tags) if tags.word_features && !self.is_pooled => {
                let cure = "set model.plugin = \"features\"";
                return Err(Error::usage(format!("task.word_features: the model has a row for each feature; {cure}")));
            }
            TaskConfig::Tags(tags) if !tags.word_features && self.is_pooled => {
                let cure = "use one with a row for each token, or set task.word_features";
                return Err(Error::usage(format!("task.kind = \"tags\": the model has one row for a text; {cure}")));
            }
            _ => {}
        }
        self.check_vectors(task)?;
        let n = self.sizes.labels;
        for (name, shape) in CRF.into_iter().zip([vec![n], vec![n], vec![n, n]]).filter(|_| task.has_crf()) {
            // as of other parameters, the matrix decays
            let (name, init, decay) = (name.to_owned(), "uniform".to_owned(), shape.len() > 1);
            self.field.push(Parameter { name, shape, init, scale: 0.1, decay, aliases: Vec::new() });
        }
        Ok(self)
    }

    /// The same for a run of `config`: for its task, and with its adapter.
    ///
    /// # Errors
    /// As [`Described::of_task`], and patterns of the adapter that match nothing.
    pub fn of_run(self, config: &RunConfig) -> Result<Self> {
        let described = self.of_task(&config.task)?;
        let adapter = config.adapter.as_ref().map(|adapter| adapted(&described.network, adapter)).transpose()?;
        Ok(Self { adapter, ..described })
    }

    /// The network that is run: with the adapter, where there is one.
    pub fn whole(&self) -> &Network {
        self.adapter.as_ref().map_or(&self.network, |adapted| &adapted.network)
    }

    /// Names of parameters that stay as they are: those that `patterns`, those of `train.freeze`, cover, and with an
    /// adapter all but what it trains.
    ///
    /// # Errors
    /// As [`frozen`].
    pub fn frozen(&self, patterns: &[String]) -> Result<BTreeSet<String>> {
        let names = self.whole().parameters.iter().chain(&self.field).map(|parameter| parameter.name.as_str());
        let mut all = frozen(patterns, names.clone())?;
        if let Some(adapted) = &self.adapter {
            all.extend(names.filter(|name| !adapted.trained.contains(*name)).map(str::to_owned));
        }
        Ok(all)
    }

    /// The parameters that are held in blocks: those that the adapter leaves as they are, if it says so.
    pub fn quantized(&self, config: &RunConfig) -> Option<Quantized> {
        let (adapted, format) = (self.adapter.as_ref()?, config.adapter.as_ref()?.quantize?);
        let names = self.network.parameters.iter().map(|parameter| &parameter.name);
        Some(Quantized { format, tensors: names.filter(|name| !adapted.trained.contains(*name)).cloned().collect() })
    }

    /// Refuses a model without vectors of tokens for a task that learns them.
    ///
    /// # Errors
    /// Such a model, with the one that has them.
    pub fn check_vectors(&self, task: &TaskConfig) -> Result<()> {
        let has_vectors = self.network.parameters.iter().any(|parameter| parameter.name == VECTORS);
        match task {
            TaskConfig::Embeddings(_) if !has_vectors => Err(Error::usage(format!(
                "model: expected the parameter {VECTORS}, the vectors of task.kind = \"embeddings\", got a model without; \
                 set model.plugin = \"embeddings\""
            ))),
            _ => Ok(()),
        }
    }

    /// `config.json` for Hugging Face transformers; `end_of_text` is the id of that token.
    pub fn hugging_face(&self, end_of_text: Option<u32>) -> Json {
        let mut config = self.config.clone();
        for key in ["bos_token_id", "eos_token_id"] {
            config.insert(key.to_owned(), end_of_text.into());
        }
        config.into()
    }
}

/// Columns of what the head `logits` multiplies, and whether it has a row for each sequence.
fn hidden(network: &Network, sizes: &Sizes) -> Result<(usize, bool)> {
    let types = check_for(network, sizes)?;
    let head = network.heads.iter().find(|head| head.name == "logits");
    let mut layer = head.map(|head| &network.layers[head.value as usize]);
    while let Some(one) = layer {
        let Some(&input) = one.inputs.first() else { break };
        if one.op == "linear" {
            let is_pooled = matches!(types[input as usize], Type::Matrix { space: Space::Sequence, .. });
            return Ok((types[input as usize].columns() as usize, is_pooled));
        }
        layer = Some(&network.layers[input as usize]);
    }
    Err(Error::plugin("the head \"logits\" is no linear layer, scaled or capped; expected one over the vocabulary"))
}

/// A `config.json` of a model that no other program knows.
fn unknown(name: &str, sizes: &Sizes) -> Map<String, Json> {
    let sizes = [("vocab_size", sizes.vocab), ("max_position_embeddings", sizes.context)];
    let named = [("model_type".to_owned(), Json::from(name))];
    named.into_iter().chain(sizes.map(|(key, size)| (key.to_owned(), size.into()))).collect()
}

/// Keys that were joined with dots, as tables.
fn nested(flat: Map<String, Json>) -> Map<String, Json> {
    let mut nested = Map::new();
    for (key, value) in flat {
        let mut table = &mut nested;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                table.insert(part.to_owned(), value);
                break;
            }
            let inside = table.entry(part).or_insert_with(|| Map::new().into());
            match inside.as_object_mut() {
                Some(inside) => table = inside,
                // a value and a table of one name: the value stays
                None => break,
            }
        }
    }
    nested
}

fn json(value: Value) -> Json {
    match value {
        Value::Boolean(value) => value.into(),
        Value::Integer(value) => value.into(),
        Value::Number(value) => value.into(),
        Value::Text(value) => value.into(),
        Value::Numbers(values) => values.into(),
        Value::Texts(values) => values.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_with_dots_are_tables() {
        let flat = [("a", json!(1)), ("rope.factor", json!(2.0)), ("rope.type", json!("yarn")), ("a.b", json!(3))];
        let flat = flat.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
        assert_eq!(Json::from(nested(flat)), json!({ "a": 1, "rope": { "factor": 2.0, "type": "yarn" } }));
    }
}
