//! `--set` and `--unset`: changes of a config on the command line.

use clap::Args;

/// Changes of a config.
#[derive(Debug, Args)]
pub struct Overrides {
    /// Change a setting of the config; may be given several times. Another `plugin` drops the `config` of the old one
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Remove a key or table of the config, before anything is set; may be given several times
    #[arg(long, value_name = "KEY")]
    pub unset: Vec<String>,
}

impl Overrides {
    /// The changes as the library takes them: `key=value` sets a key, `!key` removes one.
    pub fn list(&self) -> Vec<String> {
        self.unset.iter().map(|key| format!("!{key}")).chain(self.set.iter().cloned()).collect()
    }
}
