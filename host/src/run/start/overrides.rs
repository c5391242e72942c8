//! Settings of a model that begins from another one.

use crate::{Error, Result};
use std::path::Path;
use toml::Table;

/// Parts of the names of settings that may differ from those of the model that training begins from: its tensors mean
/// the same with another value.
const FREE: [&str; 7] = ["dropout", "rope", "window", "context", "soft_cap", "head", "label"];

/// The settings of the model in `folder`, changed by those that the config gives.
///
/// # Errors
/// A setting that differs and that its weights were not trained with.
pub fn merge(imported: &Table, given: &Table, folder: &Path) -> Result<Table> {
    let mut merged = imported.clone();
    for (key, value) in given {
        // the numbers of heads are shapes of tensors
        let is_free = FREE.iter().any(|part| key.contains(part)) && !key.ends_with("heads");
        match imported.get(key) {
            Some(own) if !is_same(own, value) && !is_free => {
                return Err(Error::usage(format!(
                    "{key}: expected {own}, as in {}, got {value}; leave it out: of a model that training \
                     starts from only dropout, rope, window, soft cap, context and head may change",
                    folder.display()
                )));
            }
            _ => drop(merged.insert(key.clone(), value.clone())),
        }
    }
    Ok(merged)
}

/// Whether two values are the same for a plugin, which takes a whole number where it wants any.
fn is_same(a: &toml::Value, b: &toml::Value) -> bool {
    let number = |value: &toml::Value| match value {
        toml::Value::Integer(value) => Some(*value as f64),
        toml::Value::Float(value) => Some(*value),
        _ => None,
    };
    a == b || number(a).is_some_and(|a| number(b) == Some(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().expect("TOML")
    }

    #[test]
    fn weights_keep_what_they_mean() {
        let imported = table("layers = 4\nnorm_epsilon = 1.0\ndropout = 0.1\nrope_theta = 10000.0");
        let merged = |given: &str| merge(&imported, &table(given), Path::new("gpt2"));
        assert_eq!(merged(""), Ok(imported.clone()));
        assert_eq!(merged("layers = 4\nnorm_epsilon = 1").map(|table| table["layers"].clone()), Ok(4.into()));
        assert_eq!(merged("dropout = 0.0\nrope_theta = 1e6").map(|table| table["rope_theta"].clone()), Ok(1e6.into()));
        let error = merged("layers = 5").expect_err("another model").to_string();
        assert!(error.starts_with("layers: expected 4, as in gpt2, got 5; leave it out"), "{error}");
    }
}
