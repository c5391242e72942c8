//! Distribution functions: the normal, Student's t, and the noncentral t.

use statrs::function::{beta, erf, gamma};
use std::f64::consts::{LN_2, SQRT_2};

/// The probability that a normal variable is below `z`.
pub fn normal(z: f64) -> f64 {
    0.5 * erf::erfc(-z / SQRT_2)
}

/// The probability that |T| is at least `t`, for T of Student's distribution with `freedom` degrees of freedom.
pub fn two_sided(t: f64, freedom: f64) -> f64 {
    beta::beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t))
}

/// The number that |T| is below with probability `confidence`: the inverse of [`two_sided`].
pub fn critical(confidence: f64, freedom: f64) -> f64 {
    let x = beta::inv_beta_reg(freedom / 2.0, 0.5, 1.0 - confidence);
    (freedom * (1.0 - x) / x).sqrt()
}

/// The parts that a stretch of the integral is cut into.
const PANELS: usize = 64;

/// The probability that |T| is at least `t`, for T of the noncentral distribution with shift `shift`.
///
/// T = (Z + shift) / S, with Z normal and S² a chi-square variable over its degrees of freedom. So the probability is
/// the integral of f(s) (Φ(shift - t s) + Φ(-shift - t s)) over the density f of S, taken here by Gauss's rule of three
/// points on stretches that end where f or Φ bends. A series such as AS 243 (Lenth 1989) underflows for large shifts.
pub fn noncentral_two_sided(t: f64, freedom: f64, shift: f64) -> f64 {
    let half = freedom / 2.0;
    let constant = LN_2 + half * half.ln() - gamma::ln_gamma(half);
    let integrand = |s: f64| {
        let density = (constant + (freedom - 1.0) * s.ln() - half * s * s).exp();
        density * (normal(shift - t * s) + normal(-shift - t * s))
    };
    // the deviation of S is below 1 / √(2 freedom), and both tails are lighter than a normal's
    let reach = 10.0 / (2.0 * freedom).sqrt();
    let (low, high) = ((1.0 - reach).max(0.0), 1.0 + reach);
    let bend = |z: f64| ((shift.abs() + z) / t).clamp(low, high);
    let stretches = [low, bend(-8.0), bend(0.0), bend(8.0), high];
    // a stretch without length may be at 0, where the logarithm has no value
    stretches.windows(2).filter(|ends| ends[0] < ends[1]).map(|ends| gauss(integrand, ends[0], ends[1])).sum()
}

/// Integrates from `low` to `high`.
fn gauss(integrand: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    let half = (high - low) / (2 * PANELS) as f64;
    let offset = half * 0.6_f64.sqrt();
    let panel = |index: usize| {
        let middle = low + half * (2 * index + 1) as f64;
        5.0 * (integrand(middle - offset) + integrand(middle + offset)) + 8.0 * integrand(middle)
    };
    (0..PANELS).map(panel).sum::<f64>() * half / 9.0
}
