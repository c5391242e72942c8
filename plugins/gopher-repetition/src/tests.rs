//! Tests of the rules.

use super::*;

fn verdict(settings: &Settings, document: &str) -> Verdict {
    GopherRepetition::create(settings.clone()).unwrap().judge(&[document]).unwrap().remove(0)
}

/// Prose without a repeated word.
fn prose(n: usize) -> String {
    (0..n).map(|i| format!("w{}x{i}{}", i % 7, if i % 10 == 9 { ".\n" } else { " " })).collect()
}

#[test]
fn first_broken_rule_is_the_reason_and_says_where() {
    let (long, line) = (prose(100), "this line comes again and again");
    let cases = [
        (String::new(), "empty", 0.0, vec![]),
        ("one\n\ntwo\n\none\n\nthree".into(), "", 0.0, vec![]),
        ("a\n\nb\n\na\n\n\na\n\nb".into(), "dup_para_frac", 0.6, vec![(6, 7), (10, 11), (13, 14)]),
        (format!("{line}\n\n{line}\n\n{line} x\n\nb"), "dup_para_char_frac", 31.0 / 102.0, vec![(33, 64)]),
        ("a\nb\na\n\na\nc".into(), "dup_line_frac", 0.4, vec![(4, 5), (7, 8)]),
        (format!("{line}\nb\nc\n{line}"), "dup_line_char_frac", 31.0 / 67.0, vec![(36, 67)]),
        (format!("{}é b, 中 é b,", &long[..20]), "top_2_gram", 8.0 / 31.0, vec![(20, 25), (30, 35)]),
    ];
    for (document, reason, score, spans) in cases {
        let spans = spans.into_iter().map(|(start, end)| Span { start, end }).collect();
        let expected = match reason {
            "" => continue,
            _ => Verdict { spans, ..Verdict::drop(reason).score(score) },
        };
        assert_eq!(verdict(&Settings::default(), &document), expected, "{document:?}");
    }
    assert_eq!(verdict(&Settings::default(), &long), Verdict::keep());
}

#[test]
fn repeated_n_grams() {
    // 8 words again: of the 5-grams one is counted, of the 8-grams one, of the 9-grams none
    let again = "acknowledged universally that single fortune possession should want";
    let prose = prose(43);
    let words: Vec<&str> = prose.split_whitespace().collect();
    let document = [&words[..30], &[again], &words[30..40], &[again], &words[40..]].concat().join(" ");
    let n_chars = document.len() as f64;
    let mut filter = GopherRepetition::create(Settings::default()).unwrap();
    let values = filter.measure(&[&document]).unwrap();
    let five = "acknowledgeduniversallythatsinglefortune".len() as f64;
    let eight = again.replace(' ', "").len() as f64;
    assert_eq!((values[8], values[11], values[12]), (five / n_chars, eight / n_chars, 0.0));
    let strict = Settings {
        max_top_3_gram: 0.0,
        max_top_4_gram: 0.0,
        max_duplicate_5_grams: 0.0,
        max_duplicate_6_grams: 0.0,
        max_duplicate_7_grams: 0.0,
        max_duplicate_8_grams: 0.05,
        ..Settings::default()
    };
    let found = verdict(&strict, &document);
    assert_eq!(found.reason, "duplicated_8_n_grams");
    let Span { start, end } = found.spans[0];
    assert_eq!((&document[start as usize..end as usize], found.spans.len()), (again, 1));
}

#[test]
fn measures_what_it_judges_by() {
    let documents = [
        String::new(),
        " ".into(),
        "one".into(),
        "one two".into(),
        "\n\n".into(),
        "\na\n".into(),
        prose(100),
        prose(20).repeat(2),
        "中文字。".repeat(9),
        prose(9) + &"the same words over and over ".repeat(9),
        "a\u{0}b \u{feff} e\u{301}".into(),
    ];
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    for words in ["whitespace", "unicode"] {
        for limit in [0.0, 0.05, 0.3] {
            let settings = Settings {
                words: words.into(),
                max_duplicate_paragraphs: limit,
                max_duplicate_lines: limit,
                max_top_2_gram: limit,
                max_duplicate_8_grams: limit,
                ..Settings::default()
            };
            let mut filter = GopherRepetition::create(settings).unwrap();
            let (rules, values) = (filter.rules(), filter.measure(&documents).unwrap());
            assert_eq!(values.len(), documents.len() * rules.len());
            let expected: Vec<_> = values.chunks(rules.len()).map(|values| Rule::verdict(&rules, values)).collect();
            let verdicts = filter.judge(&documents).unwrap();
            let without_spans = verdicts.into_iter().map(|verdict| Verdict { spans: Vec::new(), ..verdict });
            assert_eq!(without_spans.collect::<Vec<_>>(), expected, "{words} {limit}");
        }
    }
}

#[test]
fn a_page_of_one_line_names_a_hundred_places() {
    let found = verdict(&Settings::default(), &"line\n".repeat(100_000));
    assert_eq!((found.reason.as_str(), found.spans.len()), ("dup_line_frac", 100));
}

#[test]
fn refuses() {
    let cases = [
        (
            Settings { words: "spacy".into(), ..Settings::default() },
            "words: expected \"whitespace\", \"unicode\", \"dictionary\" or \"zh\", got \"spacy\"",
        ),
        (Settings { max_top_3_gram: 1.5, ..Settings::default() }, "max_top_3_gram: expected 0 to 1, got 1.5"),
        (
            Settings { max_duplicate_lines: f64::NAN, ..Settings::default() },
            "max_duplicate_lines: expected 0 to 1, got NaN",
        ),
    ];
    for (settings, message) in cases {
        assert_eq!(GopherRepetition::create(settings).err().unwrap().message, message);
    }
}
