//! The paired t test over seeds: both runs of a pair have the same seed, so that what the seed does to both cancels.

use crate::{Error, Interval, Result, check_confidence, check_finite, student};
use serde::Serialize;

/// The mean and the spread of some values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// The number of values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation, with n - 1 in the denominator; None for one value.
    pub deviation: Option<f64>,
}

/// What the differences of pairs of runs show.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// The number of pairs.
    pub n: usize,
    /// The sample standard deviation of the differences.
    pub deviation: f64,
    /// Their mean, with its interval.
    #[serde(flatten)]
    pub interval: Interval,
}

/// Returns the mean and the deviation of values.
///
/// # Errors
/// There is no value, or one is not finite.
pub fn summary(values: &[f64]) -> Result<Summary> {
    let Some(first) = values.first() else {
        return Err(Error("a summary: expected at least 1 value, got none; finish a run first".into()));
    };
    check_finite("value", values.iter().copied())?;
    let n = values.len();
    // exact, so that equal values have no deviation
    let mean = first + values.iter().map(|value| value - first).sum::<f64>() / n as f64;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    Ok(Summary { n, mean, deviation: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()) })
}

/// Returns the two-sided paired t interval of `differences`, one for each seed (Student 1908). Differences that are all
/// the same have an interval without width, and p = 0, or 1 if they are 0.
///
/// # Errors
/// There are fewer than two differences, one is not finite, or the confidence is not between 0 and 1.
pub fn paired(differences: &[f64], confidence: f64) -> Result<Paired> {
    check_confidence(confidence)?;
    check_finite("difference", differences.iter().copied())?;
    if differences.len() < 2 {
        let n = differences.len();
        return Err(Error(format!("a paired t test: expected at least 2 differences, got {n}; run more seeds")));
    }
    let Summary { n, mean, deviation } = summary(differences)?;
    let deviation = deviation.unwrap_or(0.0);
    if deviation == 0.0 {
        return Ok(Paired { n, deviation, interval: Interval::point(mean, confidence) });
    }
    let freedom = (n - 1) as f64;
    let error = deviation / (n as f64).sqrt();
    let half_width = student::critical(confidence, freedom) * error;
    let p = student::two_sided(mean / error, freedom);
    let interval = Interval { mean, low: mean - half_width, high: mean + half_width, confidence, p };
    Ok(Paired { n, deviation, interval })
}
