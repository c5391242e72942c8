//! Loss `cross-entropy`: the negative log-likelihood of the target token, in nats.
//!
//! ```text
//! loss = mean over rows of  -ln softmax(logits)[target]
//! ```
//! This is maximum likelihood for a categorical distribution, the loss of GPT-2 (Radford et al. 2019) and most language
//! models. No settings. Divided by ln 2 and by bytes per token it is the metric `bits-per-byte`.

use trainyard_plugin::{Builder, Create, Graph, Loss, NoConfig, Result};

/// The loss.
pub struct CrossEntropy;

impl Create for CrossEntropy {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Loss for CrossEntropy {
    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        let logp = g.logits().log_softmax().gather(g.target()); // [row]
        Ok(g.mean(-logp))
    }
}

trainyard_plugin::export!(loss "cross-entropy" = CrossEntropy);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::graph::check;

    #[test]
    fn graph_is_well_typed() {
        let graph = CrossEntropy.describe().unwrap();
        check(&graph).unwrap();
        assert_eq!(graph.outputs.len(), 1);
    }
}
