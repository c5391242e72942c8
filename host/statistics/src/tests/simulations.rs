//! Simulations with a known truth: intervals cover it as often as they say, and verdicts err as seldom as they say.

use crate::random::Random;
use crate::{Document, Interval, Verdict, detectable, holm, paired, paired_documents};
use statrs::function::erf;
use std::f64::consts::SQRT_2;

/// The confidence that is tested.
const CONFIDENCE: f64 = 0.95;

struct Normals(Random);

impl Normals {
    fn new(simulation: usize) -> Self {
        Self(Random::new(1, simulation as u64))
    }

    fn draw(&mut self) -> f64 {
        let uniform = ((self.0.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        -SQRT_2 * erf::erfc_inv(2.0 * uniform)
    }

    fn lognormal(&mut self, mean: f64, deviation: f64) -> f64 {
        (mean + deviation * self.draw()).exp()
    }

    /// The interval of `n` differences around `mean` with deviation 1.
    fn seeds(&mut self, n: usize, mean: f64) -> Interval {
        let differences: Vec<f64> = (0..n).map(|_| mean + self.draw()).collect();
        paired(&differences, CONFIDENCE).unwrap().interval
    }
}

/// Returns the share of simulations for which something holds.
fn share(simulations: usize, mut holds: impl FnMut(&mut Normals) -> bool) -> f64 {
    let n_holding = (0..simulations).filter(|&simulation| holds(&mut Normals::new(simulation))).count();
    n_holding as f64 / simulations as f64
}

#[track_caller]
fn assert_between(low: f64, share: f64, high: f64, what: &str) {
    println!("{what}: {:.2} %", 100.0 * share);
    assert!((low..=high).contains(&share), "{what}: {share}");
}

#[test]
fn seeds_cover_the_truth() {
    for (n, effect) in [(3, 0.7), (8, 0.7), (3, 0.0), (8, 0.0)] {
        let covers = |normals: &mut Normals| {
            let interval = normals.seeds(n, effect);
            interval.low <= effect && effect <= interval.high
        };
        assert_between(0.93, share(10_000, covers), 0.97, &format!("{n} seeds cover {effect}"));
    }
}

#[test]
fn no_effect_is_called_no_difference() {
    for n in [3, 8] {
        let is_silent = |normals: &mut Normals| {
            let interval = normals.seeds(n, 0.0);
            Verdict::of(&interval, interval.p, true) == Verdict::NoDifference
        };
        assert_between(0.93, share(10_000, is_silent), 0.97, &format!("{n} seeds are silent"));
    }
}

#[test]
fn none_of_five_comparisons_errs() {
    let is_silent = |normals: &mut Normals| {
        let intervals: Vec<Interval> = (0..5).map(|_| normals.seeds(4, 0.0)).collect();
        let p: Vec<f64> = intervals.iter().map(|interval| interval.p).collect();
        intervals.iter().zip(holm(&p)).all(|(interval, p)| Verdict::of(interval, p, true) == Verdict::NoDifference)
    };
    assert_between(0.93, share(10_000, is_silent), 0.97, "5 comparisons are silent");
}

#[test]
fn detectable_effects_are_detected() {
    for n in [3, 8] {
        let effect = detectable(1.0, n, CONFIDENCE, 0.8);
        let is_found = |normals: &mut Normals| {
            let interval = normals.seeds(n, -effect);
            Verdict::of(&interval, interval.p, true) == Verdict::Better
        };
        assert_between(0.78, share(10_000, is_found), 0.82, &format!("{n} seeds find {effect:.3} deviations"));
    }
}

/// Documents of lognormal lengths, whose losses per byte are lognormal and lower for longer ones. The second run
/// changes each by a lognormal factor, whose mean is 1 if `shift` is -0.02.
fn documents(n: usize, shift: f64, normals: &mut Normals) -> Vec<Document> {
    let document = |_| {
        let length = normals.draw();
        let weight = (6.0 + length).exp();
        let a = weight * normals.lognormal(-0.1 * length, 0.4);
        Document { weight, a, b: a * normals.lognormal(shift, 0.2) }
    };
    (0..n).map(document).collect()
}

/// The true difference: with x normal, the mean of exp(m + s x) is exp(m + s² / 2).
fn true_difference(shift: f64) -> f64 {
    let mean = |mean: f64, deviation: f64| (mean + deviation * deviation / 2.0).exp();
    mean(0.0, 0.9) * mean(0.0, 0.4) * (mean(shift, 0.2) - 1.0) / mean(0.0, 1.0)
}

/// Checks how often the intervals of documents cover the true difference.
#[track_caller]
fn documents_cover(n: usize, shift: f64) {
    let truth = true_difference(shift);
    let covers = |normals: &mut Normals| {
        let interval = paired_documents(&documents(n, shift, normals), CONFIDENCE).unwrap().interval;
        interval.low <= truth && truth <= interval.high
    };
    assert_between(0.93, share(4_000, covers), 0.97, &format!("{n} documents cover {truth:.4}"));
}

#[test]
fn documents_cover_the_truth() {
    for n in [50, 200, 500] {
        documents_cover(n, -0.3);
        documents_cover(n, -0.02);
    }
}

#[test]
fn broad_many_documents_cover_the_truth() {
    for n in [1_000, 2_000] {
        documents_cover(n, -0.3);
        documents_cover(n, -0.02);
    }
}
