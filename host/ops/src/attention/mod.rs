//! Attention in blocks of queries: softmax(scale · q kᵀ) v per head, without ever holding a matrix of all scores. The
//! forward keeps the log-sum-exp of each row, from which the backward computes the probabilities again (Dao et al.,
//! FlashAttention, arXiv 2205.14135).
//!
//! A sequence may hold several documents, packed one after the other. A row at offset 0 begins a document, and no
//! query sees a key of another document: each is computed as if it were a sequence of its own, so what lies outside it
//! costs nothing. Or the keys are those of a source, another sequence of rows (cross attention, Vaswani et al., arXiv
//! 1706.03762).
//!
//! Queries, keys and values are columns of any tensors; d = head_width. With fewer key and value heads than query
//! heads, heads / kv_heads neighbouring query heads share one (grouped-query attention, Ainslie et al., arXiv
//! 2305.13245).

mod cached;
mod check;
mod cpu;
mod decode;
mod gpu;
mod head;
mod operands;
mod parts;
mod shape;
mod softmax;

pub use cached::{Cache, cached};
pub use shape::{Shape, Span};

use super::dropout::Mask;
use super::on_device::on_device;
use super::{Column, Engine, OpGroup, Tensor, View};
use crate::Result;

/// Which keys the queries of a sequence may see.
#[derive(Debug, Clone, Copy)]
pub enum Extent<'a> {
    /// Keys of the query's own document. `[rows]`: each row's number in its document, from 0 on.
    Documents(&'a Column<'a, u32>),
    /// Keys of a source.
    Source {
        /// Rows of keys per source.
        length: usize,
        /// `[sources]`: how many of them, from the first on, are to be seen. A query that sees none gets zeros.
        valid: &'a Column<'a, u32>,
        /// `[sequences]`: which source each sequence of queries sees, in a forward alone; none: each its own.
        of: Option<&'a [u32]>,
    },
}

/// What an attention reads.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// `[rows, heads · d]`
    pub queries: View<'a>,
    /// `[rows, kv_heads · d]`; of a source, its rows.
    pub keys: View<'a>,
    /// As `keys`.
    pub values: View<'a>,
    /// Which keys may be seen.
    pub extent: Extent<'a>,
    /// `[heads, 2 n - 1]`, in the format of parameters, with n at least the length of a sequence: added to the scores
    /// of queries and keys of one document, column key row - query row + n - 1 (relative positions, Raffel et al.,
    /// arXiv 1910.10683).
    pub bias: Option<&'a Tensor>,
    /// Acts on the probabilities.
    pub dropout: Option<&'a Mask>,
}

impl<'a> Inputs<'a> {
    /// Queries, keys and values side by side in `qkv` `[rows, (heads + 2 · kv_heads) · d]`.
    ///
    /// # Errors
    /// A tensor of another width.
    pub fn packed(qkv: &'a Tensor, offsets: &'a Column<'a, u32>, shape: Shape) -> Result<Self> {
        let [queries, keys, values] = shape.side_by_side(qkv)?;
        Ok(Self { queries, keys, values, extent: Extent::Documents(offsets), bias: None, dropout: None })
    }

    /// Rows of keys per sequence.
    fn key_length(&self, shape: Shape) -> usize {
        match self.extent {
            Extent::Documents(_) => shape.length,
            Extent::Source { length, .. } => length,
        }
    }
}

/// Where the gradients of the inputs go.
#[derive(Debug, Clone, Copy)]
pub struct Gradients<'a> {
    /// As the inputs' queries; overwritten.
    pub queries: View<'a>,
    /// As the inputs' keys; overwritten.
    pub keys: View<'a>,
    /// As the inputs' values; overwritten.
    pub values: View<'a>,
    /// As the inputs' bias; added to.
    pub bias: Option<&'a Tensor>,
}

impl<'a> Gradients<'a> {
    /// Gradients of queries, keys and values side by side in `dqkv` `[rows, (heads + 2 · kv_heads) · d]`.
    ///
    /// # Errors
    /// A tensor of another width.
    pub fn packed(dqkv: &'a Tensor, shape: Shape) -> Result<Self> {
        let [queries, keys, values] = shape.side_by_side(dqkv)?;
        Ok(Self { queries, keys, values, bias: None })
    }
}

/// `out` `[rows, heads · d]`; `log_sum_exp` `[sequences, heads, length]`, in the format of parameters, is kept for the
/// backward.
///
/// # Errors
/// Tensors that do not fit the shape, of another device or type, or a GPU that fails.
pub fn forward(engine: &Engine, inputs: &Inputs<'_>, shape: Shape, out: &Tensor, log_sum_exp: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    let shape = shape.simplified();
    check::inputs(inputs, shape)?;
    check::results(inputs, shape, out, log_sum_exp)?;
    on_device!(engine, forward(inputs, shape, out, log_sum_exp))
}

/// Gradients of the inputs from the gradient `dout` of `out`; the other tensors as in [`forward`]. No two gradients may
/// share a column.
///
/// # Errors
/// As [`forward`].
pub fn backward(
    engine: &Engine,
    dout: &Tensor,
    inputs: &Inputs<'_>,
    shape: Shape,
    out: &Tensor,
    log_sum_exp: &Tensor,
    gradients: &Gradients<'_>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    let shape = shape.simplified();
    check::inputs(inputs, shape)?;
    check::results(inputs, shape, out, log_sum_exp)?;
    check::gradients(inputs, gradients, dout, out)?;
    on_device!(engine, backward(dout, inputs, shape, out, log_sum_exp, gradients))
}
