//! `trainyard plan`: what a run will take, before anything of it runs.

use super::numbers::above_zero;
use super::output::{Outcome, columns, has_coloured_plots, print, write};
use super::overrides::Overrides;
use clap::Args;
use std::path::PathBuf;
use trainyard::bench::{PlanOptions, plan};
use trainyard::experiments::{ReportOptions, Scaling};
use trainyard::report::now;
use trainyard::run::RunConfig;

/// Confidence of the intervals of a scaling law's numbers.
const CONFIDENCE: f64 = 0.95;

/// Predict a run's parameters, memory and time, and propose a model for a budget
///
/// Times some steps of the config's model on random tokens; nothing is prepared, trained or written. With a budget of
/// time, memory or tokens it proposes layers, width, tokens and learning rate by the compute-optimal rule.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard plan configs/austen.toml
  trainyard plan configs/austen.toml --hours 8 --memory 16
  trainyard plan configs/gpt2-124m.toml --set train.batch=4 --json
  trainyard plan --fit runs/sizes --plot                  the scaling law of a sweep's runs")]
pub struct PlanArgs {
    /// The config, a TOML file
    #[arg(required_unless_present = "fit")]
    pub config: Option<PathBuf>,
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
    /// Fit a scaling law to runs instead, or to folders with runs such as a sweep's: the loss by parameters and tokens,
    /// with intervals
    #[arg(long, value_name = "RUN", num_args = 1.., conflicts_with_all = ["config", "hours", "memory", "tokens", "vocab", "seconds"])]
    pub fit: Vec<PathBuf>,
    /// Draw the losses and the law in the terminal
    #[arg(long, requires = "fit", conflicts_with = "json")]
    pub plot: bool,
    /// Write the law and its chart to this HTML file
    #[arg(long, value_name = "FILE", requires = "fit")]
    pub out: Option<PathBuf>,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &PlanArgs) -> Outcome {
    let Some(config) = &args.config else { return fit(args) };
    let config = RunConfig::load(config, &args.overrides.list())?;
    let options = PlanOptions {
        vocab: args.vocab,
        seconds: args.seconds,
        budget: args.hours.map(|hours| 3600.0 * hours),
        memory: args.memory.map(|gibibytes| gibibytes * (1 << 30) as f64),
        tokens: args.tokens,
    };
    print(&plan(&config, &options)?, args.json)
}

/// Fits a scaling law, and shows it.
fn fit(args: &PlanArgs) -> Outcome {
    let scaling = Scaling::of(&args.fit, CONFIDENCE)?;
    if let Some(path) = &args.out {
        scaling.report(&ReportOptions { made: now(), ..ReportOptions::default() }).save(path)?;
    }
    print(&scaling, args.json)?;
    match args.plot {
        true => write(scaling.plot(columns(), has_coloured_plots()).as_bytes()),
        false => Ok(()),
    }
}
