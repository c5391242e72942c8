//! A config as hyperparameters: one value per key.

use crate::{Error, Result};
use toml::{Table, Value};

/// The value of a hyperparameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Hparam {
    /// A finite number: TensorBoard cannot send others to its page.
    Number(f64),
    /// A text.
    Text(String),
    /// True or false.
    Bool(bool),
}

/// The settings of a config, the text of a `config.toml`, by their paths: `model.config.layers`, and by index where
/// there are several, `data.source.0.path`.
///
/// # Errors
/// A text that is no TOML.
pub fn flatten(config: &str) -> Result<Vec<(String, Hparam)>> {
    let table: Table = config.parse().map_err(|error: toml::de::Error| {
        Error::usage(format!("config.toml: expected TOML, got {}; restore the run's config", error.message()))
    })?;
    let mut values = Vec::new();
    table.iter().for_each(|(key, value)| add(&mut values, key.clone(), value));
    Ok(values)
}

fn add(values: &mut Vec<(String, Hparam)>, path: String, value: &Value) {
    let value = match value {
        Value::Table(table) => {
            return table.iter().for_each(|(key, value)| add(values, format!("{path}.{key}"), value));
        }
        Value::Array(array) if array.iter().any(Value::is_table) => {
            let indexed = array.iter().enumerate();
            return indexed.for_each(|(index, value)| add(values, format!("{path}.{index}"), value));
        }
        Value::Integer(integer) => Hparam::Number(*integer as f64),
        Value::Float(float) if float.is_finite() => Hparam::Number(*float),
        Value::Boolean(bool) => Hparam::Bool(*bool),
        Value::String(text) => Hparam::Text(text.clone()),
        other => Hparam::Text(other.to_string()),
    };
    values.push((path, value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_path() {
        let config = "a = 1\nlist = [1, 2]\n[b]\nc = 0.5\nd = true\ne = inf\n[[b.f]]\ng = \"x\"\n[[b.f]]\ng = \"y\"\n";
        let text = |text: &str| Hparam::Text(text.to_owned());
        let expected = [
            ("a", Hparam::Number(1.0)),
            ("b.c", Hparam::Number(0.5)),
            ("b.d", Hparam::Bool(true)),
            ("b.e", text("inf")),
            ("b.f.0.g", text("x")),
            ("b.f.1.g", text("y")),
            ("list", text("[1, 2]")),
        ];
        let mut values = flatten(config).unwrap();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(values, expected.map(|(path, value)| (path.to_owned(), value)));
    }
}
