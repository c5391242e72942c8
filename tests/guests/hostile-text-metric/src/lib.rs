//! A metric over texts that misbehaves in one function, as its setting says.

use trainyard_misbehave::{info, misbehave};
use trainyard_plugin::{Create, MetricInfo, PluginError, Result, TextMetric, TextPair, config, export};

config! {
    /// Settings of `hostile-text-metric`.
    pub struct Settings {
        /// what goes wrong, and in which function
        behaviour: String = "nothing",
    }
}

/// The metric: how many texts there were.
pub struct Hostile {
    behaviour: String,
    counted: u64,
}

impl Create for Hostile {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        misbehave(&settings.behaviour, "create")?;
        Ok(Self { behaviour: settings.behaviour, counted: 0 })
    }
}

impl TextMetric for Hostile {
    fn info(&self) -> Result<MetricInfo> {
        misbehave(&self.behaviour, "info")?;
        Ok(info(&self.behaviour))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        misbehave(&self.behaviour, "update")?;
        self.counted += pairs.len() as u64;
        Ok(())
    }

    fn state(&self) -> Result<Vec<u8>> {
        misbehave(&self.behaviour, "state")?;
        Ok(match self.behaviour.as_str() {
            "state-is-lost" => 0u64.to_le_bytes().to_vec(),
            _ => self.counted.to_le_bytes().to_vec(),
        })
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        misbehave(&self.behaviour, "merge")?;
        match state.try_into() {
            Ok(bytes) => self.counted += u64::from_le_bytes(bytes),
            Err(_) => return Err(PluginError::input(format!("expected a state of 8 bytes, got {}", state.len()))),
        }
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        misbehave(&self.behaviour, "value")?;
        Ok(match self.behaviour.as_str() {
            "infinity" => f64::INFINITY,
            "nan" => f64::NAN,
            _ => self.counted as f64,
        })
    }
}

export!(text_metric "hostile-text-metric" = Hostile);
