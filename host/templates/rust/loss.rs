//! Loss `{{name}}`: cross-entropy with less weight on tokens that are already probable (focal loss, Lin et al. 2017).

use trainyard_plugin::{Builder, Create, Graph, Loss, PluginError, Result, config, export};

config! {
    /// Settings of `{{name}}`.
    pub struct Settings {
        /// focusing exponent, 0 or more; 0 is plain cross-entropy
        gamma: f64 = 2.0,
    }
}

/// The loss.
pub struct Plugin(Settings);

impl Create for Plugin {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        if !(settings.gamma.is_finite() && settings.gamma >= 0.0) {
            return Err(PluginError::config(format!("gamma: expected 0 or more, got {}", settings.gamma)));
        }
        Ok(Self(settings))
    }
}

impl Loss for Plugin {
    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        let logp = g.logits().log_softmax().gather(g.target()); // [row]
        // 1 - p, exact near p = 1; with a floor, because powers of less than 1 are steep at 0
        let miss = (-logp.expm1()).clamp(1e-12, 1.0);
        g.log_mean("cross_entropy", -logp);
        Ok(g.mean(-(miss.powf(self.0.gamma) * logp)))
    }
}

export!(loss "{{name}}" = Plugin);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::graph::check;

    #[test]
    fn graph_is_well_typed() {
        let graph = Plugin::create(Settings { gamma: 2.0 }).unwrap().describe().unwrap();
        check(&graph).unwrap();
        assert_eq!(graph.outputs[0].name, "loss");
    }

    #[test]
    fn negative_exponents_are_refused() {
        let error = Plugin::create(Settings { gamma: -1.0 }).err().unwrap();
        assert_eq!(error.message, "gamma: expected 0 or more, got -1");
    }
}
