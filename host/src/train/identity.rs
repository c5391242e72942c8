//! What a run's result depends on, and whether a checkpoint still belongs to it.

use super::plugins::{RunPlugins, describe};
use crate::config::RunConfig;
use crate::data::{DataConfig, Packing};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line per thing that a run's result depends on, by its place in the config. Saved in every checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunIdentity(BTreeMap<String, String>);

/// What cannot be changed within a run, because its tensors would not fit.
const FIXED: [&str; 2] = ["model", "optimizer.kind"];

impl RunIdentity {
    /// Of a run with this config, these plugins, and source files with this digest.
    pub fn new(config: &RunConfig, plugins: &RunPlugins, source_digest: &str) -> Result<Self> {
        let train = &config.train;
        let optimizer = to_json(&config.optimizer)?;
        let sections = [
            ("seed", config.run.seed.to_string()),
            ("data", source_digest.to_owned()),
            ("data.split", format!("validation {} test {}", config.data.validation, config.data.test)),
            ("data.source", to_json(&config.data.source.iter().map(|source| &source.document).collect::<Vec<_>>())?),
            ("model", to_json(&config.model)? + &to_json(&train.precision)?),
            ("optimizer.kind", optimizer.split(',').next().unwrap_or_default().to_owned()),
            ("optimizer", optimizer),
            ("schedule", to_json(&config.schedule)?),
            ("train.steps", train.steps.to_string()),
            ("train.batch", format!("{} accumulate {} clip {}", train.batch, train.accumulate, train.clip)),
        ];
        let mut lines: BTreeMap<String, String> =
            sections.into_iter().map(|(place, line)| (place.to_owned(), line)).collect();
        lines.extend(loading(&config.data)?);
        if let Some(name) = &config.tokenizer.end_of_text {
            lines.insert("tokenizer.end_of_text".to_owned(), name.clone());
        }
        for (place, stamp) in plugins.stamps() {
            let line = lines.entry(place.to_owned()).or_default();
            if !line.is_empty() {
                line.push_str("; ");
            }
            line.push_str(&describe(stamp));
        }
        Ok(Self(lines))
    }

    /// Whether the tokens would be the same.
    pub fn same_data(&self, saved: &Self) -> bool {
        ["data", "data.split", "data.source", "filter", "tokenizer", "tokenizer.end_of_text"]
            .iter()
            .all(|place| self.0.get(*place) == saved.0.get(*place))
    }

    /// An error for the first thing that differs from `saved` and is not in `allowed`; it names the change and the
    /// override.
    pub fn check(&self, saved: &Self, allowed: &[String]) -> Result<()> {
        let nothing = "(nothing)".to_owned();
        for place in self.0.keys().chain(saved.0.keys()) {
            let now = self.0.get(place).unwrap_or(&nothing);
            let then = saved.0.get(place).unwrap_or(&nothing);
            if now == then || (allowed.contains(place) && !FIXED.contains(&place.as_str())) {
                continue;
            }
            let cure = if FIXED.contains(&place.as_str()) {
                "start a new run under another run.name".to_owned()
            } else {
                format!("restore it, start a new run under another run.name, or pass --allow-changed {place}")
            };
            return Err(Error::usage(format!(
                "cannot resume: {place} changed: the checkpoint has {then}, the config has {now}; {cure}"
            )));
        }
        Ok(())
    }
}

/// What decides the order of batches beside seed, sizes and data. A run that says nothing of it has no line, so that
/// checkpoints from before these settings go on.
fn loading(data: &DataConfig) -> Result<BTreeMap<String, String>> {
    let mut lines = BTreeMap::new();
    if data.packing != Packing::default() {
        lines.insert("data.packing".to_owned(), to_json(&data.packing)?);
    }
    if data.is_mixed() {
        let weights: Vec<_> = data.source.iter().map(|source| (&source.name, source.weight)).collect();
        lines.insert("data.curriculum".to_owned(), to_json(&weights)? + &to_json(&data.curriculum)?);
    }
    Ok(lines)
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::run(format!("config as JSON: {error}")))
}
