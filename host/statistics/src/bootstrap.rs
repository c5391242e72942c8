//! The bootstrap over documents: how far a result of one seed could be off because the held-out documents are a sample.

use crate::random::Random;
use crate::student::{normal, normal_quantile};
use crate::{Error, Interval, Result, check_confidence, check_finite, quantile};
use serde::Serialize;

/// A held-out document, and what two runs lose on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Document {
    /// Its weight, such as its bytes.
    pub weight: f64,
    /// The sum of the first run's losses.
    pub a: f64,
    /// The sum of the second run's losses.
    pub b: f64,
}

/// What documents show of one seed, and how it was computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bootstrap {
    /// The number of documents.
    pub n: usize,
    /// The number of groups that were drawn from: the documents, or neighbours together when there are over 100,000.
    pub groups: usize,
    /// The number of resamples.
    pub resamples: usize,
    /// The mean, with its interval.
    #[serde(flatten)]
    pub interval: Interval,
}

/// The most draws of all resamples together.
const MAX_DRAWS: usize = 200_000_000;

/// The most groups that are drawn from: as many as leave 2,000 resamples.
const MAX_GROUPS: usize = 100_000;

/// The most resamples.
const MAX_RESAMPLES: usize = 10_000;

/// What is drawn: a document, or some neighbours.
#[derive(Clone, Copy)]
pub struct Unit {
    /// Its weight.
    pub weight: f64,
    /// The sum of its differences or scores.
    pub sum: f64,
}

/// Returns the difference between two runs of one seed, Σb / Σweight - Σa / Σweight, with an interval for other
/// documents of the same kind. It says nothing about other seeds.
///
/// The interval is the BCa interval of Efron 1987, "Better bootstrap confidence intervals"; the acceleration is from
/// the jackknife. The p-value is where an end of such an interval is 0, and at least 2 / (resamples + 1). There are
/// 2,000 to 10,000 resamples. More than 100,000 documents are drawn in groups of neighbours, which changes no ratio of
/// sums. The same arguments give the same result.
///
/// Where documents are few and skewed, it errs more often than it says: in 2,000 simulations with lognormal lengths and
/// losses, 95 % intervals covered the truth in 92.1 % with 200 documents, 92.6 % with 500 and 93.6 % with 2,000
/// (`src/tests/simulations.rs`).
///
/// # Errors
/// There are fewer than two documents, a loss is not finite, a weight is not above 0, or the confidence is not between
/// 0 and 1.
pub fn paired_documents(documents: &[Document], confidence: f64, seed: u64) -> Result<Bootstrap> {
    check_finite("the loss of document", documents.iter().map(|document| document.b - document.a))?;
    check_finite("the weight of document", documents.iter().map(|document| document.weight))?;
    if let Some(index) = documents.iter().position(|document| document.weight <= 0.0) {
        let (place, weight) = (index + 1, documents[index].weight);
        return Err(Error(format!("the weight of document {place}: expected more than 0, got {weight}; leave it out")));
    }
    let unit = |document: &Document| Unit { weight: document.weight, sum: document.b - document.a };
    bootstrap(documents.iter().map(unit).collect(), confidence, seed)
}

/// Returns the mean of the scores of documents, all of the same weight, with its BCa interval as [`paired_documents`]
/// computes it. For two runs, pass the differences of their scores.
///
/// # Errors
/// There are fewer than two scores, one is not finite, or the confidence is not between 0 and 1.
pub fn mean_interval(scores: &[f64], confidence: f64, seed: u64) -> Result<Bootstrap> {
    check_finite("the score of document", scores.iter().copied())?;
    bootstrap(scores.iter().map(|&sum| Unit { weight: 1.0, sum }).collect(), confidence, seed)
}

fn bootstrap(units: Vec<Unit>, confidence: f64, seed: u64) -> Result<Bootstrap> {
    check_confidence(confidence)?;
    let n = units.len();
    if n < 2 {
        return Err(Error(format!("a bootstrap: expected at least 2 documents, got {n}; hold more documents out")));
    }
    let units = grouped(units);
    let resamples = (MAX_DRAWS / units.len()).min(MAX_RESAMPLES);
    Ok(Bootstrap { n, groups: units.len(), resamples, interval: bca(&units, resamples, confidence, seed) })
}

/// Joins neighbours until there are few enough.
fn grouped(units: Vec<Unit>) -> Vec<Unit> {
    let size = units.len().div_ceil(MAX_GROUPS);
    units.chunks(size).map(total).collect()
}

fn total(units: &[Unit]) -> Unit {
    units.iter().fold(Unit { weight: 0.0, sum: 0.0 }, |total, unit| Unit {
        weight: total.weight + unit.weight,
        sum: total.sum + unit.sum,
    })
}

/// Returns the BCa interval of the ratio of sums.
pub fn bca(units: &[Unit], resamples: usize, confidence: f64, seed: u64) -> Interval {
    let total = total(units);
    let mean = total.sum / total.weight;
    if units.iter().all(|unit| (unit.sum - mean * unit.weight).abs() <= 1e-12 * unit.sum.abs()) {
        return Interval::point(mean, confidence);
    }
    let mut means: Vec<f64> = (0..resamples as u64).map(|index| resampled(units, Random::new(seed, index))).collect();
    means.sort_by(f64::total_cmp);
    let bias = normal_quantile(share_below(&means, mean));
    let acceleration = acceleration(units, total);
    let end = |z: f64| quantile(&means, normal(bias + stretched(bias + z, -acceleration)));
    let z = normal_quantile((1.0 - confidence) / 2.0);
    // the z whose end would be 0
    let zero = stretched(normal_quantile(share_below(&means, 0.0)) - bias, acceleration) - bias;
    let p = (2.0 * normal(-zero.abs())).max(2.0 / (resamples + 1) as f64);
    Interval { mean, low: end(z), high: end(-z), confidence, p }
}

/// Computes y / (1 + a y), the two directions of BCa's change of scale; infinite where that leaves the scale.
fn stretched(y: f64, a: f64) -> f64 {
    if 1.0 + a * y > 0.0 { y / (1.0 + a * y) } else { y.signum() * f64::INFINITY }
}

/// Draws as many units as there are and returns their ratio of sums.
fn resampled(units: &[Unit], mut random: Random) -> f64 {
    let n = units.len() as u32;
    // four sums of each, so that an addition need not wait for the last
    let mut sums = [Unit { weight: 0.0, sum: 0.0 }; 4];
    let mut add = |slot: usize, index: usize| {
        sums[slot].weight += units[index].weight;
        sums[slot].sum += units[index].sum;
    };
    for _ in 0..n / 4 {
        let ([a, b], [c, d]) = (random.two_below(n), random.two_below(n));
        add(0, a);
        add(1, b);
        add(2, c);
        add(3, d);
    }
    for _ in 0..n % 4 {
        add(0, random.two_below(n)[0]);
    }
    let total = total(&sums);
    total.sum / total.weight
}

/// Returns the share of sorted values below `value`, an equal one counting half. It is never 0 or 1: that so many
/// resamples are all on one side says no more.
fn share_below(sorted: &[f64], value: f64) -> f64 {
    let below = sorted.partition_point(|&other| other < value);
    let not_above = sorted.partition_point(|&other| other <= value);
    let least = 1.0 / (sorted.len() + 1) as f64;
    ((below + not_above) as f64 / (2 * sorted.len()) as f64).clamp(least, 1.0 - least)
}

/// Returns the acceleration of the jackknife, Σu³ / 6(Σu²)^1.5 with u the mean of the jackknife values minus each:
/// without unit i, the ratio falls by (sum - ratio weight) / (total weight - weight).
fn acceleration(units: &[Unit], total: Unit) -> f64 {
    let ratio = total.sum / total.weight;
    let fall = |unit: &Unit| (unit.sum - ratio * unit.weight) / (total.weight - unit.weight);
    let mean = units.iter().map(fall).sum::<f64>() / units.len() as f64;
    let power = |exponent| units.iter().map(|unit| (fall(unit) - mean).powi(exponent)).sum::<f64>();
    power(3) / (6.0 * power(2).powf(1.5))
}
