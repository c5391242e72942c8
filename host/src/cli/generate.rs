//! `trainyard generate`.

use super::chat;
use super::open::{self, OpenArgs};
use super::output::{self, Outcome};
use super::sampling::SamplingArgs;
use clap::Args;
use std::path::{Path, PathBuf};
use trainyard::Error;
use trainyard::eval;
use trainyard::run::SampleConfig;

/// Write text with a trained model
///
/// The text goes to stdout. Options that are not given are as in the run's [sample] section.
///
/// A model with an encoder (T5, BART) writes from a source text: --source or --source-file gives it, and --prompt is
/// what the written text begins with. Writing ends at the model's context.
///
/// With --chat the prompt is a question, in the form of the model's chat template, and only its answer is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard generate runs/austen --prompt 'It is a truth'
  trainyard generate runs/austen --prompt 'Dear Sir,' --tokens 400 --temperature 0.7 --seed 7
  trainyard generate runs/austen --prompt Emma --temperature 0          greedy: always the likeliest token
  trainyard generate runs/assistant --chat --prompt 'What is a prime?'
  trainyard generate runs/translation --source 'Good morning' --temperature 0")]
pub struct GenerateArgs {
    /// The run's folder; with --chat also that of a Hugging Face model with a tokenizer.json
    pub run: PathBuf,
    /// Text to continue
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Take the prompt as a question of a conversation
    #[arg(long, requires = "prompt", conflicts_with_all = ["source", "source_file"])]
    pub chat: bool,
    /// With --chat: what the system says before the question
    #[arg(long, value_name = "TEXT", requires = "chat")]
    pub system: Option<String>,
    /// Text that the model writes from
    #[arg(long, value_name = "TEXT", conflicts_with = "source_file")]
    pub source: Option<String>,
    /// A file with the text that the model writes from; a line break at its end does not count
    #[arg(long, value_name = "FILE")]
    pub source_file: Option<PathBuf>,
    /// Most tokens to write
    #[arg(long, value_name = "N")]
    pub tokens: Option<usize>,
    #[command(flatten)]
    pub sampling: SamplingArgs,
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
            source: source.unwrap_or_else(|| config.source.clone()),
            prompt: self.prompt.clone().unwrap_or_else(|| config.prompt.clone()),
            tokens: self.tokens.unwrap_or(config.tokens),
            ..self.sampling.apply(config)
        })
    }
}

/// Writes the prompt and its continuation.
pub fn run(args: &GenerateArgs) -> Outcome {
    if args.chat {
        let model = open::model(&args.run, &args.open, "generate --chat")?;
        let sample = args.apply(model.config.sample.clone())?;
        let question = sample.prompt.clone();
        return chat::ask(&model, args.system.as_deref(), sample, &question);
    }
    let run = eval::OpenRun::open(&args.run, &args.open.options())?;
    run.warn_of_changes();
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
