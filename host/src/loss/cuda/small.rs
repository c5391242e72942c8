//! The kernels between passes: scalars and one number per sequence, in 64 bits, by one block.

use super::layout::{Layout, is_inline};
use super::text;
use crate::loss::ir::{Id, Input, Op, Size};
use crate::loss::split::{Plan, Stage};
use trainyard_plugin::graph::Type;

const PARAMETERS: &str = "double *values, const S *exports, i64 rows, const u32 *group, i64 vocab, \
                          const double *step, const double *scale";
const ARGUMENTS: &str = "values, exports, rows, group, vocab, step, scale";

/// Whether anything is to be computed before the pass of `stage`.
pub(super) fn has_kernel(plan: &Plan, stage: &Stage) -> bool {
    stage.small.iter().any(|&id| !is_inline(&plan.ir, id))
}

/// The kernel `small_<number>`.
pub(super) fn kernel(plan: &Plan, layout: &Layout, number: usize) -> String {
    let mut lines = vec![
        format!("__device__ void small_{number}_body({PARAMETERS}) {{"),
        "    const i64 sequences = group[rows - 1] + 1;".into(),
    ];
    for &id in plan.stages[number].small.iter().filter(|&&id| !is_inline(&plan.ir, id)) {
        match plan.ir.ty(id) {
            Type::Sequence => lines.extend(sequence(plan, layout, id)),
            _ => lines.push(format!("    set(&{}, {});", layout.scalar(&plan.ir, id), scalar(plan, layout, id))),
        }
    }
    lines.push("}".into());
    lines.push(format!("KERNEL_BOUNDED(small_{number}, 1024, ({PARAMETERS}), small_{number}_body({ARGUMENTS}))\n"));
    lines.join("\n")
}

/// The kernel `add_totals`: sums and weights of the outputs are added to `[outputs, 2]`.
pub(super) fn totals(plan: &Plan, layout: &Layout) -> String {
    let parameters = "double *totals, const double *values, i64 rows, const u32 *group, i64 vocab";
    let mut lines = vec![
        format!("__device__ void add_totals_body({parameters}) {{"),
        "    const i64 sequences = group[rows - 1] + 1;".into(),
        "    if (threadIdx.x != 0) return;".into(),
    ];
    for (i, output) in plan.outputs.iter().enumerate() {
        for (j, id) in [output.sum, output.weight].into_iter().enumerate() {
            lines.push(format!("    totals[{}] += {};", 2 * i + j, layout.scalar(&plan.ir, id)));
        }
    }
    lines.push("}".into());
    lines.push(format!("KERNEL(add_totals, ({parameters}), add_totals_body(totals, values, rows, group, vocab))\n"));
    lines.join("\n")
}

fn scalar(plan: &Plan, layout: &Layout, id: Id) -> String {
    let node = plan.ir.node(id);
    match node.op {
        Op::Input(Input::Scale) => "scale ? *scale : 1.0".into(),
        Op::Input(Input::Step) => "*step".into(),
        Op::SumRows => format!("sum_of({}, rows)", layout.export(node.inputs[0])),
        Op::SumSequences => match plan.ir.ty(node.inputs[0]) {
            Type::Sequence => format!("sum_of({}, sequences)", layout.sequence(node.inputs[0])),
            _ => format!("multiply((double)sequences, {})", layout.scalar(&plan.ir, node.inputs[0])),
        },
        op => elementwise(op, &node.inputs.iter().map(|&input| layout.scalar(&plan.ir, input)).collect::<Vec<_>>()),
    }
}

fn sequence(plan: &Plan, layout: &Layout, id: Id) -> Vec<String> {
    let node = plan.ir.node(id);
    let out = layout.sequence(id);
    if node.op == Op::SumSequence {
        let from = layout.export(node.inputs[0]);
        return vec![format!("    sums_of_sequences({from}, sequences, group, rows, {out});")];
    }
    if node.op == Op::Size(Size::RowsOfSequence) {
        return vec![format!("    sizes_of_sequences(sequences, group, rows, {out});")];
    }
    let input = |&input: &Id| match plan.ir.ty(input) {
        Type::Sequence => format!("({})[i]", layout.sequence(input)),
        _ => layout.scalar(&plan.ir, input),
    };
    let value = elementwise(node.op, &node.inputs.iter().map(input).collect::<Vec<_>>());
    vec![
        format!("    for (i64 i = threadIdx.x; i < sequences; i += blockDim.x) ({out})[i] = {value};"),
        "    __syncthreads();".into(),
    ]
}

fn elementwise(op: Op, inputs: &[String]) -> String {
    match (op, inputs) {
        (Op::Unary(op), [x]) => text::unary(op, x, "double"),
        (Op::Binary(op), [x, y]) => text::binary(op, x, y),
        (Op::Select, [x, y, z]) => text::select(x, y, z),
        // The other ops have rows for a result.
        _ => text::literal(f64::NAN),
    }
}
