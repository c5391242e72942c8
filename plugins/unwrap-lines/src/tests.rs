//! Tests of which lines are joined.

use super::*;
use trainyard_plugin::Span;

const PROSE: &str = "It is a truth universally acknowledged, that a single man in\n\
    possession of a good fortune, must be in want of a wife. However\n\
    little known the feelings or views of such a man may be on his\n\
    first entering a neighbourhood, this truth is so well fixed in the\n\
    minds of the surrounding families, that he is considered as the\n\
    rightful property of some one or other of their daughters.";

fn verdict(hyphens: &str, document: &str) -> Verdict {
    let settings = Settings { hyphens: hyphens.into(), ..Settings::default() };
    UnwrapLines::create(settings).unwrap().judge(&[document]).unwrap().remove(0)
}

/// Returns the result for a text between wrapped paragraphs.
fn cleaned(text: &str) -> String {
    let joined = PROSE.replace('\n', " ");
    let cleaned = verdict("keep", &format!("{PROSE}\n\n{text}\n\n{PROSE}")).text.unwrap();
    let text = cleaned.strip_prefix(&joined).and_then(|rest| rest.strip_suffix(&joined));
    text.and_then(|rest| rest.strip_prefix("\n\n")?.strip_suffix("\n\n")).unwrap().into()
}

#[test]
fn paragraphs_are_joined() {
    assert_eq!(verdict("keep", PROSE).text.unwrap(), PROSE.replace('\n', " "));
    // a short line ends a paragraph without a blank line too
    let short = "the feelings or views of such a man may be on his first entering\nthe house.\n\
                 However little known the feelings or views of such a man may be,\nthis truth is so well fixed";
    assert_eq!(
        cleaned(short),
        "the feelings or views of such a man may be on his first entering the house.\n\
                 However little known the feelings or views of such a man may be, this truth is so well fixed"
    );
    // first lines may be indented, and so may whole paragraphs; line ends of Windows go with the spaces
    let indented = "    a little known the feelings or views of such a man may be on\nhis first entering";
    assert_eq!(cleaned(indented), indented.replace('\n', " "));
    let quoted = "    a little known the feelings or views of such a man may be on\r\n    his first entering";
    assert_eq!(cleaned(quoted), quoted.replace("\r\n    ", " "));
}

#[test]
fn others_are_not() {
    let long = "the feelings or views of such a man may be on his first entering";
    for text in [
        "CHAPTER I\nThe First".into(),
        "Shall I compare thee to\na summer's day? Thou art more\nlovely and more temperate".into(),
        format!("- {long}\n- {long}\n* {long}\n12. {long}"),
        format!("{long}\n   {long}"),
        format!("# {long}\n{long}"),
        format!("| {long} |\n| {long} |"),
        format!("a   {long}\nb   {long}"),
        format!("> {long}\n> {long}"),
        // verse of long lines
        "The feelings or views of such a man may be on his first entering\n\
         A single man in possession of a good fortune of his own, and other\n\
         However little known the feelings or views of such a man, may be\n\
         This truth is so well fixed in the minds of the surrounding ones"
            .into(),
    ] {
        assert_eq!(cleaned(&text), text);
    }
}

#[test]
fn documents_that_were_not_wrapped_stay() {
    let wide = "a ".repeat(100) + "\n";
    let ragged = ["a word\n", "a line of a few words that is long\n", "some\n", "word on line ten of it\n"].concat();
    for document in [
        "".into(),
        "\n\n\n".into(),
        "\0".into(),
        PROSE.replace('\n', "\n\n"),
        PROSE[..120].into(),
        wide.repeat(20),
        "short line\n".repeat(20),
        ragged.repeat(10),
    ] {
        assert_eq!(verdict("keep", &document), Verdict::keep(), "{document}");
    }
}

#[test]
fn hyphens_and_dashes() {
    let tail = "natured the feelings or views of such a man may be";
    let text = |end: &str, begin: &str| format!("the views of such a man may be on their first entering{end}\n{begin}");
    let joined = |end: &str, begin: &str| text(end, begin).replace('\n', "");
    assert_eq!(cleaned(&text(" well-", tail)), joined(" well-", tail));
    assert_eq!(cleaned(&text(" well--", tail)), joined(" well--", tail));
    assert_eq!(cleaned(&text(" well—", tail)), joined(" well—", tail));
    assert_eq!(cleaned(&text(" well 1-", tail)), joined(" well 1- ", tail));
    let with_hyphens = |end: &str, begin: &str| {
        verdict("join", &format!("{PROSE}\n\n{}", text(end, begin)))
            .text
            .unwrap()
            .split("\n\n")
            .last()
            .unwrap()
            .to_owned()
    };
    assert_eq!(with_hyphens(" common-", tail), joined(" common", tail));
    assert_eq!(with_hyphens(" Anglo-", "Saxonian"), joined(" Anglo-", "Saxonian"));
}

#[test]
fn chinese() {
    let line = "且说黛玉自那日弃舟登岸时便有荣国府打发了轿子并拉行李的车辆久候了";
    let document = format!("{line}\n{line}\n{line}\n{line}\n这林黛玉。");
    assert_eq!(verdict("keep", &document).text.unwrap(), document.replace('\n', ""));
}

#[test]
fn verdicts_say_what_and_where() {
    let found = verdict("keep", PROSE);
    assert_eq!((found.reason.as_str(), found.score, found.spans.len()), ("lines_unwrapped", Some(5.0), 5));
    assert_eq!(found.spans[0], Span { start: 60, end: 61 });
}

#[test]
fn refuses() {
    let message = |settings| UnwrapLines::create(settings).err().unwrap().message;
    let default = Settings::default;
    assert_eq!(
        message(Settings { min_width: 121, ..default() }),
        "min_width: expected at most max_width = 120, got 121"
    );
    assert_eq!(message(Settings { min_share: 1.5, ..default() }), "min_share: expected 0 to 1, got 1.5");
    assert_eq!(message(Settings { hyphens: "no".into(), ..default() }), "hyphens: expected keep or join, got \"no\"");
}
