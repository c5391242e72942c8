//! A plugin and its settings from the command line.

use super::args::{PluginArgs, TrustArgs};
use std::path::Path;
use trainyard::base::files::{MAX_TEXT_BYTES, read_text};
use trainyard::plugin::{PluginConfig, Trust};
use trainyard::{Error, Result};

impl PluginArgs {
    /// As a config would say it.
    pub fn to_config(&self) -> Result<PluginConfig> {
        plugin_config(&self.plugin, self.config.as_deref(), &self.trust)
    }
}

/// As a config would say it. `settings` is the path of a TOML file, or TOML.
pub fn plugin_config(plugin: &str, settings: Option<&str>, trust: &TrustArgs) -> Result<PluginConfig> {
    let mut config = PluginConfig::new(plugin);
    config.trust = trust.trust.map(|_| Trust::Native);
    if let Some(settings) = settings {
        config.config = parse(settings)?;
    }
    Ok(config)
}

/// A path holds no `=`, and settings hold at least one.
fn parse(settings: &str) -> Result<toml::Table> {
    let (name, text) = match settings.contains('=') {
        true => ("--config", settings.to_owned()),
        false => {
            let text = read_text(Path::new(settings), MAX_TEXT_BYTES).map_err(|error| {
                Error::usage(format!("--config {settings}: expected a TOML file or settings, such as 'n = 5': {error}"))
            })?;
            (settings, text)
        }
    };
    text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Error::usage(format!("{name}:{line}:{column}: {}", error.message().replace('\n', ", ")))
    })
}
