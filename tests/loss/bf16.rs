//! Losses in bfloat16, which only a GPU has: hidden states, output layer and gradients of logits are bfloat16, logits
//! and all sums wider.

use super::graph::{Case, Outcome};
use super::{compile, distance, losses, two_pass_losses};
use crate::device;
use trainyard::ops::Precision;

/// Rounding a number to bfloat16 changes it by at most this share of it.
const ROUNDING: f64 = 1.0 / 256.0;

/// A case whose numbers bfloat16 holds exactly.
fn case(rows: usize, vocab: usize) -> Case {
    let mut case = Case::new(8, rows, 16, vocab, 4);
    case.hidden.iter_mut().chain(&mut case.head).for_each(|x| *x = (*x * 32.0).round() / 32.0);
    case
}

#[test]
fn bf16_equals_f64_to_its_rounding() {
    if device::is_cpu() {
        return;
    }
    for case in [case(24, 1500), case(12, 37)] {
        for (name, graph) in losses().into_iter().chain(two_pass_losses()) {
            let program = compile(&graph);
            let (got, expected) =
                (case.run_on_gpu(&program, Precision::Bf16).unwrap(), case.run::<f64>(&program).unwrap());
            let flat = |outcome: &Outcome| outcome.ratios.iter().flat_map(|&(a, b)| [a, b]).collect::<Vec<_>>();
            let far = distance(&flat(&got), &flat(&expected));
            assert!(far < 2e-5, "{name}: outputs differ by {far:e}");
            // Each gradient of a logit is rounded once, the gradient of a hidden state once more.
            for (what, got, expected) in
                [("hidden", &got.hidden, &expected.hidden), ("head", &got.head, &expected.head)]
            {
                let largest = expected.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
                let far = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(
                    far <= 3.0 * ROUNDING * largest,
                    "{name}: gradients of {what} differ by {far:e} of {largest:e}"
                );
            }
        }
    }
}
