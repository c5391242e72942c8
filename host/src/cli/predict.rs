//! `trainyard predict`.

use super::open::{self, OpenArgs};
use super::output::{Outcome, write};
use super::{INTERRUPTED, interrupted};
use clap::Args;
use std::io::{IsTerminal, stdin};
use std::path::PathBuf;
use trainyard::Error;
use trainyard::base::interrupt;
use trainyard::corpus::DataConfig;
use trainyard::eval::{Asked, TextOptions};
use trainyard::report::Counter;

/// Predict labels, numbers or tags of documents, or write texts from them
///
/// Reads documents as JSON lines and writes one JSON object for each, in order: its id and what the run's model says of
/// it. Documents are read as those of the run's first source are, but need no label and no target.
///
/// A model of the task seq2seq writes a text from each document: with --beams 1 always the likeliest token, with more
/// the best of so many hypotheses. A score is the sum of the log probabilities of a text's tokens, divided by their
/// number to the power of --length-penalty. Of a document that is longer than the model's context it reads the
/// beginning.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard predict runs/sentiment < reviews.jsonl > predicted.jsonl
  echo '{\"text\": \"a fine film\"}' | trainyard predict runs/sentiment
  trainyard predict runs/entities --data letters.jsonl --checkpoint step-400
  trainyard predict bert-sentiment < reviews.jsonl         # a folder of a Hugging Face model
  trainyard predict runs/translation --beams 4 --data chinese.jsonl > english.jsonl

Output, by the run's task:
  labels   {\"id\": \"1\", \"label\": \"pos\", \"probabilities\": {\"neg\": 0.02, \"pos\": 0.98}}
  tags     {\"id\": \"1\", \"words\": […], \"tags\": [\"B-PER\", \"O\"], \"spans\": [{\"start\": 0, \"end\": 4, …}]}
  seq2seq  {\"id\": \"1\", \"text\": \"a fine film\", \"score\": -0.3}, with --all and
           \"hypotheses\": [{\"text\": \"a fine film\", \"score\": -0.3}, …]")]
pub struct PredictArgs {
    /// The run's folder, or that of a Hugging Face model with a tokenizer.json
    pub run: PathBuf,
    #[command(flatten)]
    pub open: OpenArgs,
    /// A file of documents: JSON lines, or what its name says (default: JSON lines from stdin)
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Hypotheses of a text at a time; 1 always takes the likeliest token (default: the run's sample.beams, 1 if not
    /// set)
    #[arg(long, value_name = "N", value_parser = at_least_1)]
    pub beams: Option<usize>,
    /// Most tokens of a text, its end included (default: the model's context)
    #[arg(long, value_name = "N", value_parser = at_least_1)]
    pub max_tokens: Option<usize>,
    /// Compare hypotheses by their log probability over their length to the power of A: above 0 favours longer ones
    /// (default: 1)
    #[arg(long, value_name = "A", value_parser = finite, allow_negative_numbers = true)]
    pub length_penalty: Option<f64>,
    /// Write no run of N tokens twice; 0: any (default: 0)
    #[arg(long, value_name = "N")]
    pub no_repeat_ngram: Option<usize>,
    /// Write all hypotheses of a text, the best first
    #[arg(long)]
    pub all: bool,
}

impl PredictArgs {
    fn options(&self) -> TextOptions {
        let Self { beams, max_tokens, length_penalty, no_repeat_ngram, all, .. } = *self;
        TextOptions { beams, max_tokens, length_penalty, no_repeat_ngram, all }
    }
}

fn at_least_1(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "expected a whole number, 1 or more".to_owned())
}

fn finite(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| "expected a number".to_owned())
}

/// Predicts, and writes each prediction as it is made.
pub fn run(args: &PredictArgs) -> Outcome {
    interrupt::listen(INTERRUPTED)?;
    let model = open::model(&args.run, &args.open, "predict", None)?;
    args.options().check(&model.config.task)?;
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
            if copied.map_err(|error| Error::run(format!("stdin: cannot read: {error}")))? == 0 {
                return Ok(());
            }
            path
        }
    };
    let data = DataConfig::new(vec![model.config.data.like(&input)]);
    let mut asked = Asked::new(model, &data, args.options()).map_err(unfinished)?;
    let progress = Counter::default();
    while let Some(predictions) = asked.next_predictions().map_err(unfinished)? {
        for prediction in predictions {
            let mut line = serde_json::to_vec(&prediction).map_err(|error| Error::run(format!("as JSON: {error}")))?;
            line.push(b'\n');
            write(&line)?;
            progress.count();
        }
    }
    progress.finish();
    match asked.cut() {
        0 => {}
        n => tracing::warn!("of {n} documents only the beginning was read: they are longer than the model's context"),
    }
    Ok(())
}

fn unfinished(error: Error) -> Error {
    interrupted(error, "what was written is complete")
}
