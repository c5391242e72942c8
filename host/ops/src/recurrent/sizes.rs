//! Sizes of a recurrent layer, checked once for both devices.

use super::{Gradients, Kind, Recurrence, Weights};
use crate::{Column, Gradient, Tensor, View};
use crate::{Error, Result};

/// Sizes of a recurrent layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub rows: usize,
    /// Columns of x.
    pub inputs: usize,
    /// Columns of the result, H.
    pub hidden: usize,
    /// Rows of the weights: gates · H.
    pub gates: usize,
    /// Numbers kept per row.
    pub kept: usize,
    /// Numbers of a state.
    pub state: usize,
}

fn check(what: &str, got: usize, expected: usize) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::run(format!("recurrence: expected {what} to be {expected}, got {got}")))
}

impl Sizes {
    /// Sizes of x, weights and result, where they go together.
    ///
    /// # Errors
    /// Sizes that do not.
    pub fn new(kind: Kind, x: View<'_>, weights: Weights<'_>, out: View<'_>) -> Result<Self> {
        let hidden = out.width;
        let gates = kind.gates() * hidden;
        let sizes = Self {
            rows: x.rows(),
            inputs: x.width,
            hidden,
            gates,
            kept: kind.kept() * hidden,
            state: kind.states() * hidden,
        };
        check("rows of the result", out.rows(), sizes.rows)?;
        let Weights { w_ih, w_hh, b_ih, b_hh } = weights;
        sizes.check_weights([Some(w_ih), Some(w_hh), b_ih, b_hh])?;
        Ok(sizes)
    }

    /// Checks w_ih, w_hh, b_ih and b_hh, or their gradients.
    fn check_weights(&self, weights: [Option<&Tensor>; 4]) -> Result<()> {
        let columns = [self.inputs, self.hidden, 1, 1];
        for ((what, weight), columns) in ["w_ih", "w_hh", "b_ih", "b_hh"].iter().zip(weights).zip(columns) {
            if let Some(weight) = weight {
                check(&format!("elements of {what}"), weight.elem_count(), self.gates * columns)?;
            }
        }
        Ok(())
    }

    /// Checks what belongs to the rows of whole sequences.
    ///
    /// # Errors
    /// Rows that are no whole sequences, or without offsets.
    pub fn check_rows(&self, recurrence: Recurrence, offsets: &Column<'_, u32>, kept: &Tensor) -> Result<()> {
        check("offsets", offsets.host().len(), self.rows)?;
        check("elements kept", kept.elem_count(), self.rows * self.kept)?;
        if recurrence.length == 0 || !self.rows.is_multiple_of(recurrence.length) {
            let Self { rows, .. } = self;
            return Err(Error::run(format!("recurrence: {rows} rows are no sequences of {} rows", recurrence.length)));
        }
        Ok(())
    }

    /// Checks the gradients.
    ///
    /// # Errors
    /// One of another size than what it is the gradient of.
    pub fn check_gradients(&self, dout: View<'_>, dx: Option<Gradient<'_>>, gradients: Gradients<'_>) -> Result<()> {
        check("rows of the gradient", dout.rows(), self.rows)?;
        check("columns of the gradient", dout.width, self.hidden)?;
        if let Some(dx) = dx {
            check("rows of dx", dx.view.rows(), self.rows)?;
            check("columns of dx", dx.view.width, self.inputs)?;
        }
        let Gradients { w_ih, w_hh, b_ih, b_hh } = gradients;
        self.check_weights([w_ih, w_hh, b_ih, b_hh])
    }

    /// Checks the state of a step.
    ///
    /// # Errors
    /// A state of another size.
    pub fn check_state(&self, state: &Tensor) -> Result<()> {
        check("elements of the state", state.elem_count(), self.rows * self.state)
    }
}
