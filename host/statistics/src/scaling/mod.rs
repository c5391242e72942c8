//! Scaling laws: what loss a number of parameters and of tokens reaches, L = E + A / N^α + B / D^β.
//!
//! Fitted as Hoffmann et al. 2022 (arXiv 2203.15556, approach 3) do it: the sum of Huber losses of the residuals of ln
//! L, minimised from a grid of starts.

mod minimise;

use crate::random::Random;
use crate::{Error, Result, check_confidence, check_finite, quantile};
use minimise::Objective;
use serde::Serialize;
use std::collections::BTreeSet;

/// A run, as a scaling law sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The model's number of parameters, N.
    pub parameters: f64,
    /// The number of tokens that it was trained on, D.
    pub tokens: f64,
    /// The loss that it reached, L, above 0 and in any unit.
    pub loss: f64,
}

/// The law L = E + A / N^α + B / D^β.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Law {
    /// E: the loss that no size goes below.
    pub e: f64,
    /// A: how much too few parameters cost.
    pub a: f64,
    /// α: how fast that falls with parameters.
    pub alpha: f64,
    /// B: how much too few tokens cost.
    pub b: f64,
    /// β: how fast that falls with tokens.
    pub beta: f64,
}

/// A law that was fitted to runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fit {
    /// The number of runs.
    pub n: usize,
    /// The law that fits best.
    #[serde(flatten)]
    pub law: Law,
    /// The lower ends of the intervals of its numbers.
    pub low: Law,
    /// The upper ends of the intervals of its numbers.
    pub high: Law,
    /// The confidence of each of the intervals.
    pub confidence: f64,
    /// The resamples of the runs that the intervals are from.
    pub resamples: usize,
}

/// The fewest runs that a law of five numbers is fitted to.
const MIN_RUNS: usize = 6;

/// The fewest different N, and the fewest different D.
const MIN_SIZES: usize = 3;

/// The fewest different pairs of both: one for each number of the law.
const MIN_PAIRS: usize = 5;

/// The least that the most tokens per parameter are of the fewest: with all the same, no fit can tell what more
/// parameters do from what more tokens do.
const MIN_SPREAD: f64 = 1.1;

/// The resamples of the bootstrap.
const RESAMPLES: usize = 1_000;

impl Law {
    /// Returns the loss that the law predicts.
    pub fn loss(&self, parameters: f64, tokens: f64) -> f64 {
        self.e + self.a / parameters.powf(self.alpha) + self.b / tokens.powf(self.beta)
    }

    /// Returns the parameters and tokens with the least loss for a compute budget, with C = 6 N D (equation 4 of
    /// Hoffmann et al.).
    pub fn optimal(&self, compute_flops: f64) -> (f64, f64) {
        let exponents = self.alpha + self.beta;
        let balance = (self.alpha * self.a / (self.beta * self.b)).powf(1.0 / exponents);
        let product = compute_flops / 6.0;
        (balance * product.powf(self.beta / exponents), product.powf(self.alpha / exponents) / balance)
    }

    pub(crate) fn numbers(&self) -> [f64; 5] {
        [self.e, self.a, self.alpha, self.b, self.beta]
    }

    fn of([e, a, alpha, b, beta]: [f64; 5]) -> Self {
        Self { e, a, alpha, b, beta }
    }
}

/// Fits a law to runs. The intervals are percentiles of the bootstrap over runs, each for one number of the law: with
/// few runs they are too narrow, and they know nothing of sizes outside of the runs'. `seed` draws the resamples.
///
/// # Errors
/// There are fewer than six runs, fewer than three different numbers of parameters or of tokens, or fewer than five
/// pairs of both; all runs have as many tokens per parameter; a number is not finite and above 0; the losses do not
/// fall with parameters and with tokens; or the confidence is not between 0 and 1.
pub fn fit(points: &[Point], confidence: f64, seed: u64) -> Result<Fit> {
    check_confidence(confidence)?;
    check(points)?;
    let objective = Objective::new(points);
    let best = objective.best();
    let law = objective.law(&best);
    let is_falling = law.alpha > 0.0 && law.beta > 0.0;
    if !is_falling || !law.numbers().iter().all(|number| number.is_finite()) {
        let Law { alpha, beta, .. } = law;
        return Err(Error(format!(
            "a scaling law: expected losses that fall with parameters and with tokens, got the exponents {alpha:.3} and {beta:.3}; add runs of more different sizes"
        )));
    }
    let resampled = |index: usize| {
        let sample = resample(points, Random::new(seed, index as u64));
        objective.law(&objective.with(&sample).minimum(best)).numbers()
    };
    let laws: Vec<[f64; 5]> = (0..RESAMPLES).map(resampled).collect();
    let ends = |share: f64| {
        Law::of(std::array::from_fn(|number| {
            let mut values: Vec<f64> = laws.iter().map(|law| law[number]).collect();
            values.sort_by(f64::total_cmp);
            quantile(&values, share)
        }))
    };
    let tail = (1.0 - confidence) / 2.0;
    Ok(Fit { n: points.len(), law, low: ends(tail), high: ends(1.0 - tail), confidence, resamples: RESAMPLES })
}

fn check(points: &[Point]) -> Result<()> {
    for (name, number) in [
        ("the parameters of run", (|point| point.parameters) as fn(&Point) -> f64),
        ("the tokens of run", |point| point.tokens),
        ("the loss of run", |point| point.loss),
    ] {
        check_finite(name, points.iter().map(number))?;
        if let Some(index) = points.iter().position(|point| number(point) <= 0.0) {
            let (place, value) = (index + 1, number(&points[index]));
            return Err(Error(format!("{name} {place}: expected more than 0, got {value}; leave that run out")));
        }
    }
    let design = Design::of(points);
    let Design { runs, parameters, tokens, pairs, spread } = design;
    if design.counts_are_enough() && spread < MIN_SPREAD {
        return Err(Error(format!(
            "a scaling law: expected different numbers of tokens per parameter, got the same in all {runs} runs; train a small model for longer"
        )));
    }
    if !design.is_enough() {
        return Err(Error(format!(
            "a scaling law: expected at least {MIN_RUNS} runs with {MIN_SIZES} different numbers of parameters, {MIN_SIZES} of tokens and {MIN_PAIRS} pairs of both, got {runs} runs with {parameters}, {tokens} and {pairs}; train more"
        )));
    }
    Ok(())
}

/// How different some runs are.
struct Design {
    runs: usize,
    parameters: usize,
    tokens: usize,
    pairs: usize,
    /// The most tokens per parameter, over the fewest.
    spread: f64,
}

impl Design {
    fn of(points: &[Point]) -> Self {
        let pair = |point: &Point| (point.parameters.to_bits(), point.tokens.to_bits());
        let pairs: BTreeSet<_> = points.iter().map(pair).collect();
        let ratios = points.iter().map(|point| point.tokens / point.parameters);
        let (least, most) =
            ratios.fold((f64::INFINITY, 0.0_f64), |(least, most), ratio| (least.min(ratio), most.max(ratio)));
        Self {
            runs: points.len(),
            parameters: pairs.iter().map(|pair| pair.0).collect::<BTreeSet<_>>().len(),
            tokens: pairs.iter().map(|pair| pair.1).collect::<BTreeSet<_>>().len(),
            pairs: pairs.len(),
            spread: most / least,
        }
    }

    fn counts_are_enough(&self) -> bool {
        self.runs >= MIN_RUNS && self.parameters.min(self.tokens) >= MIN_SIZES && self.pairs >= MIN_PAIRS
    }

    fn is_enough(&self) -> bool {
        self.counts_are_enough() && self.spread >= MIN_SPREAD
    }
}

/// Draws as many runs as there are until they are enough for a fit, as the runs themselves are.
fn resample(points: &[Point], mut random: Random) -> Vec<Point> {
    loop {
        let draw = |_: &Point| points[random.two_below(points.len() as u32)[0]];
        let sample: Vec<Point> = points.iter().map(draw).collect();
        if Design::of(&sample).is_enough() {
            return sample;
        }
    }
}
