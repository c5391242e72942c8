//! The old, hand-written identity, for old checkpoints: one line per place that a run's result depends on.

use super::changes::{Change, NOTHING};
use super::classes::Class;
use crate::corpus::{DataConfig, Packing};
use crate::run::RunConfig;
use crate::run::plugins::{RunPlugins, describe};
use crate::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// Lines by place.
type Lines = BTreeMap<String, String>;

/// Places that cannot change within a run, because its tensors would not fit.
const FIXED: [&str; 2] = ["model", "optimizer.kind"];
/// Places that decide the tokens.
const DATA: [&str; 5] = ["data", "data.split", "data.source", "filter", "tokenizer"];

/// Returns the differences from the lines of a checkpoint.
///
/// # Errors
/// A file whose content is compared cannot be read.
pub fn changes(config: &RunConfig, plugins: &RunPlugins, source_digest: &str, saved: &Lines) -> Result<Vec<Change>> {
    let lines = lines(config, plugins, source_digest)?;
    let change = |place: &String| {
        let of = |lines: &Lines| lines.get(place).cloned().unwrap_or_else(|| NOTHING.to_owned());
        let (then, now) = (of(saved), of(&lines));
        let class = match place.as_str() {
            place if FIXED.contains(&place) => Class::Fixed,
            place if DATA.contains(&place) => Class::Data,
            _ => Class::May,
        };
        (then != now).then(|| Change { key: place.clone(), place: place.clone(), class, then, now })
    };
    Ok(lines.keys().chain(saved.keys().filter(|place| !lines.contains_key(*place))).filter_map(change).collect())
}

/// Whether the lines include a key of `[data]` or of a plugin that makes the data.
pub fn knows(key: &str) -> bool {
    let is_document = key.starts_with("data.source.") && key.ends_with(".document");
    is_document || key.contains(".config.") || ["data.validation", "data.test"].contains(&key)
}

fn lines(config: &RunConfig, plugins: &RunPlugins, source_digest: &str) -> Result<Lines> {
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
    for (place, stamp) in plugins.stamps() {
        let line = lines.entry(place.to_owned()).or_default();
        if !line.is_empty() {
            line.push_str("; ");
        }
        line.push_str(&describe(stamp));
    }
    Ok(lines)
}

/// Returns what decides the order of batches besides seed, sizes and data. A run without such settings has no line, so
/// that checkpoints from before these settings can be resumed.
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
