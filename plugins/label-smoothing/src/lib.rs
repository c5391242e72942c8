//! Loss `label-smoothing`: cross-entropy against a target that keeps some mass for every other token.
//!
//! ```text
//! q[v] = (1 - s) [v = target] + s / V          s = smoothing, V = vocabulary size
//! loss = mean over rows of  -sum_v q[v] ln softmax(logits)[v]
//!      = mean over rows of  -(1 - s) ln p[target] - s mean_v ln p[v]
//! ```
//! Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7 (arXiv 1512.00567), in
//! the form of PyTorch's `cross_entropy(label_smoothing=s)`: the target token itself also gets its share s / V.
//! The plain `cross_entropy` is logged too, because the smoothed loss is not comparable between settings.

use trainyard_plugin::{Builder, Create, Graph, Loss, PluginError, Result, config};

config! {
    /// Settings of `label-smoothing`.
    pub struct Settings {
        /// share of the target mass spread evenly over the vocabulary, at least 0 and below 1; 0 is plain cross-entropy
        smoothing: f64 = 0.1,
    }
}

/// The loss.
pub struct LabelSmoothing(Settings);

impl Create for LabelSmoothing {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        if !(0.0..1.0).contains(&settings.smoothing) {
            let message = format!("smoothing: expected at least 0 and below 1, got {}", settings.smoothing);
            return Err(PluginError::config(message));
        }
        Ok(Self(settings))
    }
}

impl Loss for LabelSmoothing {
    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        let s = self.0.smoothing;
        let logp = g.logits().log_softmax(); // [row, vocab]
        let target_logp = logp.gather(g.target()); // [row]
        g.log_mean("cross_entropy", -target_logp);
        Ok(g.mean(-(target_logp * (1.0 - s) + logp.mean_vocab() * s)))
    }
}

trainyard_plugin::export!(loss "label-smoothing" = LabelSmoothing);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::{ErrorKind, graph::check};

    #[test]
    fn graph_is_well_typed() {
        let graph = LabelSmoothing::create(Settings::default()).unwrap().describe().unwrap();
        check(&graph).unwrap();
        assert_eq!(graph.outputs[1].name, "cross_entropy");
    }

    #[test]
    fn smoothing_out_of_range() {
        for smoothing in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
            let error = LabelSmoothing::create(Settings { smoothing }).err().unwrap();
            assert_eq!(error.kind, ErrorKind::Config);
            assert_eq!(error.message, format!("smoothing: expected at least 0 and below 1, got {smoothing}"));
        }
    }
}
