//! Results in words.

use crate::{Documents, Interval, Paired, Verdict, seeds_needed};

/// The power at which the seeds needed are stated, as is usual (Cohen 1988).
const POWER: f64 = 0.8;

/// The most seeds that are worth a mention.
const MAX_SEEDS: usize = 1_000;

/// The most digits behind the point.
const MAX_DECIMALS: f64 = 12.0;

/// Writes the figures of a difference: `+0.021 bits/byte, 95 % interval 0.012 to 0.030`. All have the digits behind the
/// point that show two significant ones of the half width, fewer where all of them would end in 0.
pub fn figures(difference: &Interval, unit: &str) -> String {
    let [mean, low, high] = numbers(difference);
    let percent = percent(difference.confidence);
    format!("{}, {percent} % interval {low} to {high}", with_unit(mean, unit))
}

/// Writes the mean of a difference, with its sign, and the ends of its interval: `+0.021`, `0.012`, `0.030`, with the
/// digits of [`figures`].
pub fn numbers(difference: &Interval) -> [String; 3] {
    let Interval { mean, low, high, .. } = *difference;
    let half_width = (high - low) / 2.0;
    let decimals = if half_width > 0.0 { decimals(half_width, 2.0) } else { decimals(mean, 3.0) };
    let decimals = needed(&[mean, low, high], decimals);
    [signed(mean, decimals), fixed(low, decimals), fixed(high, decimals)]
}

/// Writes a confidence such as 0.95 in percent: `95`.
pub fn percent(confidence: f64) -> f64 {
    (confidence * 1e6).round() / 1e4
}

/// Writes what seeds show: `…: worse`, or `…: no difference that 3 seeds can show; 7 would`. The second number is of
/// the seeds that a difference as large as the observed would need at a power of 80 %; it is left out above 1,000. With
/// several `comparisons`, it is for the share of errors that each may have (Bonferroni), which Holm's method may
/// better.
pub fn seeds(difference: &Paired, verdict: Verdict, comparisons: usize, unit: &str) -> String {
    let Paired { n, deviation, interval } = *difference;
    let figures = figures(&interval, unit);
    if verdict != Verdict::NoDifference {
        return format!("{figures}: {verdict}");
    }
    let confidence = 1.0 - (1.0 - interval.confidence) / comparisons.max(1) as f64;
    let needed = seeds_needed(deviation, interval.mean, confidence, POWER);
    let more = needed.filter(|needed| (n + 1..=MAX_SEEDS).contains(needed));
    let would = more.map(|needed| format!("; {needed} would")).unwrap_or_default();
    format!("{figures}: {verdict} that {n} seeds can show{would}")
}

/// Writes what the documents of one seed show: `…: better`, or `…: no difference that 200 documents can show`.
pub fn documents(difference: &Documents, verdict: Verdict, unit: &str) -> String {
    let figures = figures(&difference.interval, unit);
    match verdict {
        Verdict::NoDifference => format!("{figures}: {verdict} that {} documents can show", difference.n),
        _ => format!("{figures}: {verdict}"),
    }
}

/// Writes the difference of a single pair of runs: `+0.0213 bits/byte, one seed: no interval`.
pub fn one_seed(value: f64, unit: &str) -> String {
    format!("{}, one seed: no interval", with_unit(difference(value), unit))
}

/// Returns the digits behind the point that show `digits` significant ones of a value.
fn decimals(value: f64, digits: f64) -> usize {
    if value == 0.0 {
        return 0;
    }
    (digits - 1.0 - value.abs().log10().floor()).clamp(0.0, MAX_DECIMALS) as usize
}

/// Returns the digits behind the point, at most `decimals`, that are left when the zeros are cut that end all values.
fn needed(values: &[f64], decimals: usize) -> usize {
    let zeros = |value: &f64| {
        let text = format!("{value:.decimals$}");
        text.len() - text.trim_end_matches('0').len()
    };
    decimals - values.iter().map(zeros).min().unwrap_or(0).min(decimals)
}

/// Writes a difference of which only the value is known, with its sign and three significant digits: `+0.0213`.
pub fn difference(value: f64) -> String {
    signed(value, decimals(value, 3.0))
}

/// Writes a value with its sign.
fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    let is_above_0 = text.contains(|char| ('1'..='9').contains(&char)) && !text.starts_with('-');
    format!("{}{text}", if is_above_0 { "+" } else { "" })
}

fn with_unit(number: String, unit: &str) -> String {
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

/// Writes a value without the sign of -0.
fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if !rest.contains(|char| ('1'..='9').contains(&char)) => rest.to_owned(),
        _ => text,
    }
}
