//! `trainyard compare`: what differs between runs, and whether it helped.

use super::output::{Outcome, plot, print, write};
use clap::Args;
use std::path::PathBuf;
use trainyard::base::clean;
use trainyard::experiments::{CompareOptions, Comparison};

/// Compare runs: what differs, the results, and whether seeds can explain them
///
/// Runs that differ only in their seed are one variant. Each variant is compared with the first one, seed by seed: the
/// same seed has the same order of data. Numbers that mean different things (other tokenizers, other held-out text) are
/// not ranked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard compare runs/austen runs/austen-focal
  trainyard compare runs/ablation --baseline base --metric bits-per-byte
  trainyard compare runs/a runs/b runs/c --markdown > table.md")]
pub struct CompareArgs {
    /// Runs, and folders with runs such as a sweep's
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// The run or variant that the others are compared with (default: the first)
    #[arg(long, value_name = "RUN")]
    pub baseline: Option<String>,
    /// Compare only this metric; may be given several times
    #[arg(long = "metric", value_name = "NAME")]
    pub metrics: Vec<String>,
    /// Share of intervals that hold the true difference
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub confidence: f64,
    /// Show runs that were measured on different held-out text side by side, without ranking them
    #[arg(long)]
    pub allow_other_text: bool,
    /// Compare validations while training where a run has not finished
    #[arg(long)]
    pub allow_unfinished: bool,
    /// Draw losses and validations below the tables
    #[arg(long, group = "form")]
    pub plot: bool,
    /// Print the result as one JSON object on stdout
    #[arg(long, group = "form")]
    pub json: bool,
    /// Print CSV on stdout
    #[arg(long, group = "form")]
    pub csv: bool,
    /// Print tables in Markdown on stdout
    #[arg(long, group = "form")]
    pub markdown: bool,
}

pub fn run(args: &CompareArgs) -> Outcome {
    let options = CompareOptions {
        baseline: args.baseline.clone(),
        confidence: args.confidence,
        metrics: args.metrics.clone(),
        allow_other_text: args.allow_other_text,
        allow_unfinished: args.allow_unfinished,
    };
    let comparison = Comparison::of(&args.runs, &options)?;
    match (args.csv, args.markdown) {
        (true, _) => write(clean::text(&comparison.csv()).as_bytes())?,
        (_, true) => write(clean::text(&comparison.markdown()).as_bytes())?,
        _ => print(&comparison, args.json)?,
    }
    if args.plot { plot(&args.runs) } else { Ok(()) }
}
