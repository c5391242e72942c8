//! `config.json` as flat settings, and back.

use crate::base::files::read_file;
use crate::{Error, Result};
use serde_json::{Map, Number, Value as Json};
use std::path::{Path, PathBuf};
use trainyard_plugin::{Setting, Value};

/// The longest file of this kind that is read, in bytes.
pub(super) const JSON_BYTES_MAX: u64 = 16 << 20;

/// The most settings that a `config.json` may have.
const SETTINGS_MAX: usize = 100_000;

/// The name of the file.
pub const CONFIG: &str = "config.json";

/// A model's `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    path: PathBuf,
    json: Map<String, Json>,
}

impl Config {
    /// Reads `config.json` of a folder.
    ///
    /// # Errors
    /// No such file, or one that is not a JSON object.
    pub fn read(folder: &Path) -> Result<Self> {
        Self::read_file(folder, CONFIG)
    }

    /// Reads the file `name` of a folder.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub(super) fn read_file(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(name);
        let bytes = read_file(&path, JSON_BYTES_MAX).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::usage(format!(
                "{}: no {name} in it, expected a folder of a Hugging Face model",
                folder.display()
            )),
            _ => Error::io(&path, "read", &error),
        })?;
        match serde_json::from_slice(&bytes) {
            Ok(Json::Object(json)) => Ok(Self { path, json }),
            Ok(_) => Err(Error::run(format!("{}: expected a JSON object", path.display()))),
            Err(error) => Err(Error::run(format!("{}: not JSON: {error}", path.display()))),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    pub fn json(&self) -> &Map<String, Json> {
        &self.json
    }

    /// A value of the first level; null is none.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.json.get(key).filter(|value| !value.is_null())
    }

    /// The family's name in transformers.
    ///
    /// # Errors
    /// There is none.
    pub fn model_type(&self) -> Result<&str> {
        let name = self.get("model_type").and_then(Json::as_str).filter(|name| !name.is_empty());
        name.ok_or_else(|| self.wrong("expected model_type, the name of the model's family in transformers"))
    }

    /// The classes in transformers that the folder was saved from; empty if it does not say.
    pub fn architectures(&self) -> Vec<&str> {
        let list = self.get("architectures").and_then(Json::as_array);
        list.into_iter().flatten().filter_map(Json::as_str).collect()
    }

    /// Every value as a flat setting: `rope_scaling.factor = 8.0`.
    ///
    /// # Errors
    /// More values than any model has.
    pub fn settings(&self) -> Result<Vec<Setting>> {
        flatten(&self.json).map_err(|error| self.wrong(&error))
    }

    /// An error about this file.
    pub fn wrong(&self, what: &str) -> Error {
        Error::run(format!("{}: {what}", self.path.display()))
    }
}

/// Makes settings of a JSON object: the keys of tables inside it are joined by dots, null is left out, lists of numbers
/// and of texts are such values, and the items of other lists are keys by their number.
///
/// # Errors
/// More than 100,000 values.
pub fn flatten(json: &Map<String, Json>) -> std::result::Result<Vec<Setting>, String> {
    let mut settings = Vec::new();
    for (key, value) in json {
        add(key, value, &mut settings);
        if settings.len() > SETTINGS_MAX {
            return Err(format!("expected at most {SETTINGS_MAX} values"));
        }
    }
    settings.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(settings)
}

fn add(key: &str, json: &Json, settings: &mut Vec<Setting>) {
    let value = match json {
        Json::Null => return,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => Value::Integer(value),
            None => Value::Number(number.as_f64().unwrap_or(f64::MAX)),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => {
            let numbers: Option<Vec<f64>> = items.iter().map(Json::as_f64).collect();
            let texts = || items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            match (numbers, texts()) {
                (Some(numbers), _) => Value::Numbers(numbers),
                (None, Some(texts)) => Value::Texts(texts),
                (None, None) => {
                    let inside = items.iter().enumerate();
                    return inside.for_each(|(index, item)| add(&format!("{key}.{index}"), item, settings));
                }
            }
        }
        Json::Object(inside) => {
            return inside.iter().for_each(|(inner, item)| add(&format!("{key}.{inner}"), item, settings));
        }
    };
    settings.push(Setting { key: key.to_owned(), value });
}

/// Makes a JSON object of settings, with a table for each part of a key before a dot. Lists of whole numbers are
/// written as such.
///
/// # Errors
/// A key that is there twice, or that is a value and a table; a number that JSON does not have.
pub fn unflatten(settings: &[Setting]) -> std::result::Result<Map<String, Json>, String> {
    let mut root = Map::new();
    for Setting { key, value } in settings {
        let mut table = &mut root;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_some() {
                let inside = table.entry(part).or_insert_with(|| Json::Object(Map::new()));
                let Json::Object(inside) = inside else { return Err(format!("{key}: {part} is a value too")) };
                table = inside;
            } else if table.insert(part.to_owned(), json(value).ok_or_else(|| not_json(key))?).is_some() {
                return Err(format!("{key} is there twice"));
            }
        }
    }
    Ok(root)
}

fn not_json(key: &str) -> String {
    format!("{key}: expected finite numbers")
}

fn json(value: &Value) -> Option<Json> {
    let number = |value: f64| Number::from_f64(value).map(Json::Number);
    Some(match value {
        Value::Boolean(value) => Json::Bool(*value),
        Value::Integer(value) => (*value).into(),
        Value::Number(value) => number(*value)?,
        Value::Text(text) => Json::String(text.clone()),
        Value::Texts(texts) => texts.iter().cloned().map(Json::String).collect(),
        Value::Numbers(numbers) => {
            // 2⁵³: above it, not every whole number is one of these
            let are_whole = numbers.iter().all(|value| value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0);
            let item = |value: &f64| if are_whole { Some((*value as i64).into()) } else { number(*value) };
            Json::Array(numbers.iter().map(item).collect::<Option<_>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flat(json: &Json) -> Vec<(String, Value)> {
        let settings = flatten(json.as_object().expect("object")).expect("few");
        settings.into_iter().map(|setting| (setting.key, setting.value)).collect()
    }

    #[test]
    fn tables_are_joined_by_dots() {
        let config = json!({
            "rope_scaling": {"factor": 8.0, "rope_type": "llama3", "original_max_position_embeddings": 8192},
            "rope_parameters": {"full_attention": {"rope_theta": 1e6}},
            "architectures": ["LlamaForCausalLM"], "eos_token_id": [1, 2], "sliding_window": null, "a": [], "b": {},
            "attention_types": [[["global", "local"], 12]], "tie": true, "big": 18446744073709551615_u64,
        });
        assert_eq!(
            flat(&config),
            [
                ("a".into(), Value::Numbers(vec![])),
                ("architectures".into(), Value::Texts(vec!["LlamaForCausalLM".into()])),
                ("attention_types.0.0".into(), Value::Texts(vec!["global".into(), "local".into()])),
                ("attention_types.0.1".into(), Value::Integer(12)),
                ("big".into(), Value::Number(18446744073709551615.0)),
                ("eos_token_id".into(), Value::Numbers(vec![1.0, 2.0])),
                ("rope_parameters.full_attention.rope_theta".into(), Value::Number(1e6)),
                ("rope_scaling.factor".into(), Value::Number(8.0)),
                ("rope_scaling.original_max_position_embeddings".into(), Value::Integer(8192)),
                ("rope_scaling.rope_type".into(), Value::Text("llama3".into())),
                ("tie".into(), Value::Boolean(true)),
            ]
        );
    }

    #[test]
    fn tables_come_back() {
        let config = json!({"a": {"b": {"c": 1}, "d": 2.5}, "e": ["x"], "f": [1, 2], "g": [0.5, 2.0], "h": false});
        let settings = flatten(config.as_object().expect("object")).expect("few");
        assert_eq!(Json::Object(unflatten(&settings).expect("tables")), config);
        let setting = |key: &str| Setting { key: key.into(), value: Value::Integer(1) };
        assert_eq!(unflatten(&[setting("a"), setting("a.b")]), Err("a.b: a is a value too".into()));
        assert_eq!(unflatten(&[setting("a.b"), setting("a")]), Err("a is there twice".into()));
        let infinite = Setting { key: "x".into(), value: Value::Number(f64::INFINITY) };
        assert_eq!(unflatten(&[infinite]), Err("x: expected finite numbers".into()));
    }
}
