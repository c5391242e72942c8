//! What batches of a split are made by.

use super::tasks::{Causal, Task};
use crate::corpus::{DataConfig, Packing, SourceSpan};
use crate::{Error, Result};
use std::sync::Arc;

/// How a loader makes batches of a shard.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Tokens per sequence.
    pub context: usize,
    /// Sequences per batch.
    pub sequences_per_batch: usize,
    /// Decides the order.
    pub seed: u64,
    /// How documents become sequences.
    pub packing: Packing,
    /// What is learnt of them.
    pub task: Arc<dyn Task>,
    /// The sources that are mixed by weight; none takes all documents alike.
    pub sources: Vec<SourceSpan>,
    /// Weights of `sources`, and the first sequence that they hold for; the first phase begins at 0. In one pass over
    /// a source of weight 1, training passes twice over a source of weight 2.
    pub phases: Vec<(u64, Vec<f64>)>,
    /// Shares of `sources`, where they have one that does not follow from weight and size.
    pub shares: Vec<Option<f64>>,
}

impl Recipe {
    /// All documents alike, concatenated; every token is predicted.
    pub fn new(context: usize, sequences_per_batch: usize, seed: u64) -> Self {
        let (sources, phases) = (Vec::new(), Vec::new());
        Self {
            context,
            sequences_per_batch,
            seed,
            packing: Packing::Concatenate,
            task: Arc::new(Causal),
            sources,
            phases,
            shares: Vec::new(),
        }
    }

    /// With the packing, weights and curriculum of `[data]`, for a run of `steps` steps of `sequences_per_step`
    /// sequences; `spans` are the sources in the shard.
    ///
    /// # Errors
    /// Weights, but a shard that does not say where its sources are.
    pub fn with(
        mut self,
        data: &DataConfig,
        spans: &[SourceSpan],
        steps: u64,
        sequences_per_step: u64,
    ) -> Result<Self> {
        self.packing = data.packing;
        if !data.is_mixed() {
            return Ok(self);
        }
        if spans.is_empty() {
            let message = "the prepared data does not say where its sources are";
            return Err(Error::run(format!("data.source.weight: {message}; delete the folder and run again")));
        }
        self.sources = spans.to_vec();
        let find = |name: &str| data.source.iter().find(|source| source.name == name);
        let of_source = |name: &str| find(name).map_or(1.0, |source| source.weight);
        self.shares = spans.iter().map(|span| find(&span.name).and_then(|source| source.share)).collect();
        self.phases = vec![(0, spans.iter().map(|span| of_source(&span.name)).collect())];
        for phase in &data.curriculum {
            let first_step = (phase.from * steps as f64).ceil() as u64;
            let weight = |span: &SourceSpan| phase.weights.get(&span.name).copied();
            let weights = spans.iter().map(|span| weight(span).unwrap_or_else(|| of_source(&span.name))).collect();
            self.phases.push((first_step * sequences_per_step, weights));
        }
        Ok(self)
    }
}
