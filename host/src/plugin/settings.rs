//! A plugin's settings: from the config's TOML to what crosses the boundary, and to the text that a checkpoint keeps.

use crate::Result;
use crate::settings::plugin_settings;
use toml::Table;
use trainyard_plugin::{Setting, Value};

/// The settings in the order of their names. `plugin` names the culprit when one is not flat.
///
/// # Errors
/// Settings that are not flat.
pub fn from_toml(plugin: &str, table: &Table) -> Result<Vec<Setting>> {
    plugin_settings(table).map_err(|error| error.context(format_args!("plugin {plugin:?}")))
}

/// The settings as one line that is the same for the same settings: `gamma = 2.0, names = ["a"]`.
pub fn canonical(settings: &[Setting]) -> String {
    let text = |setting: &Setting| format!("{} = {}", setting.key, value_text(&setting.value));
    settings.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// A value as TOML would have it.
pub fn value_text(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Number(value) => format!("{value:?}"),
        Value::Text(value) => format!("{value:?}"),
        Value::Numbers(values) => format!("{values:?}"),
        Value::Texts(values) => format!("{values:?}"),
    }
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
