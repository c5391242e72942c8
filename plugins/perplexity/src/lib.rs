//! Metric `perplexity`: between how many equally likely tokens the model hesitates. Lower is better.
//!
//! ```text
//! value = exp( sum over rows of  weight (-ln softmax(logits)[target])  /  sum over rows of  weight )
//! ```
//!
//! It counts tokens, so that only models with the same tokenizer compare; `bits-per-byte` is for the others. As Jelinek
//! et al. 1977 define it, and as Hugging Face's guide computes it over windows without overlap. No settings.

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
