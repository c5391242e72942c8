//! Attention of new rows of sequences to those that were read before.

use super::{Shape, Span, check, cpu, gpu};
use crate::on_device::on_device;
use crate::{Engine, OpGroup, Tensor, View};
use crate::{Error, Result};

/// Keys and values of the positions that were read before.
#[derive(Debug, Clone, Copy)]
pub struct Cache<'a> {
    /// `[sequences · context, 2 · kv_heads · d]`: the keys of a position, and its values.
    pub keys_values: &'a Tensor,
    /// `[sequences]`: position of the first new row of each: the number of positions before it.
    pub positions: &'a [usize],
    /// The relative bias of [`super::Inputs`], for all positions of the context.
    pub bias: Option<&'a Tensor>,
}

/// New rows of each of some sequences, equally many: `out` `[rows, heads · d]` attends from the queries
/// `[rows, heads · d]` to the positions of the sequence in `cache`, and causally to its new rows themselves. Their keys
/// and values `[rows, kv_heads · d]` are written into the rows of the cache from the sequence's position on. The
/// shape's length does not matter. Attention to a source, whose keys and values are computed once, is
/// [`super::forward`] with the number of new rows of a sequence as its length.
///
/// # Errors
/// Rows beyond the cache, a span that looks ahead, a tensor of another device, type or size, or a GPU that fails.
pub fn cached(
    engine: &Engine,
    [queries, keys, values]: [View<'_>; 3],
    shape: Shape,
    cache: &Cache<'_>,
    out: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    let (rows, kv_width, n) = (queries.rows(), shape.kv_width(), cache.positions.len());
    let last = cache.positions.iter().copied().max().unwrap_or(0);
    let (length, context) = (rows / n.max(1), View::from(cache.keys_values).rows() / n.max(1));
    let seen = last.saturating_add(length);
    if length * n != rows {
        return Err(Error::run(format!("attention: {rows} rows are not equally many of {n} sequences")));
    }
    if seen > context || rows == 0 {
        return Err(Error::run(format!("attention: {length} rows at position {last} of a cache of {context}")));
    }
    // A window that all positions fit into hides none.
    let Shape { span, .. } = Shape { length: seen, ..shape }.simplified();
    let shape = Shape { length, span, ..shape };
    if span == Span::Full {
        return Err(Error::run("attention: positions read one after the other see none that follow"));
    }
    check::shape(shape)?;
    check::width("queries", queries, shape.out_width())?;
    for (name, view) in [("keys", keys), ("values", values)] {
        check::width(name, view, kv_width)?;
        check::count(name, view.tensor, rows * view.stride())?;
    }
    check::width("the cache", View::from(cache.keys_values), 2 * kv_width)?;
    check::count("the caches", cache.keys_values, n * context * 2 * kv_width)?;
    check::count("the result", out, rows * shape.out_width())?;
    if let Some(bias) = cache.bias {
        check::bias(bias, shape.heads, seen)?;
    }
    on_device!(engine, cached([queries, keys, values], shape, cache, out))
}
