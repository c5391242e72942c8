//! `trainyard export`: a run's records for other tools.

use super::output::{Outcome, write};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use trainyard::export::{csv, mlflow, tensorboard};
use trainyard::run::RunFolder;

/// Write a run's records for TensorBoard, as tables of CSV, or to an MLflow server
///
/// W&B reads TensorBoard's event files too: `wandb sync --sync-tensorboard DIR` (not tried here).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard export runs/austen --to tensorboard --out logs/austen && tensorboard --logdir logs
  trainyard export runs/austen --to csv --out tables
  trainyard export runs/austen --to mlflow --url http://example.com:5000 --experiment novels")]
pub struct ExportArgs {
    /// The run's folder
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The form
    #[arg(long, value_enum)]
    pub to: Form,
    /// The folder to write into
    #[arg(long, value_name = "DIR", required_unless_present = "url")]
    pub out: Option<PathBuf>,
    /// The MLflow server's address, such as http://example.com:5000
    #[arg(long, value_name = "URL", required_if_eq("to", "mlflow"), conflicts_with = "out")]
    pub url: Option<String>,
    /// The MLflow experiment; made where there is none of this name
    #[arg(long, value_name = "NAME", default_value = "trainyard")]
    pub experiment: String,
}

/// `--to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Event files: scalars, texts and hyperparameters
    Tensorboard,
    /// A table for each kind of record
    Csv,
    /// A run on a server, by its REST API
    Mlflow,
}

pub fn run(args: &ExportArgs) -> Outcome {
    let metrics = RunFolder::open(&args.run)?.metrics();
    let out = args.out.as_deref().unwrap_or(Path::new("."));
    let made = match args.to {
        Form::Tensorboard => vec![tensorboard::export(&metrics, out)?.display().to_string()],
        Form::Csv => csv::export(&metrics, out)?.iter().map(|file| file.display().to_string()).collect(),
        Form::Mlflow => vec![mlflow::export(&metrics, args.url.as_deref().unwrap_or_default(), &args.experiment)?],
    };
    write(made.iter().map(|line| format!("{line}\n")).collect::<String>().as_bytes())
}
