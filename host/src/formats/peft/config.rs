//! `adapter_config.json`.

use super::ADAPTER_CONFIG;
use crate::base::files::read_text;
use crate::{Error, Result};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most bytes of the file.
const MAX_BYTES: u64 = 16 << 20;

/// What an adapter is, in the words of PEFT's `LoraConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeftConfig {
    /// `LORA`; others are not read.
    pub peft_type: String,
    /// What the model is for, `CAUSAL_LM` and so on.
    #[serde(default)]
    pub task_type: Option<String>,
    /// The folder of the model.
    pub base_model_name_or_path: Option<String>,
    /// Rank.
    pub r: u32,
    /// The factor of the product, together with the rank.
    pub lora_alpha: f64,
    /// Share of inputs that are set to zero while training.
    #[serde(default)]
    pub lora_dropout: f64,
    /// Layers that have one: names, or a regular expression.
    #[serde(default)]
    pub target_modules: Option<serde_json::Value>,
    /// Layers that are trained as a whole.
    #[serde(default)]
    pub modules_to_save: Option<Vec<String>>,
    /// Other ranks by names.
    #[serde(default)]
    pub rank_pattern: BTreeMap<String, u32>,
    /// Other factors by names.
    #[serde(default)]
    pub alpha_pattern: BTreeMap<String, f64>,
    /// Whether the factor is divided by the root of the rank.
    #[serde(default)]
    pub use_rslora: bool,
    /// Whether the columns' lengths are trained apart (Liu et al., arXiv 2402.09353).
    #[serde(default)]
    pub use_dora: bool,
    /// Whether the weights are stored `[in, out]`.
    #[serde(default)]
    pub fan_in_fan_out: bool,
    /// Biases that are trained.
    #[serde(default = "none")]
    pub bias: String,
    /// Says that training is over.
    #[serde(default)]
    pub inference_mode: bool,
}

fn none() -> String {
    "none".to_owned()
}

impl PeftConfig {
    /// Reads that of the adapter in `folder`.
    ///
    /// # Errors
    /// A file that cannot be read, an adapter of another kind.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(ADAPTER_CONFIG);
        let text = read_text(&path, MAX_BYTES).map_err(|error| Error::io(&path, "read", &error))?;
        let wrong = |what: String| Error::usage(format!("{}: {what}", path.display()));
        let json: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| wrong(format!("expected JSON: {error}")))?;
        let kind = json["peft_type"].as_str().unwrap_or_default();
        if kind != "LORA" {
            return Err(wrong(format!("peft_type: expected \"LORA\", got {kind:?}; other adapters are not read")));
        }
        let config: Self = serde_json::from_value(json).map_err(|error| wrong(error.to_string()))?;
        match config.bias.as_str() {
            "none" => Ok(config),
            bias => Err(wrong(format!("bias: expected \"none\", got {bias:?}; merge the adapter with PEFT"))),
        }
    }

    /// The folder of the model that the adapter in `folder` is for.
    ///
    /// # Errors
    /// None that is there.
    pub fn base(&self, folder: &Path) -> Result<PathBuf> {
        let name = self.base_model_name_or_path.clone().unwrap_or_default();
        let places = [PathBuf::from(&name), folder.join(&name)];
        places.into_iter().find(|place| !name.is_empty() && place.is_dir()).ok_or_else(|| {
            Error::usage(format!(
                "{}: base_model_name_or_path: expected the folder of the model that the adapter is for, got {name:?}, \
                 which is none; write its path there",
                folder.join(ADAPTER_CONFIG).display()
            ))
        })
    }

    /// Rank and factor of the layer `name`.
    pub fn of_layer(&self, name: &str) -> (u32, f64) {
        let fits = |pattern: &String| {
            let expression = Regex::new(&format!(r"^(.*\.)?({pattern})$"));
            expression.is_ok_and(|expression| expression.is_match(name))
        };
        let rank = self.rank_pattern.iter().find(|(pattern, _)| fits(pattern)).map_or(self.r, |(_, &rank)| rank);
        let alpha = self.alpha_pattern.iter().find(|(pattern, _)| fits(pattern));
        (rank, alpha.map_or(self.lora_alpha, |(_, &alpha)| alpha))
    }

    /// What the product of a layer's matrices is multiplied with, where they have `rank` columns.
    pub fn scale(&self, name: &str, rank: usize) -> f64 {
        let (_, alpha) = self.of_layer(name);
        alpha / if self.use_rslora { (rank as f64).sqrt() } else { rank as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(more: serde_json::Value) -> PeftConfig {
        let mut json = json!({"peft_type": "LORA", "base_model_name_or_path": "x", "r": 4, "lora_alpha": 8});
        more.as_object().into_iter().flatten().for_each(|(key, value)| json[key] = value.clone());
        serde_json::from_value(json).expect("a config")
    }

    #[test]
    fn patterns_are_the_ends_of_names() {
        let config = config(json!({"rank_pattern": {"up_proj": 2}, "alpha_pattern": {"layers.1.*.up_proj": 16}}));
        assert_eq!(config.of_layer("model.layers.0.mlp.up_proj"), (2, 8.0));
        assert_eq!(config.of_layer("model.layers.1.mlp.up_proj"), (2, 16.0));
        assert_eq!(config.of_layer("model.layers.1.mlp.down_proj"), (4, 8.0));
        assert_eq!(config.scale("model.layers.0.mlp.up_proj", 2), 4.0);
    }

    #[test]
    fn other_adapters_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = |text: &str| {
            std::fs::write(folder.path().join(ADAPTER_CONFIG), text).expect("a file");
            PeftConfig::read(folder.path()).expect_err(text).to_string()
        };
        assert!(
            read("{\"peft_type\": \"IA3\"}").ends_with("expected \"LORA\", got \"IA3\"; other adapters are not read")
        );
        assert!(read("{\"peft_type\": \"LORA\"}").contains("missing field"));
        assert!(read("[").contains("expected JSON"));
    }
}
