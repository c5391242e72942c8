//! Metric `{{name}}`: the share of tokens that the model gives at least a probability of `threshold`.

use trainyard_plugin::{Builder, Create, Graph, Metric, MetricInfo, PluginError, Result, config, export};

config! {
    /// Settings of `{{name}}`.
    pub struct Settings {
        /// minimum probability of the right token, 0 to 1
        threshold: f64 = 0.5,
    }
}

/// The metric.
pub struct Plugin(Settings);

impl Create for Plugin {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        if !(0.0..=1.0).contains(&settings.threshold) {
            return Err(PluginError::config(format!("threshold: expected 0 to 1, got {}", settings.threshold)));
        }
        Ok(Self(settings))
    }
}

impl Metric for Plugin {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::higher_is_better(""))
    }

    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        let p = g.logits().log_softmax().gather(g.target()).exp(); // [row]
        Ok(g.mean(g.constant(self.0.threshold).less_equal(p)))
    }
}

export!(metric "{{name}}" = Plugin);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::graph::check;

    #[test]
    fn graph_is_well_typed() {
        check(&Plugin::create(Settings { threshold: 0.5 }).unwrap().describe().unwrap()).unwrap();
    }

    #[test]
    fn thresholds_are_probabilities() {
        let error = Plugin::create(Settings { threshold: 1.5 }).err().unwrap();
        assert_eq!(error.message, "threshold: expected 0 to 1, got 1.5");
    }
}
