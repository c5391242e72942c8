//! The rule filters compared with datatrove, with words split at white space: `peers/filters_datatrove.py` made the
//! verdicts.

mod documents;

use crate::plugins::config;
use documents::{damaged, page};
use serde_json::Value;
use std::path::Path;
use trainyard::corpus::{DataConfig, SourceConfig, documents as read};
use trainyard::plugin::Plugin;
use trainyard_plugin::{Kind, Verdict};

const CHAPTER: &str = "(?:(?:CHAPTER|Chapter) (?:[2-9]|[1-9][0-9]|I[IVX]+|[VX][IVXL]*)|VOLUME II+|SENSE AND SENSIBILITY|\
    PRIDE AND PREJUDICE|MANSFIELD PARK|EMMA|NORTHANGER ABBEY|Persuasion)$";

/// The filters, in the order of the verdicts.
const FILTERS: [&str; 5] = ["gopher-quality", "gopher-repetition", "c4-lines", "c4-paragraphs", "fineweb-quality"];

#[test]
fn verdicts_are_those_of_datatrove() {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let expected: Vec<Value> =
        include_str!("golden/filters.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(texts.len(), expected.len());
    for (column, name) in FILTERS.into_iter().enumerate() {
        let plugin = Plugin::open(&config(name, ""), Kind::Filter).unwrap();
        let verdicts = plugin.filter().unwrap().judge(&texts).unwrap();
        assert_eq!(verdicts.len(), texts.len());
        for (i, (verdict, expected)) in verdicts.iter().zip(&expected).enumerate() {
            let context = format!("{name}, document {i}: {:.80?}", texts[i]);
            assert_eq!(said(verdict), expected[column].as_str().unwrap(), "{context}");
            let is_inside =
                verdict.spans.iter().all(|span| texts[i].get(span.start as usize..span.end as usize).is_some());
            assert!(is_inside, "{context}");
        }
    }
}

/// A verdict as the script writes it: the hash of the new text, or the reason.
fn said(verdict: &Verdict) -> String {
    match (&verdict.text, verdict.reason.as_str()) {
        (Some(text), _) => format!("{:016x}", trainyard_text::ngrams::hash(text)),
        (None, "too_few_paragraphs") => "< 3 paragraphs".into(),
        (None, reason) => reason.into(),
    }
}

fn texts() -> Vec<String> {
    let prose = chapters();
    assert_eq!(prose.len(), 269);
    let damaged = (0..300).map(|d| damaged(&prose[37 * d % 269], d / 12, d % 12)).collect();
    let pages = (0..300).map(|d| page(&prose[41 * d % 269], d / 12, d % 12)).collect();
    [prose.clone(), damaged, pages].concat()
}

fn chapters() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/austen.txt.zst");
    let source = SourceConfig { document: Some(CHAPTER.into()), ..SourceConfig::new(path) };
    let config = DataConfig::new(vec![source]);
    read(&config).unwrap().map(|document| document.unwrap().text).collect()
}
