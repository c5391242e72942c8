//! `trainyard eval`.

use super::open::{self, OpenArgs};
use super::output::{Outcome, print, show};
use super::ranks::with_ranks;
use super::{INTERRUPTED, interrupted};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use trainyard::base::files::check_output;
use trainyard::base::interrupt;
use trainyard::base::write::write_file;
use trainyard::ranks::Group;
use trainyard::report::write_documents;
use trainyard::{Error, Result, eval};

/// Evaluate a checkpoint: on the held-out text of its run, on any text, or by the questions of tasks
///
/// Measures the run's model: with train.patience the checkpoint of the best validation, otherwise the last one. The run
/// may have been moved: its plugins are found by their digests, where they were, next to the run or in its folder
/// `plugins`. With another loss, metric or tokenizer than it was trained with it is not evaluated.
///
/// The run's own text is measured as its data were prepared. The text of --data is measured as it is: the run's
/// tokenizer sees it, its filters do not.
///
/// With --tasks or --rolling the model may also be the folder of a Hugging Face model; numbers are those of
/// lm-evaluation-harness.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard eval runs/austen
  trainyard eval runs/austen --data other.txt        the same text for runs with other filters
  trainyard eval runs/austen --checkpoint step-400 --json
  mpirun -n 4 trainyard eval runs/austen             four ranks share the work, with the numbers of one
  trainyard eval runs/austen --set loss.plugin=focal --allow-changed loss
  trainyard eval SmolLM2-135M --tasks arc.jsonl --tasks lambada.jsonl --out answers.jsonl
  trainyard eval runs/austen --data other.txt --rolling --stride 64

A line of --tasks is a question, by its fields of one of three kinds:
  {\"prompt\": \"Paris is in\", \"choices\": [\"France\", \"Italy\"], \"answer\": 0}    acc, acc_norm, acc_bytes
  {\"prompt\": \"Paris is in\", \"target\": \"France\"}                             acc, perplexity
  {\"prompt\": \"Q: Where is Paris?\\nA:\", \"answers\": [\"France\"], \"until\": [\"\\n\"], \"max_tokens\": 8}
                                                                        exact_match
docs/evaluate.md has all fields: the name of the task, the target_delimiter, what does not matter in a match.")]
pub struct EvalArgs {
    /// The run's folder; with --tasks or --rolling also that of a Hugging Face model with a tokenizer.json
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tasks", "rolling"])]
    pub documents: Option<PathBuf>,
    /// Ask the questions of this file, one on each line; may be given several times
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub tasks: Vec<PathBuf>,
    /// Write what the model makes of each question of --tasks to this file, as JSON lines
    #[arg(long, value_name = "FILE", requires = "tasks")]
    pub out: Option<PathBuf>,
    /// Replace the file of --out or --documents
    #[arg(long)]
    pub overwrite: bool,
    /// Measure the perplexity of each document of --data as a whole, in windows of the model's context
    #[arg(long, requires = "data")]
    pub rolling: bool,
    /// New tokens of each window but a document's first; the others are context (default: all are new)
    #[arg(long, value_name = "N", requires = "rolling")]
    pub stride: Option<usize>,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Evaluates, and shows the result.
pub fn run(args: &EvalArgs) -> Outcome {
    interrupt::listen(INTERRUPTED)?;
    for path in [&args.out, &args.documents].into_iter().flatten() {
        check_output(path, args.overwrite)?;
    }
    if !args.tasks.is_empty() {
        return tasks(args);
    }
    if args.rolling {
        return rolling(args);
    }
    let (options, text_field) = (args.open.options(), args.text_field.as_deref());
    let each = |ranks: Option<&Group>| match args.data.is_empty() {
        true => eval::evaluate(&args.run, &options, ranks),
        false => eval::evaluate_files(&args.run, &options, &args.data, text_field, ranks),
    };
    let evaluated = with_ranks((&args.run, &options), |ranks| each(ranks).map_err(unchanged))?;
    let Some((summary, plugins)) = evaluated.flatten() else { return Ok(()) };
    if let Some(path) = &args.documents {
        write_documents(path, &summary.report.documents)?;
    }
    let shown = show(&summary, &summary.report, args.json);
    drop(plugins);
    shown
}

fn rolling(args: &EvalArgs) -> Outcome {
    let each = |ranks: Option<&Group>| {
        let model = open::model(&args.run, &args.open, "eval", ranks)?;
        let how = (args.stride, ranks);
        eval::evaluate_rolling(&args.run, model, &args.data, args.text_field.as_deref(), how).map_err(unchanged)
    };
    let measured = with_ranks((&args.run, &args.open.options()), each)?;
    measured.map_or(Ok(()), |measured| print(&measured, args.json))
}

fn tasks(args: &EvalArgs) -> Outcome {
    let each = |ranks: Option<&Group>| {
        let model = open::model(&args.run, &args.open, "eval", ranks)?;
        eval::evaluate_tasks(&args.run, model, &args.tasks, ranks).map_err(unchanged)
    };
    let measured = with_ranks((&args.run, &args.open.options()), each)?;
    let Some((summary, answered)) = measured else { return Ok(()) };
    if let Some(out) = &args.out {
        write_file(out, &answered.iter().map(line).collect::<Result<Vec<_>>>()?.concat())?;
    }
    print(&summary, args.json)
}

fn line(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value).map_err(|error| Error::run(format!("as JSON: {error}")))?;
    line.push(b'\n');
    Ok(line)
}

fn unchanged(error: Error) -> Error {
    interrupted(error, "nothing was changed")
}
