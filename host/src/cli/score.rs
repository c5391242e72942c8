//! `trainyard score`: texts in files against references in files.

use super::output::{Outcome, print};
use super::settings::PluginArgs;
use clap::Args;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use trainyard::base::files::{MAX_BINARY_BYTES, read_file};
use trainyard::eval::{Example, score};
use trainyard::{Error, Result};

/// Score texts against references with a text metric
///
/// Files are JSON lines with a field `text` (.jsonl), or plain text with one text on each line. The first text of a
/// file belongs to the first text of the others.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard score --plugin bleu output.txt reference.txt
  trainyard score --plugin chrf --config 'word_order = 2' output.jsonl first.jsonl second.jsonl --json
  trainyard score --plugin rouge --config 'variant = \"rouge1\"' output.txt reference.txt --resamples 0")]
pub struct ScoreArgs {
    #[command(flatten)]
    pub plugin: PluginArgs,
    /// The texts to be scored
    #[arg(value_name = "HYP")]
    pub hypotheses: PathBuf,
    /// References, one file for each reference of a text
    #[arg(value_name = "REF")]
    pub references: Vec<PathBuf>,
    /// What was given before each text was written, for metrics that read it
    #[arg(long, value_name = "FILE")]
    pub prompts: Option<PathBuf>,
    /// Draws for the 95 % interval; 0 computes none
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub resamples: usize,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// A line of a file of JSON lines.
#[derive(Deserialize)]
struct Line {
    text: String,
}

pub fn run(args: &ScoreArgs) -> Outcome {
    let hypotheses = read(&args.hypotheses)?;
    let beside = |path: &PathBuf| {
        let texts = read(path)?;
        match texts.len() == hypotheses.len() {
            true => Ok(texts),
            false => Err(Error::usage(format!(
                "{}: expected {} texts, as {} has, got {}",
                path.display(),
                hypotheses.len(),
                args.hypotheses.display(),
                texts.len()
            ))),
        }
    };
    let references = args.references.iter().map(beside).collect::<Result<Vec<_>>>()?;
    let prompts = args.prompts.as_ref().map(beside).transpose()?;
    let example = |(index, hypothesis): (usize, &String)| Example {
        prompt: prompts.as_ref().map(|texts| texts[index].clone()),
        hypothesis: hypothesis.clone(),
        references: references.iter().map(|texts| texts[index].clone()).collect(),
    };
    let examples: Vec<_> = hypotheses.iter().enumerate().map(example).collect();
    print(&score(&args.plugin.to_config()?, &examples, args.resamples)?, args.json)
}

/// The texts of a file.
fn read(path: &Path) -> Result<Vec<String>> {
    let bytes = read_file(path, MAX_BINARY_BYTES).map_err(|error| Error::io(path, "read", &error))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::run(format!("{}: expected text in UTF-8, got other bytes", path.display())))?;
    let is_json = path.extension().is_some_and(|extension| extension == "jsonl" || extension == "json");
    if !is_json {
        return Ok(text.lines().map(str::to_owned).collect());
    }
    let line = |(index, line): (usize, &str)| {
        serde_json::from_str(line).map(|Line { text }| text).map_err(|error| {
            let place = format!("{}: line {}", path.display(), index + 1);
            Error::run(format!("{place}: expected a JSON object with a field \"text\": {error}"))
        })
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(line).collect()
}
