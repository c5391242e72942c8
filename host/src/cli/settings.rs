//! A plugin and its settings from the command line.

use clap::{Args, ValueEnum};
use std::path::Path;
use trainyard::base::files::{MAX_TEXT_BYTES, read_text};
use trainyard::plugin::{self, PluginConfig};
use trainyard::{Error, Result};

/// A plugin and its settings, where there is no config.
#[derive(Debug, Args)]
pub struct PluginArgs {
    /// A built-in's name, or a file: .wasm, .so, .dylib or .dll
    #[arg(long, value_name = "P")]
    pub plugin: String,
    /// The plugin's settings: a TOML file, or TOML itself, such as 'min_words = 5'
    #[arg(long, value_name = "TOML")]
    pub config: Option<String>,
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// Consent to run native code.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// Let a native library run in this process, with all your rights
    #[arg(long, value_name = "native")]
    pub trust: Option<Trust>,
}

/// What may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Trust {
    /// Native libraries
    Native,
}

impl PluginArgs {
    /// The plugin as a config would name it.
    ///
    /// # Errors
    /// Settings that are not TOML, or a file that cannot be read.
    pub fn to_config(&self) -> Result<PluginConfig> {
        plugin_config(&self.plugin, self.config.as_deref(), &self.trust)
    }
}

/// A plugin as a config would name it. `settings` is the path of a TOML file, or TOML.
///
/// # Errors
/// Settings that are not TOML, or a file that cannot be read.
pub fn plugin_config(plugin: &str, settings: Option<&str>, trust: &TrustArgs) -> Result<PluginConfig> {
    let mut config = PluginConfig::new(plugin);
    config.trust = trust.trust.map(|Trust::Native| plugin::Trust::Native);
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
