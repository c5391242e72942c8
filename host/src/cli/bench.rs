//! `trainyard bench`: what a step, a loss or a plugin costs on this machine.

use super::bench_args::{BenchCommand, BenchLossArgs, BenchPluginArgs, PrecisionArg};
use super::output::{Outcome, print};
use super::settings::plugin_config;
use trainyard::Result;
use trainyard::bench::{self, LossOptions, PluginOptions, StepOptions};
use trainyard::ops::Precision;
use trainyard::plugin::PluginConfig;
use trainyard::run::RunConfig;

pub fn run(command: &BenchCommand) -> Outcome {
    match command {
        BenchCommand::Step(args) => {
            let config = RunConfig::load(&args.config, &args.set)?;
            let options = StepOptions { vocab: args.vocab, steps: args.steps, warmup: args.warmup, quiet: false };
            print(&bench::step(&config, &options)?, args.json)
        }
        BenchCommand::Loss(args) => print(&bench::loss(&args.plugins()?, &args.options())?, args.json),
        BenchCommand::Plugin(args) => print(&bench::plugin(&args.plugins()?, &args.options())?, args.json),
    }
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
