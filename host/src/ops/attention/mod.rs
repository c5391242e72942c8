//! Self-attention in blocks of queries: softmax(q kᵀ / √d) v per head, without ever holding a [length, length] matrix.
//! The forward keeps the log-sum-exp of each row, from which the backward computes the probabilities again (Dao et al.,
//! FlashAttention, arXiv 2205.14135).
//!
//! A sequence may hold several documents, packed one after the other. A row at position 0 begins a document, and no
//! query sees a key of another document: each is computed as if it were a sequence of its own, so what lies outside it
//! costs nothing.
//!
//! `qkv` `[sequences · length, (heads + 2 · kv_heads) · d]` holds the heads' queries, keys and values side by side, d =
//! head_width. With fewer key and value heads than query heads, heads / kv_heads neighbouring query heads share one
//! (grouped-query attention, Ainslie et al., arXiv 2305.13245).

mod cpu;
mod gpu;
mod head;
mod softmax;

use super::dropout::Mask;
use super::on_device::on_device;
use super::{Column, Engine, OpGroup, Tensor};
use crate::{Error, Result};

/// What a position attends to within its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Itself and the positions before it.
    Causal,
    /// All positions.
    Full,
}

/// The shape of an attention.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Positions per sequence.
    pub length: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Elements of a position in one head.
    pub head_width: usize,
    /// What a position attends to.
    pub span: Span,
}

impl Shape {
    /// Elements of a row of queries, keys and values: (heads + 2 · kv_heads) · head_width.
    pub fn qkv_width(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_width
    }

    /// Elements of a row of the result: heads · head_width.
    pub fn out_width(&self) -> usize {
        self.heads * self.head_width
    }

    /// Query heads per key and value head.
    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}

/// `out` `[rows, heads · d]`; `log_sum_exp` `[sequences, heads, length]` is kept for the backward. `positions` `[rows]`
/// are those of the rows in their documents. `dropout` acts on the probabilities.
///
/// # Errors
/// Other than one position per row, a tensor of another device, type or size, or a GPU that fails.
pub fn forward(
    engine: &Engine,
    qkv: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    dropout: Option<&Mask>,
    out: &Tensor,
    log_sum_exp: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    check(positions, qkv)?;
    on_device!(engine, forward(qkv, positions, shape, dropout, out, log_sum_exp))
}

/// `dqkv` (overwritten) from the gradient `dout` of `out`; the other tensors as in [`forward`].
///
/// # Errors
/// As [`forward`].
#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub fn backward(
    engine: &Engine,
    dout: &Tensor,
    qkv: &Tensor,
    out: &Tensor,
    log_sum_exp: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    dropout: Option<&Mask>,
    dqkv: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    check(positions, qkv)?;
    on_device!(engine, backward(dout, qkv, out, log_sum_exp, positions, shape, dropout, dqkv))
}

/// One new position of one sequence: `out` `[1, heads · d]` attends from `qkv` `[1, (heads + 2 · kv_heads) · d]` to
/// itself and to the `position` positions before it. `cache` `[context, 2 · kv_heads · d]` holds keys and values; the
/// new ones are written into row `position`, which must be below the context.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn cached(
    engine: &Engine,
    qkv: &Tensor,
    shape: Shape,
    position: usize,
    cache: &Tensor,
    out: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    on_device!(engine, cached(qkv, shape, position, cache, out))
}

fn check(positions: &Column<'_, u32>, qkv: &Tensor) -> Result<()> {
    let (rows, n) = (qkv.dim(0)?, positions.host().len());
    if n == rows {
        return Ok(());
    }
    Err(Error::run(format!("attention: expected a position for each of {rows} rows, got {n}")))
}
