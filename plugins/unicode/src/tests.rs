//! Tests of rewritten texts.

use super::*;
use trainyard_plugin::{ErrorKind, Span};

fn verdict(settings: &Settings, document: &str) -> Verdict {
    Unicode::create(settings.clone()).unwrap().judge(&[document]).unwrap().remove(0)
}

fn cleaned(settings: &Settings, document: &str) -> String {
    verdict(settings, document).text.unwrap_or_else(|| document.into())
}

fn form(form: &str) -> Settings {
    Settings { form: form.into(), ..Settings::default() }
}

#[test]
fn clean_text_is_not_rewritten() {
    for document in ["", "a\tb\n c", "“Café” — naïve", "中文，日本語が", "한국어", "کتاب", "👩🏽‍🚀 ❤️", "\n\n\n"]
    {
        assert_eq!(verdict(&Settings::default(), document), Verdict::keep(), "{document:?}");
    }
}

#[test]
fn line_ends() {
    let settings = Settings::default();
    assert_eq!(cleaned(&settings, "a\r\nb\rc\u{85}d\u{2028}e\u{2029}f"), "a\nb\nc\nd\ne\nf");
    assert_eq!(cleaned(&settings, "a\r\r\n\n\rb"), "a\n\n\n\nb");
    // a page that ends a line does not end another
    assert_eq!(cleaned(&settings, "\u{c}a\n\u{c}b\u{c}c\u{b}\u{b}\r\nd"), "a\nb\nc\n\nd");
    let off = Settings { line_ends: false, control: false, ..settings };
    assert_eq!(verdict(&off, "a\r\nb\u{2028}\u{c}"), Verdict::keep());
}

#[test]
fn unseen_characters_go() {
    let settings = Settings::default();
    assert_eq!(cleaned(&settings, "\u{feff}a\0b\u{1b}[0\u{7f}\u{9f}c"), "ab[0c");
    assert_eq!(cleaned(&settings, "a\u{200b}b\u{ad}c\u{2060}d\u{200e}e\u{202e}f\u{2066}g"), "abcdefg");
    let off = Settings { control: false, zero_width: false, ..settings };
    assert_eq!(verdict(&off, "\u{feff}a\0b\u{200b}"), Verdict::keep());
}

/// Complete sequences, and nothing more: the first is a line of a real file, which ftfy 6.3.1 cleans to the same text.
#[test]
fn escape_sequences_of_terminals_go() {
    let settings = Settings::default();
    let text = "\u{1b}[32m《感遇・其一》\u{1b}[m\n\u{1b}[33m作者：张九龄\u{1b}[m\n";
    assert_eq!(cleaned(&settings, text), "《感遇・其一》\n作者：张九龄\n");
    assert_eq!(cleaned(&settings, "a\u{1b}]0;title\u{7}b\u{1b}(Bc\u{9b}1md\u{1b}[38;5;1me"), "abcde");
    // what is no sequence loses its control character only
    assert_eq!(cleaned(&settings, "a\u{1b}]0;b\nc \u{1b}[3\u{9b}More \u{1b}é\u{1b}"), "a]0;b\nc [3More é");
    // what goes makes no new one
    for text in ["\u{1b}\u{1b}[m[32m", "\u{1b}[\u{1b}[mm", "\u{1b}[3\u{200b}2m", "\u{9b}\u{1b}[m1m"] {
        let once = cleaned(&settings, text);
        assert_eq!(verdict(&settings, &once), Verdict::keep(), "{text:?}");
    }
    let off = Settings { control: false, line_ends: false, ..settings.clone() };
    assert_eq!(verdict(&off, text), Verdict::keep());
    assert_eq!(verdict(&settings, "x\u{1b}[1my").spans, [Span { start: 1, end: 5 }]);
    // runs of beginnings take no long time
    for piece in ["\u{1b}]", "\u{1b}[", "\u{9d}a", "\u{1b} "] {
        verdict(&settings, &piece.repeat(1 << 19));
    }
}

#[test]
fn joiners_stay_where_they_are_seen() {
    let settings = Settings::default();
    for document in ["می\u{200c}خواهم", "क्\u{200d}ष", "👨\u{200d}👩\u{200d}👧", "❤\u{fe0f}\u{200d}🔥"]
    {
        assert_eq!(verdict(&settings, document), Verdict::keep(), "{document:?}");
        let remove = Settings { joiners: "remove".into(), ..settings.clone() };
        assert_eq!(cleaned(&remove, document), document.replace(['\u{200c}', '\u{200d}'], ""));
    }
    assert_eq!(cleaned(&settings, "a\u{200d}b\u{200c}\u{200d}中\u{200d}"), "ab中");
    // a second joiner does nothing, and what goes does not hide what is before it
    assert_eq!(cleaned(&settings, "می\u{200b}\u{200c}\u{200c}خ"), "می\u{200c}خ");
    let keep = Settings { joiners: "keep".into(), ..settings };
    assert_eq!(verdict(&keep, "a\u{200d}b"), Verdict::keep());
}

#[test]
fn forms() {
    let text = "e\u{301}a\u{323}\u{302} \u{1100}\u{1161}\u{11a8} \u{212b} ﬁ ² Ａ…\u{a0}\u{958}";
    assert_eq!(cleaned(&form("nfc"), text), "éậ 각 Å ﬁ ² Ａ…\u{a0}\u{915}\u{93c}");
    assert_eq!(cleaned(&form("nfkc"), text), "éậ 각 Å fi 2 A... \u{915}\u{93c}");
    assert_eq!(verdict(&form("none"), text), Verdict::keep());
    // a mark composes with the letter that it stands behind once nothing is between
    assert_eq!(cleaned(&form("nfc"), "e\u{200b}\u{301}"), "é");
    // marks in the wrong order, at the beginning of a text too
    assert_eq!(cleaned(&form("nfc"), "\u{301}\u{323}x\u{301}\u{323}"), "\u{323}\u{301}x\u{323}\u{301}");
}

#[test]
fn verdicts_say_what_and_where() {
    let span = |start, end| Span { start, end };
    let verdict = |text| verdict(&Settings::default(), text);
    let found = verdict("a\r\nbe\u{301}");
    assert_eq!((found.reason.as_str(), found.score), ("unicode_rewritten", Some(2.0)));
    assert_eq!(found.spans, [span(1, 3)]);
    assert_eq!(verdict("abe\u{301}c").spans, [span(2, 5)]);
}

#[test]
fn twice_is_once() {
    let pieces = [
        "a", "\r", "\n", "\u{c}", "\u{200d}", "\u{200c}", "\u{feff}", "\u{301}", "\u{323}", "ی", "\u{94d}", "क", "👩",
        "\u{fe0f}", "ﷺ", "²", "\u{1100}", "\u{1161}", "\u{1b}", "[", "m", "ﬁ", "\0", "中", "\u{e000}", "™", "\u{fe70}",
        "Ⓜ",
    ];
    for form in ["nfc", "nfkc"].map(form) {
        for (i, a) in pieces.iter().enumerate() {
            for b in pieces {
                for c in &pieces[i..] {
                    let once = cleaned(&form, &format!("{a}{b}{c}{a}"));
                    assert_eq!(verdict(&form, &once), Verdict::keep(), "{:?}", format!("{a}{b}{c}{a}"));
                }
            }
        }
    }
}

#[test]
fn refuses() {
    let error = Unicode::create(form("nfd")).err().unwrap();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Config, "form: expected nfc, nfkc or none, got \"nfd\"")
    );
    let error = Unicode::create(Settings { joiners: "no".into(), ..Settings::default() }).err().unwrap();
    assert_eq!(error.message, "joiners: expected needed, keep or remove, got \"no\"");
}
