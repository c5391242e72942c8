//! Metric `bits-per-byte`: how many bits the model needs for one byte of text. Lower is better.
//!
//! ```text
//! value = sum over rows of  weight [bytes > 0] (-log2 softmax(logits)[target])
//!       / sum over rows of  weight bytes                 bytes = length of the target token in bytes
//! ```
//! Unlike a loss per token, it does not depend on the tokenizer, and it can be compared with what a compressor achieves
//! on the same text. It is the measure of the Pile (Gao et al. 2020, arXiv 2101.00027, section 3.1). Special tokens
//! have no bytes: neither they nor their bits count, as in nanochat's `evaluate_bpb`. No settings.

use std::f64::consts::LN_2;
use trainyard_plugin::{Builder, Create, Graph, Metric, MetricInfo, NoConfig, Result};

/// The metric.
pub struct BitsPerByte;

impl Create for BitsPerByte {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Metric for BitsPerByte {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::lower_is_better("bits/byte"))
    }

    fn describe(&self) -> Result<Graph> {
        let g = Builder::new();
        let (weight, bytes) = (g.weight(), g.target_bytes()); // [row]
        let nats = -g.logits().log_softmax().gather(g.target()); // [row]
        let has_bytes = g.constant(0.0).less(bytes); // [row]
        Ok(g.ratio((nats * has_bytes * weight).sum_rows() / LN_2, (bytes * weight).sum_rows()))
    }
}

trainyard_plugin::export!(metric "bits-per-byte" = BitsPerByte);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::graph::check;

    #[test]
    fn graph_is_well_typed() {
        check(&BitsPerByte.describe().unwrap()).unwrap();
    }
}
