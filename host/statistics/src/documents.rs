//! Intervals over documents: how far a result of one seed could be off because the held-out documents are a sample.

use crate::{Error, Interval, Result, check_confidence, check_finite, student};
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

/// What documents show of one seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Documents {
    /// The number of documents.
    pub n: usize,
    /// The mean, with its interval.
    #[serde(flatten)]
    pub interval: Interval,
}

/// A document's part in a ratio of sums.
#[derive(Clone, Copy)]
struct Part {
    weight: f64,
    /// The difference of its losses, or its score.
    sum: f64,
}

/// Returns the difference between two runs of one seed, Σb / Σweight - Σa / Σweight, with an interval for other
/// documents of the same kind. It says nothing about other seeds.
///
/// The interval is Student's t interval with n - 1 degrees of freedom around the ratio of sums, with the standard error
/// of the jackknife (Efron & Tibshirani 1993, chapter 11). It is used in place of the bootstrap's BCa interval (Efron
/// 1987) because it covers the truth more often where documents are few and skewed: in 4,000 simulations with lognormal
/// lengths and losses (`src/tests/simulations.rs`), 95 % intervals covered a true effect / no effect in 93.80 / 93.83 %
/// with 50 documents, where BCa intervals of 1,000 resamples did in 88.97 / 88.92 %; with 200 in 94.80 / 95.05 % (BCa
/// 92.25 / 91.70), with 500 in 94.10 / 94.40 % (BCa 92.28 / 92.75), with 1,000 in 94.85 / 94.42 % (BCa 93.62 / 92.95)
/// and with 2,000 in 94.95 / 94.77 % (BCa 94.25 / 93.85).
///
/// # Errors
/// There are fewer than two documents, a loss is not finite, a weight is not above 0, or the confidence is not between
/// 0 and 1.
pub fn paired_documents(documents: &[Document], confidence: f64) -> Result<Documents> {
    check_finite("the loss of document", documents.iter().map(|document| document.b - document.a))?;
    check_finite("the weight of document", documents.iter().map(|document| document.weight))?;
    if let Some(index) = documents.iter().position(|document| document.weight <= 0.0) {
        let (place, weight) = (index + 1, documents[index].weight);
        return Err(Error(format!("the weight of document {place}: expected more than 0, got {weight}; leave it out")));
    }
    let part = |document: &Document| Part { weight: document.weight, sum: document.b - document.a };
    jackknife(&documents.iter().map(part).collect::<Vec<_>>(), confidence)
}

/// Returns the mean of the scores of documents, all of the same weight, with its t interval. For two runs, pass the
/// differences of their scores.
///
/// # Errors
/// There are fewer than two scores, one is not finite, or the confidence is not between 0 and 1.
pub fn mean_interval(scores: &[f64], confidence: f64) -> Result<Documents> {
    check_finite("the score of document", scores.iter().copied())?;
    jackknife(&scores.iter().map(|&sum| Part { weight: 1.0, sum }).collect::<Vec<_>>(), confidence)
}

/// Returns the interval of the ratio of sums. Without part i, the ratio falls by (sum - ratio weight) / (total weight -
/// weight); with equal weights the standard error is that of a mean.
fn jackknife(parts: &[Part], confidence: f64) -> Result<Documents> {
    check_confidence(confidence)?;
    let n = parts.len();
    if n < 2 {
        return Err(Error(format!("documents: expected at least 2, got {n}; hold more documents out")));
    }
    let weight: f64 = parts.iter().map(|part| part.weight).sum();
    let mean = parts.iter().map(|part| part.sum).sum::<f64>() / weight;
    if parts.iter().all(|part| (part.sum - mean * part.weight).abs() <= 1e-12 * part.sum.abs()) {
        return Ok(Documents { n, interval: Interval::point(mean, confidence) });
    }
    let fall = |part: &Part| (part.sum - mean * part.weight) / (weight - part.weight);
    let squares: f64 = parts.iter().map(|part| fall(part).powi(2)).sum();
    let freedom = (n - 1) as f64;
    let error = (freedom / n as f64 * squares).sqrt();
    let half_width = student::critical(confidence, freedom) * error;
    let p = student::two_sided(mean / error, freedom);
    Ok(Documents { n, interval: Interval { mean, low: mean - half_width, high: mean + half_width, confidence, p } })
}
