//! A plugin's settings, from TOML to what crosses the plugin boundary.

use crate::{Error, Result};
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

/// None for what is not flat.
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
