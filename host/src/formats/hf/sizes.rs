//! The sizes of a model that its family does not choose: vocabulary, context, labels.

use super::config::Config;
use crate::Result;
use serde_json::Value as Json;

/// Sizes that a `config.json` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Tokens.
    pub vocab: usize,
    /// The longest sequence, in tokens.
    pub context: usize,
    /// Classes of a head that labels; 0 where there are none.
    pub labels: usize,
}

/// The context where a family has none: its positions are relative.
const CONTEXT: usize = 512;

/// The beginning of the names of classes that only trainyard has.
const OWN: &str = "Trainyard";

/// More than any model has.
const SIZE_MAX: u64 = 1 << 24;

impl Sizes {
    /// The sizes in `config`.
    ///
    /// # Errors
    /// No vocabulary, or a size that no model has.
    pub fn of(config: &Config) -> Result<Self> {
        let vocab = number(config, "vocab_size")?;
        let vocab = vocab.ok_or_else(|| config.wrong("expected vocab_size, the number of tokens"))?;
        let mut context = None;
        for key in ["max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length"] {
            context = context.or(number(config, key)?);
        }
        Ok(Self { vocab, context: context.unwrap_or(CONTEXT), labels: labels(config)? })
    }
}

fn number(config: &Config, key: &str) -> Result<Option<usize>> {
    let Some(value) = config.get(key) else { return Ok(None) };
    match value.as_u64().filter(|value| (1..=SIZE_MAX).contains(value)) {
        Some(value) => Ok(Some(value as usize)),
        None => Err(config.wrong(&format!("{key}: expected a whole number, 1 to {SIZE_MAX}, got {value}"))),
    }
}

/// Labels: as many as `id2label` names, or `num_labels`, or 2 as in transformers; 0 of a model without such a head. A
/// model that transformers does not have has one if it names labels.
fn labels(config: &Config) -> Result<usize> {
    let heads = ["ForSequenceClassification", "ForTokenClassification", "ForMultipleChoice"];
    let is_labelling = |class: &str| heads.iter().any(|head| class.ends_with(head));
    let names = config.get("id2label").and_then(Json::as_object).map(serde_json::Map::len);
    let classes = config.architectures();
    if classes.iter().all(|class| class.starts_with(OWN)) {
        return Ok(names.unwrap_or(0));
    }
    if !classes.into_iter().any(is_labelling) {
        return Ok(0);
    }
    match names {
        Some(names) => Ok(names),
        None => Ok(number(config, "num_labels")?.unwrap_or(2)),
    }
}

/// Names of the labels, in the order of the logits: `LABEL_0`, … as in transformers where `id2label` does not name
/// them.
pub(super) fn label_names(config: &Config, labels: usize) -> Vec<String> {
    let names = config.get("id2label").and_then(Json::as_object);
    let name = |id: usize| names.and_then(|names| names.get(&id.to_string())?.as_str().map(str::to_owned));
    (0..labels).map(|id| name(id).unwrap_or_else(|| format!("LABEL_{id}"))).collect()
}
