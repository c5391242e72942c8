//! Where the numbers of a plan lie in device memory.

use super::text;
use crate::loss::ir::{Id, Ir, Op, Size};
use crate::loss::split::Plan;
use trainyard_plugin::graph::Type;

/// What is computed between passes is held in `values`, an array of f64: first the scalars, then for each sequence node
/// one number per sequence, in room for one per row. What leaves a pass is held in `exports`, `[exports, rows]`.
#[derive(Debug)]
pub(super) struct Layout {
    scalars: Vec<Id>,
    sequences: Vec<Id>,
    exports: Vec<Id>,
}

impl Layout {
    pub fn new(plan: &Plan) -> Self {
        let ir = &plan.ir;
        let small = || plan.stages.iter().flat_map(|stage| stage.small.iter().copied());
        let exports = plan.stages.iter().filter_map(|stage| stage.pass.as_ref());
        Self {
            scalars: small().filter(|&id| ir.ty(id) == Type::Scalar && !is_inline(ir, id)).collect(),
            sequences: small().filter(|&id| ir.ty(id) == Type::Sequence).collect(),
            exports: exports.flat_map(|pass| pass.exports.iter().map(|&(id, _)| id)).collect(),
        }
    }

    pub fn n_scalars(&self) -> usize {
        self.scalars.len()
    }

    pub fn n_sequences(&self) -> usize {
        self.sequences.len()
    }

    pub fn n_exports(&self) -> usize {
        self.exports.len()
    }

    /// A scalar as a double.
    pub fn scalar(&self, ir: &Ir, id: Id) -> String {
        match ir.node(id).op {
            Op::Constant(value) => text::literal(value.get()),
            Op::Size(size) => format!("(double){}", size_name(size)),
            _ => format!("values[{}]", position(&self.scalars, id)),
        }
    }

    /// Pointer to the numbers of a sequence node.
    pub fn sequence(&self, id: Id) -> String {
        format!("values + {} + {} * rows", self.scalars.len(), position(&self.sequences, id))
    }

    /// Pointer to an exported value, `[rows]`.
    pub fn export(&self, id: Id) -> String {
        format!("exports + {} * rows", self.export_place(id))
    }

    /// Place of an exported value among `exports`.
    pub fn export_place(&self, id: Id) -> usize {
        position(&self.exports, id)
    }
}

/// Whether a scalar is written where it is used.
pub(super) fn is_inline(ir: &Ir, id: Id) -> bool {
    matches!(ir.node(id).op, Op::Constant(_) | Op::Size(_)) && ir.ty(id) == Type::Scalar
}

fn size_name(size: Size) -> &'static str {
    match size {
        Size::Vocab => "vocab",
        Size::Rows => "rows",
        Size::Sequences => "sequences",
        // One number per sequence: never written where it is used.
        Size::RowsOfSequence => "0",
    }
}

fn position(ids: &[Id], id: Id) -> usize {
    // The plan computes every value before it is used.
    ids.iter().position(|&other| other == id).expect("a node is computed before it is used")
}
