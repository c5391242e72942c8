//! What must fit together before a kernel starts.

use super::{Extent, Gradients, Inputs, Shape, Span};
use crate::cpu::distinct;
use crate::{Error, Result};
use crate::{Tensor, View};

fn wrong<T>(what: impl std::fmt::Display) -> Result<T> {
    Err(Error::run(format!("attention: {what}")))
}

/// Sizes of a shape by itself.
///
/// # Errors
/// The first that is wrong.
pub(super) fn shape(shape: Shape) -> Result<()> {
    let Shape { length, heads, kv_heads, head_width, span, scale, soft_cap } = shape;
    if length == 0 || head_width == 0 {
        return wrong(format!("expected positions and heads, got {length} positions and heads of width {head_width}"));
    }
    if kv_heads == 0 || !heads.is_multiple_of(kv_heads) || heads == 0 {
        return wrong(format!("expected heads that {kv_heads} heads of keys and values divide, got {heads}"));
    }
    if span == Span::Window(0) {
        return wrong("expected a window of at least 1 position, got 0");
    }
    if !scale.is_finite() || scale < 0.0 || !soft_cap.is_finite() || soft_cap < 0.0 {
        return wrong(format!("expected a scale and a cap of at least 0, got {scale} and {soft_cap}"));
    }
    Ok(())
}

/// Sizes of the inputs.
///
/// # Errors
/// The first input that does not fit.
pub(super) fn inputs(inputs: &Inputs<'_>, sizes: Shape) -> Result<()> {
    shape(sizes)?;
    let rows = inputs.queries.rows();
    width("queries", inputs.queries, sizes.out_width())?;
    width("keys", inputs.keys, sizes.kv_width())?;
    width("values", inputs.values, sizes.kv_width())?;
    if !rows.is_multiple_of(sizes.length) {
        return wrong(format!("{rows} rows are not a number of sequences of {}", sizes.length));
    }
    let sequences = rows / sizes.length;
    match inputs.extent {
        Extent::Documents(offsets) if offsets.host().len() != rows => {
            return wrong(format!("expected a position for each of {rows} rows, got {}", offsets.host().len()));
        }
        Extent::Documents(_) => {}
        Extent::Source { length, valid, of } => source(inputs, sizes, (length, valid.host(), of), sequences)?,
    }
    let key_rows = match inputs.extent {
        Extent::Documents(_) => rows,
        Extent::Source { length, valid, .. } => valid.host().len() * length,
    };
    for (name, view) in [("keys", inputs.keys), ("values", inputs.values)] {
        if view.rows() != key_rows {
            return wrong(format!("expected {key_rows} rows of {name} for {sequences} sequences, got {}", view.rows()));
        }
    }
    match inputs.bias {
        Some(tensor) => bias(tensor, sizes.heads, sizes.length),
        None => Ok(()),
    }
}

fn source(
    inputs: &Inputs<'_>,
    shape: Shape,
    (length, valid, of): (usize, &[u32], Option<&[u32]>),
    sequences: usize,
) -> Result<()> {
    if shape.span != Span::Full || inputs.bias.is_some() {
        return wrong("all of a source is seen, without a relative bias");
    }
    if length == 0 {
        return wrong("expected a source of at least 1 row, got 0");
    }
    let sources = of.map_or(valid.len(), <[u32]>::len);
    if sources != sequences {
        return wrong(format!("expected the source's length for each of {sequences} sequences, got {sources}"));
    }
    if let Some(source) = of.into_iter().flatten().find(|&&source| source as usize >= valid.len()) {
        return wrong(format!("source {source} of {}", valid.len()));
    }
    match valid.iter().find(|&&n| n as usize > length) {
        Some(n) => wrong(format!("a source of {n} valid rows among {length}")),
        None => Ok(()),
    }
}

/// A relative bias for `n` positions or fewer: `[heads, 2 n - 1]`.
///
/// # Errors
/// A tensor of another shape.
pub(super) fn bias(bias: &Tensor, heads: usize, n: usize) -> Result<()> {
    match *bias.dims() {
        [rows, width] if rows == heads && width % 2 == 1 && width >= 2 * n - 1 => Ok(()),
        ref dims => wrong(format!("expected a relative bias [{heads}, {}] or wider, got {dims:?}", 2 * n - 1)),
    }
}

/// Sizes of the results.
///
/// # Errors
/// A result of another size.
pub(super) fn results(inputs: &Inputs<'_>, shape: Shape, out: &Tensor, log_sum_exp: &Tensor) -> Result<()> {
    let rows = inputs.queries.rows();
    width("the result", View::from(out), shape.out_width())?;
    count("the result", out, rows * shape.out_width())?;
    count("the log-sum-exp", log_sum_exp, rows * shape.heads)
}

/// Sizes and places of the gradients.
///
/// # Errors
/// A gradient that is not shaped as its input, or two that share columns.
pub(super) fn gradients(inputs: &Inputs<'_>, to: &Gradients<'_>, dout: &Tensor, out: &Tensor) -> Result<()> {
    if let Extent::Source { of: Some(_), .. } = inputs.extent {
        return wrong("sources that sequences share have no gradients");
    }
    count("the result's gradient", dout, out.elem_count())?;
    let views = [("queries", to.queries), ("keys", to.keys), ("values", to.values)];
    for ((name, gradient), input) in views.iter().zip([inputs.queries, inputs.keys, inputs.values]) {
        width(name, *gradient, input.width)?;
        if gradient.rows() != input.rows() {
            return wrong(format!("{} rows of {name} and {} of their gradient", input.rows(), gradient.rows()));
        }
    }
    for (i, (name, a)) in views.iter().enumerate() {
        for (other, b) in &views[..i] {
            if a.first < b.first + b.width && b.first < a.first + a.width && is_same(a.tensor, b.tensor)? {
                return wrong(format!("the gradients of {other} and {name} share columns"));
            }
        }
    }
    match (inputs.bias, to.bias) {
        (Some(bias), Some(gradient)) => count("the bias' gradient", gradient, bias.elem_count()),
        (None, Some(_)) => wrong("a gradient of a bias that is not there"),
        _ => Ok(()),
    }
}

/// Columns of a view.
///
/// # Errors
/// A view of another width.
pub(super) fn width(name: &str, view: View<'_>, expected: usize) -> Result<()> {
    match view.width == expected {
        true => Ok(()),
        false => wrong(format!("expected {expected} columns of {name}, got {}", view.width)),
    }
}

/// Elements of a tensor.
///
/// # Errors
/// A tensor of another size.
pub(super) fn count(name: &str, tensor: &Tensor, expected: usize) -> Result<()> {
    match tensor.elem_count() == expected {
        true => Ok(()),
        false => wrong(format!("expected {expected} elements of {name}, got {}", tensor.elem_count())),
    }
}

fn is_same(a: &Tensor, b: &Tensor) -> Result<bool> {
    match a.pointer() {
        0 => Ok(distinct([View::from(a), View::from(b)])?.0.len() == 1),
        pointer => Ok(pointer == b.pointer()),
    }
}
