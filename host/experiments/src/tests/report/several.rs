//! Reports of several runs.

use super::{html, rows, texts};
use crate::tests::{Sample, assert_says, folder};
use crate::{CompareOptions, Report, ReportOptions};
use std::fs;
use std::slice;
use trainyard_report::EndState;

#[test]
fn several_runs() {
    let focal = |seed| Sample { loss: "focal", bits_per_byte: 2.5 + 0.001 * seed as f64, seed, ..Sample::default() };
    let plain = |seed| Sample { seed, bits_per_byte: 2.6 + 0.002 * seed as f64, ..Sample::default() };
    let (_dir, root) = folder(&[("a-1", plain(1)), ("a-2", plain(2)), ("b-1", focal(1)), ("b-2", focal(2))]);
    let html = html(&[root]);
    assert_eq!(texts(&html, "h2"), ["Summary", "Curves", "Other metrics", "What differs", "Runs", "Cost"]);
    assert_eq!(texts(&html, "h1"), ["runs"]);
    assert!(html.contains("4 runs, 2 variants, compared with a"));
    let main = rows(&html, "test bits-per-byte (bits&#x2f;byte, lower is better)");
    assert_eq!(main[0], "variant|mean|difference|95 % interval|p|seeds|sd|what it shows");
    assert!(main[2].starts_with("b|2.5015|-0.1015 ✓ better|"), "{}", main[2]);
    assert_eq!(texts(&html, "h3"), ["Training loss", "Validation, bits per byte", "Throughput"]);
    assert_eq!(html.matches("value=\"b-2\"").count(), 3, "a line for each run in each chart");
    assert_eq!(rows(&html, "Settings, by variant"), ["setting|a|b", "loss.plugin|cross-entropy|focal"]);
    assert_eq!(rows(&html, "The runs").len(), 5);
    assert!(html.contains("bits per byte can"), "different losses");
}

#[test]
fn runs_that_cannot_be_compared() {
    let part = Sample { end: Some(EndState::Interrupted), step: 12, ..Sample::default() };
    let (_dir, root) = folder(&[("a", Sample::default()), ("b", part.clone()), ("c", part)]);
    fs::write(root.join("c/config.toml"), "[run\n").unwrap();
    let html = html(slice::from_ref(&root));
    assert_eq!(texts(&html, "h2"), ["Summary", "Curves", "Runs", "Cost"]);
    assert!(html.contains("b: expected a finished run, got one that is interrupted at step 12 of 20; resume it"));
    assert_eq!(rows(&html, "The runs")[3].split('|').next(), Some("c"));
    let compare = CompareOptions { allow_unfinished: true, ..CompareOptions::default() };
    let options = ReportOptions { compare, ..ReportOptions::default() };
    let html = Report::of(&[root], &options).unwrap().html();
    assert!(html.contains("on the validation text"));
}

#[test]
fn options_that_are_wrong() {
    let (dir, root) = folder(&[("a", Sample::default()), ("b", Sample { lr: "0.5", ..Sample::default() })]);
    let report = |compare| Report::of(slice::from_ref(&root), &ReportOptions { compare, ..ReportOptions::default() });
    let compare = CompareOptions { baseline: Some("bb".into()), ..CompareOptions::default() };
    let expected = "--baseline bb: expected one of the runs that are compared; did you mean \"b\"?";
    assert_says(report(compare), dir.path(), expected);
    let compare = CompareOptions { confidence: 95.0, ..CompareOptions::default() };
    let expected = "--confidence 95: expected a number between 0 and 1, such as 0.95 for 95 %";
    assert_says(report(compare), dir.path(), expected);
}

#[test]
fn a_variant_is_a_line_where_runs_are_many() {
    let names: Vec<String> = (0..28).map(|n| format!("v{}-{}", n / 2, n % 2)).collect();
    let rates: Vec<String> = (0..28).map(|n| format!("0.{}", n / 2 + 1)).collect();
    let sample = |n: usize| Sample {
        seed: (n % 2) as i64,
        lr: rates[n].clone().leak(),
        bits_per_byte: 2.0 + n as f64,
        ..Sample::default()
    };
    let runs = |n: usize| folder(&(0..n).map(|n| (names[n].as_str(), sample(n))).collect::<Vec<_>>());
    let (_dir, root) = runs(14);
    let html_of_14 = html(&[root]);
    assert!(html_of_14.contains("A line is the mean over the seeds of a variant"));
    assert_eq!(html_of_14.matches("value=\"v6\"").count(), 3);
    assert!(!html_of_14.contains("value=\"v6-1\""));
    // the first value of the first variant: 2.5 and 3.5, each 0.5 above the best
    assert!(html_of_14.contains("\u{2068}v0\u{2069}: 4 values between"));
    let (_dir, root) = runs(28);
    let html_of_28 = html(&[root]);
    assert!(html_of_28.contains("Of 14 variants, the 12 whose last validation is lowest are drawn"));
    assert_eq!(html_of_28.matches("value=\"v11\"").count(), 3);
    assert!(!html_of_28.contains("value=\"v12\""));
}

#[test]
fn the_same_runs_make_the_same_page() {
    let (_dir, root) = folder(&[("a", Sample::default()), ("b", Sample { seed: 2, ..Sample::default() })]);
    assert_eq!(html(slice::from_ref(&root)), html(slice::from_ref(&root)));
    assert_eq!(html(&[root.join("a")]), html(&[root.join("a")]));
}
