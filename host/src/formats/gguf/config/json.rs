//! A `config.json` of transformers, as versions 4 and 5 write it.

use crate::{Error, Result};
use serde_json::{Map, Value};

/// A `config.json`.
pub struct Config(pub Map<String, Value>);

impl Config {
    /// Returns a value; null is none.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Returns a whole number.
    ///
    /// # Errors
    /// The value is something else, or too large.
    pub fn int(&self, key: &str) -> Result<Option<u32>> {
        self.read(key, "a whole number", |value| u32::try_from(value.as_u64()?).ok())
    }

    /// Returns a finite number.
    ///
    /// # Errors
    /// The value is something else.
    pub fn number(&self, key: &str) -> Result<Option<f64>> {
        self.read(key, "a number", Value::as_f64)
    }

    /// Returns a text.
    ///
    /// # Errors
    /// The value is something else.
    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        self.read(key, "text", Value::as_str)
    }

    /// Returns a truth value.
    ///
    /// # Errors
    /// The value is something else.
    pub fn bool(&self, key: &str) -> Result<Option<bool>> {
        self.read(key, "true or false", Value::as_bool)
    }

    /// Returns what `read` finds under `key`.
    ///
    /// # Errors
    /// There is no such key, or its value has another type.
    pub fn required<'a, T>(&'a self, key: &str, read: impl Fn(&'a Self, &str) -> Result<Option<T>>) -> Result<T> {
        read(self, key)?.ok_or_else(|| Error::run(format!("config.json has no {key:?}, expected it")))
    }

    /// Returns the settings of rotary embeddings: `rope_parameters` of version 5, or else `rope_scaling` with
    /// `rope_theta` of version 4. `part` names the kind of layers where each has its own.
    ///
    /// # Errors
    /// They are no objects.
    pub fn rope(&self, part: &str) -> Result<Self> {
        let object = |value: &Value| value.as_object().cloned();
        let mut rope = match self.read("rope_parameters", "an object", object)? {
            Some(parameters) => match parameters.get(part).and_then(Value::as_object) {
                Some(own) => own.clone(),
                None => parameters,
            },
            None => self.read("rope_scaling", "an object", object)?.unwrap_or_default(),
        };
        for key in ["rope_theta", "partial_rotary_factor"] {
            if let Some(value) = self.get(key)
                && !rope.contains_key(key)
            {
                rope.insert(key.into(), value.clone());
            }
        }
        if let Some(old) = rope.remove("type") {
            rope.entry("rope_type").or_insert(old);
        }
        Ok(Self(rope))
    }

    fn read<'a, T>(&'a self, key: &str, expected: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let wrong = || {
            let text: String = value.to_string().chars().take(40).collect();
            Error::run(format!("config.json: {key}: expected {expected}, got {text}"))
        };
        read(value).map(Some).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config(serde_json::from_str(text).expect("an object"))
    }

    #[test]
    fn rotary_settings_of_both_versions() {
        let four = config(r#"{"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 8.0}}"#);
        let five = config(r#"{"rope_parameters": {"rope_theta": 5e5, "rope_type": "linear", "factor": 8.0}}"#);
        for rope in [four, five].map(|config| config.rope("full_attention").expect("an object")) {
            assert_eq!(rope.number("rope_theta").expect("a number"), Some(5e5));
            assert_eq!(rope.text("rope_type").expect("text"), Some("linear"));
            assert_eq!(rope.number("factor").expect("a number"), Some(8.0));
        }
        let parts = config(r#"{"rope_parameters": {"a": {"rope_theta": 1.0}, "b": {"rope_theta": 2.0}}}"#);
        assert_eq!(parts.rope("b").and_then(|rope| rope.number("rope_theta")).expect("a number"), Some(2.0));
        let none = config(r#"{"rope_scaling": null}"#).rope("a").expect("nothing");
        assert!(none.0.is_empty());
    }

    #[test]
    fn another_type_is_named() {
        let error = config(r#"{"hidden_size": "x"}"#).int("hidden_size").expect_err("text").to_string();
        assert_eq!(error, "config.json: hidden_size: expected a whole number, got \"x\"");
        let error = config("{}").required("hidden_size", Config::int).expect_err("nothing").to_string();
        assert_eq!(error, "config.json has no \"hidden_size\", expected it");
    }
}
