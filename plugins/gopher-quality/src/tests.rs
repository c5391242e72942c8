//! Tests of the rules.

use super::*;
use trainyard_plugin::ErrorKind;

fn verdict(settings: &Settings, document: &str) -> Verdict {
    GopherQuality::create(settings.clone()).unwrap().judge(&[document]).unwrap().remove(0)
}

/// 60 words of prose on ten lines.
fn prose() -> String {
    "the river ran quietly with them\n".repeat(10)
}

#[test]
fn first_broken_rule_is_the_reason() {
    let cases: [(String, &str, f64); 10] = [
        (prose().repeat(2)[..600].into(), "", 0.0),
        ("the river ... -- !".into(), "gopher_short_doc", 2.0),
        (prose().repeat(1667), "gopher_long_doc", 100_020.0),
        ("a bc of ".repeat(20), "gopher_below_avg_threshold", 5.0 / 3.0),
        ("incomprehensibilities ".repeat(50), "gopher_above_avg_threshold", 21.0),
        (prose() + "#######", "gopher_too_many_hashes", 7.0 / 61.0),
        (prose() + "... … ... … ... ... ... ...", "gopher_too_many_ellipsis", 8.0 / 68.0),
        ("  • the river ran quietly with them\n".repeat(10), "gopher_too_many_bullets", 1.0),
        (prose() + &" that…\n".repeat(5), "gopher_too_many_end_ellipsis", 5.0 / 15.0),
        ("the river with 1812 ".repeat(15), "gopher_below_alpha_threshold", 0.75),
    ];
    for (document, reason, score) in cases {
        let expected = match reason {
            "" => Verdict::keep(),
            _ => Verdict::drop(reason).score(score),
        };
        assert_eq!(verdict(&Settings::default(), &document), expected);
    }
    let expected = Verdict::drop("gopher_enough_stop_words").score(1.0);
    assert_eq!(verdict(&Settings::default(), &"the THE, river runs ".repeat(20)), expected);
}

#[test]
fn limits_of_zero_are_off() {
    let off = Settings {
        min_words: 0,
        max_words: 0,
        min_mean_word_length: 0.0,
        max_mean_word_length: 0.0,
        max_symbols_per_word: 0.0,
        max_bullet_lines: 0.0,
        max_ellipsis_lines: 0.0,
        min_alphabetic_words: 0.0,
        min_stop_words: 0,
        ..Settings::default()
    };
    for document in ["", "\u{2028}", "- #...", "\0\u{feff}", "中文", "e\u{301} 👩‍👩‍👧"] {
        assert_eq!(verdict(&off, document), Verdict::keep(), "{document:?}");
        assert_eq!(verdict(&Settings::default(), document).reason, "gopher_short_doc", "{document:?}");
    }
    // without words there are no shares, and only counts can be broken
    let few = Settings { min_words: 0, ..Settings::default() };
    assert_eq!(verdict(&few, " \n"), Verdict::drop("gopher_enough_stop_words").score(0.0));
}

#[test]
fn verdicts_do_not_depend_on_the_batch() {
    let (prose, hashes) = (prose(), prose() + "#######");
    let documents = [&prose, "", &hashes, "- a", &prose];
    let mut filter = GopherQuality::create(Settings::default()).unwrap();
    let together = filter.judge(&documents).unwrap();
    assert_eq!(together, documents.map(|document| verdict(&Settings::default(), document)));
    assert_eq!(filter.judge(&[]).unwrap(), []);
}

#[test]
fn refuses() {
    let default = Settings::default;
    let cases = [
        (
            Settings { words: "spacy".into(), ..default() },
            "words: expected \"whitespace\", \"unicode\", \"dictionary\" or \"zh\", got \"spacy\"",
        ),
        (
            Settings { max_words: 49, ..default() },
            "min_words: expected at most max_words = 49, got 50; no document would stay",
        ),
        (
            Settings { min_mean_word_length: 10.5, ..default() },
            "min_mean_word_length: expected at most max_mean_word_length = 10, got 10.5; no document would stay",
        ),
        (Settings { max_mean_word_length: f64::NAN, ..default() }, "max_mean_word_length: expected 0 or more, got NaN"),
        (Settings { max_symbols_per_word: -0.1, ..default() }, "max_symbols_per_word: expected 0 or more, got -0.1"),
        (Settings { max_bullet_lines: 1.5, ..default() }, "max_bullet_lines: expected 0 to 1, got 1.5"),
        (Settings { max_ellipsis_lines: 30.0, ..default() }, "max_ellipsis_lines: expected 0 to 1, got 30"),
        (
            Settings { min_alphabetic_words: f64::INFINITY, ..default() },
            "min_alphabetic_words: expected 0 to 1, got inf",
        ),
        (
            Settings { min_stop_words: 9, ..default() },
            "min_stop_words: expected 0 to 8, the number of stop_words, got 9",
        ),
        (
            Settings { dialect: "gopher".into(), ..default() },
            "dialect: expected \"datatrove\", \"paper\" or \"dolma\", got \"gopher\"",
        ),
    ];
    for (settings, message) in cases {
        let error = GopherQuality::create(settings).err().unwrap();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Config, message));
    }
}

#[test]
fn measures_what_it_judges_by() {
    let documents = [
        prose(),
        prose() + "#######",
        "the river ... -- !".into(),
        String::new(),
        " \n".into(),
        "- a #b …\n".repeat(30),
        "中文，字。".repeat(20),
        "* of 42 to … ab\n".repeat(9),
    ];
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    for words in ["whitespace", "unicode", "zh"] {
        for dialect in ["datatrove", "paper", "dolma"] {
            for min_words in [0, 50] {
                let settings =
                    Settings { words: words.into(), dialect: dialect.into(), min_words, ..Settings::default() };
                let mut filter = GopherQuality::create(settings).unwrap();
                let (rules, values) = (filter.rules(), filter.measure(&documents).unwrap());
                assert_eq!(values.len(), documents.len() * rules.len());
                let expected: Vec<_> = values.chunks(rules.len()).map(|values| Rule::verdict(&rules, values)).collect();
                assert_eq!(filter.judge(&documents).unwrap(), expected, "{words}, {dialect}");
            }
        }
    }
}

#[test]
fn dialects() {
    let values = |dialect: &str, document: &str| {
        let settings = Settings { dialect: dialect.into(), ..Settings::default() };
        GopherQuality::create(settings).unwrap().measure(&[document]).unwrap()
    };
    let document = "* the the -- # ...\n - ab# c…\n…";
    let datatrove = values("datatrove", document);
    assert_eq!(datatrove, [4.0, 4.0, 2.75, 2.75, 0.2, 0.3, 1.0 / 3.0, 1.0, 0.4, 1.0]);
    let paper = values("paper", document);
    assert_eq!((paper[0], paper[2]), (10.0, 2.0));
    assert_eq!(paper[4..], datatrove[4..]);
    let dolma = values("dolma", document);
    assert_eq!(dolma[..5], [10.0, 10.0, 2.0, 2.0, 0.4]);
    assert!(dolma[5].is_nan());
    assert_eq!(dolma[6..], [1.0 / 3.0, 2.0 / 3.0, 0.4, 2.0]);
}

#[test]
fn words_of_other_languages() {
    let chinese = "我们看了他的书，然后回家。".repeat(10);
    let settings = Settings {
        words: "zh".into(),
        min_mean_word_length: 0.0,
        stop_words: "的 了 我 是".into(),
        ..Settings::default()
    };
    assert_eq!(verdict(&settings, &chinese), Verdict::keep());
    let strict = Settings { min_stop_words: 4, ..settings };
    assert_eq!(verdict(&strict, &chinese), Verdict::drop("gopher_enough_stop_words").score(3.0));
    let unicode = Settings { words: "unicode".into(), ..Settings::default() };
    assert_eq!(verdict(&unicode, &"the, river with them ".repeat(30)), Verdict::keep());
}
