//! Graphs and descriptions of metrics that no host may accept.

use trainyard_plugin::graph::MAX_NODES;
use trainyard_plugin::{Builder, Graph, MetricInfo, Node, Output};

/// A good graph with what `behaviour` names changed.
pub fn graph(behaviour: &str) -> Graph {
    if let Some(graph) = lawless(behaviour) {
        return graph;
    }
    let g = Builder::new();
    let mut graph = g.mean(-g.logits().log_softmax().gather(g.target()));
    let node = |op: &str, inputs: &[u32]| Node { op: op.into(), inputs: inputs.into(), attributes: vec![] };
    match behaviour {
        "cyclic" => graph.nodes[1].inputs[0] = 1,
        "forward" => graph.nodes[1].inputs[0] = 2,
        "input-outside" => graph.nodes[1].inputs[0] = u32::MAX,
        "unknown-op" => graph.nodes.push(node("softmaxx", &[0])),
        "control-op" => graph.nodes.push(node("\u{1b}[2J", &[0])),
        "long-op" => graph.nodes.push(node(&"x".repeat(1 << 20), &[0])),
        "ill-typed" => graph.outputs[0].sum = 0,
        "too-many-inputs" => graph.nodes[1].inputs = vec![0; 100_000],
        "nan-attribute" => {
            graph.nodes[1].attributes.push(f64::NAN);
        }
        "infinite-constant" => {
            graph.nodes.push(Node { op: "constant".into(), inputs: vec![], attributes: vec![f64::INFINITY] })
        }
        "no-outputs" => graph.outputs.clear(),
        "many-outputs" => graph.outputs = vec![graph.outputs[0].clone(); 100_000],
        "output-outside" => graph.outputs[0].weight = u32::MAX,
        "output-name" => graph.outputs[0].name = "x\u{1b}[2J".into(),
        "same-names" => graph.outputs.push(Output { ..graph.outputs[0].clone() }),
        "newer-op-set" => graph.op_set = 1000,
        "empty" => graph.nodes.clear(),
        "enormous" => graph.nodes.resize(1_000_000, node("exp", &[0])),
        "deep" => {
            let mut last = graph.outputs[0].sum;
            while graph.nodes.len() < MAX_NODES {
                graph.nodes.push(node("neg", &[last]));
                last = graph.nodes.len() as u32 - 1;
            }
            graph.outputs[0].sum = last;
        }
        _ => {}
    }
    graph
}

/// Well typed graphs that keep or break the laws of losses and metrics.
fn lawless(behaviour: &str) -> Option<Graph> {
    let (g, other) = (Builder::new(), Builder::new());
    let nll = -g.logits().log_softmax().gather(g.target());
    let weight = g.weight().sum_rows();
    let sum = (nll * g.weight()).sum_rows();
    Some(match behaviour {
        "sequences" => g.mean((nll * g.weight()).sum_sequence().expand_sequence()),
        "extras" => {
            g.log_mean("confidence", (-nll).exp());
            g.log_mean("nll", nll);
            g.mean(nll)
        }
        "negative-weight" => g.ratio(sum, -weight),
        "weight-of-logits" => g.ratio(sum, ((-nll).exp() * g.weight()).sum_rows()),
        "unavailable" => g.mean(g.teacher_logits().log_softmax().gather(g.target())),
        "stopped" => g.mean((1.0 - (-nll).exp()).square().stop_gradient() * nll),
        "preference" => g.mean((-nll - g.reference_logp()) * g.advantage() - g.teacher_logits().softmax().sum_vocab()),
        "mixed" => g.mean(nll + other.weight()),
        "late-log" => {
            let graph = g.mean(nll);
            g.log_mean("nll", nll);
            graph
        }
        _ => return None,
    })
}

/// A good description with what `behaviour` names changed.
pub fn info(behaviour: &str) -> MetricInfo {
    let info = MetricInfo::lower_is_better("things");
    match behaviour {
        "unit-too-long" => MetricInfo { unit: "u".repeat(101), ..info },
        "unit-with-control" => MetricInfo { unit: "a\tb".into(), ..info },
        "unknown-aggregation" => info.aggregation("median"),
        _ => info,
    }
}
