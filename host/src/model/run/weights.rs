//! Parameters as steps read them, and tables that depend on no batch.

use crate::Result;
use crate::model::graph::{Graph, Rotary};
use crate::model::params::{Init, Param, Params};
use crate::model::plan::{Plan, Work};
use crate::ops::rotary::{Angles, Frequencies, Table};
use crate::ops::{Engine, linear::Layout};

/// What the steps of a plan read besides values.
#[derive(Debug)]
pub(in crate::model) struct Weights {
    /// By number.
    pub parameters: Vec<Param>,
    /// Weight and bias of each stack of linear layers.
    pub stacks: Vec<(Param, Option<Param>)>,
    tables: Vec<(Rotary, Table)>,
}

impl Weights {
    /// The parameters of `graph`, added to `params`.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn new(graph: &Graph, plan: &Plan, params: &mut Params) -> Result<Self> {
        let mut parameters: Vec<Option<Param>> = vec![None; graph.parameters.len()];
        let mut stacks = Vec::with_capacity(plan.stacks.len());
        for stack in &plan.stacks {
            // what lies in one tensor is made together
            let [weight, bias] = [&stack.weights, &stack.biases].map(|members| -> Result<Option<Param>> {
                let Some(&first) = members.first() else { return Ok(None) };
                if members.len() == 1 {
                    return add(graph, params, &mut parameters, first).map(Some);
                }
                let part = |&index: &usize| {
                    let parameter = &graph.parameters[index];
                    (parameter.name.clone(), parameter.shape[0] as usize, init(parameter))
                };
                let parts: Vec<_> = members.iter().map(part).collect();
                let columns = graph.parameters[first].shape.get(1).map(|&columns| columns as usize);
                let (stack, views) = params.add_stacked(&parts, columns)?;
                members.iter().zip(views).for_each(|(&index, view)| parameters[index] = Some(view));
                Ok(Some(stack))
            });
            let weight = weight?.ok_or_else(|| crate::Error::run("a linear layer has no weight"))?;
            stacks.push((weight, bias?));
        }
        for index in 0..graph.parameters.len() {
            add(graph, params, &mut parameters, index)?;
        }
        Ok(Self { parameters: parameters.into_iter().flatten().collect(), stacks, tables: Vec::new() })
    }

    /// Makes the tables of angles for positions below `context`.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn make_tables(&mut self, plan: &Plan, context: usize, engine: &Engine) -> Result<()> {
        for step in &plan.steps {
            let Work::Rotary(rotary) = &step.work else { continue };
            if self.tables.iter().any(|(known, _)| known == rotary) {
                continue;
            }
            let frequencies = match &rotary.frequencies {
                Some(list) => Frequencies::List(list),
                None => Frequencies::Theta(rotary.theta),
            };
            let angles = Angles {
                head_width: rotary.head_width,
                rotary_width: rotary.rotary_width,
                frequencies,
                factor: rotary.factor,
                interleaved: rotary.interleaved,
            };
            let table = Table::new(context, &angles, engine.precision().dtype(), engine.device())?;
            self.tables.push((rotary.clone(), table));
        }
        Ok(())
    }

    /// The table of angles of `rotary`.
    ///
    /// # Errors
    /// A table that was not made.
    pub fn table(&self, rotary: &Rotary) -> Result<&Table> {
        let found = self.tables.iter().find(|(known, _)| known == rotary).map(|(_, table)| table);
        found.ok_or_else(|| crate::Error::run("a table of angles was not made"))
    }

    /// Weight and layout of a stack, and its bias.
    pub fn stack<'a>(&'a self, plan: &Plan, stack: usize) -> (&'a Param, Layout, Option<&'a Param>) {
        let (weight, bias) = &self.stacks[stack];
        (weight, plan.stacks[stack].layout, bias.as_ref())
    }
}

/// Parameter `index`, made unless it is there.
fn add(graph: &Graph, params: &mut Params, parameters: &mut [Option<Param>], index: usize) -> Result<Param> {
    if let Some(known) = &parameters[index] {
        return Ok(known.clone());
    }
    let parameter = &graph.parameters[index];
    let shape: Vec<_> = parameter.shape.iter().map(|&size| size as usize).collect();
    let made = params.add(&parameter.name, &shape, init(parameter))?;
    parameters[index] = Some(made.clone());
    Ok(made)
}

fn init(parameter: &trainyard_plugin::network::Parameter) -> Init {
    match parameter.init.as_str() {
        "ones" => Init::Ones,
        "normal" => Init::Normal(parameter.scale),
        "uniform" => Init::Uniform(parameter.scale),
        _ => Init::Zeros,
    }
}
