//! An op of networks that was published keeps its name, what it takes and what it computes. Its values are those of
//! `networks::computed`, which come from transformers and PyTorch.

use serde_json::{Value, json};
use trainyard_plugin::network::ops::{OP_SET, OPS};

/// The table, one op a line.
pub fn current() -> String {
    let op = |op: &trainyard_plugin::network::ops::Op| {
        let attributes: Vec<_> = op.attributes.iter().map(|(key, kind)| json!([key, format!("{kind:?}")])).collect();
        let (inputs, parameters) = ([op.inputs.0, op.inputs.1], [op.parameters.0, op.parameters.1]);
        json!({
            "name": op.name, "inputs": inputs, "parameters": parameters, "attributes": attributes, "formula": op.formula,
        })
        .to_string()
    };
    let lines: Vec<_> = OPS.iter().map(op).collect();
    format!("{{\"op_set\":{OP_SET},\"ops\":[\n{}\n]}}\n", lines.join(",\n"))
}

/// The rules that `current` breaks.
pub fn check(frozen: &str, current: &str) -> Vec<String> {
    let ops = |text: &str| {
        let table: Value = serde_json::from_str(text).expect("a table of ops");
        table["ops"].as_array().cloned().unwrap_or_default()
    };
    let now = ops(current);
    let changed = |op: &Value| match now.iter().find(|now| now["name"] == op["name"]) {
        None => Some(format!("network op {} is gone: a published op stays", op["name"])),
        Some(now) if now == op => None,
        Some(now) => Some(format!(
            "network op {} was {op}, is {now}: a published op never changes, give the new one a name of its own",
            op["name"]
        )),
    };
    ops(frozen).iter().filter_map(changed).collect()
}

#[test]
fn a_network_op_that_changes_or_goes_is_found() {
    let table = current();
    assert!(check(&table, &table).is_empty());
    let gone = table.replace("\"name\":\"shift\"", "\"name\":\"shifted\"");
    assert_eq!(check(&table, &gone), ["network op \"shift\" is gone: a published op stays"]);
    let changed = table.replace("cap · tanh(x / cap)", "cap · tanh(x)");
    assert!(check(&table, &changed)[0].contains("a published op never changes"));
    // a new one is an addition
    assert!(check(&gone.replace("shifted", "shift"), &table).is_empty());
}
