//! `[model]` of a run's config.

use serde::Serialize;

/// `[model]`: the shape of the network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelConfig {
    /// The architecture.
    pub kind: ModelKind,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads per block; must divide `width`.
    pub heads: usize,
    /// Size of a token's vector.
    pub width: usize,
    /// Longest sequence, in tokens.
    pub context: usize,
    /// Share of activations set to zero while training, 0 to below 1.
    pub dropout: f64,
    /// Whether the output layer is the token embedding.
    pub tied: bool,
}

/// The architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// GPT-2: learned positions, pre-norm blocks, GELU.
    Gpt,
}
