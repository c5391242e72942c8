//! Graphs and batches that cannot be run: every error names the culprit and what to do.

use super::graph::Case;
use super::{case, compile, losses};
use crate::device;
use trainyard::Error;
use trainyard::loss::Program;
use trainyard_plugin::{Builder, Graph, Node, Output};

#[track_caller]
fn fails(graph: &Graph, expected: &str) {
    let error = Program::compile(&[graph]).unwrap_err();
    assert!(matches!(error, Error::Plugin(_)), "{error:?} is not the plugin's fault");
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
}

fn graph(nodes: &[(&str, &[u32])]) -> Graph {
    let node = |(op, inputs): &(&str, &[u32])| Node {
        op: (*op).into(),
        inputs: (*inputs).into(),
        attributes: if *op == "constant" { vec![1.0] } else { vec![] },
    };
    let last = nodes.len() as u32 - 1;
    let outputs = vec![Output { name: "loss".into(), sum: last, weight: last }];
    Graph { op_set: 1, nodes: nodes.iter().map(node).collect(), outputs }
}

#[test]
fn wrong_graphs() {
    fails(&graph(&[("input.logits", &[]), ("sum_rows", &[0])]), "op \"sum_rows\" does not take (vocab)");
    fails(&graph(&[("neg", &[1]), ("constant", &[])]), "expected a node before 0 (a graph has no cycles)");
    fails(&graph(&[("input.logits", &[]), ("log_softmaxx", &[0])]), "did you mean \"log_softmax\"?");
    fails(&graph(&[("input.logits", &[])]), "is a vocab, expected a scalar");
    let large: Vec<(&str, &[u32])> = vec![("constant", &[]); 5000];
    fails(&graph(&large), "the graph has 5000 nodes, at most 4096 are allowed");
    assert!(Program::compile(&[]).is_err());
}

#[test]
fn costly_graphs() {
    let nested = |n: usize| {
        let g = Builder::new();
        let mut x = g.logits();
        for _ in 0..n {
            x = x * x.log_sum_exp().sum_rows();
        }
        g.ratio(x.log_sum_exp().sum_rows(), g.constant(1.0))
    };
    assert!(Program::compile(&[&nested(2)]).is_ok());
    fails(&nested(20), "passes over the logits, at most 8 are allowed; nest fewer sums over rows");
    let g = Builder::new();
    let (mut x, mut total) = (g.logits(), g.logits());
    for _ in 0..100 {
        x = (x * x.log_sum_exp()).tanh();
        total = total + x;
    }
    // The gradient goes back through all of them.
    fails(&g.mean(total.sum_vocab()), "keeps more than 64 vocabulary-wide values per row");
}

#[test]
fn deep_graphs_compile_quickly() {
    // Each value uses the one before twice: whoever follows every path never returns.
    let g = Builder::new();
    let mut x = g.logits().tanh();
    // What compiles kernels takes longer.
    for _ in 0..if device::is_cpu() { 500 } else { 50 } {
        x = (x * 0.5 + x.square() * 0.25).tanh();
    }
    let graph = g.mean(x.gather(g.target()) + x.sum_vocab());
    let program = compile(&graph);
    assert!(program.explain().len() < 1_000_000);
    let got = Case::new(1, 4, 3, 7, 2).run::<f64>(&program).unwrap();
    assert!(got.ratios[0].0.is_finite());
}

#[test]
fn wrong_batches() {
    let program = compile(&losses()[0].1);
    let fails = |change: fn(&mut Case), expected: &str| {
        let mut case = case();
        change(&mut case);
        let error = case.run::<f32>(&program).unwrap_err();
        assert!(matches!(error, Error::Run(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    };
    fails(|case| case.target[5] = 37, "target of row 5 is token 37, expected an id below the vocabulary size 37");
    fails(|case| case.weight.push(1.0), "weight has 13 elements, expected 12");
    if device::is_cpu() {
        fails(|case| case.hidden.truncate(7), "hidden has 7 elements, expected 60");
    }
    let apart = "expected groups 0, 1, … whose rows stand together";
    fails(|case| case.group[0] = 1, &format!("row 0 is of group 1, {apart}"));
    fails(|case| case.group[11] = 4, &format!("row 11 is of group 4, {apart}"));
    fails(|case| case.group[11] = 0, &format!("row 11 is of group 0, {apart}"));
    let place = if device::is_cpu() { "batch" } else { "group" };
    fails(|case| case.group.truncate(11), &format!("{place} has 11 elements, expected 12"));
}

#[test]
fn an_empty_batch() {
    let empty = Case { rows: 0, ..Case::new(1, 0, 3, 7, 2) };
    let got = empty.run::<f64>(&compile(&losses()[0].1)).unwrap();
    assert_eq!(got.ratios, [(0.0, 0.0)]);
}
