//! The output layer of a model.

use super::params::Param;
use crate::Result;
use crate::ops::linear::{self, Transform};
use crate::ops::{Engine, Tensor};

/// What makes logits of the last hidden states: soft_cap(scale · (hidden · weightᵀ + bias)). Training never holds the
/// logits of a batch: the loss makes and takes them apart by blocks.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// `[vocab, width]`
    pub weight: &'a Param,
    /// `[vocab]`
    pub bias: Option<&'a Param>,
    /// Factor of the logits; 1 changes nothing.
    pub scale: f64,
    /// Limit that the logits are kept within: cap · tanh(logits / cap).
    pub soft_cap: Option<f64>,
    /// The field over the tags that the logits are of, where there is one.
    pub crf: Option<HeadCrf<'a>>,
}

/// Parameters of a conditional random field over the rows of a text.
#[derive(Debug, Clone, Copy)]
pub struct HeadCrf<'a> {
    /// `[tags]`: the score of the first tag.
    pub start: &'a Param,
    /// `[tags]`: the score of the last tag.
    pub end: &'a Param,
    /// `[from, to]`: the score of two tags in a row.
    pub transitions: &'a Param,
}

/// Names of the parameters of a conditional random field: pytorch-crf's, in a module `crf`.
pub const CRF: [&str; 3] = ["crf.start_transitions", "crf.end_transitions", "crf.transitions"];

impl<'a> From<&'a Param> for Head<'a> {
    fn from(weight: &'a Param) -> Self {
        Self { weight, bias: None, scale: 1.0, soft_cap: None, crf: None }
    }
}

impl Head<'_> {
    /// What happens to logits after the product.
    pub fn transform(&self) -> Transform {
        Transform { scale: self.scale, soft_cap: self.soft_cap }
    }

    /// `out` `[rows, vocab]`: the logits of `hidden` `[rows, width]`, for sampling.
    ///
    /// # Errors
    /// A tensor of another device, type or size, or a GPU that fails.
    pub fn logits(&self, engine: &Engine, hidden: &Tensor, out: &Tensor) -> Result<()> {
        let bias = self.bias.map(|bias| bias.as_type(out.dtype()));
        linear::logits(engine, hidden, self.weight.weight(hidden.dtype()), bias, self.transform(), out)
    }
}
