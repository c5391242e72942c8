//! Laws of what a mean is taken over, tried on small batches.

use super::Program;
use super::probe::Probe;
use crate::Result;

/// Windows, rows of each, vocabulary.
const SHAPES: [[usize; 3]; 3] = [[1, 2, 3], [2, 5, 7], [3, 4, 17]];

/// Finds what is wrong with the weights of `program`: one that is negative turns what is minimised into its opposite;
/// in a loss, one that depends on the logits makes a mean that is not what its gradient lowers, since none flows
/// through a weight.
///
/// # Errors
/// An input that the op set does not have.
pub(crate) fn fault_of_weights(program: &Program, is_loss: bool) -> Result<Option<String>> {
    let mut is_always_0 = true;
    for (number, shape) in SHAPES.into_iter().enumerate() {
        let probe = Probe::new(0, number, shape, 1.0);
        let ratios = probe.run::<f64>(program, false)?.0;
        let outputs = program.outputs().iter().zip(&ratios);
        if let Some((name, ratio)) = outputs.clone().find(|(_, ratio)| ratio.weight < 0.0) {
            return Ok(Some(format!(
                "the weight of {name} is negative ({}), expected 0 or more: what is summed counts with the opposite sign",
                ratio.weight
            )));
        }
        is_always_0 &= ratios[0].weight == 0.0;
        if !is_loss {
            continue;
        }
        for factor in [0.0, -3.0, 10.0] {
            let mut other = probe.clone();
            other.logits.iter_mut().for_each(|x| *x *= factor);
            let (before, after) = (ratios[0].weight, other.run::<f64>(program, false)?.0[0].weight);
            if before.is_finite() && (before - after).abs() > 1e-9 * before.abs().max(1.0) {
                return Ok(Some(format!(
                    "the weight of {} depends on the logits (it is {before} and becomes {after} with others), expected what \
                     depends on the batch alone: no gradient flows through it",
                    program.outputs()[0]
                )));
            }
        }
    }
    let always_0 = is_loss && is_always_0;
    Ok(always_0.then(|| format!("the weight of {} is always 0: there is nothing to divide by", program.outputs()[0])))
}
