//! The metric against its formula, whose numbers tests/peers/text_metrics.py wrote down.

use super::*;
use serde_json::Value as Json;
use trainyard_plugin::ErrorKind;

fn golden() -> Json {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/text_metrics.json"));
    serde_json::from_str(text).unwrap()
}

fn counted(n: u32, average: &str, texts: &[&str]) -> Repetition {
    let settings = Settings { n, average: average.into(), ..Settings::default() };
    let mut metric = Repetition::create(settings).unwrap();
    let pairs: Vec<_> = texts.iter().map(|hypothesis| TextPair { hypothesis, references: Vec::new() }).collect();
    metric.update(&pairs).unwrap();
    metric
}

#[test]
fn shares_equal_the_formula() {
    let golden = golden();
    let texts: Vec<&str> =
        golden["repetition"]["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let cases = golden["repetition"]["scores"].as_array().unwrap();
    assert!(cases.len() == 8 && texts.len() == 19);
    for case in cases {
        for average in ["texts", "n-grams"] {
            let n = case["n"].as_u64().unwrap() as u32;
            let (got, expected) = (counted(n, average, &texts).value().unwrap(), case[average].as_f64().unwrap());
            assert!((got - expected).abs() <= 1e-9, "{n}, {average}: expected {expected}, got {got}");
        }
    }
}

#[test]
fn values_by_hand() {
    // b a, a b: both were there before
    assert_eq!(counted(2, "texts", &["a b a b a"]).value().unwrap(), 0.5);
    // an n-gram does not run from one text into the next, and is new in each
    assert_eq!(counted(2, "texts", &["a b", "a b", "b a"]).value().unwrap(), 0.0);
    assert_eq!(counted(1, "texts", &["a a", "a b c d", ""]).value().unwrap(), 0.25);
    assert_eq!(counted(1, "n-grams", &["a a", "a b c d"]).value().unwrap(), 1.0 / 6.0);
    let mut metric = Repetition::create(Settings { n: 2, words: "zh".into(), ..Settings::default() }).unwrap();
    metric.update(&[TextPair { hypothesis: "再说再说再", references: Vec::new() }]).unwrap();
    assert_eq!(metric.value().unwrap(), 0.5);
}

#[test]
fn merging_equals_updating() {
    let golden = golden();
    let texts: Vec<&str> =
        golden["repetition"]["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    for (n, average) in [(1, "texts"), (2, "n-grams"), (4, "texts")] {
        let whole = counted(n, average, &texts);
        for split in 0..=texts.len() {
            let (left, right) = texts.split_at(split);
            for (into, from) in [(left, right), (right, left)] {
                let mut into = counted(n, average, into);
                into.merge(&counted(n, average, from).state().unwrap()).unwrap();
                assert_eq!(into.state().unwrap(), whole.state().unwrap());
                assert_eq!(into.value().unwrap().to_bits(), whole.value().unwrap().to_bits());
            }
        }
    }
}

#[test]
fn nothing_counted_is_nan() {
    for average in ["texts", "n-grams"] {
        assert!(counted(2, average, &["", "one"]).value().unwrap().is_nan());
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let settings = Settings::default;
    let cases = [
        (Settings { n: 0, ..settings() }, "n: expected 1 to 8, got 0"),
        (Settings { n: 9, ..settings() }, "n: expected 1 to 8, got 9"),
        (Settings { average: "mean".into(), ..settings() }, "average: expected texts or n-grams, got \"mean\""),
        (
            Settings { words: "ja".into(), ..settings() },
            "words: expected \"whitespace\", \"unicode\", \"dictionary\" or \"zh\", got \"ja\"",
        ),
    ];
    for (settings, expected) in cases {
        let error = Repetition::create(settings).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Config, expected));
    }
}

#[test]
fn corrupt_states_are_refused() {
    let mut metric = counted(1, "texts", &["a a a b", "a"]);
    let state = metric.state().unwrap();
    let with = |place: usize, byte: u8| {
        let mut state = state.clone();
        state[place] = byte;
        state
    };
    let many = [&[1, 1, 0, 1][..], &[0; 16], &[255; 8], &[0; 16]].concat();
    let cases = [
        (Vec::new(), "it is too short"),
        (with(0, 2), "version is 2, expected 1"),
        (with(1, 2), "n is 2, expected 1"),
        (with(2, 1), "words is 1, expected 0"),
        (with(3, 0), "average is 0, expected 1"),
        (state[..43].to_vec(), "it has 43 bytes, expected 44"),
        (state[..20].to_vec(), "it has 20 bytes, expected 44"),
        (with(12, 4), "4 of 5 n-grams of 2 texts are repeated"),
        (with(4, 6), "2 of 5 n-grams of 6 texts are repeated"),
        (with(36, 3), "2 shares have a sum above 2"),
        (many, "more than 2^64 n-grams"),
    ];
    for (corrupt, what) in cases {
        let error = metric.merge(&corrupt).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
        assert_eq!(error.message, format!("state is corrupt or another metric's: {what}"));
        assert_eq!(metric.state().unwrap(), state, "a refused state changed the metric");
    }
}
