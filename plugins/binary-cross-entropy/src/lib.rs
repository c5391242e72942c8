//! Loss `binary-cross-entropy`: whether a document has each of several labels, in nats per label.
//!
//! ```text
//! loss = mean over rows of  mean over labels of  ln(1 + e^z) - y z
//! ```
//! z are the logits, y the targets: 1 for a label that the document has, 0 for another. It is PyTorch's
//! `BCEWithLogitsLoss`. No settings.

use trainyard_plugin::{Builder, Create, Graph, Loss, NoConfig, Result};

/// The loss.
pub struct BinaryCrossEntropy;

impl Create for BinaryCrossEntropy {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Loss for BinaryCrossEntropy {
    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        let (z, y) = (g.logits(), g.targets()); // [row, labels]
        Ok(g.mean((z.softplus() - y * z).mean_vocab()))
    }
}

trainyard_plugin::export!(loss "binary-cross-entropy" = BinaryCrossEntropy);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::graph::check;

    #[test]
    fn graph_is_well_typed() {
        let graph = BinaryCrossEntropy.describe().unwrap();
        check(&graph).unwrap();
        assert_eq!(graph.outputs.len(), 1);
    }
}
