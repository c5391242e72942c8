//! What losses and metrics have in common: the checks of formulas, units and numbers.

use super::names::{check_line, check_name};
use crate::plugin::call::{Answer, Call};
use crate::plugin::checked::{Blamed, Checks};
use crate::plugin::limits::Limits;
use trainyard_plugin::{EXP_MEAN, Graph, MEAN, MetricInfo, Output, PluginError, Result, graph};

/// Outputs of a graph are columns of the log.
const MAX_OUTPUTS: usize = 100;

/// Checks of a plugin that describes a formula, or counts a number.
pub struct NumberChecks {
    /// `limits.graph_nodes`.
    max_nodes: usize,
}

/// New checks, for an instance with these limits.
pub fn checks(limits: &Limits) -> Box<dyn Checks> {
    Box::new(NumberChecks { max_nodes: limits.graph_nodes })
}

impl Checks for NumberChecks {
    fn call(&mut self, plugin: &mut Blamed, call: Call<'_>) -> Result<Answer> {
        match call {
            Call::Describe => plugin.checked(call, |graph: &mut Graph| check_graph(graph, self.max_nodes)),
            Call::Info => plugin.checked(call, |info: &mut MetricInfo| check_info(info)),
            Call::Value => plugin.checked(call, |value: &mut f64| check_value(*value)),
            Call::Signature => plugin.checked(call, |signature: &mut String| check_line("signature", signature)),
            call => plugin.call(call),
        }
    }
}

fn check_graph(graph: &Graph, max_nodes: usize) -> Result<()> {
    if graph.nodes.len() > max_nodes {
        let n_nodes = graph.nodes.len();
        let message = format!("the graph has {n_nodes} nodes, at most {max_nodes} are allowed (limits.graph_nodes)");
        return Err(PluginError::internal(message));
    }
    graph::check(graph)?;
    check_outputs(&graph.outputs)
}

fn check_outputs(outputs: &[Output]) -> Result<()> {
    if outputs.len() > MAX_OUTPUTS {
        let n_outputs = outputs.len();
        return Err(PluginError::internal(format!(
            "the graph has {n_outputs} outputs, at most {MAX_OUTPUTS} are allowed"
        )));
    }
    for (i, output) in outputs.iter().enumerate() {
        check_name("output", &output.name)?;
        if outputs[..i].iter().any(|other| other.name == output.name) {
            return Err(PluginError::internal(format!("output {:?} appears twice", output.name)));
        }
    }
    Ok(())
}

fn check_info(info: &MetricInfo) -> Result<()> {
    check_name("unit", &info.unit)?;
    check_name("aggregation", &info.aggregation)?;
    if ![MEAN, EXP_MEAN].contains(&info.aggregation.as_str()) {
        let message = format!("aggregation {:?} is unknown, expected {MEAN:?} or {EXP_MEAN:?}", info.aggregation);
        return Err(PluginError::internal(message));
    }
    Ok(())
}

fn check_value(value: f64) -> Result<()> {
    match value.is_infinite() {
        true => Err(PluginError::internal(format!("value is {value}, expected a finite number or NaN"))),
        false => Ok(()),
    }
}
