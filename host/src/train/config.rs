//! `[train]` and `[sample]` of a run's config.

use serde::Serialize;

/// `[train]`: the loop.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainConfig {
    /// Optimizer steps.
    pub steps: u64,
    /// Sequences per micro-batch.
    pub batch: usize,
    /// Micro-batches per optimizer step.
    pub accumulate: usize,
    /// Largest global norm of the gradient; 0 does not clip.
    pub clip: f64,
    /// Steps between validations; 0 validates at the end only.
    pub validate_every: u64,
    /// Batches per validation; 0 takes the whole validation split.
    pub validate_batches: usize,
    /// Steps between checkpoints; 0 saves at the end only.
    pub checkpoint_every: u64,
    /// Checkpoints kept; 0 keeps all.
    pub keep_checkpoints: usize,
    /// Validations without improvement before the run stops; 0 never stops early.
    pub patience: u64,
    /// Threads; 0 takes all cores.
    pub threads: usize,
    /// Numbers that parameters and activations are made of.
    pub precision: Precision,
}

/// Numbers that parameters and activations are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 64 bits, to check gradients.
    F64,
}

/// `[sample]`: the text that a run writes at its end, and the defaults of `generate`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleConfig {
    /// What the text begins with.
    pub prompt: String,
    /// Tokens to write.
    pub tokens: usize,
    /// Divides the logits; 0 always takes the likeliest token.
    pub temperature: f64,
    /// Takes from the k likeliest tokens; 0 from all.
    pub top_k: usize,
    /// Takes from the smallest set of tokens with this probability; 1 from all.
    pub top_p: f64,
    /// Seed of the random choice.
    pub seed: u64,
}
