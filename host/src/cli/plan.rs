//! `trainyard plan`: what a run will take, before anything of it runs.

use super::numbers::above_zero;
use super::output::{Outcome, print};
use super::overrides::Overrides;
use clap::Args;
use std::path::PathBuf;
use trainyard::bench::{PlanOptions, plan};
use trainyard::run::RunConfig;

/// Predict a run's parameters, memory and time, and propose a model for a budget
///
/// Times some steps of the config's model on random tokens; nothing is prepared, trained or written. With a budget of
/// time, memory or tokens it proposes layers, width, tokens and learning rate by the compute-optimal rule.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard plan configs/austen.toml
  trainyard plan configs/austen.toml --hours 8 --memory 16
  trainyard plan configs/gpt2-124m.toml --set train.batch=4 --json")]
pub struct PlanArgs {
    /// The config, a TOML file
    pub config: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Propose a model that is trained in so many hours on this machine
    #[arg(long, value_name = "H", value_parser = above_zero)]
    pub hours: Option<f64>,
    /// Propose a model whose training takes at most so many GiB
    #[arg(long, value_name = "GIB", value_parser = above_zero)]
    pub memory: Option<f64>,
    /// Propose a model for so many tokens of text
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub tokens: Option<f64>,
    /// Tokens of the vocabulary (default: the tokenizer's)
    #[arg(long, value_name = "N")]
    pub vocab: Option<usize>,
    /// Seconds to measure steps for
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = above_zero)]
    pub seconds: f64,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &PlanArgs) -> Outcome {
    let config = RunConfig::load(&args.config, &args.overrides.list())?;
    let options = PlanOptions {
        vocab: args.vocab,
        seconds: args.seconds,
        budget: args.hours.map(|hours| 3600.0 * hours),
        memory: args.memory.map(|gibibytes| gibibytes * (1 << 30) as f64),
        tokens: args.tokens,
    };
    print(&plan(&config, &options)?, args.json)
}
