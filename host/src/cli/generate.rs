//! `trainyard generate`.

use super::open::OpenArgs;
use super::output::{self, Outcome};
use clap::Args;
use std::path::{Path, PathBuf};
use trainyard::Error;
use trainyard::eval;
use trainyard::run::{PluginChange, SampleConfig};

/// Write text with a trained model
///
/// The text goes to stdout. Options that are not given are as in the run's [sample] section.
///
/// A model with an encoder (T5, BART) writes from a source text: --source or --source-file gives it, and --prompt is
/// what the written text begins with. Writing ends at the model's context.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard generate runs/austen --prompt 'It is a truth'
  trainyard generate runs/austen --prompt 'Dear Sir,' --tokens 400 --temperature 0.7 --seed 7
  trainyard generate runs/austen --prompt Emma --temperature 0          greedy: always the likeliest token
  trainyard generate runs/translation --source 'Good morning' --temperature 0")]
pub struct GenerateArgs {
    /// The run's folder
    pub run: PathBuf,
    /// Text to continue
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Text that the model writes from
    #[arg(long, value_name = "TEXT", conflicts_with = "source_file")]
    pub source: Option<String>,
    /// A file with the text that the model writes from; a line break at its end does not count
    #[arg(long, value_name = "FILE")]
    pub source_file: Option<PathBuf>,
    /// Most tokens to write
    #[arg(long, value_name = "N")]
    pub tokens: Option<usize>,
    /// Sampling temperature: 0 = greedy, higher = more random
    #[arg(long, value_name = "T", value_parser = temperature)]
    pub temperature: Option<f64>,
    /// Sample from the K likeliest tokens; 0 = all
    #[arg(long, value_name = "K")]
    pub top_k: Option<usize>,
    /// Sample from the smallest set of tokens with this total probability; 1 = all
    #[arg(long, value_name = "P", value_parser = probability)]
    pub top_p: Option<f64>,
    /// Random seed: the same seed writes the same text
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub open: OpenArgs,
}

impl GenerateArgs {
    /// Applies the command line to `config`.
    ///
    /// # Errors
    /// A source that cannot be read.
    pub fn apply(&self, config: SampleConfig) -> trainyard::Result<SampleConfig> {
        let source = match &self.source_file {
            Some(file) => Some(read_source(file)?),
            None => self.source.clone(),
        };
        Ok(SampleConfig {
            source: source.unwrap_or(config.source),
            prompt: self.prompt.clone().unwrap_or(config.prompt),
            tokens: self.tokens.unwrap_or(config.tokens),
            temperature: self.temperature.unwrap_or(config.temperature),
            top_k: self.top_k.unwrap_or(config.top_k),
            top_p: self.top_p.unwrap_or(config.top_p),
            seed: self.seed.unwrap_or(config.seed),
            ..config
        })
    }
}

/// Writes the prompt and its continuation.
pub fn run(args: &GenerateArgs) -> Outcome {
    let run = eval::OpenRun::open(&args.run, &args.open.options())?;
    for PluginChange { place, then, now } in &run.changed {
        tracing::warn!("not the run's {place}: trained with {then}, now it is {now}");
    }
    let sample = args.apply(run.config().sample.clone())?;
    let (text, _tokenizer) = run.continue_text(&sample)?;
    let text = sample.prompt.clone() + &text + "\n";
    output::write(text.as_bytes())
}

fn read_source(file: &Path) -> trainyard::Result<String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::usage(format!("--source-file {}: cannot read text: {error}", file.display())))?;
    Ok(text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text)).to_owned())
}

fn temperature(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number, 0 or more")?;
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err("expected a number, 0 or more".into()) }
}

fn probability(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number, above 0 to 1")?;
    if value > 0.0 && value <= 1.0 { Ok(value) } else { Err("expected a number, above 0 to 1".into()) }
}
