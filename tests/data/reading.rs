//! Reading documents from files.

use super::{Corpus, filter, json_lines, read, texts};
use std::fs;
use std::io::Write;
use trainyard::corpus::{InvalidUtf8, source_digest};
use trainyard_plugin::Verdict;

#[test]
fn text_is_cut_where_lines_match() {
    let mut corpus =
        Corpus::of("a.txt", "Title\nCHAPTER 1\none, not CHAPTER 2\r\nCHAPTER 2\r\ntwo\n\nCHAPTER 30x\nCHAPTER 3");
    corpus.config.source[0].document = Some("(?i)chapter [0-9]+$".into());
    let dataset = corpus.prepare().unwrap();
    let expected = ["Title\n", "CHAPTER 1\none, not CHAPTER 2\r\n", "CHAPTER 2\r\ntwo\n\nCHAPTER 30x\n", "CHAPTER 3"];
    assert_eq!(texts(&dataset), expected);
    assert_eq!(dataset.manifest.report.read, 4);
}

#[test]
fn a_file_is_one_document_without_a_pattern() {
    assert_eq!(Corpus::of("a.txt", "one\n\ntwo\n").texts(), ["one\n\ntwo\n"]);
}

#[test]
fn compression_changes_nothing() {
    let plain = json_lines((0..500).map(|i| format!("document {i} {}", "x".repeat(i))));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(plain.as_bytes()).unwrap();
    let prepare = |name: &str, content: &[u8]| {
        let corpus = Corpus::of(name, content);
        let report = corpus.prepare().unwrap().manifest.report;
        (read(&corpus.dir().join("train.shard"))[128..].to_vec(), report)
    };
    let (mut expected, report) = prepare("a.jsonl", plain.as_bytes());
    let files =
        [("a.jsonl.gz", gzip.finish().unwrap()), ("a.jsonl.zst", zstd::encode_all(plain.as_bytes(), 3).unwrap())];
    // The last 16 bytes are the checksum, which covers the digest of the source as stored.
    expected.truncate(expected.len() - 16);
    for (name, content) in files {
        let (mut body, other) = prepare(name, &content);
        body.truncate(body.len() - 16);
        assert!(body == expected, "{name}");
        assert_eq!(other, report);
    }
}

#[test]
fn a_folder_is_read_in_the_order_of_paths() {
    let mut corpus = Corpus::new();
    for name in ["b.txt", "a.txt", "sub/a.txt", "notes.rst", "c.jsonl"] {
        let content = if name.ends_with("jsonl") { json_lines(["c"]) } else { name.into() };
        corpus.write(name, content);
    }
    corpus.source("");
    assert_eq!(corpus.texts(), ["a.txt", "b.txt", "c", "sub/a.txt"]);
}

#[test]
fn sources_keep_the_order_of_the_config() {
    let mut corpus = Corpus::of("z.txt", "z");
    corpus.add("a.txt", "a");
    assert_eq!(corpus.texts(), ["z", "a"]);
}

#[test]
fn empty_documents_are_counted_and_keep_the_numbers_of_others() {
    let corpus = Corpus::of("a.jsonl", "{\"text\":\" \"}\n\n{\"text\":\"x\"}\n");
    let drop_all = filter("all", |_| Verdict::drop("no"));
    let keep_y = filter("y", |text| if text == "y" { Verdict::keep() } else { Verdict::drop("not y") });
    let error = corpus.prepare_with(&[drop_all]).unwrap_err().to_string();
    assert!(error.contains("dropped 1 of 1 documents (no 1)"), "{error}");
    corpus.write("a.jsonl", "{\"text\":\" \"}\n\n{\"text\":\"x\"}\n{\"text\":\"y\",\"id\":null}\n");
    let report = corpus.prepare_with(&[keep_y]).unwrap().manifest.report;
    assert_eq!((report.read, report.empty, report.kept), (3, 1, 1));
    assert_eq!(report.filters[0].reasons["not y"].samples, ["a.jsonl:3"]);
}

#[test]
fn json_fields_are_chosen_by_the_config() {
    let mut corpus = Corpus::of("a.jsonl", r#"{"body":"x","key":7,"extra":[1]}"#);
    corpus.config.source[0].text_field = "body".into();
    corpus.config.source[0].id_field = "key".into();
    assert_eq!(corpus.texts(), ["x"]);
}

#[test]
fn a_line_of_ten_megabytes_is_a_document() {
    let long = "0123456789".repeat(1_000_000);
    assert!(Corpus::of("a.txt", &long).texts() == [long.as_str()]);
    assert!(Corpus::of("a.jsonl", json_lines([&long])).texts() == [long]);
}

#[test]
fn invalid_utf8_stops_is_replaced_or_drops_the_document() {
    let mut corpus = Corpus::of("a.txt", b"# fine\n# caf\xe9\n# fine too\n");
    corpus.config.source[0].document = Some("#".into());
    assert_eq!(
        corpus.error(),
        "corpus/a.txt: invalid utf-8 at byte 12 of the unpacked text; fix the file, say what it is in by data.source.encoding, or set data.source.invalid_utf8 to \"replace\" or \"drop\""
    );
    corpus.config.source[0].invalid_utf8 = InvalidUtf8::Replace;
    let dataset = corpus.prepare().unwrap();
    assert_eq!(texts(&dataset), ["# fine\n", "# caf\u{fffd}\n", "# fine too\n"]);
    assert_eq!(dataset.manifest.report.invalid_utf8_replaced, 1);
    corpus.config.source[0].invalid_utf8 = InvalidUtf8::Drop;
    let dataset = corpus.prepare().unwrap();
    assert_eq!(texts(&dataset), ["# fine\n", "# fine too\n"]);
    assert_eq!(dataset.manifest.report.invalid_utf8_dropped, 1);
}

#[test]
fn a_byte_order_mark_is_no_text() {
    assert_eq!(Corpus::of("a.txt", "\u{feff}x").texts(), ["x"]);
    assert_eq!(Corpus::of("a.jsonl", "\u{feff}{\"text\":\"x\"}").texts(), ["x"]);
}

#[test]
fn bad_sources_are_named_with_the_cure() {
    let cases = [
        ("a.parquet", "x", "corpus/a.parquet: not a whole parquet file: "),
        (
            "noextension",
            "x",
            "corpus/noextension: expected a .txt, .md, .jsonl, .json, .csv, .tsv, .parquet, .conll or .html (also .gz, .zst, .xz or .bz2) file; set data.source[0].format, or convert it to JSON lines, one object with the field \"text\" per line",
        ),
        ("a.txt", "", "corpus/a.txt: the file is empty, expected text; name another data.source.path"),
        (
            "a.txt",
            " \n",
            "data: no document to train on (read 1 documents: 1 empty, 0 not utf-8); name sources that hold text",
        ),
        (
            "a.txt.gz",
            "x",
            "corpus/a.txt.gz: cannot unpack (damaged, or not what its name says) after byte 0 of its text: ",
        ),
        (
            "a.txt.zst",
            "x",
            "corpus/a.txt.zst: cannot unpack (damaged, or not what its name says) after byte 0 of its text: ",
        ),
        (
            "a.jsonl",
            "{\"text\":\"x\"}\n{\"text\":",
            "corpus/a.jsonl:2: the line is cut, it ends inside the JSON object: the file may be incomplete; fix the line",
        ),
        (
            "a.jsonl",
            "[1]\n",
            "corpus/a.jsonl:1: expected one JSON object with the field \"text\" per line, got an array; fix the line (a file that is one array is read with format = \"json\"), or set data.source.invalid_lines to \"skip\"",
        ),
        (
            "a.jsonl",
            "{\"body\":\"x\",\"id\":1}",
            "corpus/a.jsonl:1: no field \"text\", set data.source.text_field to one of: body, id",
        ),
        ("a.jsonl", "{\"text\":3}", "corpus/a.jsonl:1: field \"text\": expected text, got a number"),
        (
            "a.jsonl",
            "{\"text\":\"x\",\"id\":[]}",
            "corpus/a.jsonl:1: field \"id\": expected text or a number, got an array",
        ),
        (
            "a.jsonl",
            "{\"text\":\"x\",\"id\":1}\n{\"text\":\"y\",\"id\":\"1\"}",
            "document id \"1\" occurs twice, in corpus/a.jsonl:1 and corpus/a.jsonl:2; make ids unique, or name another data.source.id_field",
        ),
    ];
    for (name, content, expected) in cases {
        let error = Corpus::of(name, content).error();
        assert!(error.starts_with(expected), "{name} {content:?}: {error}");
    }
}

#[test]
fn missing_and_unsuitable_folders_are_named() {
    let mut corpus = Corpus::new();
    assert_eq!(corpus.error(), "data.source: no source given, name at least one file or folder");
    corpus.source("gone.txt");
    assert_eq!(corpus.error(), "corpus/gone.txt: no such file or folder, correct data.source[0].path");
    let mut corpus = Corpus::new();
    corpus.write("sub/readme.rst", "x");
    corpus.source("sub");
    assert_eq!(
        corpus.error(),
        "corpus/sub: the folder holds no .txt, .md, .jsonl, .json, .csv, .tsv, .parquet, .conll or .html (also .gz, .zst, .xz or .bz2) file, correct data.source[0].path, or set its format; left out 1 file: readme.rst (.rst is not read)"
    );
}

#[cfg(unix)]
#[test]
fn what_has_no_end_is_no_source() {
    let mut corpus = Corpus::new();
    corpus.write("a.txt", "A text.");
    std::os::unix::fs::symlink("/dev/zero", corpus.path("zeros.txt")).unwrap();
    corpus.source("zeros.txt");
    let expected = "corpus/zeros.txt: expected a file or a folder, got a device, a pipe or a socket; ";
    assert_eq!(corpus.error(), expected.to_owned() + "write what it gives to a file");
    // in a folder it is left out
    corpus.config.source.clear();
    corpus.source("");
    assert_eq!(corpus.prepare().unwrap().manifest.report.read, 1);
}

#[test]
fn a_bad_pattern_is_named() {
    let mut corpus = Corpus::of("a.txt", "x");
    corpus.config.source[0].document = Some("(".into());
    let error = corpus.prepare().unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(error.to_string(), "data.source[0].document: \"(\" is not a regular expression: unclosed group");
}

#[test]
fn a_file_and_its_compressed_copy_are_the_same_documents() {
    let mut corpus = Corpus::of("a.txt", "x");
    corpus.add("a.txt.zst", zstd::encode_all(&b"x"[..], 1).unwrap());
    let expected =
        "document id \"a.txt#1\" occurs twice, in corpus/a.txt (document 1) and corpus/a.txt.zst (document 1)";
    assert!(corpus.error().starts_with(expected));
}

#[test]
fn the_source_digest_covers_names_order_and_content() {
    let mut corpus = Corpus::of("a.txt", "ab");
    corpus.add("b.txt", "c");
    let digest = source_digest(&corpus.config).unwrap();
    assert_eq!(digest, source_digest(&corpus.config).unwrap());
    assert_eq!(digest, corpus.prepare().unwrap().manifest.source_digest);
    corpus.config.source.reverse();
    assert_ne!(digest, source_digest(&corpus.config).unwrap());
    corpus.config.source.reverse();
    corpus.write("a.txt", "a");
    corpus.write("b.txt", "bc");
    assert_ne!(digest, source_digest(&corpus.config).unwrap());
    fs::remove_file(corpus.path("b.txt")).unwrap();
    assert!(source_digest(&corpus.config).is_err());
}
