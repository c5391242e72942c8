//! What SciPy and statsmodels say, from tests/peers/statistics_scipy.py.

mod errors;
mod scaling;
mod simulations;

use crate::{Document, Interval, Paired, detectable, holm, mean_interval, paired, paired_documents};
use crate::{seeds_needed, student, summary};
use serde_json::Value;

fn fixtures(name: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all[name].as_array().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

#[track_caller]
fn assert_close(ours: f64, theirs: f64, tolerance: f64) {
    assert!((ours - theirs).abs() <= tolerance, "{ours}, not {theirs}");
}

#[track_caller]
fn assert_says<T: std::fmt::Debug>(result: crate::Result<T>, expected: &str) {
    assert_eq!(result.unwrap_err().to_string(), expected);
}

#[test]
fn paired_intervals_are_those_of_scipy() {
    for case in fixtures("paired") {
        let values = numbers(&case["values"]);
        let Paired { n, deviation, interval } = paired(&values, number(&case["confidence"])).unwrap();
        assert_eq!(n, values.len());
        assert_eq!(summary(&values).unwrap().deviation, Some(deviation));
        for (ours, name) in [
            (deviation, "deviation"),
            (interval.mean, "mean"),
            (interval.low, "low"),
            (interval.high, "high"),
            (interval.p, "p"),
        ] {
            let theirs = number(&case[name]);
            assert_close(ours, theirs, 1e-9 * theirs.abs());
        }
    }
}

#[test]
fn holm_is_that_of_statsmodels() {
    for case in fixtures("holm") {
        let adjusted = holm(&numbers(&case["p"]));
        let expected = numbers(&case["adjusted"]);
        assert_eq!(adjusted.len(), expected.len());
        adjusted.iter().zip(&expected).for_each(|(&ours, &theirs)| assert_close(ours, theirs, 1e-12));
    }
    assert_eq!(holm(&[]), [0.0; 0]);
    assert_eq!(holm(&[f64::NAN, 0.01]), [1.0, 0.02]);
}

#[test]
fn noncentral_tails_are_those_of_scipy() {
    for case in fixtures("tails") {
        let [t, freedom, shift] = ["t", "freedom", "shift"].map(|name| number(&case[name]));
        assert_close(student::noncentral_two_sided(t, freedom, shift), number(&case["p"]), 1e-8);
    }
}

#[test]
fn seeds_needed_are_those_of_statsmodels() {
    for case in fixtures("seeds") {
        let [effect, confidence, power] = ["effect", "confidence", "power"].map(|name| number(&case[name]));
        let n = seeds_needed(2.0, -2.0 * effect, confidence, power);
        assert_eq!(n, case["n"].as_u64().map(|n| n as usize), "{case}");
    }
    for case in fixtures("detectable") {
        let [n, effect, confidence, power] = ["n", "effect", "confidence", "power"].map(|name| number(&case[name]));
        assert_close(detectable(3.0, n as usize, confidence, power) / (3.0 * effect), 1.0, 1e-7);
    }
}

#[test]
fn extremes_of_power() {
    assert_eq!(seeds_needed(0.0, 1.0, 0.95, 0.8), Some(2));
    for (deviation, effect, confidence, power) in [
        (1.0, 0.0, 0.95, 0.8),
        (0.0, 0.0, 0.95, 0.8),
        (1.0, f64::NAN, 0.95, 0.8),
        (1.0, 1.0, 1.0, 0.8),
        (1.0, 1.0, 0.95, 1.0),
    ] {
        assert_eq!(seeds_needed(deviation, effect, confidence, power), None);
    }
    assert_eq!(detectable(1.0, 1, 0.95, 0.8), f64::INFINITY);
    assert_eq!(detectable(1.0, 5, 1.0, 0.8), f64::INFINITY);
    assert_eq!(detectable(0.0, 5, 0.95, 0.8), 0.0);
    assert!(detectable(1.0, 2, 1.0 - f64::EPSILON, 0.8) > 1e6);
}

#[track_caller]
fn assert_is_theirs(ours: &Interval, case: &Value) {
    for (ours, name) in [(ours.mean, "mean"), (ours.low, "low"), (ours.high, "high"), (ours.p, "p")] {
        let theirs = number(&case[name]);
        assert_close(ours, theirs, 1e-9 * theirs.abs());
    }
}

#[test]
fn intervals_of_documents_are_those_of_a_jackknife() {
    for case in fixtures("documents") {
        let document = |row: &Value| {
            let row = numbers(row);
            Document { weight: row[0], a: row[1], b: row[2] }
        };
        let documents: Vec<_> = case["documents"].as_array().unwrap().iter().map(document).collect();
        let result = paired_documents(&documents, number(&case["confidence"])).unwrap();
        assert_eq!(result.n, 200);
        assert_is_theirs(&result.interval, &case);
    }
    for case in fixtures("scores") {
        assert_is_theirs(
            &mean_interval(&numbers(&case["scores"]), number(&case["confidence"])).unwrap().interval,
            &case,
        );
    }
}
