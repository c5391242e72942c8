//! Why documents were kept or dropped: the store agrees with the plugins, and other limits on stored values drop what a
//! new preparation with these limits drops.

use crate::plugins::config;
use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use trainyard::plugin::Plugin;
use trainyard_plugin::{Kind, Verdict};

const GOPHER: &str = "min_words = 20";

/// Documents of 1 to 60 words, some of them with few stop words, bullets, symbols.
fn documents() -> Vec<(String, String)> {
    let words = ["the", "be", "to", "of", "and", "that", "have", "with", "walk", "garden", "house", "morning"];
    let text = |i: usize| -> String {
        let n_words = 1 + i * 7919 % 60;
        let words: Vec<_> =
            (0..n_words).map(|j| words[(i * 31 + j * j) % if i.is_multiple_of(5) { 3 } else { 12 }]).collect();
        match i % 7 {
            0 => format!("- {}", words.join("\n- ")),
            1 => format!("{} ###", words.join(" ").replace("the", "#")),
            _ => words.join(" "),
        }
    };
    (0..300).map(|i| (format!("doc-{i}"), text(i))).collect()
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = documents()
        .iter()
        .map(|(id, text)| serde_json::json!({ "id": id, "text": text, "kind": id.len() }).to_string() + "\n")
        .collect();
    fs::write(folder.path().join("docs.jsonl"), lines).unwrap();
    let config = format!(
        r#"
[run]
dir = "runs"
[data]
validation = 0.1
test = 0.1
source = [{{ path = "docs.jsonl", metadata = ["kind"] }}]
[[data.filter]]
plugin = "gopher-quality"
config.{GOPHER}
config.min_stop_words = 0
[tokenizer]
plugin = "byte"
[loss]
plugin = "cross-entropy"
[model]
layers = 1
heads = 2
width = 32
context = 32
"#
    );
    fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Outcome {
    trainyard(arguments).in_folder(folder).run()
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let outcome = run(folder, arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome.stdout
}

#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&succeeds(folder, &[arguments, &["--json"]].concat())).unwrap()
}

/// What the filter itself says of every document.
fn verdicts(settings: &str) -> Vec<(String, Verdict)> {
    let config = config("gopher-quality", &format!("{settings}\nmin_stop_words = 0"));
    let mut filter = Plugin::open(&config, Kind::Filter).unwrap().filter().unwrap();
    let documents = documents();
    let texts: Vec<_> = documents.iter().map(|(_, text)| text.as_str()).collect();
    let verdicts = filter.judge(&texts).unwrap();
    documents.iter().map(|(id, _)| id.clone()).zip(verdicts).collect()
}

/// Documents by reason.
fn reasons(verdicts: &[(String, Verdict)]) -> BTreeMap<String, u64> {
    let mut reasons = BTreeMap::new();
    for (_, verdict) in verdicts.iter().filter(|(_, verdict)| !verdict.keep) {
        *reasons.entry(verdict.reason.clone()).or_default() += 1;
    }
    reasons
}

fn reasons_of(table: &Value) -> BTreeMap<String, u64> {
    let reasons = table["filters"][0]["reasons"].as_array().unwrap();
    reasons.iter().map(|it| (it["reason"].as_str().unwrap().into(), it["documents"].as_u64().unwrap())).collect()
}

#[test]
fn drops_are_what_the_filter_drops() {
    let folder = folder();
    let folder = folder.path();
    succeeds(folder, &["prepare", "run.toml"]);
    let table = json(folder, &["data", "drops", "run.toml", "--samples", "2"]);
    let expected = reasons(&verdicts(GOPHER));
    assert!(expected.len() >= 3, "the documents must be worth a test: {expected:?}");
    assert_eq!(reasons_of(&table), expected);
    let n_dropped: u64 = expected.values().sum();
    assert_eq!((table["documents"].as_u64(), table["kept"].as_u64()), (Some(300), Some(300 - n_dropped)));
    let n_bytes: usize = documents().iter().map(|(_, text)| text.len()).sum();
    assert_eq!(table["bytes"], n_bytes);
    let reason = &table["filters"][0]["reasons"][0];
    assert_eq!(reason["samples"].as_array().unwrap().len(), 2);
    let short = table["filters"][0]["reasons"].as_array().unwrap().iter().find(|it| it["reason"] == "gopher_short_doc");
    assert_eq!(short.unwrap()["rule"], "min_words ≥ 20");

    let text = succeeds(folder, &["data", "drops", "run.toml", "--html", "drops.html"]);
    assert!(text.contains(&format!("{} of 300 documents kept", 300 - n_dropped)), "{text}");
    assert!(text.contains("gopher_short_doc") && text.contains("min_words ≥ 20"), "{text}");
    let page = fs::read_to_string(folder.join("drops.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("gopher_short_doc"));
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"), "nothing from elsewhere");
}

#[test]
fn why_shows_every_rule_with_its_value() {
    let folder = folder();
    let folder = folder.path();
    succeeds(folder, &["prepare", "run.toml"]);
    let verdicts = verdicts(GOPHER);
    let (dropped, verdict) = verdicts.iter().find(|(_, it)| it.reason == "gopher_short_doc").unwrap();
    let why = json(folder, &["data", "why", "run.toml", dropped]);
    assert_eq!(why["dropped_by"], serde_json::json!(["gopher-quality", "gopher_short_doc"]));
    assert_eq!((&why["kept"], &why["split"], &why["source"]), (&false.into(), &Value::Null, &"docs".into()));
    assert_eq!(why["metadata"]["kind"], dropped.len());
    let rules = why["filters"][0]["rules"].as_array().unwrap();
    assert_eq!(rules[0]["value"].as_f64(), verdict.score);
    assert_eq!(
        (&rules[0]["passes"], &rules[0]["limit"], &rules[0]["bound"]),
        (&false.into(), &20.0.into(), &"at-least".into())
    );
    assert!(rules.len() >= 9 && rules[1]["passes"] == true, "later rules are shown too");
    let text = succeeds(folder, &["data", "why", "run.toml", dropped]);
    assert!(text.contains("dropped   by gopher-quality: gopher_short_doc"), "{text}");
    assert!(text.contains("✗ gopher_short_doc"), "{text}");

    let (kept, _) = verdicts.iter().find(|(_, it)| it.keep).unwrap();
    let why = json(folder, &["data", "why", "run.toml", kept]);
    assert!(why["kept"] == true && why["split"].is_string() && why["dropped_by"].is_null(), "{why}");

    let outcome = run(folder, &["data", "why", "run.toml", "doc-300"]);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.starts_with("error: document \"doc-300\" is none of this corpus; ids are"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn other_limits_drop_what_a_new_preparation_drops() {
    let folder = folder();
    let folder = folder.path();
    succeeds(folder, &["prepare", "run.toml"]);
    let limits = ["min_words=35", "max_bullet_lines=0.0", "min_alphabetic_words=0.0", "min_mean_word_length=0.0"];
    let set: Vec<String> = limits.iter().map(|limit| format!("--set=data.filter.0.config.{limit}")).collect();
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    let tried = json(folder, &[&["data", "rethreshold", "run.toml", "--list"][..], &set].concat());
    let (before, after) = (verdicts(GOPHER), verdicts(&limits.join("\n")));
    assert_eq!(reasons_of(&tried["before"]), reasons(&before));
    assert_eq!(reasons_of(&tried["after"]), reasons(&after));
    let moved = |comes: bool| -> Vec<&str> {
        let pairs = before.iter().zip(&after);
        pairs.filter(|((_, a), (_, b))| a.keep != b.keep && b.keep == comes).map(|((id, _), _)| id.as_str()).collect()
    };
    let told = |comes: bool| -> Vec<&str> {
        let all = tried["moved"].as_array().unwrap().iter();
        all.filter(|it| it["comes"] == comes).map(|it| it["id"].as_str().unwrap()).collect()
    };
    assert!(!moved(false).is_empty() && !moved(true).is_empty(), "the limits must be worth a test");
    assert_eq!((told(false), told(true)), (moved(false), moved(true)));
    assert_eq!(
        (tried["go"].as_u64(), tried["come"].as_u64()),
        (Some(moved(false).len() as u64), Some(moved(true).len() as u64))
    );
    assert_eq!(tried["changed"].as_array().unwrap().len(), limits.len());

    succeeds(folder, &[&["prepare", "run.toml"][..], &set].concat());
    let fresh = json(folder, &[&["data", "drops", "run.toml", "--samples", "0"][..], &set].concat());
    assert_eq!(fresh, tried["after"]);
}

#[test]
fn no_text_is_read_again_for_other_limits() {
    let folder = folder();
    let folder = folder.path();
    succeeds(folder, &["prepare", "run.toml"]);
    fs::remove_file(folder.join("docs.jsonl")).unwrap();
    let text = succeeds(folder, &["data", "rethreshold", "run.toml", "--set", "data.filter.0.config.min_words=21"]);
    assert!(text.contains("gopher-quality.min_words: 20 → 21") && text.contains(" are kept now\n"), "{text}");
}

#[test]
fn what_changes_the_values_is_refused() {
    let folder = folder();
    let folder = folder.path();
    let nothing = run(folder, &["data", "drops", "run.toml"]);
    assert_eq!(nothing.code, 2);
    assert!(
        nothing.stderr.contains("nothing was prepared of these sources; run trainyard prepare"),
        "{}",
        nothing.stderr
    );
    succeeds(folder, &["prepare", "run.toml"]);
    let outcome = run(folder, &["data", "rethreshold", "run.toml", "--set", "data.filter.0.config.words=whitespace"]);
    assert_eq!(outcome.code, 2);
    let expected = "error: filter \"gopher-quality\": words changes what is measured; run trainyard prepare\n";
    assert_eq!(outcome.stderr, expected);
}
