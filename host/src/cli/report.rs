//! `trainyard report`: one HTML page of a run, or of several.

use super::output::{Outcome, write};
use clap::Args;
use std::path::PathBuf;
use trainyard::experiments::{CompareOptions, Report, ReportOptions};
use trainyard::report::now;

/// Write one HTML page: results, curves, data, plugins and config of a run, or several runs compared
///
/// The page needs nothing else: no network, no JavaScript to read it. Every run writes its own at its end,
/// `report.html` in its folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard report runs/austen                          runs/austen/report.html
  trainyard report runs/austen runs/austen-focal --out focal.html
  trainyard report runs/ablation --baseline base")]
pub struct ReportArgs {
    /// Runs, and folders with runs such as a sweep's
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// The file (default: report.html in the run's folder, or in the current one for several)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The run or variant that the others are compared with (default: the first)
    #[arg(long, value_name = "RUN")]
    pub baseline: Option<String>,
}

pub fn run(args: &ReportArgs) -> Outcome {
    let compare = CompareOptions { baseline: args.baseline.clone(), ..CompareOptions::default() };
    let report = Report::of(&args.runs, &ReportOptions { made: now(), compare, ..ReportOptions::default() })?;
    let out = match (&args.out, args.runs.as_slice()) {
        (Some(out), _) => out.clone(),
        (None, [one]) => one.join("report.html"),
        (None, _) => "report.html".into(),
    };
    report.save(&out)?;
    write(format!("{}\n", out.display()).as_bytes())
}
