//! Loss `squared-error`: the squared distance of a logit from the number that it is to predict.
//!
//! ```text
//! loss = mean over rows of  mean over logits of  (z - y)^2
//! ```
//! z are the logits, y the targets. It is PyTorch's `MSELoss`. No settings.

use trainyard_plugin::{Builder, Create, Graph, Loss, NoConfig, Result};

/// The loss.
pub struct SquaredError;

impl Create for SquaredError {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Loss for SquaredError {
    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        let (z, y) = (g.logits(), g.targets()); // [row, labels]
        Ok(g.mean((z - y).square().mean_vocab()))
    }
}

trainyard_plugin::export!(loss "squared-error" = SquaredError);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::graph::check;

    #[test]
    fn graph_is_well_typed() {
        let graph = SquaredError.describe().unwrap();
        check(&graph).unwrap();
        assert_eq!(graph.outputs.len(), 1);
    }
}
