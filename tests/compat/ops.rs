//! An op that was published keeps its name, its types, its value and its derivative; new ones are a new op set.

use crate::loss::graph::Case;
use crate::loss::random::single_op_graphs;
use serde_json::{Value, json};
use trainyard::base::random::Stream;
use trainyard::feed::SUPPLIED;
use trainyard::loss::Program;
use trainyard_plugin::graph::ops::{OP_SET, OPS};
use trainyard_plugin::{Graph, Node, Output};

/// Values are computed in another order on another processor.
const TOLERANCE: f64 = 1e-9;

/// The table, each op with graphs around it and what the host's compiler makes of them.
pub fn current() -> String {
    let ops: Vec<_> = OPS
        .iter()
        .map(|op| {
            let cases: Vec<_> = single_op_graphs(1, op.name)
                .iter()
                .map(|graph| json!({ "graph": write(graph), "computed": computed(graph) }))
                .collect();
            json!({
                "name": op.name, "inputs": op.n_inputs, "attributes": op.n_attributes, "rule": format!("{:?}", op.rule),
                "formula": op.formula, "derivative": op.derivative, "cases": cases,
            })
        })
        .collect();
    // one op a line
    let lines: Vec<_> = ops.iter().map(Value::to_string).collect();
    format!("{{\"op_set\":{OP_SET},\"ops\":[\n{}\n]}}\n", lines.join(",\n"))
}

/// The rules that `current` breaks. The frozen graphs are computed again.
pub fn check(frozen: &str, current: &str) -> Vec<String> {
    let (frozen, current): (Value, Value) = (parse(frozen), parse(current));
    let set = &frozen["op_set"];
    let mut broken = Vec::new();
    let table = |value: &Value| value["ops"].as_array().cloned().unwrap_or_default();
    let named = |table: &[Value], name: &Value| table.iter().find(|op| op["name"] == *name).cloned();
    let (old, new) = (table(&frozen), table(&current));
    for op in &old {
        let name = &op["name"];
        let Some(now) = named(&new, name) else {
            broken.push(format!("op {name} of set {set} is gone: a published op stays"));
            continue;
        };
        for key in ["inputs", "attributes", "rule", "formula", "derivative"] {
            if op[key] != now[key] {
                broken.push(format!(
                    "op {name} of set {set}: {key} was {}, is {}: a published op never changes, give the new one a name \
                     of its own",
                    op[key], now[key]
                ));
            }
        }
        for case in op["cases"].as_array().into_iter().flatten() {
            let (was, is) = (numbers(&case["computed"]), computed(&read(&case["graph"])));
            let same = |(a, b): (&f64, &f64)| (a - b).abs() <= TOLERANCE * a.abs().max(1.0);
            if was.len() != is.len() || !was.iter().zip(&is).all(same) {
                broken.push(format!(
                    "op {name} of set {set}: value or derivative was {was:?}, is {is:?}: a published op computes the \
                     same for ever, give the new one a name of its own"
                ));
                break;
            }
        }
    }
    for op in new.iter().filter(|op| named(&old, &op["name"]).is_none() && current["op_set"] == *set) {
        broken.push(format!(
            "op {} is new in set {set}, which was published without it: raise OP_SET, so that an older host says what \
             it lacks",
            op["name"]
        ));
    }
    broken
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The outputs, and both gradients along a fixed direction.
fn computed(graph: &Graph) -> Vec<f64> {
    let Ok(program) = Program::compile_for(&[graph], SUPPLIED) else { return Vec::new() };
    let outcome = Case::new(3, 12, 5, 37, 4).run::<f64>(&program).unwrap();
    let along = |gradient: &[f64]| {
        let direction = Stream::new(1, "direction");
        gradient.iter().zip(direction.normals(gradient.len())).map(|(a, b)| a * b).sum::<f64>()
    };
    let mut numbers: Vec<_> = outcome.ratios.iter().flat_map(|(sum, weight)| [*sum, *weight]).collect();
    numbers.extend([along(&outcome.hidden), along(&outcome.head)]);
    numbers
}

fn write(graph: &Graph) -> Value {
    let nodes: Vec<_> = graph.nodes.iter().map(|node| json!([node.op, node.inputs, node.attributes])).collect();
    let outputs: Vec<_> = graph.outputs.iter().map(|output| json!([output.name, output.sum, output.weight])).collect();
    json!({ "nodes": nodes, "outputs": outputs })
}

fn read(graph: &Value) -> Graph {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let id = |value: &Value| value.as_u64().unwrap() as u32;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let node = |node: &Value| Node {
        op: text(&node[0]),
        inputs: list(&node[1]).iter().map(id).collect(),
        attributes: numbers(&node[2]),
    };
    let output = |output: &Value| Output { name: text(&output[0]), sum: id(&output[1]), weight: id(&output[2]) };
    Graph {
        op_set: 1,
        nodes: list(&graph["nodes"]).iter().map(node).collect(),
        outputs: list(&graph["outputs"]).iter().map(output).collect(),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found when the table is changed.
    fn found(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let frozen = super::super::read("ops.json");
        let mut changed = parse(&frozen);
        change(&mut changed);
        check(&frozen, &changed.to_string())
    }

    #[test]
    fn a_published_op_stays_what_it_is() {
        let gone = found(|table| drop(table["ops"].as_array_mut().unwrap().remove(20)));
        assert!(gone.len() == 1 && gone[0].contains("is gone: a published op stays"), "{gone:?}");
        for (key, value) in [("inputs", json!(3)), ("rule", json!("Row")), ("derivative", json!("dx += 2 dr"))] {
            let changed = found(|table| table["ops"][12][key] = value);
            assert!(changed.len() == 1 && changed[0].contains("a published op never changes"), "{changed:?}");
        }
    }

    #[test]
    fn a_new_op_is_a_new_set() {
        let add = |table: &mut Value| table["ops"].as_array_mut().unwrap().push(json!({ "name": "later" }));
        let added = found(add);
        assert!(added.len() == 1 && added[0].contains("raise OP_SET"), "{added:?}");
        let raised = found(|table| {
            add(table);
            table["op_set"] = json!(OP_SET + 1);
        });
        assert_eq!(raised, Vec::<String>::new());
    }

    #[test]
    fn another_value_or_derivative_is_another_op() {
        let text = super::super::read("ops.json");
        // every op that is computed has a case, and every number of it counts
        for at in 0..4 {
            let mut frozen = parse(&text);
            let op = frozen["ops"].as_array().unwrap().iter().position(|op| op["name"] == "exp").unwrap();
            let computed = &mut frozen["ops"][op]["cases"][3]["computed"];
            let n = computed.as_array().unwrap().len();
            let at = [0, 1, n - 2, n - 1][at];
            computed[at] = json!(computed[at].as_f64().unwrap() + 1e-6);
            let broken = check(&frozen.to_string(), &text);
            assert!(broken.len() == 1 && broken[0].contains("op \"exp\" of set 2: value or derivative"), "{broken:?}");
        }
        let without =
            |op: &Value| op["cases"].as_array().unwrap().iter().all(|case| numbers(&case["computed"]).is_empty());
        let table = parse(&text);
        let silent: Vec<_> = table["ops"].as_array().unwrap().iter().filter(|op| without(op)).collect();
        let names: Vec<_> = silent.iter().map(|op| op["name"].as_str().unwrap()).collect();
        assert!(names.iter().all(|name| name.starts_with("input.") || *name == "constant"), "not computed: {names:?}");
    }
}
