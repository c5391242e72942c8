//! Text in other encodings than UTF-8; `peers/encodings.py` made the bytes.

use super::Corpus;
use serde_json::Value;
use trainyard::corpus::{Document, InvalidUtf8, documents};

/// Label, bytes and text.
fn golden() -> Vec<(String, Vec<u8>, String)> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/encodings.json")).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let case = |case: &Value| (text(&case[0]), text(&case[1]).as_bytes().chunks(2).map(byte).collect(), text(&case[2]));
    cases.iter().map(case).collect()
}

fn read(corpus: &Corpus) -> Vec<Document> {
    documents(&corpus.config).unwrap().map(|document| document.unwrap()).collect()
}

#[test]
fn a_source_says_what_its_text_is_encoded_in() {
    for (label, bytes, text) in golden() {
        let mut corpus = Corpus::of("a.txt", &bytes);
        corpus.config.source[0].encoding = Some(label.clone());
        assert_eq!(corpus.texts(), [text.as_str()], "{label}");
        // long enough for several buffers
        corpus.write("a.txt", bytes.repeat(20_000));
        assert!(read(&corpus)[0].text == text.repeat(20_000), "{label}");
    }
}

#[test]
fn a_byte_order_mark_says_it_too() {
    let line = "{\"id\":\"x\",\"text\":\"déjà 中 😀\"}\r\n{\"id\":\"y\",\"text\":\"two\"}\n";
    let little: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = line.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (mark, bytes) in [(&b"\xff\xfe"[..], little), (b"\xfe\xff", big), (b"\xef\xbb\xbf", line.into())] {
        let mut corpus = Corpus::of("a.jsonl", [mark, &bytes].concat());
        // the mark is what the text is, whatever the source says
        corpus.config.source[0].encoding = Some("gbk".into());
        let found: Vec<_> = read(&corpus).into_iter().map(|document| (document.id, document.text)).collect();
        assert_eq!(found, [("x".to_owned(), "déjà 中 😀".to_owned()), ("y".into(), "two".into())]);
    }
}

#[test]
fn what_is_invalid_in_an_encoding_follows_the_policy() {
    let mut corpus = Corpus::of("a.txt", b"\xff\xfea\0\x00\xd8b\0");
    let cure = "fix the file, say what it is in by data.source.encoding, or set data.source.invalid_utf8 to \"replace\" or \"drop\"";
    assert_eq!(corpus.error(), format!("corpus/a.txt: invalid UTF-16LE at byte 1 of the text as utf-8; {cure}"));
    corpus.config.source[0].invalid_utf8 = InvalidUtf8::Replace;
    assert_eq!(corpus.texts(), ["a\u{fffd}b"]);
    let mut corpus = Corpus::of("a.txt", b"\xff\xfe\0\0a\0\0\0");
    assert!(corpus.error().ends_with("its text is UTF-32, convert it to UTF-8"), "{}", corpus.error());
    corpus.config.source[0].encoding = Some("gb18030".into());
    corpus.write("a.txt", b"\xd6\xd0\xff.");
    assert!(corpus.error().starts_with("corpus/a.txt: invalid gb18030 at byte 3 of the text as utf-8"));
}

/// A page whose main text is this paragraph, several times.
fn page(head: &str, paragraph: &[u8]) -> Vec<u8> {
    let paragraphs = [b"<p>", &paragraph.repeat(6)[..], b"</p>\n"].concat().repeat(4);
    [head.as_bytes(), b"</head><body><div><a href=/>x</a></div><article>", &paragraphs, b"</article></body></html>"]
        .concat()
}

#[test]
fn a_web_page_declares_its_encoding() {
    for (label, bytes, text) in golden().into_iter().filter(|(label, ..)| !label.starts_with("utf-16")) {
        let expected = read(&Corpus::of("a.html", page("<html><head>", text.as_bytes())));
        assert!(expected[0].text.contains(&text), "{label}: {}", expected[0].text);
        let heads = [
            format!("<!doctype html><html><head><meta charset={label}>"),
            format!(
                "<html><head><!-- <meta charset=utf-8> --><META content='text/html; charset={label}' http-equiv=Content-Type>"
            ),
            format!("<?xml version=\"1.0\" encoding=\"{label}\"?><html><head>"),
        ];
        for head in heads {
            let corpus = Corpus::of("a.html", page(&head, &bytes));
            assert_eq!(read(&corpus)[0].text, expected[0].text, "{head}");
        }
        let zstd = zstd::encode_all(&page(&format!("<html><head><meta charset=\"{label}\"/>"), &bytes)[..], 1).unwrap();
        assert_eq!(read(&Corpus::of("a.html.zst", zstd))[0].text, expected[0].text, "{label}");
        // where the page says nothing the source may
        let mut corpus = Corpus::of("a.html", page("<html><head>", &bytes));
        corpus.config.source[0].encoding = Some(label.clone());
        assert_eq!(read(&corpus)[0].text, expected[0].text, "{label}");
    }
    // a byte order mark is stronger than what the page declares
    let utf8 = String::from_utf8(page("<html><head><meta charset=gbk>", "déjà vu, 中. ".as_bytes())).unwrap();
    let utf16: Vec<u8> = utf8.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let text = &read(&Corpus::of("a.html", [&b"\xff\xfe"[..], &utf16].concat()))[0].text;
    assert!(text.contains("déjà vu, 中."), "{text}");
}

#[test]
fn parquet_has_no_encoding() {
    let mut corpus = Corpus::of("a.parquet", "");
    corpus.config.source[0].encoding = Some("gbk".into());
    let expected = "corpus/a.parquet: the text of a Parquet file is UTF-8, remove data.source.encoding";
    assert_eq!(corpus.error(), expected);
}
