//! Output layers with a bias, a scale and a soft cap: values and gradients against candle's autograd.

use super::graph::{Case, Outcome};
use super::{compile, distance, equals_reference, losses, outcome_distance, two_pass_losses};
use crate::device;
use trainyard::loss::{HeadGradient, OutputLayer};
use trainyard::ops::linear::Transform;
use trainyard::ops::{Engine, Precision};
use trainyard_plugin::{Builder, Graph};

const TRANSFORMS: [Transform; 4] = [
    Transform::NONE,
    Transform { scale: 0.3, soft_cap: None },
    Transform { scale: 1.0, soft_cap: Some(1.5) },
    Transform { scale: -0.7, soft_cap: Some(2.5) },
];

/// Losses whose gradient is written in each of the ways that there are: through a sweep, at one index alone, the same
/// number everywhere, the logits themselves.
fn graphs() -> Vec<Graph> {
    let g = Builder::new();
    let at_one_index = g.mean(g.logits().gather(g.target()));
    let g = Builder::new();
    let everywhere = g.mean(g.logits().mean_vocab() + g.logits().gather(g.target()).square());
    let g = Builder::new();
    let themselves = g.ratio((g.logits().square().sum_vocab() * 0.5).sum_rows(), g.weight().sum_rows());
    let more = losses().into_iter().chain(two_pass_losses()).map(|(_, graph)| graph);
    [at_one_index, everywhere, themselves].into_iter().chain(more).collect()
}

fn case(transform: Transform) -> Case {
    Case::new(3, 12, 5, 37, 4).with_head(transform)
}

#[test]
fn transformed_logits_equal_their_reference() {
    // A GPU has a compiler at work for each graph.
    let transforms = if device::is_cpu() { &TRANSFORMS[..] } else { &TRANSFORMS[3..] };
    for &transform in transforms {
        for graph in graphs() {
            equals_reference(&case(transform), &graph);
        }
    }
    let cross_entropy = &losses()[0].1;
    for transform in TRANSFORMS {
        // a chunk, a task and a piece of a sweep are not enough
        equals_reference(&Case::new(5, 1030, 4, 19, 5).with_head(transform), cross_entropy);
        equals_reference(&Case::new(6, 6, 3, 2500, 3).with_head(transform), cross_entropy);
        // without a bias
        equals_reference(&Case { bias: Vec::new(), ..case(transform) }, cross_entropy);
    }
}

#[test]
fn transformed_logits_of_random_graphs() {
    let step = if device::is_cpu() { 1 } else { 60 };
    for seed in (0..240).step_by(step) {
        let graph = super::random::graph(seed, 4 + seed as usize % 30);
        let case = Case::new(seed, 6, 3, 7 + seed as usize % 5, 2).with_head(TRANSFORMS[seed as usize / step % 4]);
        let got = case.run::<f64>(&compile(&graph)).unwrap();
        let far = outcome_distance(&got, &case.reference(&graph).unwrap());
        assert!(far < 1e-9, "seed {seed}: relative difference {far:e}\n{}", compile(&graph).explain());
    }
}

#[test]
fn transformed_logits_in_fewer_bits() {
    for transform in TRANSFORMS {
        // Both begin from numbers that bfloat16 holds exactly.
        let mut case = Case::new(8, 24, 16, 1500, 4).with_head(transform);
        case.hidden
            .iter_mut()
            .chain(&mut case.head)
            .chain(&mut case.bias)
            .for_each(|x| *x = (*x * 32.0).round() / 32.0);
        for graph in [&losses()[0].1, &losses()[3].1] {
            let program = compile(graph);
            let expected = case.run::<f64>(&program).unwrap();
            let far = outcome_distance(&case.run::<f32>(&program).unwrap(), &expected);
            assert!(far < 2e-5, "{transform:?}: relative difference {far:e}");
            if device::is_cpu() {
                continue;
            }
            let got = case.run_on_gpu(&program, Precision::Bf16).unwrap();
            let flat = |outcome: &Outcome| outcome.ratios.iter().flat_map(|&(a, b)| [a, b]).collect::<Vec<_>>();
            assert!(distance(&flat(&got), &flat(&expected)) < 2e-5, "{transform:?}");
            let gradients = [(&got.hidden, &expected.hidden), (&got.head, &expected.head), (&got.bias, &expected.bias)];
            for (got, expected) in gradients {
                let largest = expected.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
                let far = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(far <= 0.012 * largest, "{transform:?}: gradients differ by {far:e} of {largest:e}");
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit_of_a_transformed_head() {
    let case = Case::new(9, 700, 48, 1100, 7).with_head(TRANSFORMS[3]);
    let program = compile(&losses()[0].1);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| case.run::<f32>(&program).unwrap())
    };
    assert!(run(1) == run(3), "three threads differ from one");
}

/// A frozen output layer has no gradient; that of the hidden states is the same.
#[test]
fn gradients_that_are_not_wanted_change_no_others() {
    if !device::is_cpu() {
        return;
    }
    let case = case(TRANSFORMS[3]);
    let program = compile(&losses()[0].1);
    let layer = OutputLayer {
        bias: Some(&case.bias),
        transform: case.transform,
        ..OutputLayer::new(&case.hidden, &case.head, [case.rows, case.width, case.vocab])
    };
    let run = |has_weight: bool, has_bias: bool| {
        let [mut hidden, mut weight, mut bias] = [&case.hidden, &case.head, &case.bias].map(|x| vec![0.0; x.len()]);
        let gradient = HeadGradient {
            hidden: &mut hidden,
            weight: has_weight.then_some(weight.as_mut_slice()),
            bias: has_bias.then_some(bias.as_mut_slice()),
            scale: 1.0,
        };
        program.run(&Engine::new(Precision::F64), &layer, &case.batch(), 0, Some(gradient)).unwrap();
        (hidden, weight, bias)
    };
    let (hidden, weight, bias) = run(true, true);
    let zeros = |x: &[f64]| vec![0.0; x.len()];
    assert_eq!(run(false, false), (hidden.clone(), zeros(&weight), zeros(&bias)));
    assert_eq!(run(true, false), (hidden.clone(), weight.clone(), zeros(&bias)));
    assert_eq!(run(false, true), (hidden, zeros(&weight), bias));
}
