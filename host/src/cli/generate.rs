//! `trainyard generate`.

use super::chat;
use super::open::{self, OpenArgs};
use super::output::{self, Outcome, Stop};
use super::ranks::with_ranks;
use super::sampling::SamplingArgs;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use trainyard::Error;
use trainyard::eval::{self, OpenRun};
use trainyard::ranks::{Group, launched};
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
  trainyard generate runs/austen --prompt Emma --n 8 --json > texts.jsonl
  mpirun -n 4 trainyard generate runs/austen --prompt Emma --n 8          four ranks share the texts
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
    /// Write N texts, each with the next seed
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "chat",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub n: u32,
    /// Write each text as a JSON object on a line: seed, prompt, text
    #[arg(long, conflicts_with = "chat")]
    pub json: bool,
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

/// A text, as `--json` has it.
#[derive(Serialize)]
struct Written<'t> {
    seed: u64,
    prompt: &'t str,
    text: &'t str,
}

/// Writes the prompt and its continuations.
pub fn run(args: &GenerateArgs) -> Outcome {
    if args.chat {
        if launched().is_some() {
            let message = "several ranks share out what continues a prompt; start one process for --chat";
            return Err(Error::usage(message).into());
        }
        let model = open::model(&args.run, &args.open, "generate --chat", None)?;
        let sample = args.apply(model.config.sample.clone())?;
        let question = sample.prompt.clone();
        return chat::ask(&model, args.system.as_deref(), sample, &question);
    }
    let options = args.open.options();
    let each = |ranks: Option<&Group>| {
        let run = eval::OpenRun::open_alike(&args.run, &options, ranks)?;
        if let Some(group) = eval::helping(ranks) {
            return run.writing(None).serve(group).map(Ok);
        }
        match texts(args, &run, ranks) {
            Err(Stop::Error(error)) => Err(error),
            done_or_closed => eval::Writing::finish(ranks).map(|()| done_or_closed),
        }
    };
    with_ranks((&args.run, &options), each)?.unwrap_or(Ok(()))
}

/// Writes as many texts as are wanted, as soon as each rank has one.
fn texts(args: &GenerateArgs, run: &OpenRun, ranks: Option<&Group>) -> Outcome {
    run.warn_of_changes();
    let sample = args.apply(run.config().sample.clone())?;
    let (mut prompt, writing) = (run.prompt(&sample)?, run.writing(ranks));
    let seeds: Vec<u64> = (0..args.n.into()).map(|index| sample.seed.wrapping_add(index)).collect();
    let mut number = 1;
    for seeds in seeds.chunks(ranks.map_or(1, Group::size)) {
        let texts = prompt.continued(&writing, seeds)?;
        for (text, &seed) in texts.iter().zip(seeds) {
            if args.json {
                let written = Written { seed, prompt: &sample.prompt, text };
                let line = serde_json::to_string(&written).map_err(|error| Error::run(format!("as JSON: {error}")))?;
                output::write(format!("{line}\n").as_bytes())?;
            } else {
                let head =
                    if args.n > 1 { format!("--- {number} of {}, seed {seed}\n", args.n) } else { String::new() };
                output::write(format!("{head}{}{text}\n", sample.prompt).as_bytes())?;
            }
            number += 1;
        }
    }
    Ok(())
}

fn read_source(file: &Path) -> trainyard::Result<String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::usage(format!("--source-file {}: cannot read text: {error}", file.display())))?;
    Ok(text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text)).to_owned())
}
