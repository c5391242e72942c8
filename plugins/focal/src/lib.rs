//! Loss `focal`: cross-entropy with less weight on what the model already predicts well.
//!
//! ```text
//! p    = softmax(logits)[target]
//! loss = mean over rows of  -(1 - p)^gamma ln p
//! ```
//!
//! Lin et al. 2017, "Focal Loss for Dense Object Detection" (arXiv 1708.02002), without its class weight alpha.
//! The plain `cross_entropy` is logged too, because the focal loss is not comparable between settings.

use trainyard_plugin::{Builder, Create, Graph, Loss, PluginError, Result, config};

config! {
    /// Settings of `focal`.
    pub struct Settings {
        /// focusing exponent, 0 or more; 0 is plain cross-entropy
        gamma: f64 = 2.0,
    }
}

/// The floor of 1 - p, below which a row counts as solved. Without it, a gamma below 1 has an infinite slope at p = 1,
/// and a log-probability that rounds to just above 0 gives a negative base, whose power is not a number.
const FLOOR: f64 = 1e-12;

/// The loss.
pub struct Focal(Settings);

impl Create for Focal {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        if !(settings.gamma >= 0.0 && settings.gamma.is_finite()) {
            return Err(PluginError::config(format!("gamma: expected 0 or more, got {}", settings.gamma)));
        }
        Ok(Self(settings))
    }
}

impl Loss for Focal {
    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        let logp = g.logits().log_softmax().gather(g.target()); // [row]
        let miss = (-logp.expm1()).clamp(FLOOR, 1.0); // 1 - p, exact where p is close to 1
        g.log_mean("cross_entropy", -logp);
        Ok(g.mean(-(miss.powf(self.0.gamma) * logp)))
    }
}

trainyard_plugin::export!(loss "focal" = Focal);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::{ErrorKind, graph::check};

    #[test]
    fn graph_is_well_typed() {
        let graph = Focal::create(Settings::default()).unwrap().describe().unwrap();
        check(&graph).unwrap();
        assert!(graph.nodes.iter().any(|node| node.op == "powf" && node.attributes == [2.0]));
    }

    #[test]
    fn gamma_out_of_range() {
        for gamma in [-0.5, f64::NAN, f64::INFINITY] {
            let error = Focal::create(Settings { gamma }).err().unwrap();
            assert_eq!(error.kind, ErrorKind::Config);
            assert_eq!(error.message, format!("gamma: expected 0 or more, got {gamma}"));
        }
    }
}
