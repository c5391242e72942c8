//! The metric against scikit-learn's scores, which tests/peers/text_metrics.py wrote down.

use super::*;
use serde_json::Value as Json;
use trainyard_plugin::ErrorKind;

fn golden() -> Json {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/text_metrics.json"));
    serde_json::from_str(text).unwrap()
}

fn counted(score: &str, pairs: &[TextPair<'_>]) -> LabelScores {
    let mut metric = LabelScores::create(Settings { score: score.into(), ignore_case: false }).unwrap();
    metric.update(pairs).unwrap();
    metric
}

fn pairs(case: &Json) -> Vec<TextPair<'_>> {
    let texts = |side: &str| case[side].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
    texts("said").zip(texts("gold")).map(|(hypothesis, gold)| TextPair { hypothesis, references: vec![gold] }).collect()
}

#[test]
fn scores_equal_scikit_learn() {
    let golden = golden();
    let cases = golden["labels"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        for (score, expected) in case["scores"].as_object().unwrap() {
            let (got, expected) = (counted(score, &pairs(case)).value().unwrap(), expected.as_f64().unwrap());
            assert!((got - expected).abs() <= 1e-9, "{score}: expected {expected}, got {got}");
        }
    }
}

#[test]
fn merging_equals_updating() {
    let golden = golden();
    for (case, score) in golden["labels"].as_array().unwrap().iter().zip(["f1-macro", "f1-weighted"].iter().cycle()) {
        let pairs = pairs(case);
        let whole = counted(score, &pairs);
        for split in (0..=pairs.len()).step_by(5) {
            let (left, right) = pairs.split_at(split);
            for (into, from) in [(left, right), (right, left)] {
                let mut into = counted(score, into);
                into.merge(&counted(score, from).state().unwrap()).unwrap();
                assert_eq!(into.state().unwrap(), whole.state().unwrap());
                assert_eq!(into.value().unwrap().to_bits(), whole.value().unwrap().to_bits());
            }
        }
    }
}

#[test]
fn labels_of_texts() {
    let pair = |hypothesis, references| TextPair { hypothesis, references };
    let pairs = [pair(" a\n", vec!["b", "a"]), pair("b", vec!["a", "c"]), pair("none", vec![])];
    // a was right once and missed once
    assert_eq!(counted("accuracy", &pairs).value().unwrap(), 0.5);
    assert!((counted("f1-macro", &pairs).value().unwrap() - 1.0 / 3.0).abs() <= 1e-9);
    assert!(counted("f1-macro", &pairs[2..]).value().unwrap().is_nan());
    assert!(counted("f1-weighted", &[]).value().unwrap().is_nan());
    for (ignore_case, expected) in [(false, 0.0), (true, 1.0)] {
        let mut metric = LabelScores::create(Settings { ignore_case, ..Settings::default() }).unwrap();
        metric.update(&[pair("Yes", vec!["yes"])]).unwrap();
        assert_eq!(metric.value().unwrap(), expected);
    }
}

#[test]
fn unknown_scores_are_refused() {
    let error = LabelScores::create(Settings { score: "f1".into(), ..Settings::default() }).unwrap_err();
    let expected = "score: expected accuracy, f1-macro, f1-micro or f1-weighted, got \"f1\"";
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Config, expected));
}

#[test]
fn corrupt_states_are_refused() {
    let pair = |hypothesis, gold| TextPair { hypothesis, references: vec![gold] };
    let mut metric = counted("accuracy", &[pair("ab", "ab"), pair("c", "ab")]);
    let state = metric.state().unwrap();
    let with = |place: usize, byte: u8| {
        let mut state = state.clone();
        state[place] = byte;
        state
    };
    let many = {
        let mut state = with(6, 255);
        state[7..22].fill(255);
        state[22..30].fill(0);
        // no other label
        state.truncate(32);
        state
    };
    let cases = [
        (Vec::new(), "it is too short"),
        (with(0, 2), "version is 2, expected 1"),
        (with(1, 1), "ignore_case is 1, expected 0"),
        (state[..state.len() - 1].to_vec(), "it ends inside a label"),
        (state[..20].to_vec(), "it ends inside a label"),
        (with(30, 255), "a label is not UTF-8"),
        (with(22, 2), "\"ab\" has 2 references, 1 texts and 2 matches"),
        (with(44, 0), "\"c\" has 0 references, 0 texts and 0 matches"),
        (with(30, b'd'), "label \"c\" is out of order"),
        (with(6, 3), "3 references of 2 texts"),
        (many, "more than 2^64 texts"),
    ];
    for (corrupt, what) in cases {
        let error = metric.merge(&corrupt).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
        assert_eq!(error.message, format!("state is corrupt or another metric's: {what}"));
        assert_eq!(metric.state().unwrap(), state, "a refused state changed the metric");
    }
}
