//! Where the gradient of an input goes.

use super::View;

/// Columns that a backward writes the gradient of one of its inputs into.
#[derive(Debug, Clone, Copy)]
pub struct Gradient<'a> {
    /// `[rows, width]`, as the input.
    pub view: View<'a>,
    /// Whether the gradient is added to what is there, or overwrites it.
    pub adds: bool,
}

impl<'a> Gradient<'a> {
    /// A gradient that overwrites `view`.
    pub fn overwrite(view: impl Into<View<'a>>) -> Self {
        Self { view: view.into(), adds: false }
    }

    /// A gradient that is added to `view`.
    pub fn add(view: impl Into<View<'a>>) -> Self {
        Self { view: view.into(), adds: true }
    }
}
