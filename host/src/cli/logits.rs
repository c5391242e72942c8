//! `trainyard logits`.

use super::output::{Outcome, print};
use super::settings::{TrustArgs, plugin_config};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use trainyard::eval::{LogitsRequest, logits};
use trainyard::ops::Precision;

/// Show what a model computes for given tokens: to compare an import with another program
///
/// Reads the folder of a Hugging Face model, a run, or one of its checkpoints, and prints the logits of one sequence:
/// one row of numbers for each token, or one row for a model that judges whole sequences.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard logits smollm2 --ids 504,3575,282,4649,314
  trainyard logits bert --ids 101,7592,102 --all --json
  trainyard logits t5 --ids 13959,1566,1 --decoder-ids 0 --json
  trainyard logits minilm --ids 101,7592,102 --all --hidden --json

With --json: {\"logits\": [[…], …]}, or {\"hidden\": [[…], …]}. Logits are computed on the CPU.")]
pub struct LogitsArgs {
    /// A folder of a Hugging Face model, a run, or a checkpoint
    pub model: PathBuf,
    /// Ids of the tokens, those that the encoder reads in a model that has one
    #[arg(long, value_name = "N,…", value_delimiter = ',', required = true)]
    pub ids: Vec<u32>,
    /// A row for each token (default: for the last one only)
    #[arg(long)]
    pub all: bool,
    /// The hidden states that the logits are made of, instead of the logits: the embeddings of an encoder
    #[arg(long)]
    pub hidden: bool,
    /// Which part of a pair each token belongs to: 0 or 1 (default: all 0)
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub token_types: Vec<u32>,
    /// 1 for a token, 0 for padding, which no other token sees (default: all 1)
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub mask: Vec<u32>,
    /// Ids of the tokens that the decoder has written, of a model with an encoder (default: the one it begins with)
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub decoder_ids: Vec<u32>,
    /// Numbers to compute with
    #[arg(long, value_enum, default_value_t = Numbers::F32)]
    pub precision: Numbers,
    /// The plugin that reads the folder's config.json (default: the built-in model for it)
    #[arg(long, value_name = "P")]
    pub plugin: Option<String>,
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Numbers that logits are computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Numbers {
    F32,
    F64,
}

pub fn run(args: &LogitsArgs) -> Outcome {
    let LogitsArgs { ids, all, token_types, mask, decoder_ids, .. } = args;
    let plugin = args.plugin.as_deref().map(|plugin| plugin_config(plugin, None, &args.trust)).transpose()?;
    let precision = match args.precision {
        Numbers::F32 => Precision::F32,
        Numbers::F64 => Precision::F64,
    };
    let request = LogitsRequest { ids, token_types, mask, decoder_ids, all: *all, hidden: args.hidden, precision };
    print(&logits(&args.model, plugin.as_ref(), &request)?, args.json)
}
