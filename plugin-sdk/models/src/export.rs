//! Writes a `config.json`.

use trainyard_plugin::{Setting, Value};

/// A flattened `config.json` that is being written.
///
/// ```
/// use trainyard_models::Export;
///
/// let config = Export::new("llama", "LlamaForCausalLM").integer("hidden_size", 64).flag("mlp_bias", false).finish();
/// assert_eq!(config[0].key, "architectures");
/// ```
#[derive(Debug)]
pub struct Export(Vec<Setting>);

impl Export {
    /// Begins with the class of transformers and `model_type`.
    pub fn new(model_type: &str, architecture: &str) -> Self {
        let architectures = Value::Texts(vec![architecture.to_owned()]);
        Self(Vec::new()).set("architectures", architectures).text("model_type", model_type)
    }

    /// Any value.
    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.0.push(Setting { key: key.to_owned(), value });
        self
    }

    /// A whole number.
    pub fn integer(self, key: &str, value: u32) -> Self {
        self.set(key, Value::Integer(value.into()))
    }

    /// Whole numbers.
    pub fn integers(self, values: &[(&str, u32)]) -> Self {
        values.iter().fold(self, |export, (key, value)| export.integer(key, *value))
    }

    /// A number.
    pub fn number(self, key: &str, value: f64) -> Self {
        self.set(key, Value::Number(value))
    }

    /// A number, written without a point where it is whole.
    pub fn whole(self, key: &str, value: f64) -> Self {
        let is_whole = value.fract() == 0.0 && value.abs() < 1e15;
        self.set(key, if is_whole { Value::Integer(value as i64) } else { Value::Number(value) })
    }

    /// True or false.
    pub fn flag(self, key: &str, value: bool) -> Self {
        self.set(key, Value::Boolean(value))
    }

    /// Text.
    pub fn text(self, key: &str, value: &str) -> Self {
        self.set(key, Value::Text(value.to_owned()))
    }

    /// Names of classes; `LABEL_0`, … for those without one.
    pub fn labels(self, names: &[String], labels: u32) -> Self {
        (0..labels).fold(self, |export, label| {
            let name = names.get(label as usize).cloned().unwrap_or_else(|| format!("LABEL_{label}"));
            export.text(&format!("id2label.{label}"), &name)
        })
    }

    /// What was written.
    pub fn finish(self) -> Vec<Setting> {
        self.0
    }
}
