//! A config as a flat list of keys and values.

use super::classes::{Class, class, names_plugin};
use crate::plugin::Grant;
use crate::run::RunConfig;
use crate::run::checkpoint::sha256;
use crate::{Error, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Keys such as `data.source.0.path`, each with its value as text: numbers keep every digit.
pub type Keys = BTreeMap<String, String>;

/// The key of the source files' contents.
pub const SOURCES: &str = "data";
/// The key of the tokenizer's model file.
const MODEL: &str = "tokenizer.model";
/// The files of `[data.tokens]`, which need not have other keys.
const TOKENS: &str = "data.tokens.";
/// The key of the references of `[data.decontaminate]`.
const REFERENCES: &str = "data.decontaminate.files";
/// The key of the held-out files' contents.
const HELD_OUT: &str = "data.held_out";

/// The key of the weights that training began from.
pub const START: &str = "start.from";
/// A template of conversations.
const TEMPLATE: &str = "task.template";
/// The value of [`START`] where they are no longer there: a run that has begun does not need them again.
pub const GONE: &str = "(no longer there)";

/// Returns every key of a resolved config. A table without entries and a key without a value have none.
///
/// # Errors
/// A path that is not UTF-8.
pub fn keys(config: &RunConfig) -> Result<Keys> {
    let mut keys = Keys::new();
    flatten("", &to_json(config)?, &mut keys);
    Ok(keys)
}

fn to_json(config: &RunConfig) -> Result<Value> {
    serde_json::to_value(config).map_err(|error| Error::run(format!("config as JSON: {error}")))
}

fn flatten(path: &str, value: &Value, keys: &mut Keys) {
    let inside = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Null => {}
        Value::Object(entries) => entries.iter().for_each(|(key, value)| flatten(&inside(key), value, keys)),
        // A list of tables has a key per entry, a list of values is one value.
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(index, value)| flatten(&inside(&index.to_string()), value, keys));
        }
        Value::Array(items) if items.is_empty() => {}
        Value::Array(items) if path.ends_with(".allow") => {
            let seen: Vec<_> = items.iter().filter_map(Value::as_str).map(Grant::seen).collect();
            keys.insert(path.to_owned(), seen.join(", "));
        }
        Value::String(text) => drop(keys.insert(path.to_owned(), text.clone())),
        other => drop(keys.insert(path.to_owned(), other.to_string())),
    }
}

/// Returns the keys that are compared by their values: neither free, nor a file whose content counts.
///
/// # Errors
/// A path that is not UTF-8.
pub fn identifying(config: &RunConfig) -> Result<Keys> {
    let mut keys = keys(config)?;
    keys.retain(|key, _| class(key).0 != Class::Free && !is_content(key));
    Ok(keys)
}

/// Whether the content of a file is compared instead of the key's value.
pub fn is_content(key: &str) -> bool {
    [SOURCES, MODEL, REFERENCES, HELD_OUT, START, TEMPLATE].contains(&key) || names_plugin(key)
}

/// Returns the keys that are compared. Keys that are not in `known` have their defaults, which a version that did not
/// know them used. A table with no known key is left out.
///
/// # Errors
/// A config that is invalid without these keys.
pub fn with_defaults(config: &RunConfig, known: &Keys) -> Result<Keys> {
    let mut tree = to_json(config)?;
    for key in keys(config)?.keys() {
        let is_known = match class(key).0 {
            Class::Free => key.starts_with(TOKENS) || knows_table_of(known, key),
            _ => is_content(key) || known.contains_key(key),
        };
        if !is_known {
            remove(&mut tree, &key.split('.').collect::<Vec<_>>());
        }
    }
    let text = toml::to_string(&tree).map_err(|error| Error::run(format!("config as TOML: {error}")))?;
    let file = tempfile::NamedTempFile::new().and_then(|file| fs::write(file.path(), text).map(|()| file));
    let file = file.map_err(|error| Error::run(format!("temporary file: cannot write: {error}")))?;
    identifying(&RunConfig::load(file.path(), &[])?)
}

/// Whether a key of the table that `key` is in is known.
fn knows_table_of(known: &Keys, key: &str) -> bool {
    let table = key.rsplit_once('.').map_or("", |(table, _)| table);
    known.keys().any(|other| other.strip_prefix(table).is_some_and(|rest| rest.starts_with('.')))
}

/// Removes a key, and each table around it that is then empty.
fn remove(value: &mut Value, parts: &[&str]) {
    let Some((first, rest)) = parts.split_first() else { return };
    match value {
        Value::Object(entries) => {
            if let Some(inside) = entries.get_mut(*first) {
                remove(inside, rest);
                let is_empty = inside.as_object().is_some_and(serde_json::Map::is_empty);
                if rest.is_empty() || is_empty {
                    drop(entries.remove(*first));
                }
            }
        }
        Value::Array(items) => {
            if let Some(item) = first.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                remove(item, rest);
            }
        }
        _ => {}
    }
}

/// Returns the digests of the files that are not sources and not plugins.
///
/// # Errors
/// A file that cannot be read.
pub fn contents(config: &RunConfig) -> Result<Keys> {
    let mut keys = Keys::new();
    if let Some(model) = &config.tokenizer.model {
        keys.insert(MODEL.to_owned(), digest([model.as_path()])?);
    }
    if let Some(decontaminate) = &config.data.decontaminate
        && !decontaminate.files.is_empty()
    {
        keys.insert(REFERENCES.to_owned(), digest(decontaminate.files.iter().map(AsRef::as_ref))?);
    }
    if let Some(template) = config.task.template() {
        keys.insert(TEMPLATE.to_owned(), digest([template])?);
    }
    if let Some(start) = &config.start {
        let files = start.files();
        let seen = files.map_or(Ok(GONE.to_owned()), |files| digest(files.iter().map(AsRef::as_ref)))?;
        keys.insert(START.to_owned(), seen);
    }
    if let Some(held_out) = &config.data.held_out {
        keys.insert(HELD_OUT.to_owned(), held_out.digest()?);
    }
    Ok(keys)
}

/// Returns one digest of files in their order.
fn digest<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<String> {
    let mut all = Sha256::new();
    for path in paths {
        all.update(sha256(path)?);
    }
    let hex: String = all.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sha256 {hex}"))
}
