//! How many seeds a difference takes to be seen, and how small a difference some seeds can show.

use crate::student;

/// The most seeds that are considered.
const MAX_SEEDS: usize = 10_000;

/// Returns the smallest number of seeds for which a two-sided paired t test finds a true difference `effect` with
/// probability `power`, where `deviation` is the standard deviation of the differences. None: not even 10,000 do.
///
/// Exact, by the noncentral t distribution: what `TTestPower.solve_power` of statsmodels gives, rounded up.
pub fn seeds_needed(deviation: f64, effect: f64, confidence: f64, power: f64) -> Option<usize> {
    let standardised = (effect / deviation).abs();
    let is_enough = |n: usize| {
        let freedom = (n - 1) as f64;
        let shift = standardised * (n as f64).sqrt();
        student::noncentral_two_sided(student::critical(confidence, freedom), freedom, shift) >= power
    };
    if !is_possible(confidence, power) || !is_enough(MAX_SEEDS) {
        return None;
    }
    let (mut too_few, mut enough) = (1, MAX_SEEDS);
    while enough - too_few > 1 {
        let middle = too_few.midpoint(enough);
        if is_enough(middle) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    Some(enough)
}

/// Returns the smallest true difference that a two-sided paired t test of `n` seeds finds with probability `power`,
/// where `deviation` is the standard deviation of the differences. Infinite: none is large enough, as for one seed.
pub fn detectable(deviation: f64, n: usize, confidence: f64, power: f64) -> f64 {
    if n < 2 || !is_possible(confidence, power) {
        return f64::INFINITY;
    }
    let freedom = (n - 1) as f64;
    let critical = student::critical(confidence, freedom);
    let is_found = |shift: f64| student::noncentral_two_sided(critical, freedom, shift) >= power;
    let (mut low, mut high) = (0.0, critical.max(1.0));
    while !is_found(high) && high.is_finite() {
        high *= 2.0;
    }
    // as many halvings as a number has bits
    for _ in 0..f64::MANTISSA_DIGITS {
        let middle = f64::midpoint(low, high);
        if is_found(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high / (n as f64).sqrt() * deviation
}

/// Whether a test that errs in a share 1 - `confidence` of cases can find differences with probability `power`.
fn is_possible(confidence: f64, power: f64) -> bool {
    confidence > 0.0 && confidence < 1.0 && power > 0.0 && power < 1.0
}
