//! `trainyard init`: a config for a text.

use super::numbers::above_zero;
use super::output::{Outcome, write};
use super::overrides::Overrides;
use clap::Args;
use std::path::PathBuf;
use trainyard::base::clean;
use trainyard::run::config_for_text;

/// Write a commented config that suits a text and this machine
///
/// Reads a sample of the text and measures the machine; asks nothing and trains nothing. The config is
/// `runs/<name>.toml`; it says why each size was chosen.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard init my-text.txt
  trainyard init 'corpus/**/*.jsonl' --minutes 60 --set run.name=corpus")]
pub struct InitArgs {
    /// A text, a folder or a pattern of texts
    pub text: PathBuf,
    /// Minutes that training may take, about (default: 5)
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub minutes: Option<f64>,
    #[command(flatten)]
    pub overrides: Overrides,
}

pub fn run(args: &InitArgs) -> Outcome {
    let config = config_for_text(&args.text, &args.overrides.list(), args.minutes)?;
    config.lines.iter().for_each(|line| eprintln!("{}", clean::line(line)));
    eprintln!("train it: trainyard train {}", clean::line(&config.path.display().to_string()));
    write(format!("{}\n", config.path.display()).as_bytes())
}
