//! The metric against sacrebleu's, whose numbers tests/peers/text_metrics.py wrote down.

use super::*;
use serde_json::Value as Json;
use trainyard_plugin::{Config, ErrorKind, Setting, Value};

fn golden() -> Json {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/text_metrics.json"));
    serde_json::from_str(text).unwrap()
}

fn settings(json: &Json) -> Settings {
    let value = |value: &Json| match value {
        Json::Bool(value) => Value::Boolean(*value),
        Json::String(value) => Value::Text(value.clone()),
        Json::Number(value) if value.is_i64() => Value::Integer(value.as_i64().unwrap()),
        _ => Value::Number(value.as_f64().unwrap()),
    };
    let settings = json.as_object().unwrap().iter();
    let settings: Vec<_> = settings.map(|(key, json)| Setting { key: key.clone(), value: value(json) }).collect();
    Settings::from_settings(&settings).unwrap()
}

fn pairs(golden: &Json) -> Vec<TextPair<'_>> {
    fn pair(pair: &Json) -> TextPair<'_> {
        let references = pair["references"].as_array().unwrap();
        TextPair {
            hypothesis: pair["hypothesis"].as_str().unwrap(),
            references: references.iter().map(|text| text.as_str().unwrap()).collect(),
        }
    }
    golden["pairs"].as_array().unwrap().iter().map(pair).collect()
}

#[test]
fn scores_equal_sacrebleu() {
    let golden = golden();
    let pairs = pairs(&golden);
    let cases = golden["chrf"].as_array().unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        for (name, expected) in case["scores"].as_object().unwrap() {
            let part: Vec<usize> = serde_json::from_value(golden["parts"][name].clone()).unwrap();
            let part: Vec<_> = part.into_iter().map(|index| pairs[index].clone()).collect();
            let mut metric = Chrf::create(settings(&case["settings"])).unwrap();
            metric.update(&part).unwrap();
            let (got, expected) = (metric.value().unwrap(), expected.as_f64().unwrap());
            assert!((got - expected).abs() <= 1e-9, "{}, {name}: expected {expected}, got {got}", case["settings"]);
        }
    }
}

#[test]
fn merging_equals_updating() {
    let golden = golden();
    let pairs = pairs(&golden);
    for case in golden["chrf"].as_array().unwrap().iter().step_by(5) {
        let counted = |pairs: &[TextPair<'_>]| {
            let mut metric = Chrf::create(settings(&case["settings"])).unwrap();
            metric.update(pairs).unwrap();
            metric
        };
        let whole = counted(&pairs);
        for split in (0..=pairs.len()).step_by(5) {
            let (left, right) = (counted(&pairs[..split]), counted(&pairs[split..]));
            for (mut into, from) in [(counted(&pairs[..split]), &right), (counted(&pairs[split..]), &left)] {
                into.merge(&from.state().unwrap()).unwrap();
                assert_eq!(into.state().unwrap(), whole.state().unwrap());
                assert_eq!(into.value().unwrap().to_bits(), whole.value().unwrap().to_bits());
            }
        }
    }
}

#[test]
fn nothing_counted_is_nan() {
    let mut metric = Chrf::create(Settings::default()).unwrap();
    assert!(metric.value().unwrap().is_nan());
    metric.update(&[TextPair { hypothesis: "without a reference", references: Vec::new() }]).unwrap();
    assert!(metric.value().unwrap().is_nan());
    metric.update(&[TextPair { hypothesis: "", references: vec!["a"] }]).unwrap();
    assert_eq!(metric.value().unwrap(), 0.0);
}

#[test]
fn settings_out_of_range_are_refused() {
    let cases = [
        (Settings { char_order: 0, ..Settings::default() }, "char_order: expected 1 to 16, got 0"),
        (Settings { word_order: 9, ..Settings::default() }, "word_order: expected 0 to 8, got 9"),
        (Settings { beta: 101, ..Settings::default() }, "beta: expected 1 to 100, got 101"),
    ];
    for (settings, expected) in cases {
        let error = Chrf::create(settings).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Config, expected));
    }
}

#[test]
fn corrupt_states_are_refused() {
    let mut metric = Chrf::create(Settings::default()).unwrap();
    metric.update(&[TextPair { hypothesis: "a b c d e", references: vec!["a b c d f"] }]).unwrap();
    let state = metric.state().unwrap();
    let with = |place: usize, byte: u8| {
        let mut state = state.clone();
        state[place] = byte;
        state
    };
    let cases = [
        (Vec::new(), "it is too short"),
        (with(0, 2), "version is 2, expected 1"),
        (with(3, 3), "beta is 3, expected 2"),
        (with(6, 1), "eps_smoothing is 1, expected 0"),
        (state[..158].to_vec(), "it has 158 bytes, expected 159"),
        (with(7, 0), "it has n-grams and no pairs"),
        (with(31, 6), "6 matches of 5 n-grams and 5 of references"),
    ];
    for (corrupt, what) in cases {
        let error = metric.merge(&corrupt).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
        assert_eq!(error.message, format!("state is corrupt or another metric's: {what}"));
        assert_eq!(metric.state().unwrap(), state, "a refused state changed the metric");
    }
}
