//! Scaling laws: what SciPy fits to the same runs, and what is wrong with runs.

use super::{assert_close, assert_says, fixtures, number, numbers};
use crate::{Fit, Law, Point, fit};
use serde_json::Value;

#[test]
fn scaling_laws_are_as_low_as_those_of_scipy() {
    for case in fixtures("laws") {
        let point = |row: &Value| {
            let row = numbers(row);
            Point { parameters: row[0], tokens: row[1], loss: row[2] }
        };
        let points: Vec<_> = case["points"].as_array().unwrap().iter().map(point).collect();
        let Fit { n, law, low, high, .. } = fit(&points, 0.95, 1).unwrap();
        assert_eq!(n, points.len());
        let (ours, least) = (huber(&law, &points), number(&case["objective"]));
        assert!(ours <= least * (1.0 + 1e-9) + 1e-12, "{ours}, not {least}");
        for (number, theirs) in numbers(&case["law"]).into_iter().enumerate() {
            let [ours, low, high] = [&law, &low, &high].map(|law| law.numbers()[number]);
            assert_close(ours, theirs, 1e-5 * theirs);
            // without noise, all are the same but for rounding
            assert!(low <= ours * (1.0 + 1e-9) && ours <= high * (1.0 + 1e-9), "{low} to {high} without {ours}");
        }
    }
}

/// The sum of the Huber losses of ln L, over δ².
fn huber(law: &Law, points: &[Point]) -> f64 {
    let loss = |point: &Point| {
        let residual = 1e3 * (law.loss(point.parameters, point.tokens) / point.loss).ln().abs();
        if residual < 1.0 { residual * residual / 2.0 } else { residual - 0.5 }
    };
    points.iter().map(loss).sum()
}

/// The least loss of a budget by brute force, over models of all sizes.
#[test]
fn optimal_sizes_are_the_best_of_all() {
    let law = Law { e: 1.69, a: 406.4, alpha: 0.34, b: 410.7, beta: 0.28 };
    let compute = 5.76e23;
    let (parameters, tokens) = law.optimal(compute);
    assert_close(6.0 * parameters * tokens / compute, 1.0, 1e-12);
    let loss = |parameters: f64| law.loss(parameters, compute / (6.0 * parameters));
    let sizes = (0..20_000).map(|step| 1e8 * 1.0005_f64.powi(step));
    let best = sizes.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap();
    assert_close(parameters / best, 1.0, 1e-3);
}

fn point(parameters: f64, tokens: f64, loss: f64) -> Point {
    Point { parameters, tokens, loss }
}

#[test]
fn errors_of_scaling_laws() {
    let runs = |pairs: &[(f64, f64)], loss: fn(f64, f64) -> f64| {
        let points: Vec<_> = pairs.iter().map(|&(n, d)| point(n * 1e6, d * 1e8, loss(n, d))).collect();
        fit(&points, 0.95, 1)
    };
    let falling = |n: f64, d: f64| 1.0 + 1.0 / n + 1.0 / d;
    let grid = [(1.0, 1.0), (2.0, 1.0), (4.0, 2.0), (1.0, 2.0), (2.0, 4.0), (4.0, 4.0), (2.0, 2.0)];
    assert_says(
        runs(&grid[..4], falling),
        "a scaling law: expected at least 6 runs with 3 different numbers of parameters, 3 of tokens and 5 pairs of both, got 4 runs with 3, 2 and 4; train more",
    );
    assert_says(
        runs(&[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 4.0), (5.0, 5.0), (6.0, 6.0)], falling),
        "a scaling law: expected different numbers of tokens per parameter, got the same in all 6 runs; train a small model for longer",
    );
    assert_says(runs(&grid, |_, _| -1.0), "the loss of run 1: expected more than 0, got -1; leave that run out");
    let rising = runs(&grid, |n, d| 1.0 + 0.1 * n + 1.0 / d).unwrap_err().to_string();
    assert!(rising.starts_with("a scaling law: expected losses that fall with parameters and with tokens, got the "));
    assert!(rising.ends_with("; add runs of more different sizes"), "{rising}");
}
