//! Tests of the rules.

use super::*;

fn verdict(settings: &Settings, document: &str) -> Verdict {
    C4Lines::create(settings.clone()).unwrap().judge(&[document]).unwrap().remove(0)
}

/// Five lines that are kept.
const PAGE: &str =
    "The first line stays.\nIs the second one?\nSo the third!\n\"A fourth of words.\"\nThe fifth it's 'so'";

/// The page with a line in its middle.
fn with(line: &str) -> String {
    PAGE.replace("\nSo the", &format!("\n{line}\nSo the"))
}

/// The text that was removed according to the verdict.
fn gone<'a>(document: &'a str, verdict: &Verdict) -> Vec<&'a str> {
    verdict.spans.iter().map(|span| &document[span.start as usize..span.end as usize]).collect()
}

#[test]
fn lines_go() {
    let long = format!("a word of {} letters.", "x".repeat(1001));
    let lines = [
        long.as_str(),
        "no end mark here",
        "it ends in an ellipsis...",
        "two words.",
        "[1] one.[2]",
        "ends behind the citation. [1]",
        "please enable JavaScript to see this.",
        "myjavascripts are lines that go.",
        "by our Privacy Policy you must.",
        "this site uses cooKies for all.",
    ];
    for line in lines {
        let document = with(line);
        let found = verdict(&Settings::default(), &document);
        assert_eq!((found.keep, found.text.as_deref()), (true, Some(PAGE)), "{line}");
        assert_eq!(gone(&document, &found), [line]);
    }
    assert_eq!(verdict(&Settings::default(), PAGE), Verdict::keep());
}

#[test]
fn lines_stay() {
    let long = format!("a word of {} letters.", "x".repeat(1000));
    for line in
        [&long, "exactly three words.", "java script and a cookie policymaker's terms of usage.", "no lorem ipsam."]
    {
        let found = verdict(&Settings { cut_phrases: String::new(), ..Settings::default() }, &with(line));
        assert_eq!(found, Verdict::keep(), "{line}");
    }
    let found = verdict(
        &Settings::default(),
        "\r\n  The first line stays.  \r\n\r\nno\n\u{3000}nor this\r\nIs it here? Yes. It is. Or not!",
    );
    assert_eq!(found.text.as_deref(), Some("The first line stays.\nIs it here? Yes. It is. Or not!"));
    assert_eq!(found.spans.len(), 1, "one span for lines next to each other");
}

#[test]
fn citations_are_cut_out() {
    let document = with("Known[1] for its[citation needed] end[edit].[23]");
    let found = verdict(&Settings::default(), &document);
    assert_eq!(found.text, Some(with("Known for its end.")));
    assert_eq!(gone(&document, &found), ["[1]", "[citation needed]", "[edit]", "[23]"]);
    // what is joined by it counts
    assert_eq!(verdict(&Settings::default(), &with("so is java[1]script it is.")).text.as_deref(), Some(PAGE));
    // they count as words
    assert_eq!(verdict(&Settings::default(), &with("[1] [2] one.")).text, Some(with("  one.")));
    let off = Settings { cut_citations: false, ..Settings::default() };
    assert_eq!(verdict(&off, &document).text.as_deref(), Some(PAGE));
}

#[test]
fn pages_go() {
    let cases = [
        ("some Lorem Ipsum dolor here.", "lorem_ipsum", "Lorem Ipsum"),
        ("call function() { \"now\"", "curly_bracket", "{"),
        ("a [1] cite and { more.", "curly_bracket", "{"),
    ];
    for (line, reason, because) in cases {
        let document = with(line);
        let found = verdict(&Settings::default(), &document);
        assert_eq!((found.keep, found.reason.as_str(), found.text.as_ref()), (false, reason, None));
        assert_eq!(gone(&document, &found), [because]);
    }
    // a line that goes takes no page with it
    for line in ["{ no end", "in javascript { you write.", "lorem ipsum", "if (javascript) {;"] {
        assert_eq!(verdict(&Settings::default(), &with(line)).text.as_deref(), Some(PAGE), "{line}");
    }
    let few = Verdict::drop("too_few_sentences").score(4.0);
    assert_eq!(verdict(&Settings::default(), PAGE.rsplit_once('\n').unwrap().0), few);
    for blank in ["", "\n", " \u{2028}\0"] {
        assert_eq!(verdict(&Settings::default(), blank), Verdict::drop("too_few_sentences").score(0.0));
        let none = Settings { min_sentences: 0, ..Settings::default() };
        assert!(verdict(&none, blank).keep);
    }
}

#[test]
fn refuses() {
    let error = |settings| C4Lines::create(settings).err().unwrap().message;
    let upper = Settings { cut_phrases: "a|Privacy".into(), ..Settings::default() };
    assert_eq!(error(upper), "cut_phrases: expected lower case, got \"Privacy\"");
    let words = Settings { words: "x".into(), ..Settings::default() };
    assert_eq!(error(words), "words: expected \"whitespace\", \"unicode\", \"dictionary\" or \"zh\", got \"x\"");
}
