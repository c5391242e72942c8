//! Layers of two kinds, as `layer_types` of `config.json` lists them.

use crate::Import;
use trainyard_plugin::{PluginError, Result, Value};

/// Attention to all positions before.
pub const FULL: &str = "full_attention";
/// Attention to a window of positions before.
pub const WINDOW: &str = "sliding_attention";

/// Whether each of `layers` attends to a window: as `layer_types` says, or `usual` where it is empty.
///
/// # Errors
/// A list of another length, another name.
pub fn windows(layer_types: &[String], layers: u32, usual: impl Fn(u32) -> bool) -> Result<Vec<bool>> {
    if layer_types.is_empty() {
        return Ok((0..layers).map(usual).collect());
    }
    if layer_types.len() != layers as usize {
        let message = format!("layer_types: expected {layers}, one for each layer, got {}", layer_types.len());
        return Err(PluginError::config(message));
    }
    match layer_types.iter().find(|name| ![FULL, WINDOW].contains(&name.as_str())) {
        Some(name) => Err(PluginError::config(format!("layer_types: expected {FULL:?} or {WINDOW:?}, got {name:?}"))),
        None => Ok(layer_types.iter().map(|name| name == WINDOW).collect()),
    }
}

/// The names of [`windows`].
pub fn names(windows: &[bool]) -> Value {
    Value::Texts(windows.iter().map(|window| if *window { WINDOW } else { FULL }.to_owned()).collect())
}

impl Import<'_> {
    /// The setting `layer_types` from the key of this name; without it as `usual` says for each of
    /// `num_hidden_layers`, of which there are `layers` where the key is missing.
    ///
    /// # Errors
    /// A value of another type.
    pub fn layer_types(&mut self, layers: u32, usual: impl Fn(u32) -> bool) -> Result<()> {
        let layers = self.keys().integer("num_hidden_layers")?.map_or(layers, |n| n.clamp(0, 10_000) as u32);
        let value = match self.keys().texts("layer_types")? {
            Some(names) => Value::Texts(names.to_vec()),
            None => names(&windows(&[], layers, usual)?),
        };
        self.set("layer_types", value);
        Ok(())
    }
}
