//! A graph whose stopped values are computed from other logits: moving the logits then moves what has a gradient and
//! nothing else, so that the gradient is a slope also where the graph stops it.

use super::import::Output;
use super::ir::{Id, Input, Ir, Op};

/// The graph of `outputs` in which what stands under `stop_gradient` reads [`Input::HeldLogits`].
pub(super) fn hold(ir: &Ir, outputs: &[Output]) -> (Ir, Vec<Output>) {
    let mut result = Ir::default();
    // Each node twice: as it is, and computed from the held logits.
    let (mut live, mut held): (Vec<Id>, Vec<Id>) = Default::default();
    for id in 0..ir.len() {
        let node = ir.node(id);
        let at = |places: &[Id]| node.inputs.iter().map(|&input| places[input]).collect::<Vec<_>>();
        let still = match node.op {
            Op::Input(Input::Logits) => result.intern(Op::Input(Input::HeldLogits), Vec::new()),
            Op::StopGradient => held[node.inputs[0]],
            op => result.remake(op, &at(&held)),
        };
        live.push(if node.op == Op::StopGradient { still } else { result.remake(node.op, &at(&live)) });
        held.push(still);
    }
    let output =
        |output: &Output| Output { name: output.name.clone(), sum: live[output.sum], weight: live[output.weight] };
    let outputs = outputs.iter().map(output).collect();
    (result, outputs)
}
