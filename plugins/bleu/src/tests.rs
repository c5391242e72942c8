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
    let cases = golden["bleu"].as_array().unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        for (name, expected) in case["scores"].as_object().unwrap() {
            let part: Vec<usize> = serde_json::from_value(golden["parts"][name].clone()).unwrap();
            let part: Vec<_> = part.into_iter().map(|index| pairs[index].clone()).collect();
            let mut metric = Bleu::create(settings(&case["settings"])).unwrap();
            metric.update(&part).unwrap();
            let (got, expected) = (metric.value().unwrap(), expected.as_f64().unwrap());
            assert!((got - expected).abs() <= 1e-9, "{}, {name}: expected {expected}, got {got}", case["settings"]);
        }
    }
}

#[test]
fn words_equal_sacrebleu() {
    let golden = golden();
    let names = ["13a", "intl", "zh", "char", "none"];
    for name in names {
        let tokenizer = Tokenizer::named(name).unwrap();
        let cases = golden["tokenized"][name].as_array().unwrap();
        assert!(cases.len() > 100);
        for case in cases {
            let text = case[0].as_str().unwrap();
            let expected: Vec<&str> = case[1].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
            assert_eq!(words(&tokenizer.spaced(text)), expected, "{name}: {text:?}");
        }
    }
}

#[test]
fn merging_equals_updating() {
    let golden = golden();
    let pairs = pairs(&golden);
    for case in golden["bleu"].as_array().unwrap().iter().step_by(7) {
        let counted = |pairs: &[TextPair<'_>]| {
            let mut metric = Bleu::create(settings(&case["settings"])).unwrap();
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
    let mut metric = Bleu::create(Settings::default()).unwrap();
    assert!(metric.value().unwrap().is_nan());
    metric.update(&[TextPair { hypothesis: "without a reference", references: Vec::new() }]).unwrap();
    assert!(metric.value().unwrap().is_nan());
    metric.update(&[TextPair { hypothesis: "", references: vec!["a"] }]).unwrap();
    assert_eq!(metric.value().unwrap(), 0.0);
}

#[test]
fn settings_out_of_range_are_refused() {
    let cases = [
        (
            Settings { tokenizer: "ja".into(), ..Settings::default() },
            "tokenizer: expected 13a, intl, zh, char or none, got \"ja\"",
        ),
        (
            Settings { smoothing: "exponential".into(), ..Settings::default() },
            "smoothing: expected exp, floor, add-k or none, got \"exponential\"",
        ),
        (Settings { smooth_value: -2.0, ..Settings::default() }, "smooth_value: expected 0 or more, or -1, got -2"),
        (
            Settings { smooth_value: f64::NAN, ..Settings::default() },
            "smooth_value: expected 0 or more, or -1, got NaN",
        ),
        (Settings { max_order: 9, ..Settings::default() }, "max_order: expected 1 to 8, got 9"),
    ];
    for (settings, expected) in cases {
        let error = Bleu::create(settings).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Config, expected));
    }
}

#[test]
fn corrupt_states_are_refused() {
    let mut metric = Bleu::create(Settings::default()).unwrap();
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
        (with(1, 3), "max_order is 3, expected 4"),
        (with(2, 1), "tokenizer is 1, expected 0"),
        (with(3, 1), "lowercase is 1, expected 0"),
        (state[..91].to_vec(), "it has 91 bytes, expected 92"),
        (with(4, 0), "it has words and no pairs"),
        (with(28, 9), "9 of 5 1-grams match"),
        (with(12, 9), "9 words have [5, 4, 3, 2] n-grams"),
        (with(76, 9), "5 words have [5, 4, 9, 2] n-grams"),
    ];
    for (corrupt, what) in cases {
        let error = metric.merge(&corrupt).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
        assert_eq!(error.message, format!("state is corrupt or another metric's: {what}"));
        assert_eq!(metric.state().unwrap(), state, "a refused state changed the metric");
    }
}
