//! Loss `z-loss`: cross-entropy that keeps the softmax normaliser Z near one.
//!
//! ```text
//! ln Z = ln sum_v exp(logits[v])
//! loss = mean over rows of  -ln softmax(logits)[target] + weight (ln Z)^2
//! ```
//! Chowdhery et al. 2022, "PaLM" (arXiv 2204.02311), section 5, with its weight of 1e-4: it keeps logits from drifting,
//! which keeps low-precision training stable. Both parts are logged without the weight, as `cross_entropy` and
//! `log_z_squared`.

use trainyard_plugin::{Builder, Create, Graph, Loss, PluginError, Result, config};

config! {
    /// Settings of `z-loss`.
    pub struct Settings {
        /// factor of the squared log-normaliser, 0 or more; 0 is plain cross-entropy
        weight: f64 = 1e-4,
    }
}

/// The loss.
pub struct ZLoss(Settings);

impl Create for ZLoss {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        if !(settings.weight >= 0.0 && settings.weight.is_finite()) {
            return Err(PluginError::config(format!("weight: expected 0 or more, got {}", settings.weight)));
        }
        Ok(Self(settings))
    }
}

impl Loss for ZLoss {
    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        let logits = g.logits(); // [row, vocab]
        let log_z = logits.log_sum_exp(); // [row]
        let cross_entropy = log_z - logits.gather(g.target()); // [row]
        let log_z_squared = log_z.square(); // [row]
        g.log_mean("cross_entropy", cross_entropy);
        g.log_mean("log_z_squared", log_z_squared);
        Ok(g.mean(cross_entropy + log_z_squared * self.0.weight))
    }
}

trainyard_plugin::export!(loss "z-loss" = ZLoss);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::{ErrorKind, graph::check};

    #[test]
    fn graph_is_well_typed() {
        let graph = ZLoss::create(Settings::default()).unwrap().describe().unwrap();
        check(&graph).unwrap();
        let names: Vec<_> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(names, ["loss", "cross_entropy", "log_z_squared"]);
    }

    #[test]
    fn weight_out_of_range() {
        for weight in [-1e-4, f64::NAN, f64::INFINITY] {
            let error = ZLoss::create(Settings { weight }).err().unwrap();
            assert_eq!(error.kind, ErrorKind::Config);
            assert_eq!(error.message, format!("weight: expected 0 or more, got {weight}"));
        }
    }
}
