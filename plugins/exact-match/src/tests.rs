//! The metric against SQuAD's and evaluate's, whose numbers tests/peers/text_metrics.py wrote down.

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

fn counted(settings: Settings, pairs: &[TextPair<'_>]) -> ExactMatch {
    let mut metric = ExactMatch::create(settings).unwrap();
    metric.update(pairs).unwrap();
    metric
}

#[test]
fn scores_equal_squad_and_evaluate() {
    let golden = golden();
    let pairs = pairs(&golden["answers"]);
    let cases = golden["exact-match"].as_array().unwrap();
    assert!(cases.len() == 9 && pairs.len() > 100);
    for case in cases {
        let got = counted(settings(&case["settings"]), &pairs).value().unwrap();
        let expected = case["score"].as_f64().unwrap();
        assert!((got - expected).abs() <= 1e-9, "{}: expected {expected}, got {got}", case["settings"]);
    }
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
        }
    }
}

#[test]
fn nothing_counted_is_nan() {
    let pair = |references| [TextPair { hypothesis: "a", references }];
    assert!(counted(Settings::default(), &pair(Vec::new())).value().unwrap().is_nan());
    assert_eq!(counted(Settings::default(), &pair(vec!["", "b"])).value().unwrap(), 1.0);
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
        (with(1, 31), "settings is 31, expected 27"),
        (state[..17].to_vec(), "it has 17 bytes, expected 18"),
        ([&state[..], &[0]].concat(), "it has 19 bytes, expected 18"),
        (with(10, 2), "2 of 1 texts match"),
        ([&state[..2], &[255; 16]].concat(), "more than 2^64 pairs"),
    ];
    for (corrupt, what) in cases {
        let error = metric.merge(&corrupt).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
        assert_eq!(error.message, format!("state is corrupt or another metric's: {what}"));
        assert_eq!(metric.state().unwrap(), state, "a refused state changed the metric");
    }
}
