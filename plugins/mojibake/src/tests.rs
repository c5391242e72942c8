//! What is repaired and what is not.

use super::*;
use trainyard_plugin::Span;

fn verdict(document: &str) -> Verdict {
    Mojibake::create(Settings::default()).unwrap().judge(&[document]).unwrap().remove(0)
}

fn cleaned(document: &str) -> String {
    verdict(document).text.unwrap_or_else(|| document.into())
}

/// Returns a text as it looks when its UTF-8 is read as Windows-1252.
fn misread(text: &str) -> String {
    text.bytes().map(|byte| char_of(byte).unwrap_or(byte.into())).collect()
}

#[test]
fn misread_text_is_repaired() {
    let texts = [
        "café",
        "It’s “so” — €5…",
        "naïve",
        "日本語",
        "Привет, мир",
        "مرحبا",
        "😀!",
        "piñata",
        "ağaç",
        "Łódź",
        "한국어",
        "α",
    ];
    for text in texts {
        assert_eq!(cleaned(&misread(text)), text);
        assert_eq!(cleaned(&misread(&misread(text))), text, "twice");
        assert_eq!(cleaned(&misread(&misread(&misread(text)))), text, "three times");
    }
    // among text that is as it should be
    assert_eq!(cleaned("Ünïcode — 日本: cafÃ© – â€˜xâ€™ é"), "Ünïcode — 日本: café – ‘x’ é");
}

#[test]
fn other_text_is_not() {
    let texts = [
        "",
        "abc",
        "café",
        "“CAFÉ»”",
        "«É»",
        "„Ö“",
        "Ç’",
        "à »",
        "10 €",
        "x² ± ½",
        "ÀÉÎ",
        "日本語",
        "Ã",
        "â",
        "Ã a",
        "Â",
        "naïve “é”",
        "RÉSUMÉ®",
        "ä-ö",
        "\u{fffd}",
        "â€\u{fffd}",
        "Ã©»",
        "“Ã©",
    ];
    for text in texts {
        assert_eq!(verdict(text), Verdict::keep(), "{text}");
    }
}

#[test]
fn controls() {
    assert_eq!(cleaned("\u{93}It\u{92}s\u{94} \u{80}5 \u{85} \u{81}\u{9d}"), "“It’s” €5 … \u{81}\u{9d}");
    let mut off = Mojibake::create(Settings { c1: false }).unwrap();
    assert_eq!(off.judge(&["\u{93}a\u{94}"]).unwrap(), [Verdict::keep()]);
    // Latin-1 all along
    assert_eq!(cleaned("It\u{e2}\u{80}\u{99}s"), "It’s");
}

#[test]
fn verdicts_say_what_and_where() {
    let found = verdict("é cafÃ© â€™");
    assert_eq!((found.reason.as_str(), found.score), ("mojibake_repaired", Some(2.0)));
    assert_eq!(found.spans, [Span { start: 6, end: 10 }, Span { start: 11, end: 19 }]);
}

#[test]
fn twice_is_once() {
    let pieces =
        ["a", "Ã", "©", "â", "€", "™", "é", " ", "Â", "\u{93}", "\u{a0}", "ƒ", "»", "“", "中", "Ÿ", "ð", "˜", "Ø", "×"];
    let n = pieces.len();
    for i in 0..n.pow(4) {
        let text: String = (0..4).map(|j| pieces[i / n.pow(j) % n]).collect();
        let once = cleaned(&text);
        assert_eq!(verdict(&once), Verdict::keep(), "{text}");
    }
}

#[test]
fn long_runs_take_no_long_time() {
    for piece in ["Ã©", "Ã", "Ã©Ã", "â€™ ", "Â\u{93}", "ÃƒÂ§", "ÃƒÆ’Ã†â€™ÃƒÂ¢Ã¢â€šÂ¬Ã…Â¡ "]
    {
        verdict(&piece.repeat(1 << 14));
        verdict(&(piece.repeat(1 << 14) + "é"));
    }
}
