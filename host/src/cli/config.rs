//! `trainyard config show|reference|schema`.

use super::output::{Outcome, write};
use super::overrides::Overrides;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use trainyard::run;

/// Show a config with its defaults, or the reference of all settings
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  trainyard config show configs/austen.toml --set train.steps=200
  trainyard config reference | less
  trainyard config schema > config.schema.json      for editors: `#:schema config.schema.json` in a config")]
pub enum ConfigCommand {
    Show(ShowArgs),
    /// Print every setting: type, range, default and meaning, as a page in Markdown
    Reference,
    /// Print a JSON schema of configs
    Schema,
}

/// Print a config as a run would use it, every default filled in, without running it
///
/// The output is itself a config. Paths in it are absolute.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard config show configs/austen.toml
  trainyard config show configs/austen.toml --set loss.plugin=focal --unset sample")]
pub struct ShowArgs {
    /// The config, a TOML file
    pub config: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
}

/// Prints what is asked for.
pub fn run(command: &ConfigCommand) -> Outcome {
    let text = match command {
        ConfigCommand::Show(args) => run::load(&args.config, &args.overrides.list())?.to_toml()?,
        ConfigCommand::Reference => run::reference_page()?,
        ConfigCommand::Schema => format!("{:#}\n", run::json_schema()),
    };
    write(text.as_bytes())
}
