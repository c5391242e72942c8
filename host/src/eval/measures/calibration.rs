//! Whether a classifier's probabilities mean what they say.

use crate::{Error, Result};
use serde::Serialize;

/// Bins of the confidence.
const BINS: usize = 15;
/// How far the probabilities of a document may be from a sum of 1: they were computed in single precision.
const SUM_TOLERANCE: f64 = 1e-3;

/// Measures of probabilities.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Mean of −ln of the gold class's probability. A probability below the precision of `f64` counts as that.
    pub nll: f64,
    /// Mean over documents of the squared error, summed over classes: 0 to 2 (Brier 1950).
    pub brier: f64,
    /// Expected calibration error: mean distance of confidence and accuracy over bins, weighted by documents (Guo et
    /// al. 2017, arXiv 1706.04599).
    pub ece: f64,
    /// Confidence and accuracy by bin.
    pub reliability: Vec<Bin>,
}

/// The documents whose highest probability is above `low` and at most `high`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Lower bound, outside of the bin; 0 is inside.
    pub low: f64,
    /// Upper bound, inside of the bin.
    pub high: f64,
    /// Documents.
    pub count: u64,
    /// Mean of their highest probabilities; 0 of no document.
    pub confidence: f64,
    /// Share of those whose most probable class is true; 0 of no document.
    pub accuracy: f64,
}

impl Calibration {
    /// Compares probabilities `[documents, classes]` with gold classes.
    ///
    /// # Errors
    /// A wrong number of probabilities, or ones that are no distribution.
    pub fn new(n_classes: usize, gold: &[u32], probabilities: &[f64]) -> Result<Self> {
        check(n_classes, gold, probabilities)?;
        let mut bins: Vec<_> =
            (0..BINS).map(|bin| Bin { low: edge(bin), high: edge(bin + 1), ..Bin::default() }).collect();
        let (mut nll, mut brier) = (0.0, 0.0);
        for (&gold, row) in gold.iter().zip(probabilities.chunks(n_classes)) {
            nll -= row[gold as usize].max(f64::EPSILON).ln();
            brier += row.iter().map(|p| p * p).sum::<f64>() - 2.0 * row[gold as usize] + 1.0;
            let top = top(row);
            let bin = &mut bins[bin_of(row[top])];
            bin.count += 1;
            bin.confidence += row[top];
            bin.accuracy += if top == gold as usize { 1.0 } else { 0.0 };
        }
        let n = gold.len() as f64;
        let ece = bins.iter().map(|bin| (bin.accuracy - bin.confidence).abs()).sum::<f64>() / n;
        for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
            bin.confidence /= bin.count as f64;
            bin.accuracy /= bin.count as f64;
        }
        Ok(Self { nll: nll / n, brier: brier / n, ece, reliability: bins })
    }
}

/// Returns the most probable class of each document, the first of several; `probabilities` is `[documents, classes]`.
pub fn most_probable(n_classes: usize, probabilities: &[f64]) -> Vec<u32> {
    probabilities.chunks(n_classes.max(1)).map(|row| top(row) as u32).collect()
}

fn top(row: &[f64]) -> usize {
    (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}

/// The bound between a bin and the one before.
fn edge(bin: usize) -> f64 {
    bin as f64 / BINS as f64
}

fn bin_of(confidence: f64) -> usize {
    (0..BINS - 1).find(|bin| confidence <= edge(bin + 1)).unwrap_or(BINS - 1)
}

fn check(n_classes: usize, gold: &[u32], probabilities: &[f64]) -> Result<()> {
    let expected = gold.len().saturating_mul(n_classes);
    if expected == 0 || probabilities.len() != expected {
        let (documents, got) = (gold.len(), probabilities.len());
        return Err(Error::run(format!(
            "probabilities: expected {documents} documents × {n_classes} classes, got {got}"
        )));
    }
    for (document, (gold, row)) in gold.iter().zip(probabilities.chunks(n_classes)).enumerate() {
        let sum: f64 = row.iter().sum();
        if let Some(p) = row.iter().find(|p| !(0.0..=1.0 + SUM_TOLERANCE).contains(*p)) {
            return Err(Error::run(format!("document {document}: probability: expected 0 to 1, got {p}")));
        }
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(Error::run(format!("document {document}: probabilities: expected a sum of 1, got {sum}")));
        }
        if *gold as usize >= n_classes {
            return Err(Error::run(format!(
                "document {document}: gold class: expected less than {n_classes}, got {gold}"
            )));
        }
    }
    Ok(())
}
