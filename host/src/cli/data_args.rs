//! `trainyard data` as written on the command line.

use clap::{Args, Subcommand};
use std::path::PathBuf;
use trainyard_text::Words;

/// Look into documents before training on them
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  trainyard data stats configs/austen.toml
  trainyard data stats crawl/ more.jsonl.zst --words zh --json")]
pub enum DataCommand {
    Stats(StatsArgs),
}

/// Count documents, words, n-grams, characters and repetitions
///
/// Reads every document of the sources, unfiltered. Counts are exact; what does not fit into the memory given goes to
/// temporary files.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard data stats configs/austen.toml
  trainyard data stats corpus/austen.txt.zst --lowercase --top 50
  trainyard data stats tang300.jsonl --words zh --json")]
pub struct StatsArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// Whether `The` and `the` are one word
    #[arg(long)]
    pub lowercase: bool,
    /// Rows of the table of words
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub top: usize,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Documents, and how to split them into words.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// A config (.toml), whose sources are read, or files and folders with text
    #[arg(required = true, value_name = "CONFIG-OR-FILES")]
    pub input: Vec<PathBuf>,
    /// Change a setting of the config; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// How text is split into words: whitespace, unicode (UAX-29) or zh (each Chinese character is a word)
    #[arg(long, default_value = "unicode")]
    pub words: Words,
    /// Memory for counts, in MiB; the rest goes to temporary files
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub memory: usize,
}
