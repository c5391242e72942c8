//! The metric against SQuAD's, whose numbers tests/peers/text_metrics.py wrote down.

use super::*;
use serde_json::Value as Json;
use trainyard_plugin::ErrorKind;

fn golden() -> Json {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/text_metrics.json"));
    serde_json::from_str(text).unwrap()
}

fn pairs(pairs: &Json) -> Vec<TextPair<'_>> {
    fn pair(pair: &Json) -> TextPair<'_> {
        let references = pair["references"].as_array().unwrap();
        TextPair {
            hypothesis: pair["hypothesis"].as_str().unwrap(),
            references: references.iter().map(|text| text.as_str().unwrap()).collect(),
        }
    }
    pairs.as_array().unwrap().iter().map(pair).collect()
}

fn counted(settings: Settings, pairs: &[TextPair<'_>]) -> TokenF1 {
    let mut metric = TokenF1::create(settings).unwrap();
    metric.update(pairs).unwrap();
    metric
}

fn value(settings: Settings, hypothesis: &str, reference: &str) -> f64 {
    counted(settings, &[TextPair { hypothesis, references: vec![reference] }]).value().unwrap()
}

#[test]
fn scores_equal_squad() {
    let golden = golden();
    let pairs = pairs(&golden["answers"]);
    let expected: Vec<f64> = serde_json::from_value(golden["token-f1"].clone()).unwrap();
    assert!(pairs.len() > 100 && pairs.len() == expected.len());
    for (pair, expected) in pairs.iter().zip(&expected) {
        let got = counted(Settings::default(), std::slice::from_ref(pair)).value().unwrap();
        assert!((got - expected).abs() <= 1e-9, "{pair:?}: expected {expected}, got {got}");
    }
    let mean = expected.iter().sum::<f64>() / expected.len() as f64;
    assert!((counted(Settings::default(), &pairs).value().unwrap() - mean).abs() <= 1e-9);
}

#[test]
fn settings_say_what_counts() {
    let settings = Settings::default;
    assert_eq!(value(settings(), "The cat.", "a CAT"), 1.0);
    assert_eq!(value(Settings { ignore_case: false, ..settings() }, "cat", "CAT"), 0.0);
    assert_eq!(value(Settings { ignore_punctuation: false, ..settings() }, "cat.", "cat"), 0.0);
    assert_eq!(value(Settings { ignore_articles: false, ..settings() }, "the cat", "a cat"), 0.5);
    assert_eq!(value(settings(), "北京大学", "北京"), 0.0);
    let chinese = Settings { words: "zh".into(), ..settings() };
    assert!((value(chinese, "北京大学", "北京") - 2.0 / 3.0).abs() <= 1e-9);
    let error = TokenF1::create(Settings { words: "ja".into(), ..settings() }).unwrap_err();
    let expected = "words: expected \"whitespace\", \"unicode\", \"dictionary\" or \"zh\", got \"ja\"";
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Config, expected));
}

#[test]
fn merging_equals_updating() {
    let golden = golden();
    let pairs = pairs(&golden["answers"]);
    let whole = counted(Settings::default(), &pairs);
    for split in (0..=pairs.len()).step_by(7) {
        let (left, right) = pairs.split_at(split);
        for (into, from) in [(left, right), (right, left)] {
            let mut into = counted(Settings::default(), into);
            into.merge(&counted(Settings::default(), from).state().unwrap()).unwrap();
            assert_eq!(into.state().unwrap(), whole.state().unwrap());
            assert_eq!(into.value().unwrap().to_bits(), whole.value().unwrap().to_bits());
        }
    }
}

#[test]
fn nothing_counted_is_nan() {
    let pair = [TextPair { hypothesis: "without a reference", references: Vec::new() }];
    assert!(counted(Settings::default(), &pair).value().unwrap().is_nan());
    assert_eq!(value(Settings::default(), "", "the"), 1.0);
}

#[test]
fn corrupt_states_are_refused() {
    let mut metric = counted(Settings::default(), &[TextPair { hypothesis: "yes", references: vec!["no", "Yes"] }]);
    let state = metric.state().unwrap();
    let with = |place: usize, byte: u8| {
        let mut state = state.clone();
        state[place] = byte;
        state
    };
    let cases = [
        (Vec::new(), "it is too short"),
        (with(0, 2), "version is 2, expected 1"),
        (with(1, 3), "settings is 3, expected 7"),
        (with(2, 1), "words is 1, expected 0"),
        (state[..26].to_vec(), "it has 26 bytes, expected 27"),
        (state[..8].to_vec(), "it has 8 bytes, expected 27"),
        (with(3, 0), "0 scores have a sum above 0"),
        ([&state[..3], &[255; 8], &[0; 16]].concat(), "more than 2^64 pairs"),
    ];
    for (corrupt, what) in cases {
        let error = metric.merge(&corrupt).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
        assert_eq!(error.message, format!("state is corrupt or another metric's: {what}"));
        assert_eq!(metric.state().unwrap(), state, "a refused state changed the metric");
    }
}
