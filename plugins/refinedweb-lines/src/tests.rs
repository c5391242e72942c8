//! Tests of the rules.

use super::*;

const PAGE: &str = "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be \
in want of a wife.\n\nHowever little known the feelings or views of such a man may be on his first entering a \
neighbourhood, this truth is so well fixed in the minds of the surrounding families, that he is considered.\n";

fn verdict(settings: &Settings, document: &str) -> Verdict {
    RefinedwebLines::create(settings.clone()).unwrap().judge(&[document]).unwrap().remove(0)
}

#[test]
fn lines_go_and_phrases_are_cut_out() {
    let cases = [
        ("HOME and NEWS", None),
        ("ÄÖÜ 中", None),
        ("1234", None),
        ("3 likes", None),
        ("  home  ", None),
        ("Sign-In", None),
        ("Home AND News", Some("Home AND News")),
        ("12 34", Some("12 34")),
        ("sign-in now please", Some("now please")),
        ("And so on Read More...", Some("And so on")),
        ("There are 2 Items in cart now", Some("There are 2 now")),
        ("items in cart items in cart", None),
        ("Sign-in one two three four five six seven eight nine ten", Some("unchanged")),
    ];
    for (line, left) in cases {
        let document = format!("{PAGE}{line}\n{PAGE}");
        let found = verdict(&Settings { max_removed_words: 0.0, ..Settings::default() }, &document);
        let expected = match left {
            None => Some(format!("{PAGE}{PAGE}")),
            Some(left) if left == line || left == "unchanged" => None,
            Some(left) => Some(format!("{PAGE}{left}\n{PAGE}")),
        };
        assert_eq!((found.keep, &found.text), (true, &expected), "{line}");
        let spans: Vec<_> = found.spans.iter().map(|span| span.start as usize..span.end as usize).collect();
        assert_eq!(without(&document, &spans), expected.unwrap_or(document), "{line}");
    }
}

#[test]
fn a_page_of_which_much_has_gone_is_dropped() {
    let (five, six) = (format!("{PAGE}\nABC DEF GHI"), format!("{PAGE}\nABC DEF GHI JKL"));
    let n_words = Words::Whitespace.split(PAGE).count() as f64;
    assert_eq!(n_words, 59.0);
    let kept = verdict(&Settings::default(), &five);
    assert_eq!((kept.keep, kept.score), (true, Some(3.0 / 62.0)));
    let dropped = verdict(&Settings::default(), &six);
    let span = Span { start: PAGE.len() as u32 + 1, end: six.len() as u32 };
    let expected = Verdict { spans: vec![span], ..Verdict::drop("word_removal_ratio").score(4.0 / 63.0) };
    assert_eq!(dropped, expected);
}

#[test]
fn blank_text_stays() {
    for text in ["", "\n", " \n\t\u{3000}\n", PAGE] {
        assert_eq!(verdict(&Settings::default(), text), Verdict::keep());
    }
    let zh = Settings { words: "zh".into(), ..Settings::default() };
    assert_eq!(verdict(&zh, "中文没有空格。"), Verdict::keep());
    assert!(!verdict(&Settings::default(), "中文没有空格。").keep, "one word to white space");
}

#[test]
fn refuses() {
    let error = |settings| RefinedwebLines::create(settings).err().unwrap().message;
    let upper = Settings { cut_at_end: "Read".into(), ..Settings::default() };
    assert_eq!(error(upper), "cut_at_end: expected ASCII in lower case, got \"Read\"");
    let share = Settings { max_upper_case: 50.0, ..Settings::default() };
    assert_eq!(error(share), "max_upper_case: expected 0 to 1, got 50");
}
