//! The metric against seqeval's scores, which tests/peers/text_metrics.py wrote down.

use super::*;
use serde_json::Value as Json;
use trainyard_plugin::ErrorKind;

fn golden() -> Json {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/text_metrics.json"));
    serde_json::from_str(text).unwrap()
}

fn counted(scheme: &str, score: &str, pairs: &[TextPair<'_>]) -> Entities {
    let mut metric = Entities::create(Settings { scheme: scheme.into(), score: score.into() }).unwrap();
    metric.update(pairs).unwrap();
    metric
}

fn pairs(case: &Json) -> Vec<TextPair<'_>> {
    let texts = |side: &str| case[side].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
    texts("said").zip(texts("gold")).map(|(hypothesis, gold)| TextPair { hypothesis, references: vec![gold] }).collect()
}

#[test]
fn scores_equal_seqeval() {
    let golden = golden();
    let cases = golden["entities"].as_array().unwrap();
    assert_eq!(cases.len(), 35);
    for case in cases {
        let scheme = case["scheme"].as_str().unwrap();
        for (score, expected) in case["scores"].as_object().unwrap() {
            let (got, expected) = (counted(scheme, score, &pairs(case)).value().unwrap(), expected.as_f64().unwrap());
            assert!((got - expected).abs() <= 1e-9, "{scheme}, {score}: expected {expected}, got {got}");
        }
    }
}

#[test]
fn merging_equals_updating() {
    let golden = golden();
    for case in golden["entities"].as_array().unwrap() {
        let (scheme, pairs) = (case["scheme"].as_str().unwrap(), pairs(case));
        let whole = counted(scheme, "f1", &pairs);
        for split in (0..=pairs.len()).step_by(3) {
            let (left, right) = pairs.split_at(split);
            for (into, from) in [(left, right), (right, left)] {
                let mut into = counted(scheme, "f1", into);
                into.merge(&counted(scheme, "f1", from).state().unwrap()).unwrap();
                assert_eq!(into.state().unwrap(), whole.state().unwrap());
            }
        }
    }
}

#[test]
fn tags_of_generated_texts() {
    let value = |scheme: &str, hypothesis: &str, references: &[&str]| {
        let pair = TextPair { hypothesis, references: references.to_vec() };
        counted(scheme, "f1", &[pair]).value().unwrap()
    };
    // no tags at all, fewer tags, and more
    assert_eq!(value("conll", "Es gibt nichts", &["B-PER I-PER"]), 0.0);
    assert_eq!(value("conll", "B-PER\nI-PER", &["B-PER I-PER O"]), 1.0);
    assert_eq!(value("iob2", "B-PER I-PER I-PER", &["B-PER I-PER"]), 0.0);
    assert_eq!(value("iob2", "B-PER 人 S-PER", &["B-PER"]), 1.0);
    // the best of the references, where a text without entities is right if there are none
    assert_eq!(value("conll", "B-PER O", &["B-LOC O", "B-PER O"]), 1.0);
    let mut metric = counted("conll", "f1", &[TextPair { hypothesis: "O", references: vec!["B-PER", "O"] }]);
    metric.update(&[TextPair { hypothesis: "B-PER", references: vec!["B-PER"] }]).unwrap();
    assert_eq!(metric.value().unwrap(), 1.0);
}

#[test]
fn nothing_counted_is_nan() {
    let pair = |references| [TextPair { hypothesis: "O", references }];
    assert!(counted("conll", "recall", &pair(Vec::new())).value().unwrap().is_nan());
    assert_eq!(counted("conll", "recall", &pair(vec!["O"])).value().unwrap(), 0.0);
}

#[test]
fn unknown_settings_are_refused() {
    let cases = [
        (("bio", "f1"), "scheme: expected conll, iob1, iob2, ioe1, ioe2, iobes or bilou, got \"bio\""),
        (("conll", "f2"), "score: expected f1, precision or recall, got \"f2\""),
    ];
    for ((scheme, score), expected) in cases {
        let error = Entities::create(Settings { scheme: scheme.into(), score: score.into() }).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Config, expected));
    }
}

#[test]
fn corrupt_states_are_refused() {
    let pair = TextPair { hypothesis: "B-PER B-LOC", references: vec!["B-PER O"] };
    let mut metric = counted("iob2", "f1", &[pair]);
    let state = metric.state().unwrap();
    let with = |place: usize, byte: u8| {
        let mut state = state.clone();
        state[place] = byte;
        state
    };
    let cases = [
        (Vec::new(), "it is too short"),
        (with(0, 2), "version is 2, expected 1"),
        (with(1, 0), "scheme is 0, expected 2"),
        (state[..33].to_vec(), "it has 33 bytes, expected 34"),
        (with(2, 0), "it has entities and no pairs"),
        (with(26, 2), "2 matches of 2 entities and 1 of references"),
        ([&state[..2], &[255; 32]].concat(), "more than 2^64 pairs"),
        ([&state[..10], &[255; 24]].concat(), "more than 2^64 entities"),
    ];
    for (corrupt, what) in cases {
        let error = metric.merge(&corrupt).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
        assert_eq!(error.message, format!("state is corrupt or another metric's: {what}"));
        assert_eq!(metric.state().unwrap(), state, "a refused state changed the metric");
    }
}
