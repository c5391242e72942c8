//! Conditional random fields on tensors, against the functions on slices: their unit tests compare them with
//! pytorch-crf.

use super::bf16::{self, rounded};
use super::{Outcome, TYPES, assert_close, column, engine, on, random, zeros};
use crate::device::{is_cpu, values};
use candle_core::{DType, Tensor};
use std::ops::Range;
use trainyard::ops::crf::tensors::{self, Mask, ParameterGradients, Parameters};
use trainyard::ops::crf::{self, Constraints, Gradients, Likelihood, Weights};
use trainyard::ops::{Column, Engine};

/// Tags and lengths of sequences; a row lies between two of them.
const CASES: [(usize, &[usize]); 5] =
    [(1, &[3, 1]), (4, &[0, 5, 1, 7]), (9, &[12, 30, 1]), (33, &[4, 3]), (300, &[2, 3])];

/// What a test asks about: all tensors hold the same numbers as the slices.
struct Given {
    emissions: Tensor,
    weights: [Tensor; 3],
    tags: Vec<u32>,
    ranges: Vec<Range<usize>>,
    allowed: Option<Constraints>,
}

/// What the functions on slices answer.
struct Expected {
    likelihoods: Vec<Likelihood>,
    emissions: Tensor,
    weights: [Tensor; 3],
    best: Vec<u32>,
    best_scores: Vec<f64>,
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// One number for each sequence.
fn scales(n: usize) -> Vec<f32> {
    (0..n).map(|i| 0.5 + i as f32 / 4.0).collect()
}

impl Given {
    /// Numbers of `draw`, which is given a name and a shape.
    fn new(n: usize, lengths: &[usize], deviation: f64, draw: impl Fn(&str, &[usize]) -> Tensor) -> Self {
        let ranges: Vec<_> = lengths
            .iter()
            .scan(0, |end, length| {
                let first = *end + 1;
                *end = first + length;
                Some(first..*end)
            })
            .collect();
        let rows = ranges.last().unwrap().end + 1;
        let shapes: [(&str, &[usize]); 3] = [("start", &[n]), ("end", &[n]), ("transitions", &[n, n])];
        Self {
            emissions: (draw("emissions", &[rows, n]) * deviation).unwrap(),
            weights: shapes.map(|(name, shape)| draw(name, shape)),
            tags: (0..rows).map(|row| (row * row % 7 % n) as u32).collect(),
            ranges,
            allowed: None,
        }
    }

    /// First row and number of rows of each sequence.
    fn sequences(&self) -> Vec<u32> {
        self.ranges.iter().flat_map(|range| [range.start as u32, range.len() as u32]).collect()
    }

    fn expected(&self) -> Expected {
        let (engine, n) = (Engine::new(trainyard::ops::Precision::F64), self.weights[0].elem_count());
        let (emissions, [start, end, transitions]) = (flat(&self.emissions), self.weights.each_ref().map(flat));
        let allowed = self.allowed.as_ref();
        let weights = Weights { start: &start, end: &end, transitions: &transitions, allowed };
        let scales: Vec<f64> = scales(self.ranges.len()).into_iter().map(f64::from).collect();
        let mut demissions = vec![0.0; emissions.len()];
        let mut dweights = [n, n, n * n].map(|n| vec![0.25; n]);
        let [dstart, dend, dtransitions] = &mut dweights;
        let gradients = Gradients {
            emissions: &mut demissions,
            start: Some(dstart),
            end: Some(dend),
            transitions: Some(dtransitions),
        };
        let mut best = vec![0; self.tags.len()];
        let ranges = &self.ranges;
        Expected {
            likelihoods: crf::backward(&engine, &emissions, &self.tags, ranges, weights, &scales, gradients).unwrap(),
            best_scores: crf::viterbi(&engine, &emissions, ranges, weights, &mut best).unwrap(),
            emissions: Tensor::new(demissions, self.emissions.device()).unwrap(),
            weights: dweights.map(|gradient| Tensor::new(gradient, self.emissions.device()).unwrap()),
            best,
        }
    }
}

/// Asks for everything; emissions of type `dtype`, weights of type `of_weights`.
fn check(given: &Given, dtype: DType, of_weights: DType, limit: Option<f64>) -> Outcome {
    let (expected, engine) = (given.expected(), engine());
    let as_type = |tensor: &Tensor, dtype: DType| on(&tensor.to_dtype(dtype).unwrap());
    let emissions = as_type(&given.emissions, dtype);
    let [start, end, transitions] = given.weights.each_ref().map(|weight| as_type(weight, of_weights));
    let mask = given.allowed.clone().map(|allowed| Mask::new(&engine, allowed)).transpose()?;
    let parameters = Parameters { start: &start, end: &end, transitions: &transitions, allowed: mask.as_ref() };
    let (sequences, scales) = (given.sequences(), scales(given.ranges.len()));
    let (tags, sequences, scales) = (column(&given.tags), column(&sequences), Column::new(&engine, &scales)?);
    let likelihoods = [(); 2].map(|()| zeros(&[given.ranges.len(), 2], DType::F64));
    tensors::forward(&engine, &emissions, &tags, &sequences, parameters, &likelihoods[0])?;
    let demissions = as_type(&given.emissions, dtype); // overwritten
    let dweights = given.weights.each_ref().map(|weight| as_type(&weight.affine(0.0, 0.25).unwrap(), of_weights));
    let [dstart, dend, dtransitions] = dweights.each_ref().map(Some);
    let gradients = ParameterGradients { start: dstart, end: dend, transitions: dtransitions };
    let out = (&likelihoods[1], &demissions);
    tensors::backward(&engine, &emissions, &tags, &sequences, parameters, &scales, out.0, out.1, gradients)?;
    let pairs: Vec<f64> = expected.likelihoods.iter().flat_map(|x| [x.partition, x.score]).collect();
    for got in &likelihoods {
        for (got, expected) in values(got).iter().zip(&pairs) {
            assert!((got - expected).abs() <= 1e-10 * expected.abs().max(1.0), "{got}, expected {expected}");
        }
    }
    match limit {
        None => assert_close("demissions", &demissions, &expected.emissions),
        Some(limit) => bf16::assert_close("demissions", &demissions, &expected.emissions, limit),
    }
    for ((name, got), expected) in ["dstart", "dend", "dtransitions"].iter().zip(&dweights).zip(&expected.weights) {
        assert_close(name, got, expected);
    }
    let best = tensors::viterbi(&engine, &emissions, &sequences, parameters)?;
    assert_eq!(best.tags, expected.best);
    for (got, expected) in best.scores.iter().zip(&expected.best_scores) {
        assert!((got - expected).abs() <= 1e-10 * expected.abs().max(1.0), "{got}, expected {expected}");
    }
    Ok(())
}

#[test]
fn tensors_and_slices_give_the_same() -> Outcome {
    for dtype in TYPES {
        for (n, lengths) in CASES {
            for deviation in [1.0, 500.0] {
                let given = Given::new(n, lengths, deviation, |name, shape| random(name, shape, dtype));
                check(&given, dtype, dtype, None)?;
            }
        }
    }
    Ok(())
}

#[test]
fn tensors_keep_to_constraints() -> Outcome {
    let allowed = Constraints::bio(&["O", "B-X", "I-X", "B-Y", "I-Y"])?;
    for dtype in TYPES {
        for deviation in [1.0, 200.0] {
            let given = Given::new(5, &[6, 1, 9], deviation, |name, shape| random(name, shape, dtype));
            // each tag may follow 0 but those inside
            let tags = (0..given.tags.len()).map(|row| [0, 1, 3][row % 3]).collect();
            check(&Given { allowed: Some(allowed.clone()), tags, ..given }, dtype, dtype, None)?;
        }
    }
    Ok(())
}

#[test]
fn ties_are_of_the_lower_tag() -> Outcome {
    // whole numbers, and transitions that do not matter
    let draw = |name: &str, shape: &[usize]| {
        let factor = if name == "emissions" { 1.0 } else { 0.0 };
        (random(name, shape, DType::F64) * factor).unwrap().round().unwrap()
    };
    for deviation in [1.0, 0.0] {
        check(&Given::new(4, &[20, 7, 1], deviation, draw), DType::F64, DType::F64, None)?;
    }
    Ok(())
}

#[test]
fn emissions_may_be_bf16_beside_weights_of_f32() -> Outcome {
    if is_cpu() {
        return Ok(());
    }
    let given = Given::new(9, &[12, 30, 1], 1.0, rounded);
    check(&given, DType::BF16, DType::F32, Some(bf16::ROUNDED_ONCE))
}

#[test]
fn a_crf_refuses_what_it_cannot_do() -> Outcome {
    let dtype = TYPES[0];
    let [emissions, weights, transitions] = [&[4, 3][..], &[3], &[3, 3]].map(|shape| zeros(shape, dtype));
    let parameters = Parameters { start: &weights, end: &weights, transitions: &transitions, allowed: None };
    let (tags, likelihoods) = ([0, 1, 2, 3], zeros(&[1, 2], DType::F64));
    let forward = |sequences: &[u32]| {
        let (tags, sequences) = (column(&tags), column(sequences));
        tensors::forward(&engine(), &emissions, &tags, &sequences, parameters, &likelihoods)
    };
    forward(&[0, 3])?;
    assert_eq!(forward(&[0, 4]).unwrap_err().to_string(), "crf: row 3: expected a tag below 3, got 3");
    let error = forward(&[0, 1, 1, 1]).unwrap_err().to_string();
    assert_eq!(error, "crf: expected likelihoods of 4 numbers for 3 tags, got 2");
    let error = forward(&[2, 3]).unwrap_err().to_string();
    assert_eq!(error, "crf: expected sequences in order within the rows, got rows 2..5 after row 0 of 4");
    let none = Constraints::new(vec![false; 3], vec![true; 3], vec![true; 9])?;
    let mask = Mask::new(&engine(), none)?;
    let parameters = Parameters { allowed: Some(&mask), ..parameters };
    let error = tensors::viterbi(&engine(), &emissions, &column(&[0, 3]), parameters).unwrap_err().to_string();
    assert!(error.starts_with("crf: rows 0..3: expected tags with a score above -inf, got none"), "{error}");
    Ok(())
}
