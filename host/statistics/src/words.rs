//! Results in words.

use crate::{Bootstrap, Interval, Paired, Verdict, seeds_needed};

/// The power at which the seeds needed are stated, as is usual (Cohen 1988).
const POWER: f64 = 0.8;

/// The most seeds that are worth a mention.
const MAX_SEEDS: usize = 1_000;

/// The most digits behind the point.
const MAX_DECIMALS: f64 = 12.0;

/// Writes the figures of a difference: `+0.0210 bits/byte, 95 % interval 0.0120 to 0.0300`. The half width of the
/// interval has two significant digits, and every other figure as many behind the point.
pub fn figures(difference: &Interval, unit: &str) -> String {
    let Interval { mean, low, high, confidence, .. } = *difference;
    let half_width = (high - low) / 2.0;
    let decimals = if half_width > 0.0 { decimals(half_width, 2.0) } else { decimals(mean, 3.0) };
    let percent = (confidence * 1e6).round() / 1e4;
    let (low, high) = (fixed(low, decimals), fixed(high, decimals));
    format!("{}, {percent} % interval {low} to {high}", signed(mean, decimals, unit))
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
pub fn documents(difference: &Bootstrap, verdict: Verdict, unit: &str) -> String {
    let figures = figures(&difference.interval, unit);
    match verdict {
        Verdict::NoDifference => format!("{figures}: {verdict} that {} documents can show", difference.n),
        _ => format!("{figures}: {verdict}"),
    }
}

/// Writes the difference of a single pair of runs: `+0.0210 bits/byte, one seed: no interval`.
pub fn one_seed(difference: f64, unit: &str) -> String {
    format!("{}, one seed: no interval", signed(difference, decimals(difference, 3.0), unit))
}

/// Returns the digits behind the point that show `digits` significant ones of a value.
fn decimals(value: f64, digits: f64) -> usize {
    if value == 0.0 {
        return 0;
    }
    (digits - 1.0 - value.abs().log10().floor()).clamp(0.0, MAX_DECIMALS) as usize
}

/// Writes a value with its sign and unit.
fn signed(value: f64, decimals: usize, unit: &str) -> String {
    let text = fixed(value, decimals);
    let is_above_0 = text.contains(|char| ('1'..='9').contains(&char)) && !text.starts_with('-');
    let (sign, space) = (if is_above_0 { "+" } else { "" }, if unit.is_empty() { "" } else { " " });
    format!("{sign}{text}{space}{unit}")
}

/// Writes a value without the sign of -0.
fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if !rest.contains(|char| ('1'..='9').contains(&char)) => rest.to_owned(),
        _ => text,
    }
}
