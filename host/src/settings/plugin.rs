//! A plugin's name, and its settings from TOML to what crosses the plugin boundary.

use crate::{Error, Result};
use std::path::Path;
use toml::Value as Toml;
use trainyard_plugin::{Setting, Value};

/// What a setting may be, for messages.
pub const EXPECTED: &str = "true or false, a finite number, text, or a list of numbers or of texts";

/// The settings in the order of their names. They are flat, so that a plugin needs no parser to read them.
///
/// # Errors
/// A table, a date, a mixed list or a number that is not finite.
pub fn plugin_settings(table: &toml::Table) -> Result<Vec<Setting>> {
    let setting = |(key, toml): (&String, &Toml)| {
        let value =
            convert(toml).ok_or_else(|| Error::usage(format!("config.{key}: expected {EXPECTED}, got {toml}")))?;
        Ok(Setting { key: key.clone(), value })
    };
    table.iter().map(setting).collect()
}

/// The name of a plugin without the place and form of its file: `focal` for `focal`, `a/focal.wasm`, `a/libfocal.so`.
pub fn plugin_name(plugin: &str) -> String {
    let path = Path::new(plugin);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("wasm") => stem,
        Some("so" | "dylib" | "dll") => stem.strip_prefix("lib").map_or(stem.clone(), str::to_owned),
        _ if plugin.contains(std::path::is_separator) => stem,
        _ => plugin.to_owned(),
    }
}

/// The value that crosses the boundary; none for what is not flat.
pub fn convert(toml: &Toml) -> Option<Value> {
    match toml {
        Toml::Boolean(value) => Some(Value::Boolean(*value)),
        Toml::Integer(value) => Some(Value::Integer(*value)),
        Toml::Float(_) => number(toml).map(Value::Number),
        Toml::String(text) => Some(Value::Text(text.clone())),
        Toml::Array(items) => {
            let numbers = || items.iter().map(number).collect::<Option<_>>().map(Value::Numbers);
            let texts = || items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>();
            numbers().or_else(|| texts().map(Value::Texts))
        }
        Toml::Datetime(_) | Toml::Table(_) => None,
    }
}

fn number(toml: &Toml) -> Option<f64> {
    match toml {
        Toml::Integer(value) => Some(*value as f64),
        Toml::Float(value) => Some(*value).filter(|value| value.is_finite()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_plugin_have_one_name() {
        for plugin in ["z-loss", "z-loss.wasm", "../a/z-loss.wasm", "/b/libz-loss.so", "libz_loss.dylib", "b/z-loss"] {
            assert_eq!(plugin_name(plugin), "z-loss", "{plugin}");
        }
        assert_eq!(plugin_name("libra.wasm"), "libra");
    }
}
