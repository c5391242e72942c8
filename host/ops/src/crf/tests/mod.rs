//! The CRF compared with pytorch-crf, with sums over all sequences of tags, and with itself.

#![expect(clippy::single_range_in_vec_init, reason = "lists of sequences may have one")]

mod edges;
mod enumeration;
mod golden;
mod sizes;

use super::{Constraints, Gradients, Likelihood, Weights, backward, log_likelihood, marginals, viterbi};
use crate::{Engine, Float, Precision};
use std::ops::Range;
use trainyard_base::random::Stream;

/// A CRF with what it is asked about.
#[derive(Clone, Default)]
struct Given<T> {
    emissions: Vec<T>,
    tags: Vec<u32>,
    sequences: Vec<Range<usize>>,
    start: Vec<T>,
    end: Vec<T>,
    transitions: Vec<T>,
    scales: Vec<T>,
    allowed: Option<Constraints>,
}

/// What it answers.
#[derive(Debug, PartialEq)]
struct Answers<T> {
    likelihoods: Vec<Likelihood>,
    emissions: Vec<T>,
    start: Vec<T>,
    end: Vec<T>,
    transitions: Vec<T>,
    marginals: Vec<T>,
    best: Vec<u32>,
    best_scores: Vec<f64>,
}

fn engine() -> Engine {
    Engine::new(Precision::F32)
}

fn normals(name: &str, n: usize, deviation: f64) -> Vec<f64> {
    Stream::new(7, name).normals(n).map(|x| x * deviation).collect()
}

impl<T: Float> Given<T> {
    /// Random numbers that f32 holds; every row has a tag that constraints of the kind BIO allow too.
    fn random(n_tags: usize, sequences: &[Range<usize>], rows: usize, [of_emissions, of_weights]: [f64; 2]) -> Self {
        let draw = |name: &str, n: usize, deviation: f64| -> Vec<T> {
            normals(name, n, deviation).into_iter().map(|x| T::of(f64::from(x as f32))).collect()
        };
        Self {
            emissions: draw("emissions", rows * n_tags, of_emissions),
            tags: (0..rows).map(|row| (row * row % 7 % n_tags) as u32).collect(),
            sequences: sequences.to_vec(),
            start: draw("start", n_tags, of_weights),
            end: draw("end", n_tags, of_weights),
            transitions: draw("transitions", n_tags * n_tags, of_weights),
            scales: draw("scales", sequences.len(), 1.0),
            allowed: None,
        }
    }

    fn weights(&self) -> Weights<'_, T> {
        let Self { start, end, transitions, allowed, .. } = self;
        Weights { start, end, transitions, allowed: allowed.as_ref() }
    }

    fn likelihoods(&self) -> Vec<Likelihood> {
        log_likelihood(&engine(), &self.emissions, &self.tags, &self.sequences, self.weights()).unwrap()
    }

    /// Everything; the gradients of weights are added to `old`.
    fn answers(&self, old: T) -> Answers<T> {
        let (n, rows, engine) = (self.start.len(), self.tags.len(), engine());
        let mut answers = Answers {
            likelihoods: Vec::new(),
            emissions: vec![T::of(7.0); rows * n],
            start: vec![old; n],
            end: vec![old; n],
            transitions: vec![old; n * n],
            marginals: vec![T::of(7.0); rows * n],
            best: vec![7; rows],
            best_scores: Vec::new(),
        };
        let gradients = Gradients {
            emissions: &mut answers.emissions,
            start: Some(&mut answers.start),
            end: Some(&mut answers.end),
            transitions: Some(&mut answers.transitions),
        };
        let (emissions, tags, sequences, weights) = (&self.emissions, &self.tags, &self.sequences, self.weights());
        answers.likelihoods = backward(&engine, emissions, tags, sequences, weights, &self.scales, gradients).unwrap();
        assert_eq!(answers.likelihoods, self.likelihoods());
        let partitions = marginals(&engine, emissions, sequences, weights, &mut answers.marginals).unwrap();
        assert_eq!(partitions, answers.likelihoods.iter().map(|x| x.partition).collect::<Vec<_>>());
        answers.best_scores = viterbi(&engine, emissions, sequences, weights, &mut answers.best).unwrap();
        answers
    }
}

/// The largest difference, relative to the largest expected number, is at most `limit`.
#[track_caller]
fn assert_close<T: Float>(what: &str, got: &[T], expected: &[f64], limit: f64) {
    assert_eq!(got.len(), expected.len(), "{what}: sizes differ");
    let largest = expected.iter().fold(0.0_f64, |a, b| a.max(b.abs())).max(1e-3);
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a.f64() - b).abs() <= limit * largest, "{what}[{i}]: got {a}, expected {b}");
    }
}
