//! What `--where` and `--sort` may name: columns, and keys of the resolved config.

use super::summary::{BITS_PER_BYTE, RunSummary};
use crate::settings;
use crate::suggest::did_you_mean;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use trainyard_base::{Error, Result};

/// Columns, by their names in JSON.
pub const COLUMNS: [&str; 13] = [
    "name",
    "state",
    "step",
    "steps",
    "best",
    "last",
    BITS_PER_BYTE,
    "test",
    "tokens_per_second",
    "seconds",
    "age",
    "tag",
    "note",
];

/// A value of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// Anything else.
    Text(String),
}

impl Value {
    /// Orders numbers by size and before texts.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }

    fn of(value: &toml::Value) -> Self {
        settings::number(value).map_or_else(|| Self::Text(settings::plain(value)), Self::Number)
    }
}

/// Returns what a run has under a key: nothing, a value, or several, as with `tag` and with `metric.plugin`, which
/// stands for `metric.0.plugin` and all others.
pub fn values(run: &RunSummary, key: &str) -> Vec<Value> {
    let number = |value: Option<f64>| value.map(Value::Number).into_iter().collect();
    let text = |text: &str| vec![Value::Text(text.to_owned())];
    match key {
        "name" => text(&run.name),
        "state" => text(&run.state.to_string()),
        "step" => number(Some(run.step as f64)),
        "steps" => number(run.steps.map(|steps| steps as f64)),
        "best" => number(run.best.as_ref().and_then(|best| best.loss())),
        "last" => number(run.last.as_ref().and_then(|last| last.loss())),
        BITS_PER_BYTE => number(run.last.as_ref().and_then(|last| last.values.get(BITS_PER_BYTE).copied())),
        "test" => number(run.test_value().map(|(_, value)| value)),
        "tokens_per_second" => number(run.tokens_per_second),
        "seconds" => number(run.seconds),
        "age" => number(run.age.map(|age| age as f64)),
        "tag" => run.tags.iter().cloned().map(Value::Text).collect(),
        "note" => text(&run.note),
        _ => of_config(run, key),
    }
}

fn of_config(run: &RunSummary, key: &str) -> Vec<Value> {
    if let Some(value) = run.settings.get(key) {
        return vec![Value::of(value)];
    }
    let is_named = |(own, _): &(&String, &toml::Value)| unnumbered(own) == key;
    run.settings.iter().filter(is_named).map(|(_, value)| Value::of(value)).collect()
}

/// A key without the numbers of lists.
fn unnumbered(key: &str) -> String {
    key.split('.').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join(".")
}

/// Checks that some run has a key.
///
/// # Errors
/// None has it; the error names the nearest one.
pub fn check(runs: &[RunSummary], key: &str, option: &str) -> Result<()> {
    let keys = || runs.iter().flat_map(|run| run.settings.keys());
    // without a run there is nothing to know it from
    let is_known = COLUMNS.contains(&key) || runs.iter().all(|run| run.settings.is_empty());
    if is_known || keys().any(|own| own == key || unnumbered(own) == key) {
        return Ok(());
    }
    let known: BTreeSet<String> = keys().map(|key| unnumbered(key)).chain(COLUMNS.map(str::to_owned)).collect();
    let cure = did_you_mean(key, known.iter().map(String::as_str));
    Err(Error::usage(format!("{option} {key}: expected a column or a setting of a run's config; {cure}")))
}
