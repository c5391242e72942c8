//! How the tokens of a text are chosen.

use clap::Args;
use trainyard::run::SampleConfig;

/// Options of `generate` and `chat`; those that are not given are as the run's `[sample]` says.
#[derive(Debug, Args)]
pub struct SamplingArgs {
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
}

impl SamplingArgs {
    /// Applies the command line to `config`.
    pub fn apply(&self, config: SampleConfig) -> SampleConfig {
        SampleConfig {
            temperature: self.temperature.unwrap_or(config.temperature),
            top_k: self.top_k.unwrap_or(config.top_k),
            top_p: self.top_p.unwrap_or(config.top_p),
            seed: self.seed.unwrap_or(config.seed),
            ..config
        }
    }
}

fn temperature(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number, 0 or more")?;
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err("expected a number, 0 or more".into()) }
}

fn probability(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number, above 0 to 1")?;
    if value > 0.0 && value <= 1.0 { Ok(value) } else { Err("expected a number, above 0 to 1".into()) }
}
