//! The metric against rouge-score's, whose numbers tests/peers/text_metrics.py wrote down.

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
fn scores_equal_rouge_score() {
    let golden = golden();
    let pairs = pairs(&golden);
    let cases = golden["rouge"].as_array().unwrap();
    assert_eq!(cases.len(), 15);
    for case in cases {
        let scores: Vec<f64> = serde_json::from_value(case["scores"].clone()).unwrap();
        let mut metric = Rouge::create(settings(&case["settings"])).unwrap();
        for (pair, expected) in pairs.iter().zip(&scores) {
            let mut alone = Rouge::create(settings(&case["settings"])).unwrap();
            alone.update(std::slice::from_ref(pair)).unwrap();
            let got = alone.value().unwrap();
            assert!((got - expected).abs() <= 1e-9, "{}, {pair:?}: expected {expected}, got {got}", case["settings"]);
        }
        metric.update(&pairs).unwrap();
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        assert!((metric.value().unwrap() - mean).abs() <= 1e-9);
    }
}

#[test]
fn lines_equal_rouge_score() {
    // the last ones have more words than bits in a number, of which the places are stored in several
    for case in golden()["lines"].as_array().unwrap() {
        let mut metric = Rouge::create(Settings { variant: "rougeLsum".into(), ..Settings::default() }).unwrap();
        let [hypothesis, reference] = [0, 1].map(|side| case[side].as_str().unwrap());
        metric.update(&[TextPair { hypothesis, references: vec![reference] }]).unwrap();
        let (got, expected) = (metric.value().unwrap(), case[2].as_f64().unwrap());
        assert!((got - expected).abs() <= 1e-9, "{hypothesis:?}, {reference:?}: expected {expected}, got {got}");
    }
}

#[test]
fn stems_equal_nltk() {
    let golden = golden();
    let stems = golden["stems"].as_str().unwrap();
    assert!(stems.split(' ').count() > 1000);
    for (word, expected) in stems.split(' ').map(|stem| stem.split_once('=').unwrap()) {
        assert_eq!(porter::stem(word), expected, "{word}");
    }
}

#[test]
fn chinese_is_counted_when_asked_to() {
    let value = |words: &str| {
        let mut metric =
            Rouge::create(Settings { variant: "rouge1".into(), words: words.into(), stemmer: false }).unwrap();
        metric.update(&[TextPair { hypothesis: "我们看书，ABC", references: vec!["他们看书。abc"] }]).unwrap();
        let warned = !log::take().is_empty();
        (metric.value().unwrap(), warned)
    };
    assert_eq!(value("zh"), (2.0 * 4.0 / 10.0, false));
    assert_eq!(value("characters"), (2.0 * 6.0 / 16.0, false));
    assert_eq!(value("rouge"), (1.0, false));
    let mut metric = Rouge::create(Settings::default()).unwrap();
    let pair = TextPair { hypothesis: "看书", references: vec!["看书"] };
    metric.update(&[pair.clone(), pair]).unwrap();
    assert_eq!((metric.value().unwrap(), log::take().len()), (0.0, 1));
}

#[test]
fn merging_equals_updating() {
    let golden = golden();
    let pairs = pairs(&golden);
    for case in golden["rouge"].as_array().unwrap().iter().step_by(4) {
        let counted = |pairs: &[TextPair<'_>]| {
            let mut metric = Rouge::create(settings(&case["settings"])).unwrap();
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
    let mut metric = Rouge::create(Settings::default()).unwrap();
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
            Settings { variant: "rouge0".into(), ..Settings::default() },
            "variant: expected rouge1 to rouge9, rougeL or rougeLsum, got \"rouge0\"",
        ),
        (
            Settings { words: "han".into(), ..Settings::default() },
            "words: expected \"rouge\", \"characters\", \"whitespace\", \"unicode\", \"dictionary\" or \"zh\", got \"han\"",
        ),
    ];
    for (settings, expected) in cases {
        let error = Rouge::create(settings).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Config, expected));
    }
}

#[test]
fn corrupt_states_are_refused() {
    let mut metric = Rouge::create(Settings::default()).unwrap();
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
        (with(1, 1), "variant is 1, expected 0"),
        (with(2, 5), "words is 5, expected 0"),
        (with(3, 1), "stemmer is 1, expected 0"),
        (state[..27].to_vec(), "it has 27 bytes, expected 28"),
        ([&state[..], &[0]].concat(), "it has 29 bytes, expected 28"),
        (with(20, 2), "1 scores have a sum above 1"),
    ];
    for (corrupt, what) in cases {
        let error = metric.merge(&corrupt).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
        assert_eq!(error.message, format!("state is corrupt or another metric's: {what}"));
        assert_eq!(metric.state().unwrap(), state, "a refused state changed the metric");
    }
}
