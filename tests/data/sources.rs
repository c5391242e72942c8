//! Files of other kinds, patterns, and damaged files.

use super::{Corpus, json_lines, texts};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use trainyard::corpus::{Document, Format, InvalidUtf8, documents};

/// Rows of text (null where there is none) and numbers, in row groups of 100.
fn write_parquet(path: &Path, rows: &[(Option<&[u8]>, i64)], compression: Compression) {
    let schema = "message schema { OPTIONAL BYTE_ARRAY body (UTF8); REQUIRED INT64 number; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    for rows in rows.chunks(100) {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let texts: Vec<_> =
            rows.iter().filter_map(|(text, _)| text.map(|text| ByteArray::from(text.to_vec()))).collect();
        let levels: Vec<i16> = rows.iter().map(|(text, _)| text.is_some().into()).collect();
        column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let numbers: Vec<_> = rows.iter().map(|(_, number)| *number).collect();
        column.typed::<Int64Type>().write_batch(&numbers, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}

fn parquet_corpus(rows: &[(Option<&[u8]>, i64)], compression: Compression) -> Corpus {
    let mut corpus = Corpus::of("a.parquet", "");
    write_parquet(&corpus.path("a.parquet"), rows, compression);
    corpus.config.source[0].text_field = "body".into();
    corpus.config.source[0].id_field = "number".into();
    corpus
}

fn read_all(corpus: &Corpus) -> Vec<Document> {
    documents(&corpus.config).unwrap().map(|document| document.unwrap()).collect()
}

#[test]
fn parquet_rows_are_documents() {
    let lines: Vec<_> = (0..250).map(|i| format!("row {i} 中")).collect();
    let rows: Vec<_> = (0..250).map(|i| ((i != 7).then(|| lines[i].as_bytes()), 1000 + i as i64)).collect();
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())] {
        let mut corpus = parquet_corpus(&rows, compression);
        corpus.config.source[0].metadata = vec!["number".into()];
        let documents = read_all(&corpus);
        assert_eq!(documents.len(), 249);
        let last = Document {
            id: "1249".into(),
            source: 0,
            text: "row 249 中".into(),
            // the id is no metadata
            metadata: None,
        };
        assert_eq!(documents[248], last);
        corpus.config.source[0].id_field = "id".into();
        let documents = read_all(&corpus);
        assert_eq!(documents[248].id, "a.parquet:250");
        assert_eq!(documents[248].metadata.as_deref(), Some(r#"{"number":1249}"#));
    }
}

#[test]
fn parquet_errors_name_the_file_and_the_place() {
    let rows: Vec<_> = (0..250).map(|i| (Some(if i == 120 { &b"caf\xe9"[..] } else { b"text" }), i)).collect();
    let mut corpus = parquet_corpus(&rows, Compression::UNCOMPRESSED);
    let error = corpus.error();
    assert!(error.starts_with("corpus/a.parquet: invalid utf-8 at byte 3 of row 121; fix the file"), "{error}");
    corpus.config.source[0].invalid_utf8 = InvalidUtf8::Replace;
    assert_eq!(corpus.prepare().unwrap().manifest.report.invalid_utf8_replaced, 1);
    corpus.config.source[0].text_field = "number".into();
    assert_eq!(corpus.error(), "corpus/a.parquet: column \"number\": expected text, got INT64");
    corpus.config.source[0].text_field = "text".into();
    let expected = "corpus/a.parquet: no column \"text\", set data.source.text_field to one of: body, number";
    assert_eq!(corpus.error(), expected);
}

#[test]
fn a_damaged_parquet_file_is_an_error_never_a_panic() {
    let lines: Vec<_> = (0..250).map(|i| format!("row {i} {}", "text ".repeat(i % 9))).collect();
    let rows: Vec<_> = lines.iter().map(|line| (Some(line.as_bytes()), 1)).collect();
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let corpus = parquet_corpus(&rows, compression);
        let path = corpus.path("a.parquet");
        let bytes = std::fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(bytes.len() / 300) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            std::fs::write(&path, &damaged).unwrap();
            if let Ok(documents) = documents(&corpus.config) {
                documents.take_while(Result::is_ok).for_each(drop);
            }
            std::fs::write(&path, &bytes[..at]).unwrap();
            let first = documents(&corpus.config).unwrap().next();
            assert!(first.is_some_and(|first| first.unwrap_err().to_string().contains("a.parquet: ")), "cut at {at}");
        }
    }
}

#[test]
fn a_web_page_is_its_main_text() {
    let paragraph = "The river ran quietly past the old mill, and nobody in the village remembered who had built it. \
        On summer evenings the children sat upon its wall and counted the boats, which were few, and the swallows, \
        which were many; when it grew dark they went home, one after the other. ";
    let page = format!(
        "<html><head><title>The mill</title></head><body><nav><a href='/'>Home</a> <a href='/b'>Buy now</a></nav>\
         <article><h1>The mill</h1><p>{0}</p><p>{0} &amp; so on.</p><p>{0}</p></article>\
         <footer>Copyright <a href='/terms'>terms of use</a></footer><script>var x = 1;</script></body></html>",
        paragraph.trim()
    );
    let mut corpus = Corpus::of("mill.html", &page);
    corpus.config.source[0].metadata = vec!["title".into()];
    let [document] = &read_all(&corpus)[..] else { panic!("expected one document") };
    assert_eq!((document.id.as_str(), document.metadata.as_deref()), ("mill.html", Some(r#"{"title":"The mill"}"#)));
    assert!(document.text.contains(paragraph.trim()) && document.text.contains(" & so on."), "{}", document.text);
    for furniture in ["Buy now", "Copyright", "var x"] {
        assert!(!document.text.contains(furniture), "{}", document.text);
    }
    // a page without a main text is an empty document
    let corpus = Corpus::of("a.html", "<html><body></body></html>");
    assert!(corpus.error().starts_with("data: no document to train on (read 1 documents: 1 empty"));
}

#[test]
fn markdown_and_xz_are_read() {
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    xz.write_all(b"packed").unwrap();
    let mut corpus = Corpus::of("a.txt.xz", xz.finish().unwrap());
    corpus.add("b.md", "# marked");
    assert_eq!(corpus.texts(), ["packed", "# marked"]);
}

#[test]
fn a_pattern_names_files() {
    let mut corpus = Corpus::new();
    for name in ["crawl/1/a.jsonl", "crawl/2/a.jsonl", "crawl/2/b.txt", "other/a.jsonl"] {
        let line = serde_json::json!({ "text": name }).to_string();
        corpus.write(name, line);
    }
    corpus.source("crawl/**/*.jsonl");
    assert_eq!(corpus.texts(), ["crawl/1/a.jsonl", "crawl/2/a.jsonl"]);
    assert_eq!(read_all(&corpus)[1].id, "2/a.jsonl:1");
    corpus.config.source[0].path = corpus.path("crawl/*.csv");
    let expected = "corpus/crawl/*.csv: the pattern matches no .txt";
    assert!(corpus.error().starts_with(expected), "{}", corpus.error());
    corpus.config.source[0].path = corpus.path("crawl/***");
    assert!(corpus.error().contains("is not a pattern"), "{}", corpus.error());
}

#[test]
fn a_format_can_be_given_where_the_name_does_not_say_it() {
    let mut corpus = Corpus::of("dump", json_lines(["x"]));
    corpus.config.source[0].format = Some(Format::JsonLines);
    assert_eq!(texts(&corpus.prepare().unwrap()), ["x"]);
}

#[test]
fn a_cut_archive_names_how_far_it_was_read() {
    let lines = json_lines((0..20_000).map(|i| format!("document {i}")));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(lines.as_bytes()).unwrap();
    let mut gzip = gzip.finish().unwrap();
    gzip.truncate(gzip.len() / 2);
    let error = Corpus::of("a.jsonl.gz", gzip).error();
    let place = error.strip_prefix("corpus/a.jsonl.gz: cannot unpack (damaged, or not what its name says) after byte ");
    let byte = place.and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    assert!(byte.is_some_and(|byte| (100_000..lines.len()).contains(&byte)), "{error}");
}

#[test]
fn a_document_beyond_the_limit_is_named_before_it_fills_the_memory() {
    let long = "x".repeat(1_100_000);
    let mut corpus = Corpus::of("a.jsonl", json_lines(["short"]) + &json_lines([&long]));
    corpus.config.source[0].max_document_mb = 1;
    assert_eq!(
        corpus.error(),
        "corpus/a.jsonl: the document at byte 27 has more than 1 MB; cut it into documents, or raise data.source.max_document_mb"
    );
    let mut corpus = Corpus::of("a.txt", format!("one\n{}", "y\n".repeat(600_000)));
    corpus.config.source[0].document = Some("y{2}".into());
    corpus.config.source[0].max_document_mb = 1;
    assert!(corpus.error().starts_with("corpus/a.txt: the document at byte 0 has more than 1 MB"));
    corpus.config.source[0].document = Some("y".into());
    assert_eq!(read_all(&corpus).len(), 600_001);
}
