//! Tests of reports.

mod one;
mod several;

use crate::{Report, ReportOptions};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use trainyard_report::Record;

const HOSTILE: &str = "</script></style><b onclick='x'>\"&amp;{{ 7 * 7 }}";

fn html(paths: &[PathBuf]) -> String {
    Report::of(paths, &ReportOptions::default()).unwrap().html()
}

/// The texts of all elements with a tag.
fn texts(html: &str, tag: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in html.split(&format!("<{tag}")).skip(1).filter(|part| part.starts_with(['>', ' '])) {
        let inner = part.split_once('>').unwrap().1.split_once(&format!("</{tag}>")).unwrap().0;
        found.push(without_tags(inner));
    }
    found
}

fn without_tags(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        text += part.split_once('>').map_or(part, |(_, rest)| rest);
    }
    text.trim().to_owned()
}

/// The rows of the table with a caption, as text with `|` between cells.
fn rows(html: &str, caption: &str) -> Vec<String> {
    let start = format!("<caption><span>{caption}</span></caption>");
    let table = html.split_once(&start).unwrap_or_else(|| panic!("no table {caption}")).1;
    let table = table.split_once("</table>").unwrap().0;
    let cells = |row: &str| -> Vec<String> {
        row.replace("<th", "<td")
            .replace("</th>", "</td>")
            .split("<td")
            .skip(1)
            .map(|cell| without_tags(cell.split_once('>').unwrap().1).split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    table.split("<tr>").skip(1).map(|row| cells(row).join("|")).collect()
}

/// A run's data, with a filter that dropped documents.
fn manifest() -> Value {
    let part =
        |name: &str, documents: u64| json!({ "name": name, "documents": documents, "bytes": 4096, "tokens": 1000 });
    let split = |name: &str, sources: Vec<Value>| {
        let (documents, tokens) = (9, 2000);
        json!({ "split": name, "documents": documents, "bytes": 8192, "tokens": tokens, "sources": sources })
    };
    let reasons = json!({ "too_short": { "documents": 2, "samples": ["a:1", "a:7"] }, "too_long": { "documents": 5 } });
    let length = json!({ "name": "length", "seen": 1000, "rewritten": 3, "reasons": reasons });
    let dedup = json!({ "name": "dedup", "seen": 993, "rewritten": 0, "reasons": {} });
    json!({
        "tokenizer": { "name": "bpe", "n_tokens": 2048, "trained": true, "model_sha256": "c927".repeat(16) },
        "report": {
            "read": 1000, "kept": 993, "empty": 0, "not_encoded": 1,
            "invalid_lines": { "no text": { "documents": 4, "samples": ["a.jsonl:7"] } },
            "filters": [length, dedup],
            "splits": [split("train", vec![part("code", 4), part("novels", 5)]), split("test", vec![part("code", 9)])],
        }
    })
}

fn append(run: &Path, records: &[Record]) {
    let mut log = File::options().append(true).create(true).open(run.join("metrics.jsonl")).unwrap();
    for record in records {
        writeln!(log, "{}", serde_json::to_string(record).unwrap()).unwrap();
    }
}
