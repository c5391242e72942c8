//! `trainyard data`: what is in the documents.

use super::explain::{self, DropsArgs, RethresholdArgs, WhyArgs};
use super::output::{Outcome, print};
use super::overrides::Overrides;
use super::render::{self, RenderArgs};
use super::show::{self, ShowArgs};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use trainyard::corpus::survey::features::{self, FeatureKind, FeatureOptions, Frequency, Tokens};
use trainyard::corpus::survey::stats;
use trainyard::corpus::{DataConfig, SourceConfig};
use trainyard::run::RunConfig;
use trainyard::{Error, Result};
use trainyard_text::Words;

/// Inspect documents and what happened to them
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  trainyard data stats configs/austen.toml
  trainyard data stats crawl/ more.jsonl.zst --words zh --json
  trainyard data features reviews.jsonl --out features --neighbours 10
  trainyard data show configs/assistant.toml
  trainyard data render --model SmolLM2-135M-Instruct < messages.jsonl
  trainyard data drops runs/austen
  trainyard data why runs/austen austen.txt#17
  trainyard data rethreshold configs/austen.toml --set data.filter.0.config.min_words=60")]
pub enum DataCommand {
    Stats(StatsArgs),
    Features(FeaturesArgs),
    Show(ShowArgs),
    Render(RenderArgs),
    Why(WhyArgs),
    Drops(DropsArgs),
    Rethreshold(RethresholdArgs),
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
    /// How text is split into words: whitespace, unicode (UAX-29) or zh (each Chinese character is a word)
    #[arg(long, default_value = "unicode")]
    pub words: Words,
    /// Memory for counts, in MiB; the rest goes to temporary files
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub memory: usize,
    /// Count `The` and `the` as one word
    #[arg(long)]
    pub lowercase: bool,
    /// Rows of the table of words
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub top: usize,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Write documents as vectors of words: counts, TF-IDF, hashed terms
///
/// Reads every document of the sources, unfiltered, and writes a sparse matrix to features.safetensors (compressed
/// sparse rows: indptr, indices, data), the documents' ids to ids.json and the columns' terms to vocabulary.json.
/// Meanings and defaults are those of scikit-learn.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard data features reviews.jsonl --out features
  trainyard data features corpus/ --out features --ngrams 1-2 --min-df 2 --max-df 0.5 --sublinear
  trainyard data features crawl/ --out features --kind hashing --columns 262144 --single
  trainyard data features poems.jsonl --out features --words zh --neighbours 5")]
pub struct FeaturesArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// The folder that the files go to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How terms are weighted
    #[arg(long, default_value = "tfidf")]
    pub kind: Kind,
    /// Columns of hashed terms
    #[arg(long, value_name = "N", default_value_t = 1 << 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    pub columns: u32,
    /// How text is split into words: pattern (two or more letters, digits or _), whitespace, unicode, dictionary or zh
    #[arg(long, default_value = "pattern")]
    pub words: Tokens,
    /// Keep upper and lower case apart
    #[arg(long)]
    pub case_sensitive: bool,
    /// Words per term: a number, or the least and the most
    #[arg(long, value_name = "N-M", default_value = "1", value_parser = ngrams)]
    pub ngrams: (usize, usize),
    /// Drop terms in fewer documents: a number, or a share such as 0.01
    #[arg(long, value_name = "N", default_value = "1")]
    pub min_df: Frequency,
    /// Drop terms in more documents: a number, or a share such as 0.5
    #[arg(long, value_name = "N", default_value = "1.0")]
    pub max_df: Frequency,
    /// Keep only the N most frequent terms
    #[arg(long, value_name = "N")]
    pub max_features: Option<usize>,
    /// Weigh a count as 1 + ln(count)
    #[arg(long)]
    pub sublinear: bool,
    /// Write 32-bit values
    #[arg(long)]
    pub single: bool,
    /// Find the K most similar documents of each, and write neighbours.jsonl
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub neighbours: usize,
    /// Replace files of these names in the folder
    #[arg(long)]
    pub overwrite: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// How the terms of a document are weighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// How often each occurs
    Counts,
    /// Counts weighted by how rare a term is, rows of length 1
    Tfidf,
    /// Signed counts in columns that are chosen by a hash, rows of length 1
    Hashing,
}

/// Documents.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// A config (.toml), whose sources are read, or files and folders with text
    #[arg(required = true, value_name = "CONFIG-OR-FILES")]
    pub input: Vec<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
}

pub fn run(command: &DataCommand) -> Outcome {
    match command {
        DataCommand::Stats(args) => count(args),
        DataCommand::Features(args) => extract(args),
        DataCommand::Show(args) => show::run(args),
        DataCommand::Render(args) => render::run(args),
        DataCommand::Why(args) => explain::why(args),
        DataCommand::Drops(args) => explain::drops(args),
        DataCommand::Rethreshold(args) => explain::rethreshold(args),
    }
}

fn count(args: &StatsArgs) -> Outcome {
    let options = stats::StatsOptions {
        words: args.words,
        lowercase: args.lowercase,
        top: args.top,
        memory_bytes: args.memory << 20,
    };
    print(&stats::collect(&args.input.sources()?, &options, &std::env::temp_dir())?, args.json)
}

fn extract(args: &FeaturesArgs) -> Outcome {
    let options = FeatureOptions {
        kind: match args.kind {
            Kind::Counts => FeatureKind::Counts,
            Kind::Tfidf => FeatureKind::Tfidf,
            Kind::Hashing => FeatureKind::Hashing(args.columns),
        },
        tokens: args.words,
        lowercase: !args.case_sensitive,
        ngrams: args.ngrams.0..=args.ngrams.1,
        min_df: args.min_df,
        max_df: args.max_df,
        max_features: args.max_features,
        sublinear: args.sublinear,
        single: args.single,
        neighbours: args.neighbours,
        overwrite: args.overwrite,
    };
    print(&features::extract(&args.input.sources()?, &options, &args.out)?, args.json)
}

impl InputArgs {
    /// The sources of the config, or the files as sources.
    fn sources(&self) -> Result<DataConfig> {
        let is_config = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
        match self.input.as_slice() {
            [path] if is_config(path) => Ok(RunConfig::load(path, &self.overrides.list())?.data),
            paths if paths.iter().any(is_config) => {
                Err(Error::usage("data: expected one config, or files and folders, got both; name one of them"))
            }
            _ if !self.overrides.list().is_empty() => Err(Error::usage(
                "--set, --unset: expected a config to change, got files; put the setting into a config",
            )),
            paths => Ok(DataConfig::new(paths.iter().map(SourceConfig::new).collect())),
        }
    }
}

fn ngrams(text: &str) -> std::result::Result<(usize, usize), String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) if 1 <= low && low <= high => Ok((low, high)),
        _ => Err("expected a number, or two as in 1-2, 1 or more".into()),
    }
}
