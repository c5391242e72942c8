//! `trainyard export`: a run's records for other tools.

use super::output::{Outcome, write};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use trainyard::export::{csv, tensorboard};
use trainyard::run::RunFolder;

/// Write a run's records for TensorBoard or as tables of CSV
///
/// W&B reads TensorBoard's event files too: `wandb sync --sync-tensorboard DIR` (not tried here).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard export runs/austen --to tensorboard --out logs/austen && tensorboard --logdir logs
  trainyard export runs/austen --to csv --out tables")]
pub struct ExportArgs {
    /// The run's folder
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The form
    #[arg(long, value_enum)]
    pub to: Form,
    /// The folder to write into
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// `--to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Event files: scalars, texts and hyperparameters
    Tensorboard,
    /// A table for each kind of record
    Csv,
}

pub fn run(args: &ExportArgs) -> Outcome {
    let metrics = RunFolder::open(&args.run)?.metrics();
    let files = match args.to {
        Form::Tensorboard => vec![tensorboard::export(&metrics, &args.out)?],
        Form::Csv => csv::export(&metrics, &args.out)?,
    };
    let lines: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
    write(lines.as_bytes())
}
