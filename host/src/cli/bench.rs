//! `trainyard bench`: what a step, a loss, a plugin or several ranks cost on this machine.

use super::numbers::above_zero;
use super::output::{Outcome, print};
use super::overrides::Overrides;
use super::ranks::join;
use super::settings::{TrustArgs, plugin_config};
use clap::{Args, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use trainyard::Result;
use trainyard::bench::{self, LossOptions, PluginOptions, RanksOptions, StepOptions};
use trainyard::ops::Precision;
use trainyard::plugin::PluginConfig;
use trainyard::run::RunConfig;

/// Measure what training and plugins cost on this machine
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  trainyard bench step configs/austen.toml
  trainyard bench step configs/austen.toml --vocab 50257 --json
  trainyard bench loss --plugin focal --plugin target/plugins/focal.wasm
  trainyard bench plugin gopher-quality target/plugins/gopher-quality.wasm")]
pub enum BenchCommand {
    Step(BenchStepArgs),
    Loss(BenchLossArgs),
    Plugin(BenchPluginArgs),
    Ranks(BenchRanksArgs),
}

/// Time steps of several ranks and the network between them, and predict those of more
///
/// Started by a launcher such as mpirun, it times a rank's share of a step alone, sums over the network, and steps of
/// all ranks together as the config says. The prediction takes a message for latency + bytes / bandwidth and sends
/// nothing while a rank computes; each rank has as many tokens a step as here.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mpirun -n 4 trainyard bench ranks config.toml --vocab 50257
  mpirun -n 4 trainyard bench ranks config.toml --vocab 50257 --set ranks.strategy=zero-1 --ranks 8,64,1024
  trainyard bench ranks config.toml --vocab 50257 --latency-us 30 --gbit 10     for a network that is not here")]
pub struct BenchRanksArgs {
    /// The config, a TOML file
    pub config: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Tokens of the vocabulary, which are drawn at random; no data are read
    #[arg(long, value_name = "N", default_value_t = 8192)]
    pub vocab: usize,
    /// Steps to time
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub steps: u64,
    /// Predict for a network of this latency, in microseconds a message
    #[arg(long, value_name = "US", value_parser = above_zero)]
    pub latency_us: Option<f64>,
    /// Predict for a network of this bandwidth, in Gbit/s in each direction
    #[arg(long, value_name = "GBIT", value_parser = above_zero)]
    pub gbit: Option<f64>,
    /// Numbers of ranks to predict
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', default_value = "8,32,128,1024")]
    pub ranks: Vec<NonZeroUsize>,
    /// Steps between two meetings in the predictions, where ranks train alone
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub local_steps: u64,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Time the overhead of plugins: loading, instances, calls, and text passing through them
///
/// The plugins take turns. Each is compared with the first of its name: give the built-in first, then its other forms.
/// What is WASM is timed twice, with and without a deadline of its calls.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard bench plugin
  trainyard bench plugin gopher-quality target/plugins/libgopher-quality.so target/plugins/gopher-quality.wasm \\
      --trust native
  trainyard bench plugin bpe target/plugins/bpe.wasm --config 'vocab_size = 1000' --rounds 3 --json")]
pub struct BenchPluginArgs {
    /// A built-in's name, or a file: .wasm, .so, .dylib or .dll
    #[arg(value_name = "FILE|BUILTIN", default_value = "gopher-quality")]
    pub plugin: Vec<String>,
    /// The settings of all of them: a TOML file, or TOML itself, such as 'min_words = 50'
    #[arg(long, value_name = "TOML")]
    pub config: Option<String>,
    #[command(flatten)]
    pub trust: TrustArgs,
    /// The text that passes through them: one file, plain, .gz or .zst
    #[arg(long, value_name = "FILE", default_value = "corpus/austen.txt.zst")]
    pub text: PathBuf,
    /// Measurements of each number
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub rounds: u64,
    /// Threads, each with an instance of its own; 0 takes all cores
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Time each file once more with every instance in a process of its own
    #[arg(long)]
    pub isolated: bool,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Time losses on random hidden states, alternating with the matrix products that every loss needs
///
/// The ratio of both is what a loss costs on top of its products. Every form of a plugin costs the same: the host runs
/// what it describes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard bench loss
  trainyard bench loss --plugin focal --config 'gamma = 1.5' --vocab 50257 --precision bf16
  trainyard bench loss --plugin cross-entropy --plugin focal --plugin target/plugins/focal.wasm --json")]
pub struct BenchLossArgs {
    /// A built-in's name, or a file: .wasm, .so, .dylib or .dll; may be given several times
    #[arg(long, value_name = "P", default_value = "cross-entropy")]
    pub plugin: Vec<String>,
    /// The settings of all of them: a TOML file, or TOML itself, such as 'gamma = 1.5'
    #[arg(long, value_name = "TOML")]
    pub config: Option<String>,
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Predicted tokens
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub rows: usize,
    /// Size of a hidden state
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub width: usize,
    /// Tokens in the vocabulary
    #[arg(long, value_name = "N", default_value_t = 8192)]
    pub vocab: usize,
    /// Skip the gradients
    #[arg(long)]
    pub forward_only: bool,
    /// Numbers to compute with
    #[arg(long, value_enum, default_value = "f32")]
    pub precision: PrecisionArg,
    /// Measurements of each loss
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub rounds: u64,
    /// Threads; 0 takes all cores
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// As in a config's `train.precision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// 32 bits
    F32,
    /// Products of bfloat16, sums and all else in 32 bits
    Bf16,
    /// 64 bits
    F64,
}

/// Time whole optimizer steps of a config's model: forward, loss, backward, update
///
/// Shows the time of a step and its spread, tokens per second, the share of what a matrix product reaches here, the
/// cores that were busy, memory, and where the time goes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard bench step configs/austen.toml                        on the config's own data
  trainyard bench step configs/austen.toml --vocab 50257          on random tokens; reads no data
  trainyard bench step configs/austen.toml --vocab 65 --set train.precision=bf16 --set train.threads=1")]
pub struct BenchStepArgs {
    /// The config, a TOML file
    pub config: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Use random tokens of a vocabulary of this size instead of the config's data
    #[arg(long, value_name = "N")]
    pub vocab: Option<usize>,
    /// Steps to time
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub steps: u64,
    /// Untimed steps before them, in which memory is allocated
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub warmup: u64,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

pub fn run(command: &BenchCommand) -> Outcome {
    match command {
        BenchCommand::Step(args) => {
            let config = RunConfig::load(&args.config, &args.overrides.list())?;
            let options = StepOptions { vocab: args.vocab, steps: args.steps, warmup: args.warmup, quiet: false };
            print(&bench::step(&config, &options)?, args.json)
        }
        BenchCommand::Loss(args) => print(&bench::loss(&args.plugins()?, &args.options())?, args.json),
        BenchCommand::Plugin(args) => print(&bench::plugin(&args.plugins()?, &args.options())?, args.json),
        BenchCommand::Ranks(args) => ranks(args),
    }
}

fn ranks(args: &BenchRanksArgs) -> Outcome {
    let mut config = RunConfig::load(&args.config, &args.overrides.list())?;
    let group = join(&mut config)?;
    let options = RanksOptions {
        vocab: args.vocab,
        steps: args.steps,
        network: (args.latency_us.map(|us| us * 1e-6), args.gbit.map(|gbit| gbit * 1e9 / 8.0)),
        ranks: args.ranks.iter().map(|ranks| ranks.get()).collect(),
        local_steps: args.local_steps,
    };
    let found = bench::ranks(&config, &options, group.as_ref())?;
    group.map_or(Ok(()), |group| group.finish())?;
    found.map_or(Ok(()), |found| print(&found, args.json))
}

impl BenchPluginArgs {
    fn plugins(&self) -> Result<Vec<PluginConfig>> {
        self.plugin.iter().map(|plugin| plugin_config(plugin, self.config.as_deref(), &self.trust)).collect()
    }

    fn options(&self) -> PluginOptions {
        PluginOptions { text: self.text.clone(), rounds: self.rounds, threads: self.threads, isolated: self.isolated }
    }
}

impl BenchLossArgs {
    fn plugins(&self) -> Result<Vec<PluginConfig>> {
        self.plugin.iter().map(|plugin| plugin_config(plugin, self.config.as_deref(), &self.trust)).collect()
    }

    fn options(&self) -> LossOptions {
        LossOptions {
            rows: self.rows,
            width: self.width,
            vocab: self.vocab,
            backward: !self.forward_only,
            precision: match self.precision {
                PrecisionArg::F32 => Precision::F32,
                PrecisionArg::Bf16 => Precision::Bf16,
                PrecisionArg::F64 => Precision::F64,
            },
            rounds: self.rounds,
            threads: self.threads,
        }
    }
}
