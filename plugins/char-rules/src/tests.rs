//! Tests of the rules.

use super::*;

fn verdict(settings: &Settings, document: &str) -> Verdict {
    CharRules::create(settings.clone()).unwrap().judge(&[document]).unwrap().remove(0)
}

const PROSE: &str = "It is a truth universally acknowledged, that a man is in want of a wife.\n";

#[test]
fn first_broken_rule_is_the_reason() {
    let xml = format!("{}<?xml version=\"1\"?>{}", &PROSE[..70], PROSE.repeat(9));
    let html = |text: &str| format!("<div class=\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv\">{text}</div>");
    let letters =
        Settings { max_non_alphanumeric: 0.0, max_digits: 0.0, max_unended_lines: 0.0, ..Settings::default() };
    let cases = [
        (Settings::default(), PROSE.to_owned(), "", 0.0, 0),
        (Settings::default(), String::new(), "alpha_numeric", 1.0, 0),
        (Settings::default(), "ab***".into(), "alpha_numeric", 0.6, 0),
        (Settings::default(), "abcd12.".into(), "numbers_ratio", 2.0 / 7.0, 0),
        (Settings::default(), concat!("see http", "://abc.de/fghi.").into(), "urls_ratio", 19.0 / 23.0, 1),
        (Settings::default(), format!("a b c d {}.", "\n".repeat(9)), "white_space", 13.0 / 18.0, 0),
        (Settings::default(), "abcde(f).".into(), "parentheses_ratio", 2.0 / 9.0, 0),
        (Settings::default(), "Our Terms of Use.\n\nPage.".into(), "boilerplate_string_ratio", 0.5, 1),
        (Settings::default(), "Our Terms of Use.\n\nPage.\n\nPage.".into(), "", 0.0, 0),
        (Settings::default(), format!("{}Lorem ipsum.", PROSE.repeat(9)), "boilerplate_string_ratio", 1.0, 1),
        (Settings::default(), format!("{PROSE}{}", "no end\n".repeat(6)), "punctuation", 6.0 / 7.0, 0),
        (Settings::default(), xml, "xml_header", 83.0, 1),
        (letters.clone(), "*1*2*3*4*5*6*7*8a.".into(), "alpha_filter", 1.0 / 18.0, 0),
        (letters.clone(), html("a few words."), "html_few_chars", 12.0, 0),
        (letters, html(&PROSE.repeat(2)).repeat(2) + &html("").repeat(20), "html_boilerplate", 0.0, 0),
    ];
    for (settings, document, reason, score, n_spans) in cases {
        let found = verdict(&settings, &document);
        assert_eq!((found.reason.as_str(), found.spans.len()), (reason, n_spans), "{document}");
        if reason != "html_boilerplate" {
            assert_eq!(found.score.unwrap_or_default(), score, "{document}");
        }
    }
}

#[test]
fn letters_of_all_scripts() {
    let chinese = "这是一个测试，看看没有空格的文字会怎么样.";
    assert_eq!(verdict(&Settings::default(), chinese).reason, "alpha_numeric");
    let unicode = Settings { letters: "unicode".into(), ..Settings::default() };
    assert_eq!(verdict(&unicode, chinese), Verdict::keep());
}

#[test]
fn measures_what_it_judges_by() {
    let documents = ["", "\n", PROSE, "<p>", concat!("http", "://a"), "cookie policy", "{[(", "\0\u{feff}", "中文"];
    let mut filter = CharRules::create(Settings::default()).unwrap();
    let (rules, values) = (filter.rules(), filter.measure(&documents).unwrap());
    assert_eq!(values.len(), documents.len() * rules.len());
    let expected: Vec<_> = values.chunks(rules.len()).map(|values| Rule::verdict(&rules, values)).collect();
    let verdicts = filter.judge(&documents).unwrap().into_iter();
    assert_eq!(verdicts.map(|verdict| Verdict { spans: Vec::new(), ..verdict }).collect::<Vec<_>>(), expected);
}

#[test]
fn refuses() {
    let error = |settings| CharRules::create(settings).err().unwrap().message;
    let letters = Settings { letters: "latin".into(), ..Settings::default() };
    assert_eq!(error(letters), "letters: expected \"ascii\" or \"unicode\", got \"latin\"");
    let share = Settings { max_digits: -1.0, ..Settings::default() };
    assert_eq!(error(share), "max_digits: expected 0 to 1, got -1");
    let upper = Settings { boilerplate: "A".into(), ..Settings::default() };
    assert_eq!(error(upper), "boilerplate: expected lower case, got \"A\"");
}
