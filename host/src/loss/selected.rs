//! Hidden states of the tokens that are predicted: where those are few, the output layer multiplies no others.

use crate::Result;
use crate::ops::embedding::{self, Lookup};
use crate::ops::{Column, Engine, Tensor, View, columns};

/// Hidden states `[rows, C]` of the tokens `at` `[rows]` out of those of all tokens `[tokens, C]`; all of them without
/// `at`.
///
/// # Errors
/// A GPU without room for them.
pub fn select(engine: &Engine, hidden: &Tensor, at: Option<&Column<'_, u32>>) -> Result<Tensor> {
    let Some(at) = at else { return Ok(hidden.clone()) };
    let selected = Tensor::zeros((at.host().len(), hidden.row_width()), hidden.dtype(), &hidden.device())?;
    if !at.host().is_empty() {
        embedding::forward(engine, &[Lookup::new(at, hidden)], &selected)?;
    }
    Ok(selected)
}

/// Sets `dhidden` `[tokens, C]` to the gradient `dselected` `[rows, C]` at the tokens `at` `[rows]`, to 0 elsewhere.
///
/// # Errors
/// A GPU that fails.
pub fn spread(engine: &Engine, dselected: &Tensor, at: &Column<'_, u32>, dhidden: &Tensor) -> Result<()> {
    columns::zero(engine, View::from(dhidden))?;
    match at.host().is_empty() {
        true => Ok(()),
        false => embedding::backward(engine, dselected, &[Lookup::new(at, dhidden)]),
    }
}
