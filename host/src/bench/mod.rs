//! What training and plugins cost on this machine: time, memory, and where they go.

mod loss;
mod plan;
mod plugin;
mod process;
mod random;
mod ranks;
mod report;
mod step;

pub use loss::{LossOptions, loss};
pub use plan::{Plan, PlanOptions, Proposal, plan};
pub use plugin::{PluginOptions, plugin};
pub use ranks::{Prediction, RanksBench, RanksOptions, ranks};
pub use report::{GroupTime, LossBench, LossTime, PluginBench, PluginTime, Speed, Spread, StepBench};
pub use step::{StepOptions, step};

use crate::loss::Program;
use crate::plugin::Plugin;
use crate::rows::InputSet;
use crate::{Error, Result};

/// What a loss describes, compiled for rows that carry `supplied`.
fn compile(plugin: &Plugin, supplied: InputSet) -> Result<Program> {
    let graph = plugin.loss()?.describe()?;
    Program::compile_for(&[&graph], supplied).map_err(|error| error.context(plugin.culprit()))
}

/// An error for the first of these options that is 0.
fn check_above_zero(options: &[(&str, u64)]) -> Result<()> {
    match options.iter().find(|(_, value)| *value == 0) {
        Some((name, _)) => Err(Error::usage(format!("{name}: expected 1 or more, got 0"))),
        None => Ok(()),
    }
}
