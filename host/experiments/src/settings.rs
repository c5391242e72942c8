//! The resolved config of a run, as one value for each key: `optimizer.lr`, `metric.0.plugin`.

use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};
use trainyard_base::files::{MAX_TEXT_BYTES, read_text};
use trainyard_base::{Error, Result};

/// Values by their keys.
pub type Settings = BTreeMap<String, Value>;

/// Reads a config.
///
/// # Errors
/// A file that cannot be read or is not TOML.
pub fn read(path: &Path) -> Result<Settings> {
    let text = read_text(path, MAX_TEXT_BYTES).map_err(|error| Error::io(path, "read", &error))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        Error::run(format!("{}: expected the config of a run, got {}", path.display(), error.message()))
    })?;
    let mut settings = Settings::new();
    table.into_iter().for_each(|(key, value)| flatten(key, value, &mut settings));
    Ok(settings)
}

/// Adds the values of a table or of a list of tables with their own keys.
fn flatten(key: String, value: Value, settings: &mut Settings) {
    match value {
        Value::Table(table) => {
            table.into_iter().for_each(|(name, value)| flatten(format!("{key}.{name}"), value, settings));
        }
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_table) => {
            let numbered = list.into_iter().enumerate();
            numbered.for_each(|(index, value)| flatten(format!("{key}.{index}"), value, settings));
        }
        value => drop(settings.insert(key, value)),
    }
}

/// Writes a value as people write it: text without quotes.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns a value as a number, if it is one.
pub fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}

/// Returns the texts of a list, or a single text.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().map(plain).collect(),
        value => vec![plain(value)],
    }
}

/// Says whether `pattern`, in which `*` stands for one part and `**` for any rest, fits a key.
pub fn fits(pattern: &str, key: &str) -> bool {
    let mut parts = key.split('.');
    for wanted in pattern.split('.') {
        match (wanted, parts.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(part)) if wanted == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}
