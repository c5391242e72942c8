//! Which files of a folder are read, and compressed files as found in practice.

use super::{Corpus, json_lines, texts};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use trainyard::corpus::{Document, Format, InvalidLines, documents};

fn read(corpus: &Corpus) -> Vec<(String, String)> {
    let documents = documents(&corpus.config).unwrap().map(|document| document.unwrap());
    documents.map(|Document { id, content, .. }| (id, content.into_text())).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Two streams, `{"text":"one"}` and `{"text":"two"}`, by Python's bz2.
const BZIP2: [&[u8]; 2] = [
    b"\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\x66\x62\x1d\xda\x00\x00\x06\xd9\x80\x00\x10\x10\x00\x00\x10\x02\x01\
      \x84\x4a\x20\x00\x22\x01\x89\xa1\x00\x30\x6b\x59\x28\x76\x3a\x0e\xfc\x5d\xc9\x14\xe1\x42\x41\x99\x88\x77\x68",
    b"\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\xea\xdd\x75\xf1\x00\x00\x06\xd9\x80\x00\x10\x10\x00\x00\x10\x02\x00\
      \x84\xca\x20\x00\x22\x06\x81\xea\x10\x03\x03\x0b\xdc\xae\x13\x20\x5e\x2e\xe4\x8a\x70\xa1\x21\xd5\xba\xeb\xe2",
];

#[test]
fn a_folder_is_read_whatever_its_files_are_called() {
    let mut corpus = Corpus::new();
    let line = |text: &str| format!("{{\"text\":\"{text}\"}}\n");
    corpus.write("A.TXT", "upper");
    corpus.write("b.text", "text");
    corpus.write("c.jl", line("jl"));
    corpus.write("d.JsonL.GZ", gzip(line("gz").as_bytes()));
    corpus.write("e.jsonl.zstd", zstd::encode_all(line("zstd").as_bytes(), 1).unwrap());
    corpus.write("f.jsonl.bz2", BZIP2.concat());
    corpus.write("g.00000-of-00002.json.gz", gzip((line("c4") + &line("c5")).as_bytes()));
    corpus.write("h.json", "[{\"text\":\"array\",\n\"x\":[1]}, {\"text\":\"of ] them\"}]\n");
    corpus.write("i.json", "{\n  \"id\": 7,\n  \"text\": \"pretty\"\n}\n{\n \"text\": \"again\" }");
    corpus.write("dataset_info.json", "{\"features\": {\"text\": \"string\"}}");
    corpus.write("table.csv", "a,b");
    corpus.write("notes", "x");
    corpus.source("");
    let dataset = corpus.prepare().unwrap();
    let expected =
        ["upper", "text", "jl", "gz", "zstd", "one", "two", "c4", "c5", "array", "of ] them", "pretty", "again"];
    assert_eq!(texts(&dataset), expected);
    let left_out = &dataset.manifest.report.left_out;
    assert_eq!(
        left_out.line().as_deref(),
        Some(
            "left out 3 files: dataset_info.json (no JSON objects with the field \"text\"), notes (its name does not say what it holds), table.csv (no column \"text\")"
        )
    );
    assert!(dataset.manifest.report.lines().contains(&format!("data: {}", left_out.line().unwrap())));
    let ids: Vec<_> = read(&corpus).into_iter().map(|(id, _)| id).collect();
    let expected = ["A.TXT#1", "b.text#1", "c.jl:1", "d.JsonL:1", "e.jsonl:1", "f.jsonl:1", "f.jsonl:2"];
    assert_eq!(ids[..7], expected);
    let expected = ["g.00000-of-00002.json:1", "g.00000-of-00002.json:2", "h.json:1", "h.json:2", "7", "i.json:2"];
    assert_eq!(ids[7..], expected);
}

#[cfg(unix)]
#[test]
fn links_that_are_not_followed_are_named() {
    let mut corpus = Corpus::new();
    corpus.write("a.txt", "a");
    for (target, link) in [("/nowhere/b.txt", "b.txt"), (".", "folder")] {
        std::os::unix::fs::symlink(target, corpus.path(link)).unwrap();
    }
    corpus.source("");
    let expected = "left out 2 files: b.txt (a link that leads nowhere), folder (a link to a folder is not followed)";
    assert_eq!(corpus.prepare().unwrap().manifest.report.left_out.line().as_deref(), Some(expected));
}

#[test]
fn a_folder_of_nothing_to_read_says_what_it_holds() {
    let mut corpus = Corpus::new();
    corpus.write("sub/table.csv", "a");
    corpus.source("sub");
    let expected = "corpus/sub: the folder holds no .txt, .md, .jsonl, .json, .csv, .tsv, .parquet, .conll or .html (also .gz, .zst, .xz or .bz2) file, correct data.source[0].path, or set its format; left out 1 file: table.csv (no column \"text\")";
    assert_eq!(corpus.error(), expected);
}

#[test]
fn json_of_every_layout_is_cut_at_its_objects() {
    let cases: [(&str, &[&str]); 9] = [
        ("[]", &[]),
        (" [ ] ", &[]),
        ("[{\"text\":\"a\"}]", &["a"]),
        ("\u{feff}[\n{\"text\":\"a\"}\n,\n{\"text\":\"b\"}\n,]\n", &["a", "b"]),
        ("{\"text\":\"a\"}", &["a"]),
        ("{\"text\":\"a\"}{\"text\":\"b\"}", &["a", "b"]),
        ("{\"text\":\"a\"}\n\n{\"text\":\"b\"}\r\n", &["a", "b"]),
        ("{\n\"text\":\"a}\\\"{\"}{\"text\":\"b\"}", &["a}\"{", "b"]),
        ("\n\n{\"text\":\"a\"}  \n{\"text\":\"b\"}", &["a", "b"]),
    ];
    for (content, expected) in cases {
        let texts: Vec<_> = read(&Corpus::of("a.json", content)).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, expected, "{content}");
    }
    // a value larger than the buffer, one character at a time at every place of its end
    let long = "x\\\"[{".repeat(60_000);
    let many = format!("[{}]", vec![format!("{{\"text\":\"{long}\"}}"); 5].join(","));
    assert!(read(&Corpus::of("a.json", many)).iter().all(|(_, text)| *text == long.replace('\\', "")));
    // lines stay lines: after a damaged one the next is read
    let lines = "{\"text\":\"a\"}\n{\"text\":\"cut\n{\"text\":\"b\"}\n";
    let mut corpus = Corpus::of("a.json", lines);
    assert!(corpus.error().starts_with("corpus/a.json:2: the line is cut"), "{}", corpus.error());
    corpus.config.source[0].invalid_lines = InvalidLines::Skip;
    assert_eq!(corpus.texts(), ["a", "b"]);
    corpus.write("a.json", &lines[13..]);
    assert_eq!(corpus.texts(), ["b"]);
    // an array that is cut, or damaged in a text, ends there
    for damaged in [
        "[{\"text\":\"a\"}",
        "[{\"text\":\"a\"},",
        "[{\"text\":\"a\"},{\"text\":\"b",
        "[{\"text\":\"a\"},{\"text\":\"b\n\"}]",
    ] {
        corpus.write("a.json", damaged);
        corpus.config.source[0].invalid_lines = InvalidLines::Skip;
        let report = corpus.prepare().unwrap().manifest.report;
        assert_eq!((report.read, report.kept), (2, 1), "{damaged}");
        assert_eq!(report.invalid_lines["the line is cut"].samples, ["a.json:2"], "{damaged}");
        corpus.config.source[0].invalid_lines = InvalidLines::Error;
        assert!(corpus.error().starts_with("corpus/a.json (value 2): the line is cut"), "{}", corpus.error());
    }
    corpus.write("a.json", "[{\"text\":\"a\"}] x");
    assert!(corpus.error().contains("something follows its array"), "{}", corpus.error());
}

#[test]
fn a_format_may_be_json() {
    let mut corpus = Corpus::of("dump", "[{\"text\":\"x\"}]");
    corpus.config.source[0].format = Some(Format::Json);
    assert_eq!(corpus.texts(), ["x"]);
}

#[test]
fn gzip_and_bzip2_may_be_padded_and_have_trailers() {
    let (one, two) = (gzip(json_lines(["one"]).as_bytes()), gzip(b"{\"text\":\"two\"}\n"));
    let zeros = &[0; 1000][..];
    let files: [(&str, [&[u8]; 4], u64); 6] = [
        ("a.jsonl.gz", [&one, &two, b"", b""], 0),
        ("a.jsonl.gz", [&one, &two, zeros, b""], 0),
        ("a.jsonl.gz", [&one, zeros, &two, zeros], 0),
        ("a.jsonl.gz", [&one, &two, zeros, b"\nsignature"], 1),
        ("a.jsonl.bz2", [BZIP2[0], zeros, BZIP2[1], zeros], 0),
        ("a.jsonl.bz2", [BZIP2[0], BZIP2[1], b"B", b"Z"], 1),
    ];
    for (name, parts, n_trailers) in files {
        let dataset = Corpus::of(name, parts.concat()).prepare().unwrap();
        assert_eq!(texts(&dataset), ["one", "two"], "{name}");
        let notes = &dataset.manifest.report.notes;
        let n = notes.get("files with bytes after their compressed data, which are ignored").map_or(0, |n| n.documents);
        assert_eq!(n, n_trailers, "{name}");
    }
    // a stream that begins and does not end is damage
    for (name, bytes) in
        [("a.jsonl.gz", [&one[..], &two[..20]].concat()), ("a.jsonl.bz2", [BZIP2[0], &BZIP2[1][..20]].concat())]
    {
        let error = Corpus::of(name, bytes).error();
        assert!(
            error
                .starts_with(&format!("corpus/{name}: cannot unpack (damaged, or not what its name says) after byte "))
        );
    }
}

#[test]
fn zstd_frames_may_have_the_longest_windows() {
    // RFC 8878: magic number, frame header without a size, window descriptor 2^(10 + 21), one raw block, the last
    let text = b"{\"text\":\"far\"}\n";
    let header = ((text.len() as u32) << 3 | 1).to_le_bytes();
    let frame = [&b"\x28\xb5\x2f\xfd\x00\xa8"[..], &header[..3], text].concat();
    let skippable = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc";
    let file = [&frame[..], skippable, &zstd::encode_all(&b"{\"text\":\"near\"}"[..], 1).unwrap()].concat();
    assert_eq!(Corpus::of("a.jsonl.zst", file).texts(), ["far", "near"]);
}
