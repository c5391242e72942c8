//! Every message, and the words for results.

use super::assert_says;
use crate::{Document, Documents, Interval, Paired, Verdict, mean_interval, paired, paired_documents, summary, words};

#[test]
fn errors_of_seeds() {
    assert_says(summary(&[]), "a summary: expected at least 1 value, got none; finish a run first");
    assert_says(paired(&[0.1], 0.95), "a paired t test: expected at least 2 differences, got 1; run more seeds");
    assert_says(
        paired(&[0.1, f64::NAN], 0.95),
        "difference 2: expected a finite number, got NaN; leave that run or document out",
    );
    assert_says(paired(&[0.1, 0.2], 95.0), "confidence: expected a number between 0 and 1, got 95; write 95 % as 0.95");
}

#[test]
fn equal_differences_have_no_width() {
    for (value, p) in [(0.1, 0.0), (0.0, 1.0)] {
        let Paired { n, deviation, interval } = paired(&[value; 3], 0.95).unwrap();
        assert_eq!((n, deviation), (3, 0.0));
        assert_eq!(interval, Interval { mean: value, low: value, high: value, confidence: 0.95, p });
        let scores = mean_interval(&[value; 30], 0.95).unwrap().interval;
        assert!((scores.mean - value).abs() < 1e-15 && scores.low == scores.high && scores.p == p, "{scores:?}");
    }
    let same = vec![Document { weight: 3.0, a: 7.0, b: 7.0 }; 10];
    assert_eq!(paired_documents(&same, 0.95).unwrap().interval.p, 1.0);
    assert_eq!(summary(&[2.0]).unwrap().deviation, None);
}

#[test]
fn errors_of_documents() {
    let document = Document { weight: 2.0, a: 3.0, b: 4.0 };
    let with = |changed: Document| paired_documents(&[document, changed], 0.95);
    assert_says(
        with(Document { weight: 0.0, ..document }),
        "the weight of document 2: expected more than 0, got 0; leave it out",
    );
    assert_says(
        with(Document { b: f64::INFINITY, ..document }),
        "the loss of document 2: expected a finite number, got inf; leave that run or document out",
    );
    assert_says(paired_documents(&[document], 0.95), "documents: expected at least 2, got 1; hold more documents out");
    assert!(mean_interval(&[1.0, f64::NAN], 0.95).is_err() && mean_interval(&[1.0, 2.0], 0.0).is_err());
}

#[test]
fn scores_are_judged_as_differences_of_seeds() {
    let scores = [-1.0, 3.0, 0.25, 0.5];
    let (documents, seeds) = (mean_interval(&scores, 0.95).unwrap(), paired(&scores, 0.95).unwrap());
    assert_eq!((documents.n, documents.interval.mean), (seeds.n, seeds.interval.mean));
    assert!((documents.interval.low - seeds.interval.low).abs() < 1e-12);
    assert!((documents.interval.p - seeds.interval.p).abs() < 1e-12);
}

fn interval(mean: f64, half_width: f64, p: f64) -> Interval {
    Interval { mean, low: mean - half_width, high: mean + half_width, confidence: 0.95, p }
}

#[test]
fn verdicts() {
    use Verdict::{Better, NoDifference, Worse};
    for (mean, p, lower_is_better, expected) in [
        (0.02, 0.01, true, Worse),
        (0.02, 0.01, false, Better),
        (-0.02, 0.01, true, Better),
        (-0.02, 0.01, false, Worse),
        (-0.02, 0.06, true, NoDifference),
        (0.005, 0.01, true, NoDifference),
    ] {
        assert_eq!(Verdict::of(&interval(mean, 0.01, p), p, lower_is_better), expected);
    }
    assert_eq!(serde_json::to_string(&NoDifference).unwrap(), "\"no_difference\"");
}

#[test]
fn figures() {
    for (mean, half_width, expected) in [
        (0.021, 0.009, "+0.021 bits/byte, 95 % interval 0.012 to 0.030"),
        (-0.021, 0.034, "-0.021 bits/byte, 95 % interval -0.055 to 0.013"),
        (-0.0001, 0.034, "0.000 bits/byte, 95 % interval -0.034 to 0.034"),
        (12.3456, 3.21, "+12.3 bits/byte, 95 % interval 9.1 to 15.6"),
        (12_345.6, 321.0, "+12346 bits/byte, 95 % interval 12025 to 12667"),
        (0.012345, 0.0, "+0.0123 bits/byte, 95 % interval 0.0123 to 0.0123"),
        (0.0, 0.0, "0 bits/byte, 95 % interval 0 to 0"),
    ] {
        assert_eq!(words::figures(&interval(mean, half_width, 1.0), "bits/byte"), expected);
    }
    let narrow = Interval { confidence: 0.999, ..interval(1.0, 0.5, 0.0) };
    assert_eq!(words::figures(&narrow, ""), "+1.0, 99.9 % interval 0.5 to 1.5");
}

#[test]
fn sentences() {
    let say = |n, deviation, mean, comparisons| {
        let difference = Paired { n, deviation, interval: interval(mean, 0.013, 0.2) };
        words::seeds(&difference, Verdict::NoDifference, comparisons, "bits/byte")
    };
    let figures = "+0.010 bits/byte, 95 % interval -0.003 to 0.023";
    assert_eq!(say(3, 0.0075, 0.01, 1), format!("{figures}: no difference that 3 seeds can show; 7 would"));
    assert_eq!(say(3, 0.0075, 0.01, 10), format!("{figures}: no difference that 3 seeds can show; 12 would"));
    assert_eq!(say(3, 0.2, 0.01, 1), format!("{figures}: no difference that 3 seeds can show"));
    assert_eq!(say(9, 0.0075, 0.01, 1), format!("{figures}: no difference that 9 seeds can show"));
    let shown = Paired { n: 3, deviation: 0.0036, interval: interval(0.021, 0.009, 0.01) };
    assert_eq!(
        words::seeds(&shown, Verdict::Worse, 1, "bits/byte"),
        "+0.021 bits/byte, 95 % interval 0.012 to 0.030: worse"
    );
    let documents = |interval| Documents { n: 200, interval };
    assert_eq!(
        words::documents(&documents(interval(0.01, 0.013, 0.2)), Verdict::NoDifference, "bits/byte"),
        format!("{figures}: no difference that 200 documents can show")
    );
    assert_eq!(
        words::documents(&documents(interval(-0.21, 0.013, 0.0)), Verdict::Better, ""),
        "-0.210, 95 % interval -0.223 to -0.197: better"
    );
    assert_eq!(words::one_seed(0.0213, "bits/byte"), "+0.0213 bits/byte, one seed: no interval");
    assert_eq!(words::one_seed(0.0, "bits/byte"), "0 bits/byte, one seed: no interval");
}

#[test]
fn results_are_flat_in_json() {
    let paired = serde_json::to_value(paired(&[0.1, 0.2], 0.95).unwrap()).unwrap();
    let mut keys: Vec<_> = paired.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["confidence", "deviation", "high", "low", "mean", "n", "p"]);
}
