//! Recurrent layers with the weights, shapes and gate order of `torch.nn`: simple recurrence (Elman 1990), GRU (Cho et
//! al., arXiv 1406.1078) and LSTM (Hochreiter & Schmidhuber 1997; forget gates: Gers et al. 2000).
//!
//! With x the row, h' and c' the state of the row before it, a = w_ih x + b_ih and u = w_hh h' + b_hh in parts of H, σ
//! the logistic function and ∘ the product of elements:
//!
//! | kind | parts of a and u | h |
//! |---|---|---|
//! | `Tanh`, `Relu` | one | tanh(a + u), or max(a + u, 0) |
//! | `Gru` | r, z, n | r = σ(a + u), z = σ(a + u), n = tanh(a + r ∘ u), h = (1 - z) ∘ n + z ∘ h' |
//! | `Lstm` | i, f, g, o | c = σ(f) ∘ c' + σ(i) ∘ tanh(g), h = σ(o) ∘ tanh(c) |
//!
//! The state is 0 before the first row of each document: a row whose offset is 0 and the first row of a sequence begin
//! one. In reverse, rows are taken from the last to the first, and the last row of each document begins.
//!
//! One product multiplies all rows by w_ih before the time loop, and the gradients of the weights are one product each
//! after it; in the loop remains one product by w_hh per step for all sequences, which share nothing else.

mod cell;
mod cpu;
mod gpu;
mod sizes;

use super::on_device::on_device;
use super::{Column, Engine, Gradient, OpGroup, Tensor, View};
use crate::Result;
use sizes::Sizes;

/// The formula of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A simple recurrence through tanh.
    Tanh,
    /// A simple recurrence through max(x, 0).
    Relu,
    /// Gated recurrent units.
    Gru,
    /// Long short-term memory.
    Lstm,
}

impl Kind {
    /// Parts of the weights: rows of w_ih and w_hh per hidden column.
    pub fn gates(self) -> usize {
        match self {
            Self::Tanh | Self::Relu => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }

    /// Numbers per row and hidden column that the forward keeps: the gates, and the u of n (GRU) or c (LSTM).
    pub fn kept(self) -> usize {
        match self {
            Self::Tanh | Self::Relu => 1,
            Self::Gru => 4,
            Self::Lstm => 5,
        }
    }

    /// Numbers of the state per hidden column: h, and c (LSTM).
    pub fn states(self) -> usize {
        if self == Self::Lstm { 2 } else { 1 }
    }
}

/// A recurrence over sequences.
#[derive(Debug, Clone, Copy)]
pub struct Recurrence {
    /// The formula of a step.
    pub kind: Kind,
    /// Rows per sequence.
    pub length: usize,
    /// Whether rows are taken from the last to the first.
    pub reverse: bool,
}

impl Recurrence {
    /// The row of a sequence that is taken at each step.
    fn rows(self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.length).map(move |step| if self.reverse { self.length - 1 - step } else { step })
    }

    /// The row that is taken after row `row`; none after the last step.
    fn after(self, row: usize) -> Option<usize> {
        if self.reverse { row.checked_sub(1) } else { Some(row + 1).filter(|&row| row < self.length) }
    }

    /// The row that is taken before row `row`, of whatever document; none before the first step.
    fn previous(self, row: usize) -> Option<usize> {
        Self { reverse: !self.reverse, ..self }.after(row)
    }

    /// The row that precedes row `row` of a sequence with these offsets `[length]`; none where a document begins.
    fn before(self, offsets: &[u32], row: usize) -> Option<usize> {
        match self.reverse {
            false => (row > 0 && offsets[row] != 0).then(|| row - 1),
            true => (row + 1 < self.length && offsets[row + 1] != 0).then_some(row + 1),
        }
    }
}

/// Weights as `torch.nn` has them. On a GPU all have the type of x.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
    /// `[gates · H, in]`
    pub w_ih: &'a Tensor,
    /// `[gates · H, H]`
    pub w_hh: &'a Tensor,
    /// `[gates · H]`
    pub b_ih: Option<&'a Tensor>,
    /// `[gates · H]`
    pub b_hh: Option<&'a Tensor>,
}

/// Gradients of [`Weights`], of the same shapes; none of those that are not wanted. All are added to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gradients<'a> {
    /// `[gates · H, in]`
    pub w_ih: Option<&'a Tensor>,
    /// `[gates · H, H]`
    pub w_hh: Option<&'a Tensor>,
    /// `[gates · H]`
    pub b_ih: Option<&'a Tensor>,
    /// `[gates · H]`
    pub b_hh: Option<&'a Tensor>,
}

/// `out` `[rows, H]` from `x` `[rows, in]` in sequences of `recurrence.length` rows. `offsets` `[rows]` count from 0 in
/// each document. `kept` `[rows, kind.kept() · H]` is for the backward, which also reads `out`.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    recurrence: Recurrence,
    x: impl Into<View<'a>>,
    weights: Weights<'_>,
    offsets: &Column<'_, u32>,
    out: impl Into<View<'a>>,
    kept: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (x, out) = (x.into(), out.into());
    let sizes = Sizes::new(recurrence.kind, x, weights, out)?;
    sizes.check_rows(recurrence, offsets, kept)?;
    on_device!(engine, forward(recurrence, sizes, x, weights, offsets, out, kept))
}

/// The gradients from `dout` `[rows, H]`, that of `out`: `dx` `[rows, in]` is overwritten or added to as it says, those
/// of the weights are added to. `kept` is overwritten. The other tensors are as in [`forward`], and as it left them.
///
/// # Errors
/// As [`forward`].
#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub fn backward<'a>(
    engine: &Engine,
    recurrence: Recurrence,
    dout: impl Into<View<'a>>,
    x: impl Into<View<'a>>,
    weights: Weights<'_>,
    offsets: &Column<'_, u32>,
    out: impl Into<View<'a>>,
    kept: &Tensor,
    dx: Option<Gradient<'_>>,
    gradients: Gradients<'_>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (dout, x, out) = (dout.into(), x.into(), out.into());
    let sizes = Sizes::new(recurrence.kind, x, weights, out)?;
    sizes.check_rows(recurrence, offsets, kept)?;
    sizes.check_gradients(dout, dx, gradients)?;
    on_device!(engine, backward(recurrence, sizes, dout, x, weights, offsets, out, kept, dx, gradients))
}

/// One row of each of some sequences: `out` `[n, H]` from `x` `[n, in]` and `state` `[n, kind.states() · H]`, which is
/// h and then c (LSTM), and becomes that of the next row. At the beginning of a document it is 0.
///
/// # Errors
/// As [`forward`].
pub fn step<'a>(
    engine: &Engine,
    kind: Kind,
    x: impl Into<View<'a>>,
    weights: Weights<'_>,
    state: &Tensor,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (x, out) = (x.into(), out.into());
    let sizes = Sizes::new(kind, x, weights, out)?;
    sizes.check_state(state)?;
    on_device!(engine, step(kind, sizes, x, weights, state, out))
}
