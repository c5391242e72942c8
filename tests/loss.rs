//! The loss compiler compared with plain candle autograd, finite differences and itself.

mod bf16;
pub mod graph;
mod groups;
mod head;
mod inputs;
pub mod random;
mod wrong;

use crate::device;
use graph::{Case, Outcome};
use trainyard::loss::Program;
use trainyard::rows::RowInput;
use trainyard_plugin::graph::ops::{OPS, Rule};
use trainyard_plugin::{Builder, Expr, Graph};

fn compile(graph: &Graph) -> Program {
    Program::compile(&[graph]).unwrap()
}

/// The largest difference, relative to the largest expected number (at least 1).
fn distance(got: &[f64], expected: &[f64]) -> f64 {
    let scale = expected.iter().fold(1.0_f64, |scale, x| scale.max(x.abs()));
    // NaN counts as infinitely far; `max` would skip it.
    let far = |(a, b): (&f64, &f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() / scale };
    assert_eq!(got.len(), expected.len());
    got.iter().zip(expected).map(far).fold(0.0, f64::max)
}

fn outcome_distance(got: &Outcome, expected: &Outcome) -> f64 {
    let flat = |outcome: &Outcome| outcome.ratios.iter().flat_map(|ratio| [ratio.0, ratio.1]).collect::<Vec<_>>();
    let outputs = distance(&flat(got), &flat(expected));
    let gradients = [(&got.hidden, &expected.hidden), (&got.head, &expected.head), (&got.bias, &expected.bias)];
    gradients.into_iter().map(|(got, expected)| distance(got, expected)).fold(outputs, f64::max)
}

#[track_caller]
fn equals_reference(case: &Case, graph: &Graph) {
    let got = case.run::<f64>(&compile(graph)).unwrap();
    let far = outcome_distance(&got, &case.reference(graph).unwrap());
    assert!(far < 1e-9, "relative difference {far:e} in {graph:?}");
}

fn case() -> Case {
    Case::new(3, 12, 5, 37, 4)
}

/// Losses with names, in the forms that plugins give them.
fn losses() -> Vec<(&'static str, Graph)> {
    fn graph(formula: impl for<'g> Fn(&'g Builder) -> Expr<'g>) -> Graph {
        let g = Builder::new();
        g.mean(formula(&g))
    }
    vec![
        ("cross-entropy", graph(|g| -g.logits().log_softmax().gather(g.target()))),
        (
            "label smoothing",
            graph(|g| {
                let logp = g.logits().log_softmax();
                -(0.9 * logp.gather(g.target()) + 0.1 * logp.mean_vocab())
            }),
        ),
        (
            "focal",
            graph(|g| {
                let logp = g.logits().log_softmax().gather(g.target());
                -(1.0 - logp.exp()).powf(1.5) * logp
            }),
        ),
        (
            "z-loss",
            graph(|g| {
                let z = g.logits().log_sum_exp();
                z - g.logits().gather(g.target()) + 1e-2 * z.square()
            }),
        ),
        (
            "entropy",
            graph(|g| {
                let logp = (g.logits() / 0.7).log_softmax();
                (logp.exp() * logp).sum_vocab()
            }),
        ),
        (
            "rank",
            graph(|g| {
                // As a plugin may write it: right only if a probability is the same number in its row and at its index.
                let p = g.logits().softmax() * 0.3;
                let logp = g.logits().log_softmax();
                let above = p.gather(g.target()).less(p).sum_vocab() + logp.gather(g.target()).less(logp).sum_vocab();
                above + p.equal(p.max_vocab()).sum_vocab() - logp.gather(g.target())
            }),
        ),
        (
            "accuracy and margin",
            graph(|g| {
                let hit = g.logits().argmax().index_equal(g.target());
                hit + (g.logits().max_vocab() - g.logits().gather(g.target()))
            }),
        ),
    ]
}

/// Losses whose gradient needs sums over other rows.
fn two_pass_losses() -> Vec<(&'static str, Graph)> {
    let preference = {
        let g = Builder::new();
        let logp = g.logits().log_softmax().gather(g.target()) * g.weight();
        let loss = -(logp.sum_sequence() - (-9.0)).log_sigmoid();
        let n = (loss * 0.0 + 1.0).sum_sequences();
        g.ratio(loss.sum_sequences(), n)
    };
    let centred = {
        let g = Builder::new();
        let z = g.logits().log_sum_exp();
        let mean = (z * g.weight()).sum_rows() / g.weight().sum_rows();
        g.mean((z - mean).square())
    };
    let sequence_level = {
        let g = Builder::new();
        let logp = g.logits().log_softmax().gather(g.target());
        let mean = (logp.sum_sequence() / 4.0).expand_sequence();
        g.mean(logp * mean.exp())
    };
    let nonlinear = {
        let g = Builder::new();
        let wide = (g.logits() * g.logits().log_sum_exp().sum_rows().tanh()).softmax().square().sum_vocab();
        g.ratio(wide.sum_rows().square(), g.weight().sum_rows())
    };
    vec![("preference", preference), ("centred", centred), ("sequence level", sequence_level), ("nonlinear", nonlinear)]
}

#[test]
fn losses_equal_their_reference() {
    for (_, graph) in losses().iter().chain(&two_pass_losses()) {
        equals_reference(&case(), graph);
    }
}

#[test]
fn every_op_equals_its_reference() {
    let wide = [RowInput::TeacherLogits, RowInput::Targets].map(RowInput::name); // which a GPU does not read yet
    for op in OPS.iter().filter(|op| device::is_cpu() || !wide.contains(&op.name)) {
        let graphs = random::single_op_graphs(1, op.name);
        let is_index = op.rule == Rule::Index;
        assert!(!graphs.is_empty() || is_index, "no graph for op {}", op.name);
        // A GPU has a compiler at work for each graph: there the widest is enough.
        let n_left_out = if device::is_cpu() { 0 } else { graphs.len().saturating_sub(1) };
        for graph in graphs.into_iter().skip(n_left_out) {
            equals_reference(&case(), &graph);
        }
    }
}

#[test]
fn random_graphs_equal_their_reference() {
    let mut seen = std::collections::BTreeSet::new();
    let mut n_with_gradient = 0;
    let step = if device::is_cpu() { 1 } else { 60 };
    for seed in (0..1200).step_by(step) {
        let graph = random::graph(seed, 4 + seed as usize % 30);
        let groups: [&[usize]; 6] = [&[1; 6], &[2, 2, 2], &[3, 3], &[6], &[1, 3, 2], &[4, 1, 1]];
        let case = Case::new(seed, 6, 3, 7 + seed as usize % 5, 6).in_groups_of(groups[seed as usize / 7 % 6]);
        let got = case.run::<f64>(&compile(&graph)).unwrap();
        let far = outcome_distance(&got, &case.reference(&graph).unwrap());
        assert!(far < 1e-9, "seed {seed}: relative difference {far:e}\n{}", compile(&graph).explain());
        seen.extend(graph.nodes.into_iter().map(|node| node.op));
        n_with_gradient += usize::from(got.hidden.iter().any(|x| *x != 0.0));
    }
    if step > 1 {
        return;
    }
    let missing: Vec<_> = OPS.iter().map(|op| op.name).filter(|name| !seen.contains(*name)).collect();
    let absent = ["input.teacher_logits", "input.reference_logp", "input.old_logp", "input.advantage", "input.targets"];
    assert_eq!(missing, absent, "ops that no graph used");
    assert!(n_with_gradient > 900, "only {n_with_gradient} graphs had a gradient");
}

#[test]
fn many_pieces_and_chunks_equal_their_reference() {
    // More rows than one chunk has, more tokens than one piece of a sweep has.
    let (many_rows, wide) = (Case::new(5, 1030, 4, 19, 5), Case::new(6, 6, 3, 2500, 3));
    for (_, graph) in losses().iter().chain(&two_pass_losses()) {
        equals_reference(&many_rows, graph);
        equals_reference(&wide, graph);
    }
    for seed in (0..40).step_by(if device::is_cpu() { 1 } else { 8 }) {
        let graph = random::graph(seed, 25);
        let far = outcome_distance(&wide.run::<f64>(&compile(&graph)).unwrap(), &wide.reference(&graph).unwrap());
        assert!(far < 1e-8, "seed {seed}: relative difference {far:e}");
    }
}

#[test]
fn gradients_equal_finite_differences() {
    let case = case();
    for (name, graph) in losses().into_iter().chain(two_pass_losses()).filter(|(name, _)| *name != "rank") {
        let program = compile(&graph);
        let gradient = case.run::<f64>(&program).unwrap().hidden;
        for i in [0, 17, 33, 59] {
            let at = |shift: f64| {
                let mut moved = case.clone();
                moved.hidden[i] += shift;
                moved.run::<f64>(&program).unwrap().ratios[0].0 * graph::SCALE
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - gradient[i]).abs() < 1e-7 * slope.abs().max(1.0), "{name}[{i}]: {slope} {}", gradient[i]);
        }
    }
}

#[test]
fn f32_equals_f64_to_rounding() {
    for (name, graph) in losses().into_iter().chain(two_pass_losses()) {
        // Both start from numbers that f32 holds exactly.
        let mut case = Case::new(8, 24, 16, 1500, 4);
        for x in case.hidden.iter_mut().chain(&mut case.head) {
            *x = (*x * 256.0).round() / 256.0;
        }
        let program = compile(&graph);
        let far = outcome_distance(&case.run::<f32>(&program).unwrap(), &case.run::<f64>(&program).unwrap());
        assert!(far < 2e-5, "{name}: relative difference {far:e}");
        assert!(far > 0.0 || name != "cross-entropy", "f32 was not used");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let case = Case::new(9, 700, 48, 1100, 7);
    for (name, graph) in losses().into_iter().chain(two_pass_losses()) {
        let program = compile(&graph);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| (case.run::<f32>(&program).unwrap(), case.run::<f64>(&program).unwrap()))
        };
        let one = run(1);
        for threads in [2, 4] {
            assert!(run(threads) == one, "{name}: {threads} threads differ from one");
        }
    }
}

#[test]
fn rows_that_do_not_count_make_no_nan() {
    // Their value is finite, its derivative is not.
    let graph = |root: fn(Expr<'_>) -> Expr<'_>| {
        let g = Builder::new();
        let distance = (g.logits().max_vocab() - g.logits().gather(g.target())).abs();
        g.mean(root(distance * g.weight()))
    };
    let mut case = case();
    case.weight.iter_mut().enumerate().for_each(|(i, weight)| *weight = if i % 2 == 0 { 1.0 } else { 0.0 });
    let logits = |row: usize| {
        let dot = |token: usize| -> f64 {
            (0..case.width).map(|i| case.hidden[row * case.width + i] * case.head[token * case.width + i]).sum()
        };
        (0..case.vocab).map(dot).collect::<Vec<_>>()
    };
    // The other rows are away from 0.
    let smallest =
        |row: usize| (0..case.vocab).min_by(|&a, &b| logits(row)[a].total_cmp(&logits(row)[b])).unwrap() as u32;
    case.target = (0..case.rows).map(smallest).collect();
    for root in [|x: Expr<'_>| x.sqrt(), |x: Expr<'_>| x.powf(0.5)] as [fn(Expr<'_>) -> Expr<'_>; 2] {
        let got = case.run::<f64>(&compile(&graph(root))).unwrap();
        assert!(got.hidden.iter().chain(&got.head).all(|x| x.is_finite()), "{got:?}");
        assert!(got.hidden.iter().any(|x| *x != 0.0));
    }
}

#[test]
fn large_logits_do_not_overflow() {
    let mut case = case();
    case.hidden.iter_mut().for_each(|x| *x *= 1e4);
    for (name, graph) in losses() {
        let got = case.run::<f32>(&compile(&graph)).unwrap();
        assert!(got.ratios[0].0.is_finite(), "{name}");
        assert!(got.hidden.iter().chain(&got.head).all(|x| x.is_finite()), "{name}");
    }
}

#[test]
fn a_small_loss_keeps_its_digits() {
    // Logits near 300, where neighbouring f32 are 3e-5 apart; the loss is below that.
    let mut case = Case::new(1, 4, 1, 3, 2);
    case.hidden.fill(1.0);
    case.head = vec![300.0, 288.0, 287.0];
    (case.target, case.weight) = (vec![0; 4], vec![1.0; 4]);
    let exact = ((-12.0_f64).exp() + (-13.0_f64).exp()).ln_1p();
    let g = Builder::new();
    let gain = g.mean(g.logits().log_softmax().gather(g.target()));
    for (graph, sign) in [(&losses()[0].1, 1.0), (&gain, -1.0)] {
        let loss = sign * case.run::<f32>(&compile(graph)).unwrap().ratios[0].0 / 4.0;
        assert!((loss / exact - 1.0).abs() < 0.02, "{loss} is far from {exact}");
    }
}

#[test]
fn what_is_not_finite_is_reported() {
    let mut case = case();
    case.hidden[7] = f64::NAN;
    // Comparisons are false for NaN: these must not hide it.
    let through: [fn(Expr<'_>) -> Expr<'_>; 6] = [
        |x| x.log_softmax(),
        |x| x.relu(),
        |x| x.abs(),
        |x| x.clamp(-1.0, 1.0),
        |x| x.minimum(0.5) + x.log_sum_exp(),
        |x| (0.5 - x).maximum(0.25) + (x - 0.5).minimum(x),
    ];
    for op in through {
        let g = Builder::new();
        let got = case.run::<f32>(&compile(&g.mean(op(g.logits()).sum_vocab()))).unwrap();
        assert!(got.ratios[0].0.is_nan(), "{:?}", got.ratios);
    }
    let got = case.run::<f32>(&compile(&losses()[0].1)).unwrap();
    assert!(got.hidden.iter().any(|x| x.is_nan()));
}

#[test]
fn graphs_are_compiled_together() {
    let (loss, other) = (&losses()[0].1, &losses()[3].1);
    let program = Program::compile(&[loss, other]).unwrap();
    assert_eq!(program.outputs(), ["loss", "loss"]);
    let (both, alone) = (case().run::<f64>(&program).unwrap(), case().run::<f64>(&compile(loss)).unwrap());
    assert_eq!((&both.hidden, &both.head), (&alone.hidden, &alone.head), "the gradient is that of the first");
    assert_eq!(both.ratios[0], alone.ratios[0]);
    assert_eq!(both.ratios[1], case().run::<f64>(&compile(other)).unwrap().ratios[0]);
}

#[test]
fn focal_without_focus_is_cross_entropy() {
    let g = Builder::new();
    let logp = g.logits().log_softmax().gather(g.target());
    let focal = g.mean(-(1.0 - logp.exp()).powf(0.0) * logp);
    let run = |graph: &Graph| case().run::<f64>(&compile(graph)).unwrap();
    assert_eq!(run(&focal), run(&losses()[0].1));
}

#[test]
fn explanation_of_cross_entropy() {
    let text = compile(&losses()[0].1).explain();
    for line in [
        "loss = sum_rows((log_sum_exp(logits) - logits[target]) * weight) / sum_rows(weight)",
        "training: passes over the logits: 1; matrix products: 3; sweeps over each row of logits: 3; per logit: 4 reads, 2 \
         writes, 1 exponentials or the like",
        "  over the vocabulary: row1 = exp(logits - r0); r1 = sum(row1)",
        "  over the vocabulary: logits = row1 * r13",
    ] {
        assert!(text.lines().any(|other| other == line), "{line:?} is not a line of\n{text}");
    }
    let two_passes = compile(&two_pass_losses()[0].1).explain();
    assert!(two_passes.contains("training: passes over the logits: 2; matrix products: 4"), "{two_passes}");
}
