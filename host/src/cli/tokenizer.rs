//! `trainyard tokenizer train|encode|decode|inspect`.

use super::output::{Outcome, print, read_text, write};
use super::settings::PluginArgs;
use super::vocabulary::{Report, show};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use trainyard::base::files::{MAX_BINARY_BYTES, check_output, read_file};
use trainyard::corpus::{DataConfig, SourceConfig, batches, documents, texts};
use trainyard::feed::declared_end_of_text;
use trainyard::plugin::Plugin;
use trainyard::{Error, Result};
use trainyard_plugin::{Kind, TokenBatch, Tokenizer};

/// Train, apply and inspect tokenizers
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  trainyard tokenizer train --plugin bpe --config 'vocab_size = 2048' --out tokenizer.json corpus/*.txt
  echo 'It is a truth' | trainyard tokenizer encode --plugin bpe --model tokenizer.json --show
  trainyard tokenizer inspect --plugin bpe --model tokenizer.json held-out.txt
  trainyard tokenizer encode --plugin byte < a.txt | trainyard tokenizer decode --plugin byte | cmp - a.txt")]
pub enum TokenizerCommand {
    /// Learn a model from text files (.txt, .jsonl, .json, .html, .parquet, also compressed, or folders of such)
    Train {
        #[command(flatten)]
        plugin: PluginArgs,
        /// Output file of the model
        #[arg(long, value_name = "MODEL")]
        out: PathBuf,
        /// Replace the file if there is one
        #[arg(long)]
        overwrite: bool,
        /// The text
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Encode text on stdin to token ids on stdout, separated by spaces
    Encode {
        #[command(flatten)]
        args: TokenizerArgs,
        /// Write a line per token instead: its id and its text
        #[arg(long)]
        show: bool,
    },
    /// Decode token ids on stdin, separated by white space, to text on stdout
    Decode(TokenizerArgs),
    /// Show what a model is made of, and how well it encodes the text of files
    Inspect {
        #[command(flatten)]
        args: TokenizerArgs,
        /// Held-out text to measure: bytes and characters per token, tokens in use, a sample
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct TokenizerArgs {
    #[command(flatten)]
    pub plugin: PluginArgs,
    /// What `tokenizer train` wrote, a tokenizer.json (bpe, hf-tokenizer), a rank file of tiktoken or Whisper (bpe), or
    /// a .model of SentencePiece (hf-tokenizer); byte needs none
    #[arg(long)]
    pub model: Option<PathBuf>,
}

pub fn run(command: &TokenizerCommand) -> Outcome {
    match command {
        TokenizerCommand::Train { plugin, out, overwrite, files } => {
            check_output(out, *overwrite)?;
            Ok(train(plugin, out, files)?)
        }
        TokenizerCommand::Encode { args, show } => encode(args, *show),
        TokenizerCommand::Decode(args) => decode(args),
        TokenizerCommand::Inspect { args, files } => inspect(args, files),
    }
}

/// What text files hold.
fn data(files: &[PathBuf]) -> DataConfig {
    DataConfig::new(files.iter().map(SourceConfig::new).collect())
}

fn train(plugin: &PluginArgs, out: &Path, files: &[PathBuf]) -> Result<()> {
    let mut tokenizer = Plugin::open(&plugin.to_config()?, Kind::Tokenizer)?.tokenizer()?;
    let data = data(files);
    let mut n_documents = 0;
    for batch in batches(documents(&data)?) {
        let batch = batch?;
        tokenizer.observe(&texts(&batch))?;
        n_documents += batch.len();
    }
    let model = tokenizer.train()?;
    tokenizer.load(&model)?;
    let n_tokens = tokenizer.vocabulary()?.tokens.len();
    std::fs::write(out, &model).map_err(|error| Error::io(out, "write", &error))?;
    eprintln!("{}: {n_tokens} tokens learnt from {n_documents} documents", out.display());
    Ok(())
}

fn encode(args: &TokenizerArgs, shown: bool) -> Outcome {
    let mut tokenizer = load(args)?;
    let batch = tokenizer.encode(&[&read_text()?]).map_err(Error::from)?;
    if shown {
        let tokens = tokenizer.vocabulary().map_err(Error::from)?.tokens;
        let line = |&id: &u32| format!("{id}\t{}\n", show(&tokens[id as usize]));
        return write(batch.ids.iter().map(line).collect::<String>().as_bytes());
    }
    let ids: Vec<_> = batch.ids.iter().map(u32::to_string).collect();
    write((ids.join(" ") + "\n").as_bytes())
}

fn inspect(args: &TokenizerArgs, files: &[PathBuf]) -> Outcome {
    let mut tokenizer = load(args)?;
    let mut report = Report::new(tokenizer.vocabulary().map_err(Error::from)?);
    if !files.is_empty() {
        for batch in batches(documents(&data(files))?) {
            let batch = batch?;
            let texts = texts(&batch);
            report.add(&texts, &tokenizer.encode(&texts).map_err(Error::from)?);
        }
    }
    print(&report.summary(), false)
}

fn decode(args: &TokenizerArgs) -> Outcome {
    let mut tokenizer = load(args)?;
    let n_tokens = tokenizer.vocabulary().map_err(Error::from)?.tokens.len();
    let mut batch = TokenBatch { ids: parse_ids(&read_text()?, n_tokens)?, ends: Vec::new() };
    batch.end_sequence().map_err(Error::from)?;
    let texts = tokenizer.decode(&batch).map_err(Error::from)?;
    write(&texts.concat())
}

fn load(args: &TokenizerArgs) -> Result<Box<dyn Tokenizer>> {
    let mut config = args.plugin.to_config()?;
    // as in a run: files next to a tokenizer.json count, unless the settings say otherwise
    if let (None, Some(model)) = (config.file(), args.model.as_ref().filter(|_| config.plugin != "byte"))
        && let Some(name) = declared_end_of_text(model)
    {
        config.config.entry("end_of_text").or_insert(name.into());
    }
    let mut tokenizer = Plugin::open(&config, Kind::Tokenizer)?.tokenizer()?;
    let model = match &args.model {
        Some(path) => read_file(path, MAX_BINARY_BYTES).map_err(|error| Error::io(path, "read", &error))?,
        None => Vec::new(),
    };
    tokenizer.load(&model)?;
    Ok(tokenizer)
}

fn parse_ids(text: &str, n_tokens: usize) -> Result<Vec<u32>> {
    let id = |word: &str| {
        word.parse().ok().filter(|&id: &u32| (id as usize) < n_tokens).ok_or_else(|| {
            let word: String = word.chars().take(20).collect();
            Error::run(format!("stdin: expected token ids below {n_tokens}, got {word:?}"))
        })
    };
    text.split_whitespace().map(id).collect()
}
