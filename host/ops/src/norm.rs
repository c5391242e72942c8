//! What layer norm and RMS norm share: how rows are cut into lines that are normalised on their own.

use super::view::{Place, check_views};
use super::{Assign, Float, Tensor, View};
use crate::{Error, Result};
use std::borrow::Cow;

/// What normalised numbers are multiplied by: weight + offset.
#[derive(Debug, Clone, Copy)]
pub struct Gain<'a> {
    /// As wide as the rows, or as each of the equal chunks of a row that are normalised on their own.
    pub weight: &'a Tensor,
    /// Added to every weight: 1 in Gemma, whose weights begin at 0.
    pub offset: f64,
}

impl<'a> From<&'a Tensor> for Gain<'a> {
    fn from(weight: &'a Tensor) -> Self {
        Self { weight, offset: 0.0 }
    }
}

/// Numbers of lines: each row is cut into equal ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    /// In all rows.
    pub n: usize,
    /// In a row.
    pub chunks: usize,
    /// Elements of each.
    pub width: usize,
}

impl Lines {
    /// Lines as wide as `weight`, or whole rows; `views` are as large as `x`, `stats` holds `per_line` numbers for each
    /// line.
    ///
    /// # Errors
    /// A weight whose size does not divide the width of a row, views or statistics of other sizes.
    pub fn of(
        op: &str,
        x: View<'_>,
        weight: Option<&Tensor>,
        views: &[View<'_>],
        (stats, per_line): (&Tensor, usize),
    ) -> Result<Self> {
        check_views(op, x.rows(), x.width, views)?;
        let width = weight.map_or(x.width, Tensor::elem_count);
        if width == 0 || !x.width.is_multiple_of(width) {
            let message = format!("{op}: a weight of {width} numbers does not divide rows of {} numbers", x.width);
            return Err(Error::run(message));
        }
        let chunks = x.width / width;
        let n = x.rows() * chunks;
        if stats.elem_count() != n * per_line {
            let (got, expected) = (stats.elem_count(), n * per_line);
            return Err(Error::run(format!("{op}: statistics of {got} numbers, expected {expected}")));
        }
        Ok(Self { n, chunks, width })
    }
}

/// Checks that parameters have `width` numbers.
///
/// # Errors
/// One that has not.
pub(super) fn check_parameters(op: &str, width: usize, parameters: &[Option<&Tensor>]) -> Result<()> {
    match parameters.iter().flatten().find(|parameter| parameter.elem_count() != width) {
        None => Ok(()),
        Some(other) => Err(Error::run(format!("{op}: expected {width} numbers, got a tensor {:?}", other.dims()))),
    }
}

/// The tensor of a gradient that is wanted, and where and how it is stored; one that is not wanted is computed into
/// scratch as large as `x`.
pub(super) fn wanted<'a>(x: View<'_>, dx: Option<(View<'a>, Assign)>) -> (Option<&'a Tensor>, Place, Assign) {
    match dx {
        Some((dx, assign)) => (Some(dx.tensor), dx.place(), assign),
        None => (None, Place { first: 0, width: x.width, stride: x.width }, Assign::Set),
    }
}

/// The factors of a line's numbers; 1 without a weight.
pub(super) fn factors<T: Float>(weight: Option<&[T]>, offset: f64, width: usize) -> Cow<'_, [T]> {
    match weight {
        None => Cow::Owned(vec![T::ONE; width]),
        Some(weight) if offset == 0.0 => Cow::Borrowed(weight),
        Some(weight) => Cow::Owned(weight.iter().map(|&weight| weight + T::of(offset)).collect()),
    }
}
