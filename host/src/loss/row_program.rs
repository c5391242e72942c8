//! The program of one row: numbers in registers, and sweeps over the vocabulary that compute everything elementwise
//! piece by piece, so that intermediate values stay in the first-level cache.

use super::ir::{Binary, Id, Input, Unary};

/// Elements of a vocabulary-wide row that a sweep works on at a time.
pub(super) const PIECE: usize = 1024;

/// More vocabulary-wide values than this are never kept per row: a limit on what a graph can make a thread allocate.
pub(super) const BUFFERS_MAX: usize = 64;

/// What happens to every row in one pass.
#[derive(Debug, Default)]
pub(super) struct RowProgram {
    /// Registers that hold the same number for all rows: scalar nodes.
    pub fixed: Vec<(usize, Id)>,
    /// Registers that are loaded for each row.
    pub loads: Vec<(usize, Load)>,
    /// Buffers that are loaded for each row, and the vocabulary-wide inputs that they hold.
    pub wide_loads: Vec<(usize, Input)>,
    pub steps: Vec<Step>,
    /// Nodes whose values leave the pass, and their registers.
    pub exports: Vec<(Id, usize)>,
    /// (register of the index, register of the value) to add to the gradient after the last sweep.
    pub scatter: Vec<(usize, usize)>,
    /// Whether the logits become their gradient.
    pub has_gradient: bool,
    pub needs_logits: bool,
    pub n_registers: usize,
    /// Pieces that hold what is used inside one sweep.
    pub n_pieces: usize,
    /// Whole rows that hold what is used in several sweeps; number 0 is the row of logits.
    pub n_buffers: usize,
}

/// Where a register's number comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Load {
    Input(Input),
    /// A row value of an earlier pass.
    Saved(Id),
    /// The value of the row's sequence.
    Sequence(Id),
}

#[derive(Debug)]
pub(super) enum Step {
    Number(usize, NumberOp),
    Sweep(Sweep),
}

/// An operation on registers.
#[derive(Debug, Clone, Copy)]
pub(super) enum NumberOp {
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    Select(usize, usize, usize),
    /// The element of a row at the index in a register.
    Gather(Place, usize),
}

/// One run over the vocabulary.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// For each piece, in this order.
    pub items: Vec<Item>,
    /// Last for each piece: the gradient, over the logits.
    pub finish: Option<Finish>,
}

#[derive(Debug)]
pub(super) enum Item {
    Map(Map),
    Reduce { reduction: Reduction, of: Place, register: usize },
}

/// An elementwise operation.
#[derive(Debug)]
pub(super) struct Map {
    pub op: MapOp,
    pub out: Place,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum MapOp {
    Unary(Unary, Place),
    Binary(Binary, Place, Place),
    Select(Place, Place, Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reduction {
    Sum,
    Max,
    Argmax,
}

/// How the gradient comes into the row of logits.
#[derive(Debug)]
pub(super) enum Finish {
    Map(Map),
    Copy(Place),
    Zero,
}

/// Where an operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Register(usize),
    Piece(usize),
    Buffer(usize),
}

/// The row of logits, and later of their gradient.
pub(super) const LOGITS: Place = Place::Buffer(0);

impl RowProgram {
    /// The row values of earlier passes that this one loads.
    pub fn saved(&self) -> impl Iterator<Item = Id> {
        self.loads.iter().filter_map(|&(_, load)| match load {
            Load::Saved(id) => Some(id),
            _ => None,
        })
    }
}
