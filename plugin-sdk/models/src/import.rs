//! Reads a `config.json` into settings.

use trainyard_plugin::{ConfigKeys, PluginError, Result, Setting, Value};

/// Keys that every `config.json` may have and that change nothing of what the model computes: ids of tokens, which the
/// tokenizer says too, options of writing text, formats, names.
const HARMLESS: &[&str] = &[
    "_attn_implementation*",
    "_name_or_path",
    "_num_labels",
    "attn_implementation",
    "auto_map.*",
    "begin_suppress_tokens",
    "bos_token_id",
    "chunk_size_feed_forward",
    "cls_token_id",
    "do_sample",
    "dtype",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "gradient_checkpointing",
    "id2label.*",
    "initializer_range",
    "label2id.*",
    "length_penalty",
    "mask_token_id",
    "max_length",
    "min_length",
    "model_type",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_labels",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "output_scores",
    "pad_token_id",
    "prefix",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict*",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params.*",
    "temperature",
    "tf_legacy_loss",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers.js_config.*",
    "transformers_version",
    "typical_p",
    "unk_token_id",
    "unsloth_*",
    "use_bfloat16",
    "use_cache",
    "use_return_dict",
    "vocab_size",
];

/// Settings that are being made from a flattened `config.json`. A key that is missing gives the value that transformers
/// takes then.
///
/// ```
/// use trainyard_models::Import;
/// use trainyard_plugin::{Setting, Value};
///
/// let config = [Setting { key: "n_layer".into(), value: Value::Integer(2) }];
/// let mut import = Import::new(&config);
/// import.integers(&[("n_layer", "layers", 12), ("n_head", "heads", 12)])?;
/// let settings = import.finish(&[])?;
/// assert_eq!(settings[0], Setting { key: "layers".into(), value: Value::Integer(2) });
/// assert_eq!(settings[1], Setting { key: "heads".into(), value: Value::Integer(12) });
/// # Ok::<(), trainyard_plugin::PluginError>(())
/// ```
#[derive(Debug)]
pub struct Import<'a> {
    config: &'a [Setting],
    keys: ConfigKeys<'a>,
    settings: Vec<Setting>,
}

impl<'a> Import<'a> {
    /// Nothing was read yet.
    pub fn new(config: &'a [Setting]) -> Self {
        Self { config, keys: ConfigKeys::new(config), settings: Vec::new() }
    }

    /// For keys that are no setting by themselves.
    pub fn keys(&self) -> &ConfigKeys<'a> {
        &self.keys
    }

    /// Makes a setting.
    pub fn set(&mut self, setting: &str, value: Value) {
        self.settings.push(Setting { key: setting.to_owned(), value });
    }

    /// The class of transformers that the weights are of, one of `known`; the first where the config names none.
    ///
    /// # Errors
    /// Another class.
    pub fn architecture(&self, known: &[&'static str]) -> Result<&'static str> {
        let named = self.keys.texts("architectures")?.and_then(|names| names.first());
        let Some(named) = named else { return Ok(known[0]) };
        known.iter().find(|name| *name == named).copied().ok_or_else(|| {
            PluginError::config(format!("config.json: architectures: expected {}, got {named}", known.join(" or ")))
        })
    }

    /// Whole numbers: (key, setting, value where there is no such key).
    ///
    /// # Errors
    /// A value of another type.
    pub fn integers(&mut self, table: &[(&str, &str, i64)]) -> Result<()> {
        for &(key, setting, default) in table {
            let value = self.keys.integer(key)?.unwrap_or(default);
            self.set(setting, Value::Integer(value));
        }
        Ok(())
    }

    /// Numbers: (key, setting, value where there is no such key).
    ///
    /// # Errors
    /// A value of another type.
    pub fn numbers(&mut self, table: &[(&str, &str, f64)]) -> Result<()> {
        for &(key, setting, default) in table {
            let value = self.keys.number(key)?.unwrap_or(default);
            self.set(setting, Value::Number(value));
        }
        Ok(())
    }

    /// True or false: (key, setting, value where there is no such key).
    ///
    /// # Errors
    /// A value of another type.
    pub fn flags(&mut self, table: &[(&str, &str, bool)]) -> Result<()> {
        for &(key, setting, default) in table {
            let value = self.keys.flag(key)?.unwrap_or(default);
            self.set(setting, Value::Boolean(value));
        }
        Ok(())
    }

    /// A text that is one of `known`; `default` where there is no such key.
    ///
    /// # Errors
    /// Another text.
    pub fn text(&mut self, key: &str, setting: &str, default: &str, known: &[&str]) -> Result<()> {
        let value = self.keys.text(key)?.unwrap_or(default);
        if !known.contains(&value) {
            let message = format!("config.json: {key}: expected one of {}, got {value:?}", known.join(", "));
            return Err(PluginError::config(message));
        }
        self.set(setting, Value::Text(value.to_owned()));
        Ok(())
    }

    /// Refuses keys with another value than these, which the model cannot compute. A key that is missing is fine.
    ///
    /// # Errors
    /// The first with another value.
    pub fn only(&self, table: &[(&str, Value)]) -> Result<()> {
        table.iter().try_for_each(|(key, value)| self.keys.only(key, std::slice::from_ref(value)))
    }

    /// `labels` and `label_names` from `id2label`; transformers' two where there are none.
    pub fn labels(&mut self) {
        let mut names: Vec<(u32, String)> = Vec::new();
        for setting in self.config {
            let id = setting.key.strip_prefix("id2label.").and_then(|id| id.parse().ok());
            if let (Some(id), Value::Text(name)) = (id, &setting.value) {
                names.push((id, name.clone()));
            }
        }
        names.sort();
        let labels = if names.is_empty() { 2 } else { names.len() };
        self.set("labels", Value::Integer(labels as i64));
        self.set("label_names", Value::Texts(names.into_iter().map(|(_, name)| name).collect()));
    }

    /// The settings.
    ///
    /// # Errors
    /// A key that was not read and may change what the model computes; `harmless` are keys that do not, besides those
    /// that any model may have.
    pub fn finish(self, harmless: &[&str]) -> Result<Vec<Setting>> {
        self.keys.harmless(HARMLESS);
        self.keys.harmless(harmless);
        self.keys.finish()?;
        Ok(self.settings)
    }
}
