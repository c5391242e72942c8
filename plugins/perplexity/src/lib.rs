//! Metric `perplexity`: the number of equally likely tokens that the model hesitates between. Lower is better.
//!
//! ```text
//! value = exp( sum over rows of  weight (-ln softmax(logits)[target])  /  sum over rows of  weight )
//! ```
//! It is per token, so only models with the same tokenizer can be compared; use `bits-per-byte` for others. It is
//! defined as in Jelinek et al. 1977, and computed as in Hugging Face's guide over windows without overlap. No
//! settings.

use trainyard_plugin::{Builder, Create, EXP_MEAN, Graph, Metric, MetricInfo, NoConfig, Result};

/// The metric.
pub struct Perplexity;

impl Create for Perplexity {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Metric for Perplexity {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::lower_is_better("").aggregation(EXP_MEAN))
    }

    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        Ok(g.mean(-g.logits().log_softmax().gather(g.target())))
    }
}

trainyard_plugin::export!(metric "perplexity" = Perplexity);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::graph::check;

    #[test]
    fn graph_is_well_typed() {
        check(&Perplexity.describe().unwrap()).unwrap();
    }
}
