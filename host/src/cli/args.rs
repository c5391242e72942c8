//! The command line as written: what `--help` shows.

use super::bench_args::BenchCommand;
use super::data_args::DataCommand;
use super::drill::DrillArgs;
use super::plugin_args::PluginCommand;
use clap::{ArgAction, ArgGroup, Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use trainyard::corpus::{InvalidLines, InvalidUtf8, SourceConfig};
use trainyard::eval::OpenOptions;
use trainyard::run::SampleConfig;

/// Trains language models. What an experiment swaps (tokenizer, data filter, loss, metric) is a plugin: built in, a
/// sandboxed WASM component, or a native library.
#[derive(Debug, Parser)]
#[command(
    name = "trainyard",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Start here:
  trainyard train configs/austen.toml          train a small GPT and watch it learn English
  trainyard generate runs/austen --prompt 'It is a truth'
  trainyard plugin inspect target/plugins/focal.wasm

Exit codes: 0 done, 2 the command line or the config is wrong, 3 a plugin is at fault, 1 the rest;
130 and 143 after Ctrl-C and SIGTERM, which let train finish its step and save it."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Say more on stderr: what plugins log; twice for their debug messages too
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Prepare(PrepareArgs),
    Train(TrainArgs),
    Eval(EvalArgs),
    Generate(GenerateArgs),
    Filter(FilterArgs),
    #[command(subcommand)]
    Tokenizer(TokenizerCommand),
    #[command(subcommand)]
    Data(DataCommand),
    #[command(subcommand)]
    Plugin(PluginCommand),
    #[command(subcommand)]
    Bench(BenchCommand),
    Drill(DrillArgs),
    /// What `isolation = "process"` runs a plugin in; only for trainyard itself
    #[command(hide = true)]
    PluginWorker,
}

/// Prepare the data of a config: read, filter, split, tokenize
///
/// Finished work goes to the store (`runs/store`, or data.store): a preparation that was killed goes on where it was,
/// an unchanged stage is not run again, and `train` finds what was prepared.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard prepare configs/austen.toml
  trainyard prepare configs/austen.toml --set data.filter.0.config.min_words=100
  trainyard prepare big.toml --part 2/4      one of four machines with a common store, or stores copied together
                                             afterwards; then once without --part")]
pub struct PrepareArgs {
    /// The config, a TOML file
    pub config: PathBuf,
    /// Change a setting of the config; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Filter only the I-th of N parts of the files
    #[arg(long, value_name = "I/N", value_parser = part)]
    pub part: Option<(usize, usize)>,
    /// Print the report as one JSON object on stdout
    #[arg(long, conflicts_with = "part")]
    pub json: bool,
}

fn part(text: &str) -> Result<(usize, usize), String> {
    let numbers = text.split_once('/').and_then(|(part, n)| Some((part.parse().ok()?, n.parse().ok()?)));
    let is_part = |(part, n_parts): &(usize, usize)| (1..=*n_parts).contains(part);
    numbers.filter(is_part).ok_or_else(|| "expected a part of several, such as 2/4".into())
}

/// Train a model as a config says
///
/// Reads the corpus, filters it, trains the tokenizer if it has no model yet, then the model. Everything goes to
/// `runs/<name>/`: the resolved config, plugins.lock, metrics.jsonl and checkpoints. A folder that holds anything else
/// is refused, and one process at a time trains in it.
///
/// Ctrl-C and SIGTERM finish the step, save it and say how to resume; a second one ends at once.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("continued").args(["resume", "resume_or_start", "from"]).multiple(true)))]
#[command(after_help = "\
Examples:
  trainyard train configs/austen.toml
  trainyard train configs/austen.toml --set train.steps=200 --set loss.plugin=focal
  trainyard train configs/austen.toml --set data.filter.0.config.min_words=50
  trainyard train configs/austen.toml --resume          continue after Ctrl-C, a crash or a kill
  trainyard train configs/austen.toml --from step-400 --allow-changed optimizer --set optimizer.lr=1e-4
                                                        go back, with another setting

A setting is written as in the config, with dots between the parts and numbers into lists. The
value is TOML; a word needs no quotes. A relative path starts at the current folder here, and at
the config's folder in the config.")]
pub struct TrainArgs {
    /// The config, a TOML file
    pub config: PathBuf,
    /// Change a setting of the config; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Continue from the last checkpoint of the run; refused when there is no run, or when what it depends on has changed
    #[arg(long)]
    pub resume: bool,
    /// As --resume where there is a run; start one where there is none
    #[arg(long, conflicts_with = "resume")]
    pub resume_or_start: bool,
    /// Resume from this checkpoint instead of the last one; later ones are removed when the run has saved a new one.
    /// replay-N repeats a step that failed
    #[arg(long, value_name = "step-N")]
    pub from: Option<String>,
    /// Resume although this part of the config has changed, such as loss, data or optimizer.lr; may be given several
    /// times. The change is recorded in the checkpoints; where it decides the tokens, the data are prepared again
    #[arg(long, value_name = "PART", requires = "continued")]
    pub allow_changed: Vec<String>,
    /// Replace a run of the same name, once the new one has saved its first checkpoint
    #[arg(long, conflicts_with = "continued")]
    pub overwrite: bool,
    /// Print the summary as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// What `eval` and `generate` have in common.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// A checkpoint of the run: step-N, best or last. Without it the run's model, which its summary reports: the best
    /// one of a run with train.patience, the last one of any other
    #[arg(long, value_name = "CHECKPOINT")]
    pub checkpoint: Option<String>,
    /// Change a setting of the run's config, such as train.device=cpu; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Go ahead although this plugin is not the one that the run was trained with: tokenizer, loss or metric; the
    /// result says so
    #[arg(long, value_name = "PART")]
    pub allow_changed: Vec<String>,
}

impl OpenArgs {
    /// As the library takes it.
    pub fn options(&self) -> OpenOptions {
        let Self { checkpoint, set, allow_changed } = self;
        OpenOptions { checkpoint: checkpoint.clone(), set: set.clone(), allow_changed: allow_changed.clone() }
    }
}

/// Evaluate a checkpoint on the held-out text of its run, or on any text
///
/// Measures the run's model: with train.patience the checkpoint of the best validation, otherwise the last one. The run
/// may have been moved: its plugins are found by their digests, where they were, beside the run or in its folder
/// `plugins`. With another loss, metric or tokenizer than it was trained with it is not evaluated.
///
/// The run's own text is measured as its data were prepared. The text of --data is measured as it is: the run's
/// tokenizer sees it, its filters do not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard eval runs/austen
  trainyard eval runs/austen --data other.txt        the same text for runs with other filters
  trainyard eval runs/austen --checkpoint step-400 --json
  trainyard eval runs/austen --set loss.plugin=focal --allow-changed loss")]
pub struct EvalArgs {
    /// The run's folder
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
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Write text with a trained model
///
/// The text goes to stdout. What is not given here is as in the run's [sample] section.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard generate runs/austen --prompt 'It is a truth'
  trainyard generate runs/austen --prompt 'Dear Sir,' --tokens 400 --temperature 0.7 --seed 7
  trainyard generate runs/austen --prompt Emma --temperature 0          always the likeliest token")]
pub struct GenerateArgs {
    /// The run's folder
    pub run: PathBuf,
    /// What the text begins with
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Tokens to write
    #[arg(long, value_name = "N")]
    pub tokens: Option<usize>,
    /// Divides the logits: below 1 is safer, above 1 wilder, 0 takes the likeliest token
    #[arg(long, value_name = "T", value_parser = temperature)]
    pub temperature: Option<f64>,
    /// Take from the K likeliest tokens; 0 from all
    #[arg(long, value_name = "K")]
    pub top_k: Option<usize>,
    /// Take from the smallest set of tokens with this probability; 1 from all
    #[arg(long, value_name = "P", value_parser = probability)]
    pub top_p: Option<f64>,
    /// The same seed writes the same text
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub open: OpenArgs,
}

impl GenerateArgs {
    /// `config` with what the command line says.
    pub fn apply(&self, config: SampleConfig) -> SampleConfig {
        SampleConfig {
            prompt: self.prompt.clone().unwrap_or(config.prompt),
            tokens: self.tokens.unwrap_or(config.tokens),
            temperature: self.temperature.unwrap_or(config.temperature),
            top_k: self.top_k.unwrap_or(config.top_k),
            top_p: self.top_p.unwrap_or(config.top_p),
            seed: self.seed.unwrap_or(config.seed),
        }
    }
}

/// A plugin and its settings, where there is no config.
#[derive(Debug, Args)]
pub struct PluginArgs {
    /// A built-in's name, or a file: .wasm, .so, .dylib or .dll
    #[arg(long, value_name = "P")]
    pub plugin: String,
    /// The plugin's settings: a TOML file, or TOML itself, such as 'min_words = 5'
    #[arg(long, value_name = "TOML")]
    pub config: Option<String>,
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// Consent to run native code.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// Let a native library run in this process, with all your rights
    #[arg(long, value_name = "native")]
    pub trust: Option<Trust>,
}

/// What may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Trust {
    /// Native libraries
    Native,
}

/// Judge documents with a filter plugin, one verdict per line
///
/// Reads JSON lines on stdin, {"text": "...", "id": ...}, as `prepare` reads those of a file; the id may be any value,
/// and is the number of the line if there is none. Writes one JSON line per document, in the same order: id, keep,
/// reason, score, text if it was rewritten, spans (pairs of byte offsets) if there are any.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard filter --plugin gopher-quality < in.jsonl > verdicts.jsonl
  trainyard filter --plugin length --config 'min_words = 50' < in.jsonl | grep '\"keep\":false'
  trainyard filter --plugin target/plugins/length.wasm --config length.toml < in.jsonl")]
pub struct FilterArgs {
    #[command(flatten)]
    pub plugin: PluginArgs,
    /// What to do with a line that holds no document: stop, or leave it out and say so at the end
    #[arg(long, value_enum, default_value = "error")]
    pub invalid_lines: LinePolicy,
    /// What to do with text that is no Unicode: stop, replace what is invalid by U+FFFD, or leave the line out
    #[arg(long, value_enum, default_value = "error")]
    pub invalid_utf8: Utf8Policy,
}

/// `--invalid-lines`, as `data.source.invalid_lines`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LinePolicy {
    Error,
    Skip,
}

/// `--invalid-utf8`, as `data.source.invalid_utf8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Utf8Policy {
    Error,
    Replace,
    Drop,
}

impl FilterArgs {
    /// How the lines are read.
    pub fn source(&self) -> SourceConfig {
        let mut source = SourceConfig::new("stdin");
        source.invalid_lines = match self.invalid_lines {
            LinePolicy::Error => InvalidLines::Error,
            LinePolicy::Skip => InvalidLines::Skip,
        };
        source.invalid_utf8 = match self.invalid_utf8 {
            Utf8Policy::Error => InvalidUtf8::Error,
            Utf8Policy::Replace => InvalidUtf8::Replace,
            Utf8Policy::Drop => InvalidUtf8::Drop,
        };
        source
    }
}

/// Train and try tokenizers
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
        /// Where the model goes
        #[arg(long, value_name = "MODEL")]
        out: PathBuf,
        /// The text
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Text on stdin to token ids on stdout, separated by spaces
    Encode {
        #[command(flatten)]
        args: TokenizerArgs,
        /// Write a line per token instead: its id and what it stands for
        #[arg(long)]
        show: bool,
    },
    /// Token ids on stdin, separated by white space, to text on stdout
    Decode(TokenizerArgs),
    /// What a model is made of, and how well it writes the text of files
    Inspect {
        #[command(flatten)]
        args: TokenizerArgs,
        /// Text that the model has not seen: bytes and characters per token, tokens in use, a sample
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

fn temperature(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number, 0 or more")?;
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err("expected a number, 0 or more".into()) }
}

fn probability(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number, above 0 to 1")?;
    if value > 0.0 && value <= 1.0 { Ok(value) } else { Err("expected a number, above 0 to 1".into()) }
}
