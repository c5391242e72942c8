//! `trainyard predict`.

use super::open::OpenArgs;
use super::output::{Outcome, write};
use super::{INTERRUPTED, interrupted};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stdin};
use std::path::PathBuf;
use trainyard::Error;
use trainyard::base::interrupt;
use trainyard::corpus::DataConfig;
use trainyard::eval::{Asked, OpenRun};

/// Predict labels, numbers or tags of documents
///
/// Reads documents as JSON lines and writes one JSON object for each, in order: its id and what the run's model says of
/// it. Documents are read as those of the run's first source are, but need no label.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard predict runs/sentiment < reviews.jsonl > predicted.jsonl
  echo '{\"text\": \"a fine film\"}' | trainyard predict runs/sentiment
  trainyard predict runs/entities --data letters.jsonl --checkpoint step-400

Output, by the run's task:
  labels   {\"id\": \"1\", \"label\": \"pos\", \"probabilities\": {\"neg\": 0.02, \"pos\": 0.98}}
  tags     {\"id\": \"1\", \"words\": […], \"tags\": [\"B-PER\", \"O\"], \"spans\": [{\"start\": 0, \"end\": 4, …}]}")]
pub struct PredictArgs {
    /// The run's folder
    pub run: PathBuf,
    #[command(flatten)]
    pub open: OpenArgs,
    /// A file of documents: JSON lines, or what its name says (default: JSON lines from stdin)
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
}

/// Predicts, and writes each prediction as it is made.
pub fn run(args: &PredictArgs) -> Outcome {
    interrupt::listen(INTERRUPTED)?;
    let scratch =
        tempfile::tempdir().map_err(|error| Error::run(format!("cannot make a temporary folder: {error}")))?;
    let input = match &args.data {
        Some(data) => data.clone(),
        None => {
            if stdin().is_terminal() {
                eprintln!("predict: reading JSON lines from the terminal, end with Ctrl-D");
            }
            let path = scratch.path().join("stdin.jsonl");
            let copied =
                std::fs::File::create(&path).and_then(|mut file| std::io::copy(&mut stdin().lock(), &mut file));
            copied.map_err(|error| Error::run(format!("stdin: cannot read: {error}")))?;
            path
        }
    };
    let run = OpenRun::open(&args.run, &args.open.options())?;
    let data = DataConfig::new(vec![run.config().data.like(&input)]);
    let mut asked = Asked::new(run, &data).map_err(unfinished)?;
    let progress = progress();
    while let Some(predictions) = asked.next().map_err(unfinished)? {
        for prediction in predictions {
            let mut line = serde_json::to_vec(&prediction).map_err(|error| Error::run(format!("as JSON: {error}")))?;
            line.push(b'\n');
            write(&line)?;
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(())
}

fn unfinished(error: Error) -> Error {
    interrupted(error, "what was written is complete")
}

/// The number of documents so far, where people see it and nothing else is written to the terminal.
fn progress() -> ProgressBar {
    let target = match std::io::stdout().is_terminal() {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr(),
    };
    let style = ProgressStyle::with_template("{spinner} {human_pos} documents, {per_sec}");
    let bar = ProgressBar::with_draw_target(None, target);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}
