//! Metric `token-accuracy`: the share of tokens that the model ranks first. Higher is better.
//!
//! ```text
//! value = mean over rows of  [argmax_v logits[v] = target]
//! ```
//!
//! Of several equal logits the first counts as the largest. Rows are weighted by the batch's mask. No settings.

use trainyard_plugin::{Builder, Create, Graph, Metric, MetricInfo, NoConfig, Result};

/// The metric.
pub struct TokenAccuracy;

impl Create for TokenAccuracy {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Metric for TokenAccuracy {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::higher_is_better(""))
    }

    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        let is_hit = g.logits().argmax().index_equal(g.target()); // [row]
        Ok(g.mean(is_hit))
    }
}

trainyard_plugin::export!(metric "token-accuracy" = TokenAccuracy);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::graph::check;

    #[test]
    fn graph_is_well_typed() {
        check(&TokenAccuracy.describe().unwrap()).unwrap();
    }
}
