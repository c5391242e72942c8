//! A program as text: the outputs' formulas, then what happens to every row, in the order in which it happens.

use super::formula::{Text, binary_text, input_name, leaf_text, select_text, unary_text};
use super::ir::{Binary, Ir, Op, Unary};
use super::row_program::{Finish, Item, LOGITS, Load, Map, MapOp, NumberOp, Place, Reduction, RowProgram, Step, Sweep};
use super::split::{Plan, Stage};
use trainyard_plugin::graph::Type;

/// `formulas` come from the graph before it was differentiated.
pub(super) fn explain(formulas: &str, forward: &Plan, training: &Plan) -> String {
    let mut lines = vec![formulas.to_owned()];
    lines.push(format!("evaluation: {}", summary(forward)));
    lines.push(format!("training: {}", summary(training)));
    let n_passes = training.stages.iter().filter(|stage| has_logits(stage)).count();
    if n_passes > 1 {
        lines.push("the gradient of a row needs sums over other rows, so the logits are made more than once".into());
    }
    for (i, stage) in training.stages.iter().enumerate() {
        if let Some(pass) = &stage.pass {
            lines.push(format!("\ntraining, pass {}, for each row:", i + 1));
            lines.extend(listing(&training.ir, pass));
        }
    }
    lines.join("\n")
}

fn has_logits(stage: &Stage) -> bool {
    stage.pass.as_ref().is_some_and(|pass| pass.needs_logits)
}

/// What a plan costs per logit.
fn summary(plan: &Plan) -> String {
    let passes: Vec<_> = plan.stages.iter().filter_map(|stage| stage.pass.as_ref()).collect();
    let n_products: usize =
        passes.iter().map(|pass| usize::from(pass.needs_logits) + 2 * usize::from(pass.has_gradient)).sum();
    let n_logit_passes = passes.iter().filter(|pass| pass.needs_logits).count();
    let sweeps = passes.iter().flat_map(|pass| &pass.steps).filter_map(|step| match step {
        Step::Sweep(sweep) => Some(sweep),
        Step::Number(..) => None,
    });
    let mut cost = Cost::default();
    sweeps.for_each(|sweep| cost.add(sweep));
    let Cost { sweeps, reads, writes, functions } = cost;
    format!(
        "passes over the logits: {n_logit_passes}; matrix products: {n_products}; sweeps over each row of logits: {sweeps}; \
         per logit: {reads} reads, {writes} writes, {functions} exponentials or the like"
    )
}

#[derive(Debug, Default)]
struct Cost {
    sweeps: usize,
    reads: usize,
    writes: usize,
    functions: usize,
}

impl Cost {
    fn add(&mut self, sweep: &Sweep) {
        self.sweeps += 1;
        for item in &sweep.items {
            match item {
                Item::Map(map) => self.add_map(map),
                Item::Reduce { of, .. } => self.reads += row(*of),
            }
        }
        match &sweep.finish {
            Some(Finish::Map(map)) => self.add_map(map),
            Some(Finish::Copy(from)) => {
                self.reads += row(*from);
                self.writes += 1;
            }
            Some(Finish::Zero) => self.writes += 1,
            None => {}
        }
    }

    fn add_map(&mut self, map: &Map) {
        self.writes += row(map.out);
        match map.op {
            MapOp::Unary(op, x) => {
                self.reads += row(x);
                self.functions += usize::from(is_costly(op));
            }
            MapOp::Binary(op, x, y) => {
                self.reads += row(x) + row(y);
                self.functions += usize::from(op == Binary::ExpSub);
            }
            MapOp::Select(x, y, z) => self.reads += row(x) + row(y) + row(z),
        }
    }
}

/// Pieces stay in the first-level cache, rows in the second: only rows are counted.
fn row(place: Place) -> usize {
    usize::from(matches!(place, Place::Buffer(_)))
}

fn is_costly(op: Unary) -> bool {
    use Unary::{Exp, Expm1, Log, Log1p, LogSigmoid, Powf, Sigmoid, Softplus, Tanh};
    matches!(op, Exp | Expm1 | Log | Log1p | LogSigmoid | Powf(_) | Sigmoid | Softplus | Tanh)
}

/// The program of a row, one line per step. Registers are `r0`, `r1`, …; rows kept between sweeps `row1`, …; pieces
/// `p0`, ….
fn listing(ir: &Ir, program: &RowProgram) -> Vec<String> {
    let mut lines = Vec::new();
    for &(register, id) in &program.fixed {
        let value = match ir.node(id).op {
            leaf @ (Op::Constant(_) | Op::Size(_) | Op::Input(_)) => leaf_text(leaf).text,
            _ => format!("a {} computed before the pass", Type::Scalar),
        };
        lines.push(format!("  r{register} = {value}"));
    }
    for &(register, load) in &program.loads {
        let value = match load {
            Load::Input(input) => input_name(input),
            Load::Saved(_) => "a row value of an earlier pass",
            Load::Sequence(_) => "a value of the row's sequence",
        };
        lines.push(format!("  r{register} = {value}"));
    }
    for step in &program.steps {
        match step {
            Step::Number(register, op) => lines.push(format!("  r{register} = {}", number(*op).text)),
            Step::Sweep(sweep) => lines.push(format!("  over the vocabulary: {}", sweep_text(sweep))),
        }
    }
    for (index, value) in &program.scatter {
        lines.push(format!("  logits[r{index}] += r{value}"));
    }
    if program.has_gradient {
        lines.push("  the logits are now their gradient".into());
    }
    lines
}

fn number(op: NumberOp) -> Text {
    let at = |register: usize| name(Place::Register(register));
    match op {
        NumberOp::Unary(op, x) => unary_text(op, &at(x)),
        NumberOp::Binary(op, x, y) => binary_text(op, &at(x), &at(y)),
        NumberOp::Select(x, y, z) => select_text(&at(x), &at(y), &at(z)),
        NumberOp::Gather(from, index) => Text::atom(format!("{}[r{index}]", name(from).text)),
    }
}

fn sweep_text(sweep: &Sweep) -> String {
    let mut parts: Vec<String> = sweep.items.iter().map(item_text).collect();
    match &sweep.finish {
        Some(Finish::Map(map)) => parts.push(map_text(map)),
        Some(Finish::Copy(from)) => parts.push(format!("logits = {}", name(*from).text)),
        Some(Finish::Zero) => parts.push("logits = 0".into()),
        None => {}
    }
    parts.join("; ")
}

fn item_text(item: &Item) -> String {
    match item {
        Item::Map(map) => map_text(map),
        Item::Reduce { reduction, of, register } => {
            let reduction = match reduction {
                Reduction::Sum => "sum",
                Reduction::Max => "max",
                Reduction::Argmax => "argmax",
            };
            format!("r{register} = {reduction}({})", name(*of).text)
        }
    }
}

fn map_text(map: &Map) -> String {
    let value = match map.op {
        MapOp::Unary(op, x) => unary_text(op, &name(x)),
        MapOp::Binary(op, x, y) => binary_text(op, &name(x), &name(y)),
        MapOp::Select(x, y, z) => select_text(&name(x), &name(y), &name(z)),
    };
    format!("{} = {}", name(map.out).text, value.text)
}

fn name(place: Place) -> Text {
    Text::atom(match place {
        LOGITS => "logits".to_owned(),
        Place::Register(i) => format!("r{i}"),
        Place::Piece(i) => format!("p{i}"),
        Place::Buffer(i) => format!("row{i}"),
    })
}
