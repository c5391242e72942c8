//! `trainyard schema`: JSON schemas of configs and of records.

use super::output::{Outcome, write};
use clap::{Args, ValueEnum};
use trainyard::report;
use trainyard::run::json_schema;

/// Print a JSON schema: of configs, for editors, or of the lines of metrics.jsonl
///
/// An editor that knows TOML schemas completes a config that begins with `#:schema config.schema.json`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard schema config > config.schema.json
  trainyard schema metrics | less")]
pub struct SchemaArgs {
    /// What the schema is of
    #[arg(value_enum)]
    pub of: Of,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Of {
    /// A run's config
    Config,
    /// The lines of a run's metrics.jsonl
    Metrics,
}

pub fn run(args: &SchemaArgs) -> Outcome {
    let schema = match args.of {
        Of::Config => json_schema(),
        Of::Metrics => report::schema(),
    };
    write(format!("{schema:#}\n").as_bytes())
}
