//! What a forward pass keeps for the backward, and the scratch of both: allocated once, reused every step.

use super::{ModelConfig, Tokens};
use crate::Result;
use crate::ops::attention::Shape;
use candle_core::{DType, Device, Tensor};
use std::cell::OnceCell;

/// Rows = sequences · length, C = width.
pub(super) struct Activations {
    sequences: usize,
    length: usize,
    /// `[rows, C]` before each block, and after the last.
    pub residual: Vec<Tensor>,
    pub blocks: Vec<BlockActivations>,
    /// `[rows, C]`: a residual branch before it is added.
    pub branch: Tensor,
    /// `[rows, C]`: the result.
    pub hidden: Tensor,
    /// `[rows, 2]`
    pub final_stats: Tensor,
    gradients: OnceCell<Gradients>,
}

pub(super) struct BlockActivations {
    pub shape: Shape,
    /// `[rows, C]`
    pub norm_1: Tensor,
    /// `[rows, 2]`
    pub stats_1: Tensor,
    /// `[rows, 3C]`
    pub qkv: Tensor,
    /// `[rows, C]`
    pub attention: Tensor,
    /// `[sequences, heads, length]`
    pub log_sum_exp: Tensor,
    /// `[rows, C]`: the residual stream between attention and network.
    pub middle: Tensor,
    /// `[rows, C]`
    pub norm_2: Tensor,
    /// `[rows, 2]`
    pub stats_2: Tensor,
    /// `[rows, 4C]`
    pub expanded: Tensor,
    /// `[rows, 4C]`
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
    /// `[rows, 3C]`
    pub qkv: Tensor,
    /// `[rows, 4C]`
    pub expanded: Tensor,
}

impl Activations {
    pub fn new(config: &ModelConfig, tokens: &Tokens<'_>, dtype: DType) -> Result<Self> {
        let (rows, width) = (tokens.ids.len(), config.width);
        let tensor = |columns: usize| Result::Ok(Tensor::zeros((rows, columns), dtype, &Device::Cpu)?);
        let shape = config.attention(tokens.length);
        let block = || {
            Result::Ok(BlockActivations {
                shape,
                norm_1: tensor(width)?,
                stats_1: tensor(2)?,
                qkv: tensor(3 * width)?,
                attention: tensor(width)?,
                log_sum_exp: tensor(config.heads)?,
                middle: tensor(width)?,
                norm_2: tensor(width)?,
                stats_2: tensor(2)?,
                expanded: tensor(4 * width)?,
                activated: tensor(4 * width)?,
            })
        };
        Ok(Self {
            sequences: tokens.sequences(),
            length: tokens.length,
            residual: (0..=config.layers).map(|_| tensor(width)).collect::<Result<_>>()?,
            blocks: (0..config.layers).map(|_| block()).collect::<Result<_>>()?,
            branch: tensor(width)?,
            hidden: tensor(width)?,
            final_stats: tensor(2)?,
            gradients: OnceCell::new(),
        })
    }

    pub fn fits(&self, tokens: &Tokens<'_>) -> bool {
        self.sequences == tokens.sequences() && self.length == tokens.length
    }

    /// Made when first asked for: evaluation never needs them.
    pub fn gradients(&self) -> Result<&Gradients> {
        if let Some(gradients) = self.gradients.get() {
            return Ok(gradients);
        }
        let (rows, width) = self.hidden.dims2()?;
        let tensor = |columns: usize| Tensor::zeros((rows, columns), self.hidden.dtype(), &Device::Cpu);
        let gradients = Gradients {
            stream: tensor(width)?,
            branch: tensor(width)?,
            attention: tensor(width)?,
            qkv: tensor(3 * width)?,
            expanded: tensor(4 * width)?,
        };
        Ok(self.gradients.get_or_init(|| gradients))
    }
}
