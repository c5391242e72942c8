//! `trainyard bench`: what a step costs on this machine.

use super::args::BenchCommand;
use super::output::{Outcome, print};
use trainyard::bench::{self, StepOptions};
use trainyard::config;

pub fn run(command: &BenchCommand) -> Outcome {
    match command {
        BenchCommand::Step(args) => {
            let config = config::load(&args.config, &args.set)?;
            let options = StepOptions { vocab: args.vocab, steps: args.steps, warmup: args.warmup, quiet: false };
            print(&bench::step(&config, &options)?, args.json)
        }
    }
}
