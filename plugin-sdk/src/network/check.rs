//! What is wrong with a network, and the type of every value.

use super::infer::{Attributes, Site};
use super::ops::{self, Kind, Op};
use super::values::Type;
use super::{Layer, Network};
use crate::nearest::nearest;
use crate::{PluginError, Result, Value};
use std::collections::HashSet;

/// Most layers of a network.
pub const MAX_LAYERS: usize = 100_000;
/// Most parameters of a network.
pub const MAX_PARAMETERS: usize = 100_000;
/// Most numbers of one parameter.
const MAX_ELEMENTS: u64 = 1 << 40;
/// Longest name of a parameter, scope or head, and longest text of an attribute, in bytes.
const MAX_NAME: usize = 512;
/// Most dimensions of a parameter.
const MAX_DIMENSIONS: usize = 8;
/// Most other names of a parameter.
const MAX_ALIASES: usize = 64;
/// Most numbers of an attribute that is a list.
const MAX_NUMBERS: usize = 1 << 16;

/// Types of all layers of a network that is right.
///
/// # Errors
/// The first thing that is wrong, with the scope where it stands.
pub fn check(network: &Network) -> Result<Vec<Type>> {
    if network.op_set == 0 || network.op_set > ops::OP_SET {
        let message = format!("op set {} is unknown, expected 1 to {}", network.op_set, ops::OP_SET);
        return Err(PluginError::unsupported(message));
    }
    for (what, n, most) in [
        ("layers", network.layers.len(), MAX_LAYERS),
        ("parameters", network.parameters.len(), MAX_PARAMETERS),
        ("heads", network.heads.len(), 64),
        ("blocks", network.blocks.len(), MAX_LAYERS),
        ("ignored patterns", network.ignored.len(), 1000),
    ] {
        if n > most {
            return Err(invalid(format!("the network has {n} {what}, at most {most} are allowed")));
        }
    }
    check_parameters(network)?;
    network.blocks.iter().try_for_each(|block| name(block, "the scope of a block")).map_err(invalid)?;
    network.ignored.iter().try_for_each(|pattern| name(pattern, "the pattern of ignored tensors")).map_err(invalid)?;
    let mut types = Vec::with_capacity(network.layers.len());
    for (index, layer) in network.layers.iter().enumerate() {
        types.push(infer(network, layer, &types).map_err(|message| at(index, layer, &message))?);
    }
    check_heads(network, &types)?;
    check_reached(network)?;
    Ok(types)
}

/// Type of a layer's result after those of the layers before it.
pub(super) fn infer(network: &Network, layer: &Layer, types: &[Type]) -> std::result::Result<Type, String> {
    name(&layer.scope, "the scope")?;
    let Some(op) = ops::find(&layer.op) else {
        let names = ops::OPS.iter().map(|op| op.name);
        return Err(format!("unknown op {:?}{}", short(&layer.op), nearest(&layer.op, names)));
    };
    count("inputs", layer.inputs.len(), op.inputs)?;
    count("parameters", layer.parameters.len(), op.parameters)?;
    check_attributes(op, layer)?;
    let input = |&index: &u32| {
        let found = types.get(index as usize).copied();
        found.ok_or_else(|| format!("input {index} is not an earlier layer (a network has no cycles)"))
    };
    let inputs = layer.inputs.iter().map(input).collect::<std::result::Result<Vec<_>, _>>()?;
    let shape = |&index: &u32| {
        let found = network.parameters.get(index as usize);
        found.map(|parameter| &parameter.shape[..]).ok_or_else(|| format!("there is no parameter {index}"))
    };
    let parameters = layer.parameters.iter().map(shape).collect::<std::result::Result<Vec<_>, _>>()?;
    (op.infer)(&Site { inputs: &inputs, parameters: &parameters, attributes: Attributes(&layer.attributes) })
}

fn count(what: &str, n: usize, (least, most): (usize, usize)) -> std::result::Result<(), String> {
    match n {
        n if n < least || n > most => Err(match least == most {
            true => format!("{n} {what}, expected {least}"),
            false => format!("{n} {what}, expected {least} to {most}"),
        }),
        _ => Ok(()),
    }
}

fn check_attributes(op: &Op, layer: &Layer) -> std::result::Result<(), String> {
    for (index, setting) in layer.attributes.iter().enumerate() {
        let Some((key, kind)) = op.attributes.iter().find(|(key, _)| *key == setting.key) else {
            let names = op.attributes.iter().map(|(key, _)| *key);
            return Err(format!("unknown attribute {:?}{}", short(&setting.key), nearest(&setting.key, names)));
        };
        let (fits, expected) = match (kind, &setting.value) {
            (Kind::Integer, Value::Integer(value)) => (u32::try_from(*value).is_ok(), "a whole number from 0 on"),
            (Kind::Integer, _) => (false, "a whole number from 0 on"),
            (Kind::Number, Value::Number(value)) => (value.is_finite(), "a finite number"),
            (Kind::Number, value) => (matches!(value, Value::Integer(_)), "a number"),
            (Kind::Flag, value) => (matches!(value, Value::Boolean(_)), "true or false"),
            (Kind::Text, Value::Text(text)) => (text.len() <= MAX_NAME, "a text of at most 512 bytes"),
            (Kind::Text, _) => (false, "text"),
            (Kind::Numbers, Value::Numbers(values)) => (
                values.len() <= MAX_NUMBERS && values.iter().all(|value| value.is_finite()),
                "at most 65,536 finite numbers",
            ),
            (Kind::Numbers, _) => (false, "a list of numbers"),
        };
        if !fits {
            return Err(format!("attribute {key} must be {expected}"));
        }
        if layer.attributes[..index].iter().any(|other| other.key == setting.key) {
            return Err(format!("attribute {key} is given twice"));
        }
    }
    Ok(())
}

fn check_parameters(network: &Network) -> Result<()> {
    let mut seen = HashSet::new();
    for parameter in &network.parameters {
        if parameter.aliases.len() > MAX_ALIASES {
            let message = format!("parameter {:?} has {} other names", short(&parameter.name), parameter.aliases.len());
            return Err(invalid(format!("{message}, at most {MAX_ALIASES} are allowed")));
        }
        for name_of in std::iter::once(&parameter.name).chain(&parameter.aliases) {
            name(name_of, "the name of a parameter").map_err(invalid)?;
            if name_of.is_empty() || !seen.insert(name_of) {
                let what = if name_of.is_empty() {
                    "a parameter has no name".into()
                } else {
                    format!("two parameters are named {:?}", short(name_of))
                };
                return Err(invalid(what));
            }
        }
        let elements = parameter.shape.iter().try_fold(1_u64, |n, &size| n.checked_mul(size.into()));
        let dimensions = parameter.shape.len();
        if dimensions == 0 || dimensions > MAX_DIMENSIONS || !elements.is_some_and(|n| n > 0 && n <= MAX_ELEMENTS) {
            let message = format!(
                "parameter {} has shape {:?}",
                parameter.name,
                &parameter.shape[..parameter.shape.len().min(8)]
            );
            return Err(invalid(format!(
                "{message}, expected up to 8 dimensions, at least one number and at most 2^40"
            )));
        }
        if !["zeros", "ones", "normal", "uniform"].contains(&parameter.init.as_str()) || !parameter.scale.is_finite() {
            let message = format!("parameter {} begins {:?}", parameter.name, short(&parameter.init));
            return Err(invalid(format!(
                "{message}, expected \"zeros\", \"ones\", \"normal\" or \"uniform\" and a finite scale"
            )));
        }
    }
    Ok(())
}

fn check_heads(network: &Network, types: &[Type]) -> Result<()> {
    let mut seen = HashSet::new();
    for head in &network.heads {
        name(&head.name, "the name of a head").map_err(invalid)?;
        if !seen.insert(&head.name) {
            return Err(invalid(format!("two heads are named {:?}", head.name)));
        }
        if !matches!(types.get(head.value as usize), Some(Type::Matrix { .. })) {
            return Err(invalid(format!("head {:?} is no layer's matrix", head.name)));
        }
    }
    if !seen.iter().any(|name| *name == "logits") {
        return Err(invalid("the network has no head \"logits\", which losses read".into()));
    }
    Ok(())
}

/// Refuses layers and parameters that change no head: a parameter among them would never learn.
fn check_reached(network: &Network) -> Result<()> {
    let mut layers = vec![false; network.layers.len()];
    network.heads.iter().for_each(|head| layers[head.value as usize] = true);
    let mut parameters = vec![false; network.parameters.len()];
    for (index, layer) in network.layers.iter().enumerate().rev() {
        if !layers[index] {
            continue;
        }
        layer.inputs.iter().for_each(|&input| layers[input as usize] = true);
        layer.parameters.iter().for_each(|&parameter| parameters[parameter as usize] = true);
    }
    if let Some(index) = parameters.iter().position(|reached| !reached) {
        let message = format!("parameter {} changes no head", network.parameters[index].name);
        return Err(invalid(format!("{message}: no gradient would reach it; use it or leave it out")));
    }
    match layers.iter().position(|reached| !reached) {
        Some(index) => Err(at(index, &network.layers[index], "no head depends on it; use it or leave it out")),
        None => Ok(()),
    }
}

fn name(text: &str, what: &str) -> std::result::Result<(), String> {
    let allowed = |c: char| c.is_ascii_graphic();
    match text.len() <= MAX_NAME && text.chars().all(allowed) {
        true => Ok(()),
        false => Err(format!("{what} {:?} has other characters than ASCII's, or more than {MAX_NAME}", short(text))),
    }
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

pub(super) fn at(index: usize, layer: &Layer, message: &str) -> PluginError {
    let scope = short(&layer.scope);
    match scope.is_empty() {
        true => invalid(format!("layer {index} ({}): {message}", short(&layer.op))),
        false => invalid(format!("{scope} ({}): {message}", short(&layer.op))),
    }
}

pub(super) fn invalid(message: String) -> PluginError {
    PluginError::internal(message)
}
