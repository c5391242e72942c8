//! `trainyard score`: files against references, equal to what sacrebleu and rouge-score say of them.

use crate::program::trainyard;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Three pairs. What is expected of them is what sacrebleu 2.6 says: `corpus_bleu`, `corpus_chrf` and
/// `corpus_ter`.
const HYPOTHESES: [&str; 3] =
    ["the cat sat on the mat", "there is a dog in the garden today", "it rains in the north of the country"];
const REFERENCES: [&str; 3] =
    ["the cat is on the mat", "there is a dog in the garden", "it often rains in the north of the country"];
const OTHERS: [&str; 3] =
    ["a cat sat on a mat", "today there is a dog in the garden", "the north of the country is wet"];

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let json = |texts: [&str; 3]| texts.map(|text| serde_json::json!({ "text": text }).to_string()).join("\n") + "\n";
    for (name, texts) in [("hyp", HYPOTHESES), ("ref", REFERENCES), ("other", OTHERS)] {
        fs::write(folder.path().join(format!("{name}.txt")), texts.join("\n") + "\n").unwrap();
        fs::write(folder.path().join(format!("{name}.jsonl")), json(texts)).unwrap();
    }
    folder
}

fn score(folder: &Path, arguments: &[&str]) -> Value {
    let ran = trainyard(&[&["score"], arguments, &["--json"]].concat()).in_folder(folder).succeeds();
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn scores_are_those_of_sacrebleu() {
    let folder = folder();
    for (arguments, expected) in [
        (&["--plugin", "bleu", "hyp.txt", "ref.txt"][..], 74.231_985_611),
        (&["--plugin", "bleu", "hyp.jsonl", "ref.jsonl", "other.txt"], 80.163_340_162),
        (&["--plugin", "chrf", "hyp.txt", "ref.txt"], 82.523_958_849),
        (&["--plugin", "chrf", "--config", "word_order = 2", "hyp.txt", "ref.txt"], 83.125_630_745),
        (&["--plugin", "ter", "hyp.txt", "ref.txt"], 13.636_363_636),
        (&["--plugin", "ter", "hyp.txt", "ref.txt", "other.txt"], 13.953_488_372),
    ] {
        let scored = score(folder.path(), arguments);
        let value = scored["value"].as_f64().unwrap();
        assert!((value - expected).abs() < 1e-6, "{arguments:?}: {scored}");
        let [low, high] = [0, 1].map(|end| scored["interval"][end].as_f64().unwrap());
        assert!(low <= value && value <= high && low < high, "{scored}");
        assert_eq!(scored["pairs"], 3);
    }
}

#[test]
fn a_signature_says_what_was_computed() {
    let folder = folder();
    let of = |arguments: &[&str]| score(folder.path(), arguments)["signature"].as_str().unwrap().to_owned();
    let plain = of(&["--plugin", "token-f1", "hyp.txt", "ref.txt"]);
    assert_eq!(
        plain,
        "token-f1|nrefs:1|ignore_case:true|ignore_punctuation:true|ignore_articles:true|words:whitespace|version:0.1.0"
    );
    let other = of(&["--plugin", "token-f1", "--config", "words = 'zh'", "hyp.txt", "ref.txt", "other.txt"]);
    assert!(other.starts_with("token-f1|nrefs:2|") && other.ends_with("|words:zh|version:0.1.0"), "{other}");
    // one that says it itself
    let own = of(&["--plugin", "ter", "hyp.txt", "ref.txt", "--prompts", "other.txt"]);
    assert_eq!(own, "nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:trainyard-0.1.0");
    // the same draws each time, and none where none are wanted
    let twice = ["--plugin", "chrf", "hyp.txt", "ref.txt"];
    assert_eq!(score(folder.path(), &twice), score(folder.path(), &twice));
    assert!(score(folder.path(), &[&twice[..], &["--resamples", "0"]].concat())["interval"].is_null());
}

#[test]
fn what_cannot_be_scored_is_named() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("short.txt"), "one\n").unwrap();
    fs::write(folder.join("wrong.jsonl"), "{\"text\": \"a\"}\n{\"texts\": \"b\"}\n").unwrap();
    fs::write(folder.join("empty.txt"), "").unwrap();
    let fails = |arguments: &[&str], expected: &str| {
        let ran = trainyard(&[&["score", "--plugin", "bleu"], arguments].concat()).in_folder(folder).run();
        assert_ne!(ran.code, 0, "{arguments:?}");
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    };
    fails(&["hyp.txt", "short.txt"], "short.txt: expected 3 texts, as hyp.txt has, got 1");
    fails(&["wrong.jsonl", "wrong.jsonl"], "wrong.jsonl: line 2: expected a JSON object with a field \"text\"");
    fails(&["empty.txt", "empty.txt"], "expected at least one text to score, got an empty file");
    fails(&["nothing.txt"], "nothing.txt: cannot read");
}
