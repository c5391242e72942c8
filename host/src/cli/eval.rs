//! `trainyard eval`.

use super::open::OpenArgs;
use super::output::{Outcome, show};
use super::{INTERRUPTED, interrupted};
use clap::Args;
use std::path::PathBuf;
use trainyard::base::interrupt;
use trainyard::eval;
use trainyard::report::write_documents;

/// Evaluate a checkpoint on the held-out text of its run, or on any text
///
/// Measures the run's model: with train.patience the checkpoint of the best validation, otherwise the last one. The run
/// may have been moved: its plugins are found by their digests, where they were, next to the run or in its folder
/// `plugins`. With another loss, metric or tokenizer than it was trained with it is not evaluated.
///
/// The run's own text is measured as its data were prepared. The text of --data is measured as it is: the run's
/// tokenizer sees it, its filters do not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard eval runs/austen
  trainyard eval runs/austen --data other.txt        the same text for runs with other filters
  trainyard eval runs/austen --checkpoint step-400 --json
  trainyard eval runs/austen --set loss.plugin=focal --allow-changed loss")]
pub struct EvalArgs {
    /// The run's folder
    pub run: PathBuf,
    #[command(flatten)]
    pub open: OpenArgs,
    /// Measure this text, as it is: a file, folder or pattern that data.source.path could name; may be given several
    /// times
    #[arg(long, value_name = "PATH")]
    pub data: Vec<PathBuf>,
    /// The field or column of --data that holds the text; that of the run's data if not given
    #[arg(long, value_name = "FIELD", requires = "data")]
    pub text_field: Option<String>,
    /// Write what the model loses on each document to this Parquet file: split, document, weight, nats, bytes, bits
    #[arg(long, value_name = "FILE")]
    pub documents: Option<PathBuf>,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Evaluates, and shows the result.
pub fn run(args: &EvalArgs) -> Outcome {
    interrupt::listen(INTERRUPTED)?;
    let options = args.open.options();
    let evaluated = match args.data.is_empty() {
        true => eval::evaluate(&args.run, &options),
        false => eval::evaluate_files(&args.run, &options, &args.data, args.text_field.as_deref()),
    };
    let (summary, plugins) = evaluated.map_err(|error| interrupted(error, "nothing was changed"))?;
    if let Some(path) = &args.documents {
        write_documents(path, &summary.report.documents)?;
    }
    let shown = show(&summary, &summary.report, args.json);
    drop(plugins);
    shown
}
