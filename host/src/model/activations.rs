//! What a forward pass keeps for the backward, and the scratch of both: allocated once, reused every step.

use super::config::{Architecture, ModelConfig};
use super::memory::Allocator;
use crate::Result;
use crate::ops::Tensor;
use std::cell::OnceCell;

/// What the tensors depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub sequences: usize,
    /// Positions per sequence.
    pub length: usize,
    /// Whether the blocks share one set of activations.
    pub recompute: bool,
}

/// Rows = sequences · length, C = width. The stream, statistics and log-sum-exp are held as parameters are, all others
/// in the format of activations.
pub(super) struct Activations {
    size: Size,
    /// `[rows, C]` before each block, and after the last.
    pub stream: Vec<Tensor>,
    /// One set per block, or one that all blocks share.
    blocks: Vec<BlockActivations>,
    /// `[rows, C]`: a residual branch before dropout; none when the model has no dropout.
    pub branch: Option<Tensor>,
    /// `[rows, C]`: the result.
    pub hidden: Tensor,
    /// `[rows, 2]` or `[rows, 1]`
    pub final_stats: Tensor,
    gradients: OnceCell<Gradients>,
}

pub(super) struct BlockActivations {
    /// `[rows, C]`
    pub norm_1: Tensor,
    /// `[rows, 2]` of a layer norm, `[rows, 1]` of an RMS norm
    pub stats_1: Tensor,
    /// `[rows, C + 2 · kv_heads · d]`
    pub qkv: Tensor,
    /// `[rows, C]`
    pub attention: Tensor,
    /// `[sequences, heads, length]`
    pub log_sum_exp: Tensor,
    /// `[rows, C]`: the residual stream between attention and network.
    pub middle: Tensor,
    /// `[rows, C]`
    pub norm_2: Tensor,
    /// As `stats_1`
    pub stats_2: Tensor,
    /// `[rows, H]`, or `[rows, 2 H]` for SwiGLU
    pub expanded: Tensor,
    /// `[rows, H]`
    pub activated: Tensor,
}

/// Gradients of activations; one set serves all blocks.
pub(super) struct Gradients {
    /// `[rows, C]`: of the residual stream.
    pub stream: Tensor,
    /// `[rows, C]`
    pub branch: Tensor,
    /// `[rows, C]`
    pub attention: Tensor,
    /// `[rows, C + 2 · kv_heads · d]`
    pub qkv: Tensor,
    /// `[rows, H]`
    pub activated: Tensor,
    /// `[rows, 2 H]`; for GELU, whose backward is in place, the same tensor as `activated`.
    pub expanded: Tensor,
}

impl Activations {
    /// Tensors of zeros for batches of `size`.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn new(config: &ModelConfig, size: Size, allocator: &Allocator) -> Result<Self> {
        let (rows, width) = (size.sequences * size.length, config.width);
        let sets = if size.recompute { 1 } else { config.layers };
        Ok(Self {
            size,
            stream: (0..=config.layers).map(|_| allocator.zeros((rows, width))).collect::<Result<_>>()?,
            blocks: (0..sets).map(|_| BlockActivations::new(config, size, allocator)).collect::<Result<_>>()?,
            branch: if config.dropout > 0.0 { Some(allocator.activations((rows, width))?) } else { None },
            hidden: allocator.activations((rows, width))?,
            final_stats: allocator.zeros((rows, stats(config)))?,
            gradients: OnceCell::new(),
        })
    }

    pub fn fits(&self, size: Size) -> bool {
        self.size == size
    }

    /// Activations of block `layer`.
    pub fn block(&self, layer: usize) -> &BlockActivations {
        &self.blocks[layer % self.blocks.len()]
    }

    /// Whether a later block's forward has written over what block `layer` kept.
    pub fn is_lost(&self, layer: usize) -> bool {
        layer + self.blocks.len() < self.stream.len() - 1
    }

    /// Made when first asked for: evaluation never needs them.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn gradients(&self, config: &ModelConfig, allocator: &Allocator) -> Result<&Gradients> {
        if let Some(gradients) = self.gradients.get() {
            return Ok(gradients);
        }
        let gradients = Gradients::new(config, self.size, allocator)?;
        Ok(self.gradients.get_or_init(|| gradients))
    }
}

impl BlockActivations {
    /// Tensors of zeros for one block.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn new(config: &ModelConfig, size: Size, allocator: &Allocator) -> Result<Self> {
        let (rows, width) = (size.sequences * size.length, config.width);
        let tensor = |columns: usize| allocator.activations((rows, columns));
        Ok(Self {
            norm_1: tensor(width)?,
            stats_1: allocator.zeros((rows, stats(config)))?,
            qkv: tensor(config.qkv_width())?,
            attention: tensor(width)?,
            log_sum_exp: allocator.zeros((size.sequences, config.heads, size.length))?,
            middle: allocator.zeros((rows, width))?,
            norm_2: tensor(width)?,
            stats_2: allocator.zeros((rows, stats(config)))?,
            expanded: tensor(expanded(config))?,
            activated: tensor(config.hidden)?,
        })
    }
}

impl Gradients {
    fn new(config: &ModelConfig, size: Size, allocator: &Allocator) -> Result<Self> {
        let (rows, width) = (size.sequences * size.length, config.width);
        let tensor = |columns: usize| allocator.activations((rows, columns));
        let activated = tensor(config.hidden)?;
        let expanded = match config.architecture {
            Architecture::Gpt { .. } => activated.clone(),
            Architecture::Llama { .. } => tensor(expanded(config))?,
        };
        Ok(Self {
            stream: allocator.zeros((rows, width))?,
            branch: tensor(width)?,
            attention: tensor(width)?,
            qkv: tensor(config.qkv_width())?,
            activated,
            expanded,
        })
    }
}

/// Numbers that a norm keeps per row.
fn stats(config: &ModelConfig) -> usize {
    match config.architecture {
        Architecture::Gpt { .. } => 2,
        Architecture::Llama { .. } => 1,
    }
}

/// Columns of a network before its activation.
fn expanded(config: &ModelConfig) -> usize {
    match config.architecture {
        Architecture::Gpt { .. } => config.hidden,
        Architecture::Llama { .. } => 2 * config.hidden,
    }
}
