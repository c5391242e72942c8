//! A plugin's settings: from the config's TOML to what crosses the boundary, and to the text that a checkpoint keeps.

use crate::{Error, Result};
use toml::{Table, Value as Toml};
use trainyard_plugin::{Setting, Value};

/// The settings in the order of their names. `plugin` names the culprit when one is not flat.
pub fn from_toml(plugin: &str, table: &Table) -> Result<Vec<Setting>> {
    let mut settings = Vec::with_capacity(table.len());
    for (key, toml) in table {
        let value = value(toml).ok_or_else(|| {
            Error::usage(format!(
                "plugin {plugin:?}: config.{key}: expected true or false, a number, text, or a list of numbers or texts, got {toml}"
            ))
        })?;
        settings.push(Setting { key: key.clone(), value });
    }
    settings.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(settings)
}

fn value(toml: &Toml) -> Option<Value> {
    match toml {
        Toml::Boolean(value) => Some(Value::Boolean(*value)),
        Toml::Integer(value) => Some(Value::Integer(*value)),
        Toml::Float(value) => Some(Value::Number(*value)),
        Toml::String(value) => Some(Value::Text(value.clone())),
        Toml::Array(values) => {
            let numbers: Option<Vec<_>> = values.iter().map(number).collect();
            let texts = || values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<_>>();
            numbers.map(Value::Numbers).or_else(|| texts().map(Value::Texts))
        }
        Toml::Datetime(_) | Toml::Table(_) => None,
    }
}

fn number(toml: &Toml) -> Option<f64> {
    toml.as_float().or_else(|| toml.as_integer().map(|value| value as f64))
}

/// The settings as one line that is the same for the same settings: `gamma = 2.0, names = ["a"]`.
pub fn canonical(settings: &[Setting]) -> String {
    let text = |Setting { key, value }: &Setting| match value {
        Value::Boolean(value) => format!("{key} = {value}"),
        Value::Integer(value) => format!("{key} = {value}"),
        Value::Number(value) => format!("{key} = {value:?}"),
        Value::Text(value) => format!("{key} = {value:?}"),
        Value::Numbers(values) => format!("{key} = {values:?}"),
        Value::Texts(values) => format!("{key} = {values:?}"),
    };
    settings.iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Setting>> {
        from_toml("p", &text.parse().expect("valid TOML"))
    }

    #[test]
    fn every_flat_type_crosses() {
        let settings =
            parse("b = true\na = 1\nx = 2\ny = 0.5\nt = 'é\"'\nn = [1, 2.5]\ns = ['a', 'b']\ne = []").expect("flat");
        assert_eq!(
            canonical(&settings),
            r#"a = 1, b = true, e = [], n = [1.0, 2.5], s = ["a", "b"], t = "é\"", x = 2, y = 0.5"#
        );
    }

    #[test]
    fn what_is_not_flat_is_refused() {
        for text in ["k = { a = 1 }", "k = [1, 'a']", "k = [[1]]", "k = 2020-01-01"] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().starts_with("plugin \"p\": config.k: expected true or false"), "{error}");
        }
    }
}
