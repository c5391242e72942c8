//! Scaling laws of runs.

use super::{STEPS, Sample, folder};
use crate::Scaling;

/// Runs of three sizes for three lengths whose bits per byte follow a law.
fn runs(law: fn(f64, f64) -> f64) -> Vec<(&'static str, Sample)> {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let sizes = [1_000_000, 8_000_000, 64_000_000].into_iter().flat_map(|size| [size; 3]);
    let tokens = [1 << 20, 1 << 23, 1 << 26].into_iter().cycle();
    let of = |((name, parameters), step_tokens): ((&'static str, usize), u64)| {
        let bits_per_byte = law(parameters as f64, (STEPS * step_tokens) as f64);
        (name, Sample { parameters, step_tokens, bits_per_byte, ..Sample::default() })
    };
    names.into_iter().zip(sizes).zip(tokens).map(of).collect()
}

#[test]
fn a_law_is_found_in_runs() {
    let (_dir, root) = folder(&runs(|n, d| 0.6 + 60.0 / n.powf(0.34) + 80.0 / d.powf(0.28)));
    let scaling = Scaling::of(&[root], 0.95).unwrap();
    let law = scaling.fit.law;
    assert!((law.e - 0.6).abs() < 0.01 && (law.alpha - 0.34).abs() < 0.01 && (law.beta - 0.28).abs() < 0.01, "{law:?}");
    assert!(scaling.runs.iter().all(|run| (run.loss - run.predicted).abs() < 1e-3), "{:?}", scaling.runs);
    assert_eq!((scaling.metric.as_str(), scaling.best.len()), ("bits-per-byte", 3));
    let said = scaling.to_string();
    assert!(said.contains("intervals: bootstrap over the 9 runs"), "{said}");
    let plot = scaling.plot(80, false);
    assert!(plot.starts_with("test bits-per-byte (bits/byte)\n") && plot.lines().count() > 15, "{plot}");
}

#[test]
fn too_few_runs_and_others_texts_are_refused() {
    let sample = Sample::default();
    let (_dir, root) = folder(&[("a", sample.clone()), ("b", Sample { parameters: 1_000_000, ..sample.clone() })]);
    let error = Scaling::of(&[root], 0.95).unwrap_err().to_string();
    assert!(error.contains("at least 6 runs") && error.contains("got 2 runs"), "{error}");
    let mut all = runs(|n, d| 0.6 + 60.0 / n.powf(0.34) + 80.0 / d.powf(0.28));
    all[4].1.text = "another";
    all[4].1.tokenizer = "byte";
    let (_dir, root) = folder(&all);
    let error = Scaling::of(&[root], 0.95).unwrap_err().to_string();
    assert!(error.contains("the same test text"), "{error}");
}
