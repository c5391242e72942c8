//! The model plugin that reads a `config.json`.

use crate::formats::hf::Config;
use crate::plugin::{Plugin, PluginConfig, builtin_abilities};
use crate::{Error, Result};
use trainyard_plugin::Kind;

/// The ability of a model plugin that reads this `model_type` of transformers.
fn ability(model_type: &str) -> String {
    format!("hf:{model_type}")
}

/// Every `model_type` that a built-in model reads, with the name of the model.
pub fn model_types() -> Vec<(String, String)> {
    let of = |(name, abilities): (String, Vec<String>)| {
        abilities.into_iter().filter_map(move |ability| Some((ability.strip_prefix("hf:")?.to_owned(), name.clone())))
    };
    let mut all: Vec<_> = builtin_abilities(Kind::Model).flat_map(of).collect();
    all.sort();
    all
}

/// The plugin that reads `config`: `named`, or the built-in one for its `model_type`.
///
/// # Errors
/// No built-in reads it, `named` does not or cannot be opened.
pub fn family_of(config: &Config, named: Option<&PluginConfig>) -> Result<Plugin> {
    let model_type = config.model_type()?;
    if let Some(named) = named {
        let plugin = Plugin::open(named, Kind::Model)?;
        let abilities = &plugin.identity().abilities;
        if abilities.iter().any(|known| *known == ability(model_type)) {
            return Ok(plugin);
        }
        let known: Vec<_> = abilities.iter().filter_map(|ability| ability.strip_prefix("hf:")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Error::usage(format!(
            "{}: {} reads no config.json with model_type {model_type:?}, it reads: {known}; leave model.plugin out, or \
             name another",
            config.path().display(),
            plugin.culprit()
        )));
    }
    let types = model_types();
    match types.iter().find(|(known, _)| known == model_type) {
        Some((_, name)) => Plugin::open(&PluginConfig::new(name.as_str()), Kind::Model),
        None => {
            let known: Vec<_> = types.iter().map(|(known, _)| known.as_str()).collect();
            Err(Error::usage(format!(
                "{}: model_type is {model_type:?}, which no built-in model reads; name a plugin that does as \
                 model.plugin; built in are: {}",
                config.path().display(),
                known.join(", ")
            )))
        }
    }
}
