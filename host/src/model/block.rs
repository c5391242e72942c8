//! One pre-norm block: x + attention(norm(x)), then + network(norm(…)). The same code serves every architecture; what
//! differs are its parts.
//!
//! Shapes: rows = sequences · length; C = width; d = C / heads; Q = C + 2 · kv_heads · d; H = hidden width of the
//! network; E = H for GELU, 2 H for SwiGLU.

use super::activation::Activation;
use super::activations::{BlockActivations, Gradients};
use super::dropout::{Masks, Site};
use super::linear::Linear;
use super::norm::Norm;
use crate::Result;
use crate::ops::dropout::Mask;
use crate::ops::{Column, Engine, Tensor, View, add, attention, rotary};

pub(super) struct Block {
    /// Its number, which its dropout masks depend on.
    pub layer: usize,
    pub norm_1: Norm,
    /// C → Q: queries, keys and values side by side.
    pub qkv: Linear,
    /// C → C
    pub project: Linear,
    pub norm_2: Norm,
    /// C → E
    pub expand: Linear,
    pub activation: Activation,
    /// H → C
    pub contract: Linear,
}

/// What all blocks of one forward or backward are given.
pub(super) struct Pass<'a> {
    pub engine: &'a Engine,
    pub shape: attention::Shape,
    /// `[rows]`: the position of each row in its document.
    pub positions: &'a Column<'a, u32>,
    pub rotary: Option<&'a rotary::Table>,
    pub dropout: Option<Masks<'a>>,
}

impl<'a> Pass<'a> {
    /// What attention reads from `qkv`.
    fn inputs(&self, qkv: &'a Tensor, dropout: Option<&'a Mask>) -> Result<attention::Inputs<'a>> {
        Ok(attention::Inputs { dropout, ..attention::Inputs::packed(qkv, self.positions, self.shape)? })
    }

    /// Queries and keys of `qkv`.
    fn rotated<'t>(&self, qkv: &'t Tensor) -> Result<View<'t>> {
        View::new(qkv, 0, self.shape.out_width() + self.shape.kv_width())
    }
}

/// Attends to positions that were read before.
#[derive(Clone, Copy)]
pub(super) struct Cache<'a> {
    /// `[context, 2 · kv_heads · d]`: keys and values.
    pub keys_values: &'a Tensor,
    /// Position of the one row that is read.
    pub position: usize,
}

impl Block {
    /// `out` `[rows, C]` = `x` `[rows, C]` + attention + network.
    ///
    /// # Errors
    /// Tensors of other sizes, a GPU that fails.
    pub fn forward(
        &self,
        pass: &Pass<'_>,
        x: &Tensor,
        kept: &BlockActivations,
        cache: Option<Cache<'_>>,
        out: &Tensor,
    ) -> Result<()> {
        self.keep(pass, x, kept, cache)?;
        self.add_branch(pass, &self.contract, Site::AfterNetwork, &kept.activated, &kept.middle, out)
    }

    /// All of the forward but its last product: everything that the backward needs.
    ///
    /// # Errors
    /// As [`Block::forward`].
    pub fn keep(&self, pass: &Pass<'_>, x: &Tensor, kept: &BlockActivations, cache: Option<Cache<'_>>) -> Result<()> {
        let engine = pass.engine;
        // attention: x [rows, C] → norm [rows, C] → q, k, v [rows, Q] → heads [rows, C] → projection [rows, C] → + x
        self.norm_1.forward(engine, x, &kept.norm_1, &kept.stats_1)?;
        self.qkv.forward(engine, &kept.norm_1, None, &kept.qkv)?;
        if let Some(table) = pass.rotary {
            rotary::forward(engine, pass.rotated(&kept.qkv)?, pass.positions, table)?;
        }
        match cache {
            None => {
                let mask = pass.dropout.map(|masks| masks.mask(self.layer, Site::InAttention));
                let inputs = pass.inputs(&kept.qkv, mask.as_ref())?;
                attention::forward(engine, &inputs, pass.shape, &kept.attention, &kept.log_sum_exp)?;
            }
            Some(Cache { keys_values, position }) => {
                let cache = attention::Cache { keys_values, position, bias: None };
                attention::cached(engine, pass.shape.side_by_side(&kept.qkv)?, pass.shape, &cache, &kept.attention)?;
            }
        }
        self.add_branch(pass, &self.project, Site::AfterAttention, &kept.attention, x, &kept.middle)?;
        // network: middle [rows, C] → norm [rows, C] → [rows, E] → activation [rows, H]
        self.norm_2.forward(engine, &kept.middle, &kept.norm_2, &kept.stats_2)?;
        self.expand.forward(engine, &kept.norm_2, None, &kept.expanded)?;
        self.activation.forward(engine, &kept.expanded, &kept.activated)
    }

    /// `d.stream` `[rows, C]` holds the gradient of the block's result and becomes that of its input `x`; gradients of
    /// parameters are added to. `kept` is what the forward of the same `pass` left there.
    ///
    /// # Errors
    /// As [`Block::forward`].
    pub fn backward(&self, pass: &Pass<'_>, x: &Tensor, kept: &BlockActivations, d: &Gradients) -> Result<()> {
        let engine = pass.engine;
        // network: d stream [rows, C] → [rows, H] → [rows, E] → norm [rows, C] → + d stream
        let dbranch = self.branch_gradient(pass, Site::AfterNetwork, d)?;
        self.contract.backward(engine, dbranch, &kept.activated, &d.activated)?;
        self.activation.backward(engine, &kept.expanded, &d.activated, &d.expanded)?;
        self.expand.backward(engine, &d.expanded, &kept.norm_2, &d.branch)?;
        self.norm_2.backward(engine, &d.branch, &kept.middle, &kept.stats_2, &d.stream)?;
        // attention: d stream [rows, C] → heads [rows, C] → q, k, v [rows, Q] → norm [rows, C] → + d stream
        let dbranch = self.branch_gradient(pass, Site::AfterAttention, d)?;
        self.project.backward(engine, dbranch, &kept.attention, &d.attention)?;
        let mask = pass.dropout.map(|masks| masks.mask(self.layer, Site::InAttention));
        let (inputs, gradients) =
            (pass.inputs(&kept.qkv, mask.as_ref())?, attention::Gradients::packed(&d.qkv, pass.shape)?);
        let (out, log_sum_exp) = (&kept.attention, &kept.log_sum_exp);
        attention::backward(engine, &d.attention, &inputs, pass.shape, out, log_sum_exp, &gradients)?;
        if let Some(table) = pass.rotary {
            rotary::backward(engine, pass.rotated(&d.qkv)?, pass.positions, table)?;
        }
        self.qkv.backward(engine, &d.qkv, &kept.norm_1, &d.branch)?;
        self.norm_1.backward(engine, &d.branch, x, &kept.stats_1, &d.stream)
    }

    /// Weights that every row is multiplied by.
    pub fn n_multiplied(&self) -> usize {
        [&self.qkv, &self.project, &self.expand, &self.contract].into_iter().map(Linear::n_multiplied).sum()
    }

    /// `out` = `x` + dropout(`linear`(`input`)), `[rows, C]`. Without dropout the product adds to `x` by itself.
    fn add_branch(
        &self,
        pass: &Pass<'_>,
        linear: &Linear,
        site: Site,
        input: &Tensor,
        x: &Tensor,
        out: &Tensor,
    ) -> Result<()> {
        let Some(masks) = &pass.dropout else { return linear.forward(pass.engine, input, Some(x), out) };
        linear.forward(pass.engine, input, None, masks.branch)?;
        masks.apply(pass.engine, self.layer, site, masks.branch)?;
        add::forward(pass.engine, x, masks.branch, out)
    }

    /// `[rows, C]`: the stream's gradient, through the dropout of the branch if there is one, as an activation.
    fn branch_gradient<'g>(&self, pass: &Pass<'_>, site: Site, d: &'g Gradients) -> Result<&'g Tensor> {
        match &pass.dropout {
            Some(masks) => masks.backward(pass.engine, self.layer, site, &d.stream, &d.branch)?,
            None if d.branch.dtype() == d.stream.dtype() => return Ok(&d.stream),
            None => add::copy(&d.stream, &d.branch)?,
        }
        Ok(&d.branch)
    }
}
