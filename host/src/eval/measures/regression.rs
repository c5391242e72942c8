//! Numbers that were predicted.

use super::classes::same_length;
use crate::{Error, Result};
use serde::Serialize;

/// Predicted numbers compared with true ones. What is not defined is none, in JSON null.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RegressionReport {
    /// Documents.
    pub documents: u64,
    /// Mean squared error.
    pub mse: f64,
    /// Its root, in the unit of the numbers.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Share of the variance that is explained, at most 1; of numbers that are all alike 1 without an error, else 0.
    /// None of a single document.
    pub r2: Option<f64>,
    /// Linear correlation, -1 to 1; none where either side is always the same.
    pub pearson: Option<f64>,
    /// Correlation of the ranks, where equal numbers share the mean of theirs; none where either side is always the
    /// same.
    pub spearman: Option<f64>,
}

impl RegressionReport {
    /// Measures predictions.
    ///
    /// # Errors
    /// No documents, lists of different lengths, a number that is not finite.
    pub fn new(gold: &[f64], predicted: &[f64]) -> Result<Self> {
        same_length("predicted numbers", predicted.len(), gold.len())?;
        for (what, values) in [("gold", gold), ("predicted", predicted)] {
            if let Some(document) = values.iter().position(|value| !value.is_finite()) {
                let why =
                    format!("document {document}: {what} number: expected a finite one, got {}", values[document]);
                return Err(Error::run(why));
            }
        }
        let n = gold.len() as f64;
        let errors = || gold.iter().zip(predicted).map(|(gold, predicted)| gold - predicted);
        let squares: f64 = errors().map(|error| error * error).sum();
        let mean = mean(gold);
        let variance: f64 = gold.iter().map(|gold| (gold - mean).powi(2)).sum();
        let r2 = match variance == 0.0 {
            true if squares == 0.0 => 1.0,
            true => 0.0,
            false => 1.0 - squares / variance,
        };
        Ok(Self {
            documents: gold.len() as u64,
            mse: squares / n,
            rmse: (squares / n).sqrt(),
            mae: errors().map(f64::abs).sum::<f64>() / n,
            r2: (gold.len() > 1).then_some(r2),
            pearson: correlation(gold, predicted),
            spearman: correlation(&ranks(gold), &ranks(predicted)),
        })
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn correlation(left: &[f64], right: &[f64]) -> Option<f64> {
    let is_constant = |values: &[f64]| values.iter().all(|value| *value == values[0]);
    if is_constant(left) || is_constant(right) {
        return None;
    }
    // divided by the largest one, so that no square is too large or too small
    let centred = |values: &[f64]| -> Vec<f64> {
        let mean = mean(values);
        let largest = values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max);
        values.iter().map(|value| (value - mean) / largest).collect()
    };
    let (left, right) = (centred(left), centred(right));
    let product = |left: &[f64], right: &[f64]| left.iter().zip(right).map(|(a, b)| a * b).sum::<f64>();
    let correlation = product(&left, &right) / (product(&left, &left) * product(&right, &right)).sqrt();
    correlation.is_finite().then(|| correlation.clamp(-1.0, 1.0))
}

/// The place of each number in order, from 1; equal numbers share the mean of their places.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    // 0 and -0 are equal but not in this order, so they are neighbours
    for run in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + (run.len() + 1) as f64 / 2.0;
        run.iter().for_each(|&index| ranks[index] = rank);
        before += run.len();
    }
    ranks
}
