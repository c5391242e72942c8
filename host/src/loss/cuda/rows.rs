//! The kernel of a pass: one block per row of logits, or one thread where no sweep runs over the vocabulary.

use super::flow::{Flow, FlowStep, FlowSweep, LOGITS_VALUE, Operand};
use super::layout::Layout;
use super::text;
use crate::loss::ir::Input;
use crate::loss::row_program::{Load, Reduction, RowProgram};
use crate::loss::split::Plan;
use crate::ops::linear::Transform;
use crate::rows::{Format, RowInput};

/// Parameters and arguments of a kernel before and after the row inputs.
const PARAMETERS: [&str; 2] = [
    "S *logits, G *gradient, S *stored, i64 stride, i64 first, i64 count, i64 rows, const u32 *group, i64 vocab",
    "const double *values, S *exports",
];
const ARGUMENTS: [&str; 2] = ["logits, gradient, stored, stride, first, count, rows, group, vocab", "values, exports"];

/// Vectors that a thread loads before it computes, for a sweep of at most so many operations: enough loads under way to
/// hide their latency, few enough registers. With 0 the sweep is compiled in a tenth of the time.
const AT_ONCE: [(usize, usize); 4] = [(4, 12), (2, 40), (1, 160), (0, usize::MAX)];
const SOFTMAX_AT_ONCE: [(usize, usize); 2] = [(4, 40), (0, usize::MAX)];

/// Threads per row where no sweep runs over the vocabulary; a block takes this many rows.
pub(super) const NARROW_THREADS: u32 = 256;

/// What a kernel's body is declared with, and called with: the row inputs of the plan stand in the order of the table.
fn signature(plan: &Plan) -> [String; 2] {
    let parameter = |input: RowInput| {
        let number = match input.info().format {
            Some(Format::F32) => "float",
            _ => "u32",
        };
        format!("const {number} *{}", input.short_name())
    };
    let parameters: Vec<_> = plan.inputs.iter().map(parameter).collect();
    let arguments: Vec<_> = plan.inputs.iter().map(|input| input.short_name().to_owned()).collect();
    let around = |[before, after]: [&str; 2], inputs: Vec<String>| {
        let all = [before.to_owned()].into_iter().chain(inputs).chain([after.to_owned()]);
        all.collect::<Vec<_>>().join(", ")
    };
    [around(PARAMETERS, parameters), around(ARGUMENTS, arguments)]
}

/// The kernel `rows_<number>`, for logits that are made by `transform` from what is loaded.
pub(super) fn kernel(
    plan: &Plan,
    layout: &Layout,
    number: usize,
    program: &RowProgram,
    transform: Transform,
) -> String {
    let flow = Flow::new(program).under(transform);
    let [parameters, arguments] = signature(plan);
    let mut lines = vec![format!("__device__ void rows_{number}_body({parameters}) {{")];
    lines.extend(head(&flow));
    lines.extend(loads(plan, layout, program));
    for step in &flow.steps {
        match *step {
            FlowStep::Number(register, op) => {
                lines.push(format!("const S r{register} = {};", text::number(op, transform)))
            }
            FlowStep::Gather(register, index) => {
                lines.push(format!("const S r{register} = {};", text::element(transform, index)));
            }
            FlowStep::Sweep(sweep) if flow.sweeps[sweep].is_empty() => {}
            FlowStep::Sweep(sweep) => {
                let is_scattered = flow.sweeps[sweep].gradient.is_some() && !program.scatter.is_empty();
                let scatter = if is_scattered { program.scatter.as_slice() } else { &[] };
                lines.extend(self::sweep(&flow, sweep, scatter, transform));
            }
        }
    }
    for &(id, register) in &program.exports {
        let only = if flow.sweeps.is_empty() { "" } else { "if (threadIdx.x == 0) " };
        lines.push(format!("{only}({})[row] = r{register};", layout.export(id)));
    }
    lines[1..].iter_mut().for_each(|line| line.insert_str(0, "    "));
    let kernel = if flow.sweeps.is_empty() { "KERNEL" } else { "ROW_KERNEL" };
    lines.push("}".into());
    lines.push(format!("{kernel}(rows_{number}, ({parameters}), rows_{number}_body({arguments}))\n"));
    lines.join("\n")
}

/// Which row a block or thread has, and where its arrays begin.
fn head(flow: &Flow) -> Vec<String> {
    let mut lines = Vec::new();
    if flow.sweeps.is_empty() {
        lines.push("const i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;".into());
        lines.push("if (i >= count) return;".into());
    } else {
        lines.push("const i64 i = blockIdx.x;".into());
    }
    lines.push("const i64 row = first + i, sequence = group[row];".into());
    lines.push("logits += i * stride;".into());
    lines.push("gradient += i * stride;".into());
    lines.push(format!("stored += i * stride * {};", flow.n_slots));
    lines
}

fn loads(plan: &Plan, layout: &Layout, program: &RowProgram) -> Vec<String> {
    let fixed = program.fixed.iter().map(|&(register, id)| (register, layout.scalar(&plan.ir, id)));
    let loads = program.loads.iter().map(|&(register, load)| {
        let from = match load {
            Load::Input(Input::Row(input)) => format!("{}[row]", input.short_name()),
            // These are no row values.
            Load::Input(Input::Logits | Input::HeldLogits | Input::Step | Input::Scale) => "0".into(),
            Load::Saved(id) => format!("({})[row]", layout.export(id)),
            Load::Sequence(id) => format!("({})[sequence]", layout.sequence(id)),
        };
        (register, from)
    });
    fixed.chain(loads).map(|(register, from)| format!("const S r{register} = S({from});")).collect()
}

fn sweep(flow: &Flow, number: usize, scatter: &[(usize, usize)], transform: Transform) -> Vec<String> {
    let (mut lines, sweep) = (Vec::new(), &flow.sweeps[number]);
    for &(reduction, _, register) in &sweep.reductions {
        lines.push(match reduction {
            Reduction::Sum => format!("S t{register} = S(0);"),
            Reduction::Max => format!("S t{register} = LOWEST;"),
            Reduction::Argmax => format!("Largest t{register} = {{LOWEST, 0}};"),
        });
    }
    if sweep.gradient.is_some() {
        lines.extend(before_scatter(flow, number, scatter, transform));
        // All threads have read what they need of the logits, which the gradient may replace.
        lines.push("__syncthreads();".into());
    }
    lines.push(format!("Softmaxes<{}> s{number};", sweep.softmaxes.len()));
    let arguments = arguments(flow, sweep, number);
    lines.push(format!("{arguments}, vocab, s{number}, [&](i64 j, const S *in, S *out, S *terms) {{"));
    lines.extend(indented(values(flow, sweep, [&sweep.loads, &sweep.computes], transform)));
    lines.extend(indented(element(sweep, transform)));
    lines.push("});".into());
    lines.extend(results(sweep, number));
    if !sweep.stores.is_empty() {
        lines.push("__syncthreads();".into());
    }
    lines.extend(after_scatter(scatter));
    lines
}

/// The call of a sweep up to the rows that it reads and writes.
fn arguments(flow: &Flow, sweep: &FlowSweep, number: usize) -> String {
    let (table, n_operations) = match sweep.softmaxes.is_empty() {
        true => (AT_ONCE.as_slice(), sweep.computes.len()),
        // How a sum of exponentials is grouped must not depend on what else is computed.
        false => {
            let of: Vec<_> = sweep.softmaxes.iter().map(|softmax| softmax.of).collect();
            (SOFTMAX_AT_ONCE.as_slice(), flow.closure(&of, number).1.len())
        }
    };
    let at_once = table.iter().find(|&&(_, most)| n_operations <= most).map_or(0, |&(at_once, _)| at_once);
    let from = sweep.loads.iter().map(|&value| pointer(flow, value)).collect::<Vec<_>>();
    let (ty, to) = match sweep.gradient {
        Some(_) => ("G", vec!["gradient".to_owned()]),
        None => ("S", sweep.stores.iter().map(|&value| pointer(flow, value)).collect()),
    };
    let (n_from, n_to) = (from.len(), to.len());
    format!("sweep<{at_once}, {n_from}, {n_to}, {ty}>({{{{{}}}}}, {{{{{}}}}}", from.join(", "), to.join(", "))
}

/// What happens to the values of one element.
fn element(sweep: &FlowSweep, transform: Transform) -> Vec<String> {
    let reduction = |&(reduction, of, register): &(Reduction, Operand, usize)| match reduction {
        Reduction::Sum => format!("t{register} += {};", operand(of)),
        Reduction::Max => format!("t{register} = larger(t{register}, {});", operand(of)),
        Reduction::Argmax => format!("t{register} = first_largest(t{register}, {}, j);", operand(of)),
    };
    let mut lines: Vec<_> = sweep.reductions.iter().map(reduction).collect();
    let softmaxes = sweep.softmaxes.iter().enumerate();
    lines.extend(softmaxes.map(|(i, softmax)| format!("terms[{i}] = {};", operand(softmax.of))));
    match sweep.gradient {
        Some(Operand::Zero) => lines.push("out[0] = S(0);".into()),
        Some(gradient) => {
            lines.push(format!("out[0] = {};", text::product_gradient(transform, &operand(gradient), "x")));
        }
        None => lines.extend(sweep.stores.iter().enumerate().map(|(i, &value)| format!("out[{i}] = v{value};"))),
    }
    lines
}

/// The reductions over all threads.
fn results(sweep: &FlowSweep, number: usize) -> Vec<String> {
    let reduction = |&(reduction, _, register): &(Reduction, Operand, usize)| match reduction {
        Reduction::Sum => format!("const S r{register} = block_sum(t{register});"),
        Reduction::Max => format!("const S r{register} = block_max(t{register});"),
        Reduction::Argmax => format!("const S r{register} = S(block_first_largest(t{register}).index);"),
    };
    let mut lines: Vec<_> = sweep.reductions.iter().map(reduction).collect();
    for (i, softmax) in sweep.softmaxes.iter().enumerate() {
        let (max, sum) = (softmax.max, softmax.sum);
        let (of_max, of_sum) = (format!("s{number}.max[{i}]"), format!("s{number}.sum[{i}]"));
        lines.push(format!("const S r{max} = block_max({of_max});"));
        lines.push(format!("const S r{sum} = block_sum(multiply({of_sum}, exp_subtract({of_max}, r{max})));"));
    }
    lines
}

/// Definitions of values for one element, those that are loaded and those that are computed; `in` has the loads of the
/// sweep.
fn values(flow: &Flow, sweep: &FlowSweep, [loads, computes]: [&[usize]; 2], transform: Transform) -> Vec<String> {
    let load = |value: &usize| {
        let position = sweep.loads.iter().position(|other| other == value);
        // A part of a sweep loads no more than the sweep does.
        let loaded = format!("in[{}]", position.expect("a sweep loads what it needs"));
        let loaded = if *value == LOGITS_VALUE { text::logit(transform, &loaded) } else { loaded };
        format!("const S {} = {loaded};", operand(Operand::Value(*value)))
    };
    let compute = |&value: &usize| {
        let apply = flow.values[value]
            .apply
            .as_ref()
            .map(|(op, inputs)| text::apply(*op, &inputs.iter().map(|&input| operand(input)).collect::<Vec<_>>(), "S"));
        format!("const S v{value} = {};", apply.unwrap_or_default())
    };
    loads.iter().map(load).chain(computes.iter().map(compute)).collect()
}

/// The first thread computes the elements that the scatter changes, in full precision, before the gradient replaces the
/// logits.
fn before_scatter(flow: &Flow, number: usize, scatter: &[(usize, usize)], transform: Transform) -> Vec<String> {
    let (mut lines, sweep) = (Vec::new(), &flow.sweeps[number]);
    let Some(gradient) = sweep.gradient.filter(|_| !scatter.is_empty()) else { return lines };
    let (loads, computes) = flow.closure(&[gradient], number);
    lines.push("auto dense = [&](const S *in) -> S {".into());
    lines.extend(indented(values(flow, sweep, [&loads, &computes], transform)));
    lines.push(format!("    return {};", operand(gradient)));
    lines.push("};".into());
    for (k, &(index, _)) in scatter.iter().enumerate() {
        lines.push(format!("const i64 at{k} = index_of(r{index}, vocab);"));
        lines.push(format!("S d{k} = S(0);"));
    }
    let elements = |k: usize| {
        let element = |&value: &usize| format!("({})[at{k}]", pointer(flow, value));
        let elements = sweep.loads.iter().map(element).collect::<Vec<_>>();
        if elements.is_empty() { "S(0)".into() } else { elements.join(", ") }
    };
    for k in 0..scatter.len() {
        lines.push(format!("if (threadIdx.x == 0 && at{k} >= 0) {{"));
        lines.push(format!("    const S in[] = {{{}}};", elements(k)));
        lines.push(format!("    d{k} = dense(in);"));
        for (other, &(_, value)) in scatter.iter().enumerate() {
            let condition = if other == k { String::new() } else { format!("if (at{other} == at{k}) ") };
            lines.push(format!("    {condition}d{k} = add(d{k}, r{value});"));
        }
        if !transform.is_none() {
            let x = text::logit(transform, &format!("logits[at{k}]"));
            lines.push(format!("    d{k} = {};", text::product_gradient(transform, &format!("d{k}"), &x)));
        }
        lines.push("}".into());
    }
    lines
}

fn after_scatter(scatter: &[(usize, usize)]) -> Vec<String> {
    let mut lines = Vec::new();
    if !scatter.is_empty() {
        lines.push("__syncthreads();".into());
    }
    for k in 0..scatter.len() {
        lines.push(format!("if (threadIdx.x == 0 && at{k} >= 0) store(gradient + at{k}, d{k});"));
    }
    lines
}

fn pointer(flow: &Flow, value: usize) -> String {
    if value == LOGITS_VALUE {
        return "logits".into();
    }
    format!("stored + {} * stride", flow.values[value].slot.unwrap_or_default())
}

fn operand(operand: Operand) -> String {
    match operand {
        Operand::Zero => "S(0)".into(),
        Operand::Register(register) => format!("r{register}"),
        Operand::Value(LOGITS_VALUE) => "x".into(),
        Operand::Value(value) => format!("v{value}"),
    }
}

fn indented(lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("    {line}"))
}
