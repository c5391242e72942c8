//! What the run was trained on. The manifest is read as plain JSON: what a version does not write is left out.

use super::cells::{Maker, counted, facts, grouped};
use super::source::Source;
use crate::text::NONE;
use serde_json::Value;
use trainyard_page::{Block, Section};
use trainyard_report::bytes;

/// The section of data; none where nothing is known of it.
pub fn section(source: &Source) -> Option<Section> {
    let data = source.data.get("report").filter(|report| report.is_object())?;
    let mut blocks = vec![totals(data, source.data.get("tokenizer"))];
    blocks.extend(sources(source, data));
    blocks.extend(drops(data));
    blocks.extend(oddities(data));
    blocks.extend(names(data));
    Some(Section { heading: "Data".to_owned(), blocks, ..Section::default() })
}

fn number(value: &Value, key: &str) -> Option<u64> {
    value.get(key).and_then(Value::as_u64)
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The entries of an object of counts, such as reasons.
fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

fn or_none(number: Option<u64>) -> String {
    number.map_or_else(|| NONE.to_owned(), grouped)
}

/// `0.37 %`
fn share(part: u64, whole: u64) -> String {
    format!("{:.2} %", 100.0 * part as f64 / whole.max(1) as f64)
}

fn totals(data: &Value, tokenizer: Option<&Value>) -> Block {
    let read = number(data, "read");
    let of_read = |n: u64| read.map_or_else(|| grouped(n), |read| format!("{} ({})", grouped(n), share(n, read)));
    let some = |key: &str| number(data, key).filter(|n| *n > 0).map(of_read);
    facts(vec![
        ("documents read", read.map(grouped)),
        ("kept", number(data, "kept").map(of_read)),
        ("tokenizer", tokenizer.and_then(described)),
        ("empty", some("empty")),
        ("dropped for invalid UTF-8", some("invalid_utf8_dropped")),
        ("with invalid UTF-8 replaced", some("invalid_utf8_replaced")),
        ("not encoded by the tokenizer", some("not_encoded")),
        ("special tokens made of text", number(data, "special_tokens").filter(|n| *n > 0).map(grouped)),
    ])
}

/// `bpe, 2,048 tokens, trained on the training split`
fn described(tokenizer: &Value) -> Option<String> {
    let n_tokens = number(tokenizer, "n_tokens").map(|n| counted(n, "token"));
    let trained = tokenizer.get("trained").and_then(Value::as_bool);
    let trained =
        trained.map(|is_trained| if is_trained { "trained on the training split" } else { "not trained here" });
    let parts = [Some(text(tokenizer, "name")), n_tokens, trained.map(str::to_owned)];
    Some(parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "))
}

/// What each source has in each split.
fn sources(source: &Source, data: &Value) -> Option<Block> {
    let mut table = Maker::new("Sources and splits").texts(&["split", "source"]);
    table = table.numbers(&["documents", "text", "tokens", "bytes per token", "share of the split"]).texts(&["path"]);
    for split in list(data, "splits") {
        let parts = list(split, "sources");
        let all = number(split, "tokens").unwrap_or(0);
        let row = |part: &Value, name: String, path: String| {
            let (tokens, size) = (number(part, "tokens"), number(part, "bytes"));
            let ratio = tokens.zip(size).filter(|(tokens, _)| *tokens > 0);
            let ratio =
                ratio.map_or_else(|| NONE.to_owned(), |(tokens, size)| format!("{:.2}", size as f64 / tokens as f64));
            let size = size.map_or_else(|| NONE.to_owned(), |size| bytes(size as f64));
            let part_of = tokens.filter(|_| parts.len() > 1).map(|tokens| share(tokens, all)).unwrap_or_default();
            [
                text(split, "split"),
                name,
                or_none(number(part, "documents")),
                size,
                or_none(tokens),
                ratio,
                part_of,
                path,
            ]
        };
        match parts {
            [] => table.row(row(split, NONE.to_owned(), String::new())),
            parts => parts.iter().for_each(|part| {
                let name = text(part, "name");
                let path = path(source, &name);
                table.row(row(part, name, path));
            }),
        }
        if parts.len() > 1 {
            table.row(row(split, "all".to_owned(), String::new()));
        }
    }
    if source.setting("data.source.0.path").is_some() {
        table.note("Paths are as the config has them, relative to the run's folder.");
    }
    table.drop_empty(&[""]);
    (!table.is_empty()).then(|| table.block())
}

/// The path of a source, as the config has it.
fn path(source: &Source, name: &str) -> String {
    let numbered = (0..).map_while(|index| {
        let key = |end: &str| format!("data.source.{index}.{end}");
        let path = source.setting(&key("path"))?;
        Some((source.setting(&key("name")), path))
    });
    let all: Vec<_> = numbered.collect();
    match all.as_slice() {
        [(_, path)] => path.clone(),
        all => {
            all.iter().find(|(own, _)| own.as_deref() == Some(name)).map(|(_, path)| path.clone()).unwrap_or_default()
        }
    }
}

/// What each filter dropped, for which reason, with examples.
fn drops(data: &Value) -> Option<Block> {
    let mut table = Maker::new("Filters and deduplication").texts(&["filter", "dropped because"]);
    table = table.numbers(&["documents", "share of those seen"]).texts(&["examples"]);
    for filter in list(data, "filters") {
        let (name, seen) = (text(filter, "name"), number(filter, "seen").unwrap_or(0));
        let mut reasons: Vec<_> = entries(filter, "reasons")
            .map(|(reason, dropped)| (reason, number(dropped, "documents").unwrap_or(0), examples(dropped)))
            .collect();
        reasons.sort_by_key(|(_, n, _)| std::cmp::Reverse(*n));
        if reasons.is_empty() {
            let of = format!("nothing, of {}", counted(seen, "document"));
            table.row([name.clone(), of, "0".to_owned(), share(0, seen), String::new()]);
        }
        for (reason, n, examples) in reasons {
            table.row([name.clone(), reason.clone(), grouped(n), share(n, seen), examples]);
        }
        if let Some(n) = number(filter, "rewritten").filter(|n| *n > 0) {
            table.note(format!("{name} rewrote {} that it kept.", counted(n, "document")));
        }
    }
    table.drop_empty(&[""]);
    (!table.is_empty()).then(|| table.block())
}

fn examples(dropped: &Value) -> String {
    let ids: Vec<&str> = list(dropped, "samples").iter().filter_map(Value::as_str).collect();
    ids.join(", ")
}

/// Lines and files that are not as they should be.
fn oddities(data: &Value) -> Option<Block> {
    let mut table = Maker::new("Left out of the sources, or odd").texts(&["what"]).numbers(&["how many"]);
    table = table.texts(&["examples"]);
    for (key, what) in [("invalid_lines", "line skipped: "), ("notes", "")] {
        for (reason, found) in entries(data, key) {
            table.row([format!("{what}{reason}"), or_none(number(found, "documents")), examples(found)]);
        }
    }
    let left_out = &data["left_out"];
    if let Some(n) = number(left_out, "files").filter(|n| *n > 0) {
        table.row(["files that are not read".to_owned(), grouped(n), examples(left_out)]);
    }
    (!table.is_empty()).then(|| table.block())
}

/// Labels or tags, and how often each split has them.
fn names(data: &Value) -> Option<Block> {
    let splits: Vec<String> = list(data, "splits").iter().map(|split| text(split, "split")).collect();
    let columns: Vec<&str> = splits.iter().map(String::as_str).collect();
    let mut table = Maker::new("Labels").texts(&["label"]).numbers(&columns);
    for entry in list(data, "names") {
        let names: Vec<&str> = list(entry, "names").iter().filter_map(Value::as_str).collect();
        let counts = splits.iter().map(|split| or_none(entry.get("counts").and_then(|counts| number(counts, split))));
        table.row([names.join(", ")].into_iter().chain(counts));
    }
    (!table.is_empty()).then(|| table.block())
}
