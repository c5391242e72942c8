//! `trainyard data why|drops|rethreshold` as written on the command line.

use clap::Args;
use std::path::PathBuf;

/// Say why a document stayed or went
///
/// Shows what every filter measured beside its limits, the first rule that the document breaks, and where in the text
/// the reason lies. The corpus is not read again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard data why runs/austen austen.txt#17
  trainyard data why configs/austen.toml austen.txt#17 --json")]
pub struct WhyArgs {
    #[command(flatten)]
    pub prepared: PreparedArgs,
    /// The document's id
    #[arg(value_name = "DOCUMENT")]
    pub id: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Count what every filter dropped, by reason, with examples
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard data drops runs/austen
  trainyard data drops configs/austen.toml --samples 20 --html drops.html")]
pub struct DropsArgs {
    #[command(flatten)]
    pub prepared: PreparedArgs,
    /// Examples of each reason
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub samples: usize,
    /// Write a page to look at in a browser
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Show what other limits would drop, from what was measured
///
/// The limits are those of the config with the --set given. No text is read again. A setting that changes what is
/// measured is refused: that needs trainyard prepare.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard data rethreshold configs/austen.toml --set data.filter.0.config.min_words=60
  trainyard data rethreshold runs/austen --set data.filter.0.config.min_words=60 --list")]
pub struct RethresholdArgs {
    #[command(flatten)]
    pub prepared: PreparedArgs,
    /// Name the documents that come and go
    #[arg(long)]
    pub list: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Prepared data.
#[derive(Debug, Args)]
pub struct PreparedArgs {
    /// A run's folder, a config (its newest prepared data), or a dataset that trainyard prepare named
    #[arg(value_name = "RUN")]
    pub input: PathBuf,
    /// Change a setting of the config; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}
