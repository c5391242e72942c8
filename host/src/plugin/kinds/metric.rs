//! Metrics over predicted tokens.

use super::{Entry, Instance, example, metrics, not_of, template};
use crate::plugin::Plugin;
use crate::plugin::call::{Answer, Call, Function};
use crate::plugin::seat::Seat;
use trainyard_plugin::{Graph, Kind, Metric, MetricInfo, Result};

pub const ENTRY: Entry = Entry {
    frozen_in: Some((0, 1)),
    section: "[[metric]]",
    functions: &[Function::Info, Function::Describe],
    abilities: &[],
    restore: None,
    skip: None,
    checks: metrics::checks,
    example: example!(
        "metric",
        "Share of tokens with at least a given probability",
        settings template!("settings/metric.toml")
    ),
};

impl Plugin {
    /// A new metric with the config's settings.
    ///
    /// # Errors
    /// Settings that it refuses, and a plugin of another kind.
    pub fn metric(&self) -> crate::Result<Box<dyn Metric>> {
        Ok(self.instance_of(Kind::Metric)?)
    }
}

impl Metric for Instance {
    fn info(&self) -> Result<MetricInfo> {
        self.ask(Call::Info)
    }

    fn describe(&self) -> Result<Graph> {
        self.ask(Call::Describe)
    }
}

impl Seat for Box<dyn Metric> {
    fn call(&mut self, call: Call<'_>) -> Result<Answer> {
        match call {
            Call::Info => self.info().map(Answer::from),
            Call::Describe => self.describe().map(Answer::from),
            other => Err(not_of(other, Kind::Metric)),
        }
    }
}
