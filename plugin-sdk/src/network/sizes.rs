//! Whether a network is the one for the sizes that it was asked for.

use super::check::{at, check};
use super::values::Type;
use super::{Layer, Network};
use crate::{Result, Sizes};

/// Types of all layers of a network that is right, and is the one for these sizes: what [`super::check`] finds, the
/// width of the head `logits`, and tables that have a row for every token and position.
///
/// # Errors
/// The first thing that is wrong, with the scope where it is.
pub fn check_for(network: &Network, sizes: &Sizes) -> Result<Vec<Type>> {
    let types = check(network)?;
    let (expected, what) = match sizes.labels {
        0 => (sizes.vocab, "one for each token of the vocabulary"),
        labels => (labels, "one for each label: take the model's head for classes, or a model that has one"),
    };
    for head in network.heads.iter().filter(|head| head.name == "logits") {
        let columns = types[head.value as usize].columns();
        if columns != expected {
            let message = format!("the head \"logits\" has {columns} columns, expected {expected}, {what}");
            return Err(at(head.value as usize, &network.layers[head.value as usize], &message));
        }
    }
    for (index, layer) in network.layers.iter().enumerate() {
        let checked = match layer.op.as_str() {
            "embedding" => check_table(network, layer, sizes),
            "bag" => check_bag(network, layer, sizes),
            _ => Ok(()),
        };
        checked.map_err(|message| at(index, layer, &message))?;
    }
    Ok(types)
}

/// Refuses a table without a row for every value of the index that it is given.
fn check_table(network: &Network, layer: &Layer, sizes: &Sizes) -> std::result::Result<(), String> {
    let Some((n, what)) = values(network, layer, sizes) else { return Ok(()) };
    let parameter = &network.parameters[layer.parameters[0] as usize];
    let (rows, offset) = (parameter.shape[0], super::Attributes(&layer.attributes).integer("offset").unwrap_or(0));
    match u64::from(rows) >= u64::from(n) + u64::from(offset) {
        true => Ok(()),
        false if offset > 0 => {
            Err(format!("{} has {rows} rows, the first {offset} unused, too few for {n} {what}", parameter.name))
        }
        false => Err(format!("{} has {rows} rows, too few for {n} {what}", parameter.name)),
    }
}

/// The same of a bag and its columns.
fn check_bag(network: &Network, layer: &Layer, sizes: &Sizes) -> std::result::Result<(), String> {
    let Some((n, what)) = values(network, layer, sizes) else { return Ok(()) };
    let columns = super::Attributes(&layer.attributes).integer("columns").unwrap_or(0);
    match columns >= n {
        true => Ok(()),
        false => Err(format!("{columns} columns are too few for {n} {what}")),
    }
}

/// How many values the index that a layer is given has, and what they are, where the sizes say it.
fn values(network: &Network, layer: &Layer, sizes: &Sizes) -> Option<(u32, &'static str)> {
    match network.layers[layer.inputs[0] as usize].op.as_str() {
        "input.ids" | "input.source_ids" => Some((sizes.vocab, "tokens of the vocabulary")),
        "input.positions" | "input.source_positions" => Some((sizes.context, "positions of the context")),
        _ => None,
    }
}

/// Number of parameters, which are counted once however many layers share them.
pub fn count(network: &Network) -> u64 {
    let elements = |shape: &[u32]| shape.iter().fold(1_u64, |n, &size| n.saturating_mul(size.into()));
    network.parameters.iter().fold(0, |n, parameter| n.saturating_add(elements(&parameter.shape)))
}
