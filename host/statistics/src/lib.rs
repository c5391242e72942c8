//! What the results of runs show: whether a change helped, how sure that is, how many seeds would tell, and the loss
//! that larger runs would reach. Numbers in, numbers and words out.

#![warn(missing_docs)]

mod documents;
mod holm;
mod paired;
mod power;
mod random;
mod scaling;
mod student;
#[cfg(test)]
mod tests;
mod verdict;
pub mod words;

pub use documents::{Document, Documents, mean_interval, paired_documents};
pub use holm::holm;
pub use paired::{Paired, Summary, paired, summary};
pub use power::{detectable, seeds_needed};
pub use scaling::{Fit, Law, Point, fit};
pub use verdict::Verdict;

use serde::Serialize;

/// Says in one lower-case line what is wrong with the numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// The result of every function here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// A mean, and where the true one is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The mean that was observed.
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// The share of such intervals that cover the true mean, such as 0.95.
    pub confidence: f64,
    /// The two-sided p-value of the hypothesis that the true mean is 0.
    pub p: f64,
}

impl Interval {
    /// Returns the interval of values that are all the same.
    fn point(mean: f64, confidence: f64) -> Self {
        Self { mean, low: mean, high: mean, confidence, p: if mean == 0.0 { 1.0 } else { 0.0 } }
    }
}

/// Checks that every one of the values, which messages call `name`, is a finite number.
fn check_finite(name: &str, values: impl IntoIterator<Item = f64>) -> Result<()> {
    match values.into_iter().enumerate().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some((index, value)) => {
            let place = index + 1;
            Err(Error(format!("{name} {place}: expected a finite number, got {value}; leave that run or document out")))
        }
    }
}

fn check_confidence(confidence: f64) -> Result<()> {
    if confidence > 0.0 && confidence < 1.0 {
        return Ok(());
    }
    Err(Error(format!("confidence: expected a number between 0 and 1, got {confidence}; write 95 % as 0.95")))
}

/// Returns the quantile of sorted values, with linear interpolation (definition 7 of Hyndman & Fan 1996).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    // two infinities have no difference
    if below == above { below } else { below + (above - below) * place.fract() }
}
