//! One class per document: which classes were taken for which.

use super::score::{Averages, Counts, ratio};
use crate::{Error, Result};
use std::collections::BTreeMap;

/// How often each class was predicted for each. Cells without a document take no memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confusion {
    n_classes: usize,
    /// Documents by gold and predicted class.
    cells: BTreeMap<(u32, u32), u64>,
}

impl Confusion {
    /// Counts documents by their gold and predicted class, ids below `n_classes`.
    ///
    /// # Errors
    /// No documents, lists of different lengths, an id that is no class.
    pub fn new(n_classes: usize, gold: &[u32], predicted: &[u32]) -> Result<Self> {
        same_length("predicted classes", predicted.len(), gold.len())?;
        let mut cells = BTreeMap::new();
        for (document, pair) in gold.iter().copied().zip(predicted.iter().copied()).enumerate() {
            for (what, id) in [("gold", pair.0), ("predicted", pair.1)] {
                if id as usize >= n_classes {
                    let why = format!("document {document}: {what} class: expected less than {n_classes}, got {id}");
                    return Err(Error::run(why));
                }
            }
            *cells.entry(pair).or_default() += 1;
        }
        Ok(Self { n_classes, cells })
    }

    /// Iterates over gold class, predicted class and documents of all cells that have any, in rising order.
    pub fn cells(&self) -> impl Iterator<Item = (u32, u32, u64)> {
        self.cells.iter().map(|(&(gold, predicted), &count)| (gold, predicted, count))
    }

    /// Returns the number of documents.
    pub fn total(&self) -> u64 {
        self.cells.values().sum()
    }

    /// Returns the counts of every class, also of absent ones.
    pub fn counts(&self) -> Vec<Counts> {
        let mut counts = vec![Counts::default(); self.n_classes];
        for (gold, predicted, count) in self.cells() {
            counts[gold as usize].gold += count;
            counts[predicted as usize].predicted += count;
            counts[gold as usize].hits += if gold == predicted { count } else { 0 };
        }
        counts
    }

    /// Averages over the classes that are true or predicted of any document.
    pub fn averages(&self) -> Averages {
        let present: Vec<_> = self.counts().into_iter().filter(|counts| !counts.is_absent()).collect();
        Averages::of(&present)
    }

    /// Returns the share of documents whose class was predicted.
    pub fn accuracy(&self) -> f64 {
        ratio(self.hits(), self.total())
    }

    /// Returns the mean recall of the classes that are true of any document.
    pub fn balanced_accuracy(&self) -> f64 {
        let recalls: Vec<f64> =
            self.counts().iter().filter(|counts| counts.gold > 0).map(|counts| counts.score().recall).collect();
        recalls.iter().sum::<f64>() / recalls.len().max(1) as f64
    }

    /// Returns the correlation of gold and predicted classes (Matthews 1975; Gorodkin 2004 for more than two classes),
    /// -1 to 1; 0 when either is always the same class.
    pub fn matthews(&self) -> f64 {
        let counts = self.counts();
        // exact: squares of documents fit into 128 bits
        let product = |left: fn(&Counts) -> u64, right: fn(&Counts) -> u64| -> i128 {
            counts.iter().map(|counts| i128::from(left(counts)) * i128::from(right(counts))).sum()
        };
        let (gold, predicted) = (|counts: &Counts| counts.gold, |counts: &Counts| counts.predicted);
        let total = i128::from(self.total());
        let covariance = i128::from(self.hits()) * total - product(gold, predicted);
        let variances = [product(gold, gold), product(predicted, predicted)].map(|sum| (total * total - sum) as f64);
        match variances[0] * variances[1] {
            0.0 => 0.0,
            product => covariance as f64 / product.sqrt(),
        }
    }

    fn hits(&self) -> u64 {
        self.cells().filter(|(gold, predicted, _)| gold == predicted).map(|(.., count)| count).sum()
    }
}

/// Checks that there is something to measure, and a prediction for each gold value.
pub(super) fn same_length(what: &str, got: usize, gold: usize) -> Result<()> {
    if gold == 0 {
        return Err(Error::run(format!("{what}: expected at least one document to measure, got none")));
    }
    if got != gold {
        return Err(Error::run(format!("{what}: expected {gold}, one for each gold value, got {got}")));
    }
    Ok(())
}
