//! The loss compiler against plain candle autograd, finite differences and itself.

mod graph;
mod random;

use graph::{Case, INPUTS, Outcome};
use trainyard::loss::Program;
use trainyard_plugin::graph::ops::{OPS, Rule};
use trainyard_plugin::{Builder, Expr, Graph, Node, Output};

fn compile(graph: &Graph) -> Program {
    Program::compile(&[graph], &INPUTS).unwrap()
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
    outputs.max(distance(&got.hidden, &expected.hidden)).max(distance(&got.head, &expected.head))
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
    for op in OPS.iter().filter(|op| !op.name.starts_with("input.") || INPUTS.contains(&op.name)) {
        let graphs = random::single_op_graphs(1, op.name);
        let is_index = op.rule == Rule::Index;
        assert!(!graphs.is_empty() || is_index, "no graph for op {}", op.name);
        for graph in graphs {
            equals_reference(&case(), &graph);
        }
    }
}

#[test]
fn random_graphs_equal_their_reference() {
    let mut seen = std::collections::BTreeSet::new();
    let mut n_with_gradient = 0;
    for seed in 0..1000 {
        let graph = random::graph(seed, 4 + seed as usize % 30);
        let case = Case::new(seed, 6, 3, 7 + seed as usize % 5, [1, 2, 3, 6][seed as usize % 4]);
        let got = case.run::<f64>(&compile(&graph)).unwrap();
        let far = outcome_distance(&got, &case.reference(&graph).unwrap());
        assert!(far < 1e-9, "seed {seed}: relative difference {far:e}\n{}", compile(&graph).explain());
        seen.extend(graph.nodes.into_iter().map(|node| node.op));
        n_with_gradient += usize::from(got.hidden.iter().any(|x| *x != 0.0));
    }
    let missing: Vec<_> = OPS.iter().map(|op| op.name).filter(|name| !seen.contains(*name)).collect();
    let absent = ["input.teacher_logits", "input.reference_logp", "input.old_logp", "input.advantage"];
    assert_eq!(missing, absent, "ops that no graph used");
    assert!(n_with_gradient > 900, "only {n_with_gradient} graphs had a gradient");
}
