//! The metric against sacrebleu's, whose numbers tests/peers/text_metrics.py wrote down.

use super::*;
use serde_json::Value as Json;
use trainyard_plugin::{Config, ErrorKind, Setting, Value};

fn golden() -> Json {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/text_metrics.json"));
    serde_json::from_str(text).unwrap()
}

fn settings(json: &Json) -> Settings {
    let settings = json.as_object().unwrap().iter();
    let setting =
        |(key, json): (&String, &Json)| Setting { key: key.clone(), value: Value::Boolean(json.as_bool().unwrap()) };
    Settings::from_settings(&settings.map(setting).collect::<Vec<_>>()).unwrap()
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

fn counted(settings: Settings, pairs: &[TextPair<'_>]) -> Ter {
    let mut metric = Ter::create(settings).unwrap();
    metric.update(pairs).unwrap();
    metric
}

#[test]
fn scores_equal_sacrebleu() {
    let golden = golden();
    let pairs = pairs(&golden["pairs"]);
    let cases = golden["ter"].as_array().unwrap();
    assert_eq!(cases.len(), 16);
    for case in cases {
        for (name, expected) in case["scores"].as_object().unwrap() {
            let part: Vec<usize> = serde_json::from_value(golden["parts"][name].clone()).unwrap();
            let part: Vec<_> = part.into_iter().map(|index| pairs[index].clone()).collect();
            let got = counted(settings(&case["settings"]), &part).value().unwrap();
            let expected = expected.as_f64().unwrap();
            assert!((got - expected).abs() <= 1e-9, "{}, {name}: expected {expected}, got {got}", case["settings"]);
        }
    }
}

#[test]
fn edits_equal_sacrebleu() {
    let golden = golden();
    let normalized = Settings { normalized: true, asian_support: true, ..Settings::default() };
    let cases = |name: &str| golden[name].as_array().unwrap();
    assert!(cases("edits").len() > 80 && cases("twice").len() == 5);
    let plain = cases("edits").iter().map(|case| (case, Settings::default()));
    for (case, settings) in plain.chain(cases("twice").iter().map(|case| (case, normalized.clone()))) {
        let (hypothesis, reference) = (case[0].as_str().unwrap(), case[1].as_str().unwrap());
        let metric = counted(settings, &[TextPair { hypothesis, references: vec![reference] }]);
        let words = (metric.counts.length >> POINT) as f64;
        assert_eq!((Some(metric.counts.edits), Some(words)), (case[2].as_u64(), case[3].as_f64()), "{case}");
    }
}

#[test]
fn words_equal_sacrebleu() {
    let golden = golden();
    let texts = golden["tercom"]["texts"].as_array().unwrap();
    for case in golden["tercom"]["cases"].as_array().unwrap() {
        let tokenizer = Ter::create(settings(&case[0])).unwrap().tokenizer;
        for (text, expected) in texts.iter().zip(case[1].as_array().unwrap()) {
            let spaced = tokenizer.spaced(text.as_str().unwrap());
            let got: Vec<_> = tokenize::words(&spaced).collect();
            assert_eq!(got.join(" "), expected.as_str().unwrap(), "{}: {text}", case[0]);
        }
    }
}

#[test]
fn merging_equals_updating() {
    let golden = golden();
    let pairs = pairs(&golden["pairs"]);
    for case in golden["ter"].as_array().unwrap().iter().step_by(5) {
        let counted = |pairs: &[TextPair<'_>]| counted(settings(&case["settings"]), pairs);
        let whole = counted(&pairs);
        for split in (0..=pairs.len()).step_by(5) {
            let (left, right) = pairs.split_at(split);
            for (into, from) in [(left, right), (right, left)] {
                let mut into = counted(into);
                into.merge(&counted(from).state().unwrap()).unwrap();
                assert_eq!(into.state().unwrap(), whole.state().unwrap());
                assert_eq!(into.value().unwrap().to_bits(), whole.value().unwrap().to_bits());
            }
        }
    }
}

#[test]
fn values_by_hand() {
    let value = |hypothesis: &str, references: &[&str]| {
        let pair = TextPair { hypothesis, references: references.to_vec() };
        counted(Settings::default(), &[pair]).value().unwrap()
    };
    // one move, and one edit over a mean of 3 words
    assert_eq!(value("c d a b", &["A b c d"]), 25.0);
    assert!((value("a b", &["a c", "a b d e"]) - 100.0 / 3.0).abs() <= 1e-9);
    assert_eq!((value("", &[""]), value("a", &[""]), value("", &["a b"])), (0.0, 100.0, 100.0));
    assert!(value("without a reference", &[]).is_nan());
}

#[test]
fn corrupt_states_are_refused() {
    let mut metric = counted(Settings::default(), &[TextPair { hypothesis: "a b", references: vec!["a c d"] }]);
    let state = metric.state().unwrap();
    let with = |place: usize, byte: u8| {
        let mut state = state.clone();
        state[place] = byte;
        state
    };
    let cases = [
        (Vec::new(), "it is too short"),
        (with(0, 2), "version is 2, expected 1"),
        (with(1, 8), "settings is 8, expected 0"),
        (state[..33].to_vec(), "it has 33 bytes, expected 34"),
        (state[..9].to_vec(), "it has 9 bytes, expected 34"),
        (with(2, 0), "it has edits or words and no pairs"),
        ([&state[..2], &[255; 32]].concat(), "more than 2^64 edits or words"),
    ];
    for (corrupt, what) in cases {
        let error = metric.merge(&corrupt).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
        assert_eq!(error.message, format!("state is corrupt or another metric's: {what}"));
        assert_eq!(metric.state().unwrap(), state, "a refused state changed the metric");
    }
}
