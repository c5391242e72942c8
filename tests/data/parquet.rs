//! Parquet files of every nested shape compared with pyarrow: `peers/parquet_pyarrow.py` made the files and the rows.

use super::Corpus;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use trainyard::corpus::{DataConfig, Document, SourceConfig, documents};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/parquet")
}

fn expected() -> Map<String, Value> {
    let json = std::fs::read(folder().join("expected.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

fn source(name: &str, expected: &Value) -> SourceConfig {
    let text = |key: &str| expected[key].as_str().unwrap().to_owned();
    let metadata = expected["metadata"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().into());
    SourceConfig {
        text_field: text("text_field"),
        id_field: text("id_field"),
        metadata: metadata.collect(),
        ..SourceConfig::new(folder().join(name))
    }
}

fn read(source: SourceConfig) -> Vec<Document> {
    documents(&DataConfig::new(vec![source])).unwrap().map(|document| document.unwrap()).collect()
}

#[test]
fn nested_columns_are_read_as_pyarrow_reads_them() {
    let files = expected();
    assert_eq!(files.len(), 20);
    for (name, expected) in files {
        let documents = read(source(&name, &expected));
        let rows = expected["rows"].as_array().unwrap();
        let rows = (1..).zip(rows).filter(|(_, row)| !row[0].is_null());
        let mut documents = documents.iter();
        for (number, row) in rows {
            let document = documents.next().unwrap_or_else(|| panic!("{name}: no document for row {number}"));
            let place = format!("{name}, row {number}");
            assert_eq!(document.text(), row[0].as_str().unwrap(), "{place}");
            let id = row[1].as_i64().map_or_else(|| format!("{name}:{number}"), |id| id.to_string());
            assert_eq!(document.id, id, "{place}");
            let metadata: Value =
                document.metadata.as_ref().map_or(Map::new().into(), |json| serde_json::from_str(json).unwrap());
            assert_eq!(metadata, row[2], "{place}");
        }
        assert_eq!(documents.next(), None, "{name}");
    }
}

/// The header of the first page of a file: a dictionary of 11 bytes that unpack to 9, and the number for 1.4 GB.
const HEADER: &[u8] = b"PAR1\x15\x04\x15\x12\x15\x16\x4c\x15\x02\x15\x00\x12\x00\x00";
const HUGE: &[u8] = b"\xee\xea\xe9\xb3\x0a";

#[test]
fn a_page_does_not_unpack_to_more_than_a_file_can_hold() {
    let whole = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/parquet/dictionary.parquet"));
    let whole = whole.unwrap();
    let body = whole.strip_prefix(HEADER).expect("the header of the seed");
    let (start, end) = HEADER.split_at(7);
    // said where it belongs; said a second time, by a whole field number; hidden in a text that the library takes for
    // a number
    let at_once = [start, HUGE, &end[1..]].concat();
    let again = [&HEADER[..HEADER.len() - 1], b"\x05\x04", HUGE, b"\x00"].concat();
    let as_text = [&HEADER[..4], b"\x18\x02\x15", HUGE, &end[1..]].concat();
    let unpacks = "the header of a page: 11 bytes unpack to 1396521655, at most 1000 times as much is read";
    for (header, expected) in [(at_once, unpacks), (again, unpacks), (as_text, "of another type than the format has")] {
        let error = Corpus::of("rows.parquet", [&header, body].concat()).error();
        assert!(error.contains("rows.parquet") && error.contains(expected), "{error}");
    }
}

#[test]
fn rows_without_text_are_empty_documents() {
    let mut corpus = Corpus::new();
    corpus
        .config
        .source
        .push(source("optional_in_optional_v2.parquet", &expected()["optional_in_optional_v2.parquet"]));
    let report = corpus.prepare().unwrap().manifest.report;
    assert_eq!((report.read, report.empty, report.kept), (41, 21, 20));
}

#[test]
fn a_list_of_texts_is_no_text() {
    let mut corpus = Corpus::new();
    let path = folder().join("texts_in_lists.parquet");
    corpus.config.source.push(SourceConfig { text_field: "texts.list.element".into(), ..SourceConfig::new(path) });
    let error = corpus.error();
    let expected = ": column \"texts.list.element\": expected one text per row, got a list";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn damage_in_nested_columns_is_an_error_never_a_panic() {
    let files = expected();
    for name in ["lists_v2.parquet", "optional_in_optional_v1.parquet"] {
        let bytes = std::fs::read(folder().join(name)).unwrap();
        let corpus = Corpus::of(name, "");
        let source = SourceConfig { path: corpus.path(name), ..source(name, &files[name]) };
        // the footer says where everything is: the library's own checks are weakest there
        let footer = bytes.len() - 8 - u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap()) as usize;
        for at in (0..footer).step_by(47).chain((footer..bytes.len()).step_by(3)) {
            for flip in [0x55, 1] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                corpus.write(name, &damaged);
                let config = DataConfig::new(vec![source.clone()]);
                if let Some(Err(error)) = documents(&config).unwrap().take(1000).find(Result::is_err) {
                    let error = error.to_string();
                    assert!(error.contains(".parquet: ") && !error.contains('\n') && error.len() < 600, "{error}");
                }
            }
        }
    }
}
