//! `[model]` of a run's config.

use crate::config::Section;
use crate::ops::attention::{Shape, Span};
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

impl ModelConfig {
    /// The attention of sequences of `length`.
    pub(super) fn attention(&self, length: usize) -> Shape {
        let (heads, head_width) = (self.heads, self.width / self.heads);
        Shape { length, heads, kv_heads: heads, head_width, span: Span::Causal }
    }

    /// What `[model]` may contain.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let config = Self {
            kind: section.choice("kind", &[("gpt", ModelKind::Gpt)], ModelKind::Gpt),
            layers: section.integer("layers", 1.., 4),
            heads: section.integer("heads", 1.., 4),
            width: section.integer("width", 1.., 256),
            context: section.integer("context", 1.., 256),
            dropout: section.number("dropout", 0.0..1.0, 0.0),
            tied: section.boolean("tied", true),
        };
        if !config.width.is_multiple_of(config.heads) {
            let message = format!("expected a divisor of model.width, which is {}, got {}", config.width, config.heads);
            section.conflict(&["heads", "width"], message);
        }
        config
    }
}
