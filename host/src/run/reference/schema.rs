//! The JSON schema of a config, for editors that check and complete TOML.

use super::Meanings;
use crate::run::RunConfig;
use crate::settings::Setting;
use serde_json::{Map, Value, json};

/// The JSON schema of a config.
pub fn json_schema() -> Value {
    let meanings = Meanings::new();
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config of a trainyard run",
        "type": "object",
        "additionalProperties": false,
        "properties": {},
    });
    for setting in RunConfig::settings() {
        let meaning = match setting.schema["type"] == "object" {
            true => meanings.of_table(&setting.path),
            false => meanings.of(&setting.path),
        };
        let mut schema = setting.schema.clone();
        match schema["type"].as_str() {
            Some("object") if schema.get("additionalProperties").is_none() => close(&mut schema),
            Some("array") if schema.get("items").is_none() => {
                schema["items"] = json!({ "type": "object" });
                close(&mut schema["items"]);
            }
            _ => {}
        }
        if let Some(meaning) = meaning {
            schema["description"] = meaning.into();
        }
        insert(&mut root, &setting, schema);
    }
    root
}

/// A table without other keys than those that follow.
fn close(table: &mut Value) {
    table["additionalProperties"] = false.into();
    table["properties"] = Value::Object(Map::new());
}

/// Puts the schema of a setting into the schema of the table that it is in.
fn insert(root: &mut Value, setting: &Setting, schema: Value) {
    let (parents, key) = setting.path.rsplit_once('.').unwrap_or(("", &setting.path));
    let mut table = root;
    for part in parents.split('.').filter(|part| !part.is_empty()) {
        table = match part.parse::<usize>() {
            Ok(_) => &mut table["items"],
            Err(_) => &mut table["properties"][part],
        };
    }
    table["properties"][key] = schema;
    if setting.required {
        let required = table["required"].as_array().cloned().unwrap_or_default();
        table["required"] = required.into_iter().chain([key.into()]).collect();
    }
}
