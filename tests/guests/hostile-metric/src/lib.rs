//! A metric over tokens that misbehaves in one function, as its setting says.

use trainyard_misbehave::{graph, info, misbehave};
use trainyard_plugin::{Create, Graph, Metric, MetricInfo, Result, config, export};

config! {
    /// Settings of `hostile-metric`.
    pub struct Settings {
        /// what goes wrong, and in which function
        behaviour: String = "nothing",
    }
}

/// The metric.
pub struct Hostile(String);

impl Create for Hostile {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        misbehave(&settings.behaviour, "create")?;
        Ok(Self(settings.behaviour))
    }
}

impl Metric for Hostile {
    fn info(&self) -> Result<MetricInfo> {
        misbehave(&self.0, "info")?;
        Ok(info(&self.0))
    }

    fn describe(&self) -> Result<Graph> {
        misbehave(&self.0, "describe")?;
        Ok(graph(&self.0))
    }
}

export!(metric "hostile-metric" = Hostile);
