//! A plan as one CUDA source.

use super::flow::Flow;
use super::layout::Layout;
use super::{rows, small};
use crate::loss::split::Plan;
use crate::ops::linear::Transform;

/// What the kernels share. NVRTC has no files to include: the source holds everything.
const PRELUDE: &str = include_str!("../../../cuda/loss.cuh");

/// Formats of the logits and of their gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::loss) enum Format {
    F32,
    F64,
    /// Logits in f32, gradient in bf16.
    Bf16,
}

impl Format {
    /// Bytes of a logit.
    pub fn logit_bytes(self) -> usize {
        if self == Self::F64 { 8 } else { 4 }
    }

    /// Bytes of an element of the gradient, where it has its own array.
    pub fn gradient_bytes(self) -> Option<usize> {
        (self == Self::Bf16).then_some(2)
    }
}

/// The kernels of `plan`: for each stage `small_<n>` and `rows_<n>` where it has them, and `add_totals`. The text
/// depends on nothing else but the output layer's `transform`, so that its digest names the compiled module.
pub(in crate::loss) fn source(plan: &Plan, format: Format, transform: Transform) -> String {
    let (logit, gradient) = match format {
        Format::F32 => ("float", "float"),
        Format::F64 => ("double", "double"),
        Format::Bf16 => ("float", "unsigned short"),
    };
    let layout = Layout::new(plan);
    let mut text = format!("typedef {logit} S;\ntypedef {gradient} G;\n{PRELUDE}\n");
    for (number, stage) in plan.stages.iter().enumerate() {
        if small::has_kernel(plan, stage) {
            text += &small::kernel(plan, &layout, number);
        }
        if let Some(pass) = &stage.pass {
            text += &rows::kernel(plan, &layout, number, pass, transform);
        }
    }
    text + &small::totals(plan, &layout)
}

/// Sizes that a run must know.
#[derive(Debug)]
pub(in crate::loss) struct Sizes {
    pub n_scalars: usize,
    /// Nodes with one number per sequence.
    pub n_sequences: usize,
    pub n_exports: usize,
    pub stages: Vec<StageSizes>,
}

#[derive(Debug)]
pub(in crate::loss) struct StageSizes {
    pub has_small: bool,
    /// Sizes of the pass, if there is one.
    pub pass: Option<PassSizes>,
}

#[derive(Debug)]
pub(in crate::loss) struct PassSizes {
    /// Rows of stored values per row of logits.
    pub n_stored: usize,
    /// Whether a block has a row; else a thread.
    pub is_wide: bool,
}

pub(in crate::loss) fn sizes(plan: &Plan) -> Sizes {
    let layout = Layout::new(plan);
    let stages = plan.stages.iter().map(|stage| StageSizes {
        has_small: small::has_kernel(plan, stage),
        pass: stage.pass.as_ref().map(|pass| {
            let flow = Flow::new(pass);
            PassSizes { n_stored: flow.n_slots, is_wide: !flow.sweeps.is_empty() }
        }),
    });
    Sizes {
        n_scalars: layout.n_scalars(),
        n_sequences: layout.n_sequences(),
        n_exports: layout.n_exports(),
        stages: stages.collect(),
    }
}

/// Threads of a block that has a row.
pub(in crate::loss) fn threads(vocab: usize) -> u32 {
    match vocab {
        0..2048 => 128,
        2048..65_536 => 512,
        _ => 1024,
    }
}
