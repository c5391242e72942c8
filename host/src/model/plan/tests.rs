//! What GPT-2 and Llama are planned as: the products and launches of a transformer that is written out by hand.

use super::{Back, Plan, Purpose, Work};
use crate::model::graph::Graph;
use trainyard_plugin::network::Network;
use trainyard_plugin::{Config, Create, Model, Setting, Sizes, Value};

const LAYERS: usize = 3;

fn described<T: Create + Model>() -> Network {
    let layers = Setting { key: "layers".into(), value: Value::Integer(LAYERS as i64) };
    T::create(T::Config::from_settings(&[layers]).unwrap()).unwrap().describe(&Sizes::new(50, 16)).unwrap()
}

fn plan(model: &str, purpose: Purpose, split: bool) -> Plan {
    let network = match model {
        "gpt2" => described::<trainyard_gpt2::Gpt2>(),
        _ => described::<trainyard_llama::Llama>(),
    };
    let graph = Graph::new(&network).unwrap();
    Plan::new(&graph, purpose, split, &vec![true; graph.parameters.len()]).unwrap()
}

fn name(work: &Work) -> &'static str {
    match work {
        Work::Embedding(_) => "embedding",
        Work::Linear { residual: false, .. } => "product",
        Work::Linear { .. } => "product added",
        Work::Norm { .. } => "norm",
        Work::Rotary(_) => "rotary",
        Work::Attention { .. } => "attention",
        Work::Activation(_) => "activation",
        Work::Gated(_) => "gated",
        _ => "another",
    }
}

fn backward(plan: &Plan) -> Vec<&'static str> {
    let name = |back: &Back| match back {
        Back::Zero(_) => "zero",
        Back::Copy(..) => "copy",
        Back::Add(..) => "add",
        Back::Branch { .. } => "branch",
        Back::Again(_) => "again",
        Back::Run { step, .. } => name(&plan.steps[*step].work),
    };
    plan.backward.iter().map(name).collect()
}

/// A block of each model: one product for queries, keys and values, one for gate and up; residuals, biases and rotary
/// angles have no pass of their own.
const BLOCKS: [(&str, &[&str]); 2] = [
    ("gpt2", &["norm", "product", "attention", "product added", "norm", "product", "activation", "product added"]),
    (
        "llama",
        &["norm", "product", "rotary", "attention", "product added", "norm", "product", "gated", "product added"],
    ),
];

#[test]
fn known_models_have_the_products_and_launches_of_code_by_hand() {
    for (model, block) in BLOCKS {
        let mut forward = vec!["embedding"];
        (0..LAYERS).for_each(|_| forward.extend(block));
        forward.push("norm");
        let planned = plan(model, Purpose::Training, false);
        let steps: Vec<_> = planned.steps.iter().map(|step| name(&step.work)).collect();
        assert_eq!(steps, forward, "{model}");
        // the same backward: sums of gradients are made by what computes them
        assert_eq!(backward(&planned), forward.iter().rev().copied().collect::<Vec<_>>(), "{model}");
        // on a GPU in bf16 the gradient of the residual stream is copied to the format of a branch, as by hand
        let split = backward(&plan(model, Purpose::Training, true));
        let with_branches = forward.iter().rev().flat_map(|&name| match name {
            "product added" => vec!["branch", name],
            name => vec![name],
        });
        assert_eq!(split, with_branches.collect::<Vec<_>>(), "{model}");
    }
}

#[test]
fn recomputation_repeats_a_block_but_for_its_last_product() {
    for (model, block) in BLOCKS {
        let again = backward(&plan(model, Purpose::Recomputing, false)).iter().filter(|name| **name == "again").count();
        // what the last block keeps is still there
        assert_eq!(again, (LAYERS - 1) * (block.len() - 1), "{model}");
    }
}

/// What is large is sent early: the output layer before the network's backward begins, a block after its own, the
/// embeddings last.
#[test]
fn gradients_that_are_whole() {
    let network = described::<trainyard_gpt2::Gpt2>();
    let graph = Graph::new(&network).unwrap();
    let plan = plan("gpt2", Purpose::Training, false);
    let name = |&parameter: &usize| graph.parameters[parameter].name.trim_start_matches("transformer.");
    let names = |stage: &super::Stage| -> Vec<&str> { stage.whole.iter().map(name).collect() };
    let stages: Vec<_> = plan.stages.iter().map(names).collect();
    assert!(plan.stages[0].backs.is_empty());
    assert!(stages[1..].iter().all(|stage| !stage.is_empty()), "{stages:?}");
    // tied to the embeddings
    assert_eq!(stages[0], [""; 0]);
    assert_eq!(stages[1], ["ln_f.weight", "ln_f.bias"]);
    assert_eq!(stages[2], ["h.2.mlp.c_proj.weight", "h.2.mlp.c_proj.bias"]);
    assert_eq!(*stages.last().unwrap(), ["wte.weight", "wpe.weight"]);
    assert_eq!(plan.stages.last().unwrap().backs.end, plan.backward.len());
}
