//! Odd JSON lines as found in practice. `peers/json_lines.py` made what Python reads in them.

use super::{Corpus, texts};
use serde_json::Value;
use trainyard::corpus::{Document, Dropped, InvalidLines, InvalidUtf8, documents};

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/odd_lines.json")).unwrap()
}

fn corpus(content: impl AsRef<[u8]>) -> Corpus {
    Corpus::of("a.jsonl", content)
}

fn read(corpus: &Corpus) -> Vec<Document> {
    documents(&corpus.config).unwrap().map(|document| document.unwrap()).collect()
}

#[test]
fn odd_lines_are_read_as_python_reads_them() {
    let golden = golden();
    let cases = golden["read"].as_array().unwrap();
    assert!(cases.len() > 300);
    let lines: Vec<_> = cases.iter().map(|case| case[0].as_str().unwrap()).collect();
    let mut corpus = corpus(lines.join("\n"));
    corpus.config.source[0].invalid_utf8 = InvalidUtf8::Replace;
    let documents = read(&corpus);
    let mut documents = documents.iter();
    for (number, case) in (1..).zip(cases) {
        let text = case[1].as_str().unwrap_or_default();
        if text.trim().is_empty() {
            continue;
        }
        let document = documents.next().unwrap();
        assert_eq!(document.text, text, "line {number}: {}", case[0]);
        let id = case[2].as_str().map_or_else(|| format!("a.jsonl:{number}"), str::to_owned);
        assert_eq!(document.id, id, "line {number}: {}", case[0]);
    }
    assert_eq!(documents.next(), None);
}

#[test]
fn lines_that_hold_no_document_are_skipped_and_counted_or_stop_the_preparation() {
    let golden = golden();
    let lines = |kind: &str| -> Vec<String> {
        golden[kind].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    let (cut, none) = (lines("cut"), lines("none"));
    let good = "{\"text\":\"good\"}\n";
    let all: Vec<_> = cut.iter().chain(&none).map(|line| format!("{line}\n{good}")).collect();
    let mut skipping = corpus(all.concat());
    skipping.config.source[0].invalid_lines = InvalidLines::Skip;
    let report = skipping.prepare().unwrap().manifest.report;
    let n_skipped: u64 = report.invalid_lines.values().map(|lines| lines.documents).sum();
    assert_eq!(n_skipped, (cut.len() + none.len()) as u64);
    assert_eq!((report.read, report.kept), (2 * n_skipped, n_skipped));
    let samples = ["a.jsonl:1", "a.jsonl:3", "a.jsonl:5"].map(str::to_owned).to_vec();
    assert_eq!(report.invalid_lines["the line is cut"], Dropped { documents: cut.len() as u64, samples });
    let line = report.lines().into_iter().find(|line| line.contains("lines skipped")).unwrap();
    assert!(line.contains("the line is cut 7 (a.jsonl:1, a.jsonl:3, a.jsonl:5, …)"), "{line}");
    for line in cut {
        let expected = "corpus/a.jsonl:2: the line is cut, it ends inside the JSON object: the file may be incomplete; fix the line, or set data.source.invalid_lines to \"skip\"";
        assert_eq!(corpus(format!("{good}{line}")).error(), expected, "{line}");
    }
    for line in none {
        let error = corpus(format!("{good}{line}\n")).error();
        assert!(error.starts_with("corpus/a.jsonl:2: expected one JSON object with the field \"text\" per"), "{error}");
        assert!(error.ends_with(", or set data.source.invalid_lines to \"skip\""), "{error}");
    }
}

#[test]
fn a_corpus_of_invalid_lines_says_so() {
    let mut corpus = corpus("{\"body\":\"x\"}\n[]\n");
    corpus.config.source[0].invalid_lines = InvalidLines::Skip;
    let expected = "data: no document to train on (read 2 documents: 0 empty, 0 not utf-8, 2 lines skipped: no field \"text\" 1 (a.jsonl:1), no object but an array 1 (a.jsonl:2)); name sources that hold text";
    assert_eq!(corpus.error(), expected);
}

#[test]
fn half_a_surrogate_pair_is_treated_as_invalid_utf8() {
    let mut corpus = corpus("{\"text\":\"one\"}\n{\"text\":\"half \\ud83d\"}\n");
    assert_eq!(
        corpus.error(),
        "corpus/a.jsonl:2: half a surrogate pair in column 15, which is no character; fix the file, or set data.source.invalid_utf8 to \"replace\" or \"drop\""
    );
    corpus.config.source[0].invalid_utf8 = InvalidUtf8::Replace;
    let dataset = corpus.prepare().unwrap();
    assert_eq!(texts(&dataset), ["one", "half \u{fffd}"]);
    assert_eq!(dataset.manifest.report.invalid_utf8_replaced, 1);
    corpus.config.source[0].invalid_utf8 = InvalidUtf8::Drop;
    let dataset = corpus.prepare().unwrap();
    assert_eq!(texts(&dataset), ["one"]);
    assert_eq!(dataset.manifest.report.invalid_utf8_dropped, 1);
}

#[test]
fn invalid_utf8_matters_only_where_somebody_asked_for_it() {
    let line = b"{\"x\":\"caf\xe9\",\"text\":\"fine\"}\n{\"text\":\"caf\xe9\"}\n";
    assert_eq!(corpus(&line[..27]).texts(), ["fine"]);
    assert_eq!(
        corpus(line).error(),
        "corpus/a.jsonl:2: invalid utf-8 at byte 39 of the unpacked text; fix the file, or set data.source.invalid_utf8 to \"replace\" or \"drop\""
    );
}

#[test]
fn metadata_keeps_all_digits_and_is_json_for_everybody() {
    let mut corpus = corpus(
        "{\"text\":\"x\",\"n\":12345678901234567890123,\"deep\":{\"a\": [1e999, NaN, \"\\ud800\"] , \"b\":-0.50},\
         \"t\":\"a\\nb\",\"none\":NaN,\"t\":\"c\\\"\"}",
    );
    corpus.config.source[0].metadata = ["n", "deep", "t", "none", "other"].map(Into::into).to_vec();
    let document = &read(&corpus)[0];
    let field = |name: &str| document.field(name);
    assert_eq!(field("n").as_deref(), Some("12345678901234567890123"));
    assert_eq!(field("deep").as_deref(), Some("{\"a\":[1e999,null,\"\u{fffd}\"],\"b\":-0.50}"));
    assert_eq!((field("t").as_deref(), field("none"), field("other")), (Some("c\""), None, None));
}

#[test]
fn fields_of_any_name_may_be_asked_for() {
    let mut corpus = corpus("{\"a\\\"b\":1,\"text\":\"x\",\"é\":true}");
    corpus.config.source[0].metadata = vec!["é".into(), "a\"b".into()];
    let document = &read(&corpus)[0];
    assert_eq!((document.field("é").as_deref(), document.field("a\"b").as_deref()), (Some("true"), Some("1")));
}

#[test]
fn nested_metadata_of_any_depth_is_kept() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let mut corpus = corpus(format!("{{\"text\":\"x\",\"deep\":{deep}}}"));
    corpus.config.source[0].metadata = vec!["deep".into()];
    assert_eq!(read(&corpus)[0].field("deep"), Some(deep));
}

#[test]
fn files_put_together_have_marks_inside() {
    let both = "\u{feff}{\"text\":\"one\"}\n\u{feff}{\"text\":\"two\"}\n";
    assert_eq!(corpus(both).texts(), ["one", "two"]);
}

#[test]
fn no_bytes_make_reading_panic() {
    let golden = golden();
    let lines = golden["read"].as_array().unwrap().iter().map(|case| case[0].as_str().unwrap().as_bytes());
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut all = Vec::new();
    for line in lines.cycle().take(3000) {
        let mut line = line.to_vec();
        for _ in 0..1 + random(3) {
            let at = random(line.len());
            match random(3) {
                0 => line.truncate(at.max(1)),
                1 => line[at] = b"\"\\{}[],:u0e-\xff "[random(14)],
                _ => drop(line.remove(at)),
            }
            if line.is_empty() {
                line.push(b'{');
            }
        }
        all.extend(line);
        all.push(b'\n');
    }
    for format in ["a.jsonl", "a.json"] {
        let mut corpus = Corpus::of(format, &all);
        let source = &mut corpus.config.source[0];
        (source.invalid_lines, source.invalid_utf8) = (InvalidLines::Skip, InvalidUtf8::Replace);
        source.metadata = vec!["é".into(), "a".into(), "meta".into()];
        for document in documents(&corpus.config).unwrap().map(|document| document.unwrap()) {
            if let Some(metadata) = document.metadata {
                assert!(metadata.starts_with('{'), "{metadata}");
            }
        }
    }
}
