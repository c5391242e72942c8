//! Comparable results: a number that every run has, text that no filter changes, names that do not collide.

use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Long and short documents in turn, so that a length filter drops half, also of the held-out text.
fn documents(n: usize) -> String {
    let line = |i: usize| {
        let text = match i % 2 {
            0 => {
                format!("Document {i} speaks of Things that were, of {} and of {}, and ends.", i * 7919 % 4001, i % 13)
            }
            _ => format!("Short {i}."),
        };
        serde_json::json!({ "id": i.to_string(), "text": text }).to_string() + "\n"
    };
    (0..n).map(line).collect()
}

const HELD_OUT: &str = "It is a truth universally acknowledged.\n\nShe was told so!\n\nÉcole, 一二三.\n";

/// A small run on 200 documents of `docs.jsonl`; `text` is appended to its config, and may begin with keys of `[data]`.
fn folder(text: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("docs.jsonl"), documents(200)).unwrap();
    fs::write(folder.path().join("held-out.txt"), HELD_OUT).unwrap();
    let config = format!(
        "[run]\nname = 'run'\n[model]\nlayers = 1\nheads = 1\nwidth = 16\ncontext = 32\n\
         [train]\nsteps = 4\nbatch = 2\nthreads = 1\nvalidate_every = 2\n[schedule]\nwarmup = 1\n[sample]\ntokens = 0\n\
         [[data.source]]\npath = 'docs.jsonl'\n{text}"
    );
    fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}

const BYTES: &str = "[tokenizer]\nplugin = 'byte'\n";

fn run(folder: &Path, arguments: &[&str]) -> Outcome {
    trainyard(arguments).in_folder(folder).run()
}

/// The summary of a run that is trained with these additional arguments, and its other output.
fn trained(folder: &Path, arguments: &[&str]) -> (Value, String) {
    let outcome = run(folder, &[&["train", "run.toml", "--json"], arguments].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    (serde_json::from_str(&outcome.stdout).unwrap(), outcome.stderr)
}

/// The number `name` of a list of numbers.
fn number<'a>(values: &'a Value, name: &str) -> &'a Value {
    values.as_array().unwrap().iter().find(|value| value["name"] == name).unwrap_or_else(|| panic!("{name}: {values}"))
}

fn value(values: &Value, name: &str) -> f64 {
    number(values, name)["value"].as_f64().unwrap()
}

fn records(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("runs/run/metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn failure(folder: &Path, arguments: &[&str]) -> String {
    let outcome = run(folder, &[&["train", "run.toml"], arguments].concat());
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    outcome.stderr
}

#[test]
fn every_loss_is_measured_by_plain_cross_entropy_too() {
    let folder = folder(BYTES);
    let (summary, progress) = trained(folder.path(), &["--set", "loss.plugin=focal"]);
    for split in ["validation", "test"] {
        let values = &summary[split];
        assert_eq!((&values[0]["name"], &values[0]["unit"]), (&"cross-entropy".into(), &"nats/token".into()));
        // The plugin computes the same beside its own loss.
        let own = number(values, "loss");
        let beside = own["outputs"]["cross_entropy"].as_f64().unwrap();
        assert!((value(values, "cross-entropy") - beside).abs() < 1e-12 * beside, "{values}");
        assert!(own["value"].as_f64().unwrap() < beside, "focal weighs down: {values}");
        assert_eq!((&own["plugin"], &own["comparable"]), (&"focal".into(), &"loss".into()));
        assert_eq!(number(values, "bits-per-byte")["comparable"], "text");
        assert_eq!(number(values, "token-accuracy")["comparable"], "tokenizer");
    }
    assert!(progress.contains("validation (whole text) after step 2: cross-entropy "), "{progress}");
    assert!(progress.contains(", loss (focal) "), "{progress}");
    let records = records(folder.path());
    let step = records.iter().find(|record| record["kind"] == "step").unwrap();
    assert!(step["outputs"]["cross_entropy"].is_number() && step["cross_entropy"].is_null());
    let validation = records.iter().find(|record| !record["validation"].is_null()).unwrap();
    assert_eq!(validation["validation_outputs"]["loss"]["cross_entropy"], validation["validation"]["cross-entropy"]);
    let text = run(folder.path(), &["eval", "runs/run"]).stdout;
    assert!(text.contains("training loss: not comparable with other losses"), "{text}");
}

/// The built-in cross-entropy is the number that every run has, and needs no second line.
#[test]
fn the_plain_loss_is_told_once() {
    let folder = folder(BYTES);
    let (summary, _) = trained(folder.path(), &[]);
    assert_eq!(value(&summary["test"], "loss"), value(&summary["test"], "cross-entropy"));
    assert_eq!(number(&summary["test"], "loss")["comparable"], "tokenizer");
    let text = run(folder.path(), &["eval", "runs/run"]).stdout;
    assert!(text.contains("\ncross-entropy ") && !text.contains("loss ("), "{text}");
}

#[test]
fn metrics_have_names_of_their_own() {
    let metrics = "[[metric]]\nplugin = 'token-accuracy'\n[[metric]]\nplugin = 'token-accuracy'\n\
                   [[metric]]\nplugin = 'token-accuracy'\nname = 'right'\n[[metric]]\nplugin = 'distinct-n'\n\
                   [[metric]]\nplugin = 'distinct-n'\n";
    let folder = folder(&format!("{BYTES}{metrics}"));
    let (summary, progress) = trained(folder.path(), &[]);
    let names: Vec<_> =
        summary["test"].as_array().unwrap().iter().map(|value| value["name"].as_str().unwrap()).collect();
    let accuracies = ["token-accuracy", "token-accuracy-2", "right"];
    assert_eq!(names, [&["cross-entropy", "loss"][..], &accuracies, &["distinct-n", "distinct-n-2"]].concat());
    let values = accuracies.map(|name| value(&summary["test"], name));
    assert!(values.iter().all(|&value| value == values[0]), "{values:?}");
    let said = "metric: the name \"token-accuracy\" is taken, this one is recorded as \"token-accuracy-2\"; give it a \
                `name` in [[metric]]\n";
    assert!(progress.contains(said), "{progress}");
    let records = records(folder.path());
    let validation = records.iter().find(|record| !record["validation"].is_null()).unwrap();
    assert_eq!(validation["validation"].as_object().unwrap().len(), 5, "{validation}");
    assert_eq!(run(folder.path(), &["train", "run.toml", "--resume"]).code, 0);

    let error = failure(folder.path(), &["--overwrite", "--set", "metric.0.name=right"]);
    let expected = "run.toml:27:8: metric.2.name: another metric is named \"right\", expected a name of its own\n";
    assert!(error.ends_with(expected), "{error}");
    let error = failure(folder.path(), &["--overwrite", "--set", "metric.0.name=loss"]);
    assert!(error.contains("metric.0.name: \"loss\" is the host's own number, expected another name"), "{error}");
    let error = failure(folder.path(), &["--overwrite", "--set", "metric.0.name='a b'"]);
    assert!(error.contains("expected a name of letters, digits, '-', '_' and '.', got \"a b\""), "{error}");
}

/// Two runs with different filters: shares of the sources are different texts, `[data.held_out]` is the same.
#[test]
fn held_out_text_is_the_same_for_all_filters() {
    let long = ["--overwrite", "--set", "data.filter.0.plugin=length", "--set", "data.filter.0.config.min_words=5"];
    let shares = folder(BYTES);
    let (all, _) = trained(shares.path(), &[]);
    let (filtered, _) = trained(shares.path(), &long);
    let text = |summary: &Value| summary["texts"]["test"].clone();
    assert_eq!((&text(&all)["text"], &text(&filtered)["text"]), (&"raw".into(), &"filtered".into()));
    assert_ne!(text(&all)["digest"], text(&filtered)["digest"]);

    let given = folder(&format!("{BYTES}[data.held_out]\npath = 'held-out.txt'\ndocument = '(?m)^[A-ZÉ]'\n"));
    let (all, _) = trained(given.path(), &[]);
    let evaluated: Value = {
        let file = ["eval", "runs/run", "--json", "--data", "held-out.txt"];
        let outcome = run(given.path(), &file);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap()
    };
    let (filtered, _) = trained(given.path(), &long);
    let digest = text(&all)["digest"].clone();
    for summary in [&all, &filtered] {
        let text = text(summary);
        assert_eq!((&text["text"], &text["source"]), (&"raw".into(), &"held-out".into()));
        assert_eq!((text["documents"].as_u64(), text["bytes"].as_u64()), (Some(3), Some(HELD_OUT.len() as u64)));
        assert_eq!((text["lossy_documents"].as_u64(), text["lossy"].as_bool()), (Some(0), Some(false)));
        assert_eq!(text["digest"], digest);
        assert_eq!(summary["baseline"]["bytes"], HELD_OUT.len());
    }
    // Validation is still a share of the sources, which the filter acts on.
    assert_eq!(filtered["texts"]["validation"]["text"], "filtered");
    assert_ne!(filtered["texts"]["validation"]["digest"], all["texts"]["validation"]["digest"]);
    // The same file by name gives the same numbers.
    assert_eq!(evaluated["test"], all["test"]);
    assert_eq!(evaluated["texts"]["test"]["digest"], digest);
    assert_eq!(evaluated["texts"]["test"]["source"], "held-out.txt");
    assert_eq!(evaluated["data"][0]["sha256"].as_str().unwrap().len(), 64);

    // Another text is another run.
    fs::write(given.path().join("held-out.txt"), "Another text. ".repeat(20)).unwrap();
    let error = failure(given.path(), &[&["--resume"], &long[1..]].concat());
    assert!(error.contains("cannot resume: data.held_out changed"), "{error}");
    let again = [&["train", "run.toml", "--resume", "--allow-changed", "data.held_out"], &long[1..]].concat();
    let outcome = run(given.path(), &again);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
}

/// Bits per byte are bits over all bytes of the file: the byte tokenizer's cross-entropy for a file of one document,
/// except for its end of text.
#[test]
fn a_file_is_measured_as_it_is() {
    let folder = folder(BYTES);
    trained(folder.path(), &[]);
    // Not a word of it would pass a cleaner; the name says nothing of what it is.
    let bytes = "<p>\u{feff}\tA\u{200b}B\r\n\r\n\r\n  x  </p>".repeat(40);
    fs::write(folder.path().join("odd.data"), &bytes).unwrap();
    let outcome = run(folder.path(), &["eval", "runs/run", "--json", "--data", "odd.data"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(summary["texts"]["test"]["bytes"], bytes.len());
    assert_eq!(summary["texts"]["test"]["lossy"], false);
    let (nats, bits) = (value(&summary["test"], "cross-entropy"), value(&summary["test"], "bits-per-byte"));
    // One token per byte and an end of text, which is predicted too but stands for no byte.
    let n = bytes.len() as f64;
    let end_nats = nats * (n + 1.0) - bits * n * std::f64::consts::LN_2;
    assert!(end_nats > 0.0 && end_nats < 20.0, "{nats} {bits} {end_nats}");

    let outcome = run(folder.path(), &["eval", "runs/run", "--data", "nothing.txt"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (2, "error: nothing.txt: no such file or folder\n"));
    let error = run(folder.path(), &["eval", "runs/run", "--data", "docs.jsonl", "--text-field", "body"]).stderr;
    assert_eq!(error, "error: docs.jsonl:1: no field \"body\", set --text-field to one of: id, text\n");
    fs::write(folder.path().join("empty.txt"), " \n").unwrap();
    let outcome = run(folder.path(), &["eval", "runs/run", "--data", "empty.txt"]);
    assert_eq!(outcome.stderr, "error: empty.txt: no text to measure, name a file that holds some\n");
    assert_eq!(outcome.code, 1);
}

/// A tokenizer that lower-cases pays nothing for the letters that it loses.
#[test]
fn what_a_tokenizer_loses_is_told_and_marks_the_number() {
    let folder = folder(
        "[tokenizer]\nplugin = 'wordpiece'\n[tokenizer.config]\nvocab_size = 300\n\
         [data.held_out]\npath = 'held-out.txt'\ndocument = '(?m)^[A-ZÉ]'\n",
    );
    let (summary, _) = trained(folder.path(), &[]);
    let text = &summary["texts"]["test"];
    assert_eq!((text["lossy"].as_bool(), text["lossy_documents"].as_u64()), (Some(true), Some(3)));
    // "I", "S", and white space at the least; of the last document all that the alphabet lacks.
    assert!(text["lossy_bytes"].as_u64().unwrap() >= 12, "{text}");
    assert_eq!(number(&summary["test"], "bits-per-byte")["comparable"], "no");
    assert_eq!(number(&summary["test"], "cross-entropy")["comparable"], "tokenizer");
    let text = run(folder.path(), &["eval", "runs/run"]).stdout;
    assert!(text.contains("bits/byte, lower is better, not comparable: the tokenizer loses text\n"), "{text}");
    assert!(text.contains("; the tokenizer alters 3 of them and loses "), "{text}");
}

#[test]
fn held_out_text_is_a_reference_for_decontamination() {
    let words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
    let folder = folder(&format!("{BYTES}[data.held_out]\npath = 'known.txt'\n[data.decontaminate]\n"));
    fs::write(folder.path().join("known.txt"), words).unwrap();
    let lines = documents(200) + &serde_json::json!({ "id": "x", "text": format!("He said {words}.") }).to_string();
    fs::write(folder.path().join("docs.jsonl"), lines).unwrap();
    let outcome = run(folder.path(), &["prepare", "run.toml", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let filters = report["report"]["filters"].as_array().unwrap();
    let reasons = &filters.iter().find(|filter| filter["name"] == "decontaminate").unwrap()["reasons"];
    assert_eq!(reasons["contaminated"]["samples"], serde_json::json!(["x"]), "{report}");
}

#[test]
fn held_out_text_can_give_validation_too() {
    let held_out = "[data.held_out]\npath = 'more.jsonl'\nvalidation = 0.5\n";
    let folder = folder(&format!("{BYTES}{held_out}"));
    fs::write(folder.path().join("more.jsonl"), documents(40)).unwrap();
    let (summary, _) = trained(folder.path(), &[]);
    let n = |split: &str| summary["texts"][split]["documents"].as_u64().unwrap();
    assert!(n("validation") > 5 && n("validation") + n("test") == 40, "{summary}");
    assert_eq!(summary["texts"]["validation"]["source"], "more");
    // all documents of the sources are trained on
    let manifest = fs::read(folder.path().join("runs/run/data/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["report"]["splits"][0]["documents"], 200);
    // The resolved config says the same.
    let config = folder.path().join("runs/run/config.toml");
    let outcome = run(folder.path(), &["train", config.to_str().unwrap(), "--resume"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);

    let fails = |set: &str, expected: &str| {
        let error = failure(folder.path(), &["--overwrite", "--set", set]);
        assert!(error.contains(expected), "{error}");
    };
    fails("data.test=0.1", "data.test: expected 0, the test text is that of data.held_out, got 0.1; remove the key");
    fails("data.validation=0.1", "data.validation: expected 0, the validation text is that of data.held_out, got 0.1");
    fails("data.held_out.weight=2", "data.held_out.weight: held-out text is not trained on: remove the key");
    fails("data.held_out.filter=[]", "data.held_out.filter: held-out text is measured as it is: give filters to");
    fails("data.held_out.path=none.jsonl", "none.jsonl: no such file or folder, correct data.held_out.path");
    fs::write(folder.path().join("more.jsonl"), documents(1)).unwrap();
    let outcome = run(folder.path(), &["train", "run.toml", "--overwrite"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("data.held_out: "), "{}", outcome.stderr);
}

#[test]
fn a_vocabulary_smaller_than_asked_for_is_told() {
    let folder = folder("[tokenizer]\nplugin = 'bpe'\n[tokenizer.config]\nvocab_size = 100000\n");
    let (summary, progress) = trained(folder.path(), &["--set", "train.steps=1"]);
    let tokens = summary["vocabulary"]["tokens"].as_u64().unwrap();
    assert!(tokens > 256 && tokens < 5000 && summary["vocabulary"]["asked"] == 100_000, "{summary}");
    let line = format!("tokenizer: asked for 100000 tokens, learned {tokens}: the training text has no more");
    assert!(progress.contains(&line), "{progress}");
    let prepared = run(folder.path(), &["prepare", "run.toml"]);
    assert!(prepared.stdout.contains(&line), "{}", prepared.stdout);
    // What was asked for is there: nothing to say.
    let (summary, progress) = trained(folder.path(), &["--overwrite", "--set", "tokenizer.config.vocab_size=300"]);
    assert_eq!(summary["vocabulary"], serde_json::json!({ "tokens": 300 }));
    assert!(!progress.contains("asked for"), "{progress}");
}

#[test]
fn a_split_of_one_document_is_told() {
    let folder = folder(&format!("{BYTES}[data]\ntest = 0.0\n"));
    fs::write(folder.path().join("docs.jsonl"), documents(100)).unwrap();
    let line = "validation: only 1 document, so its numbers say little; raise data.validation, cut the text into more \
                documents (data.source.document), or name a text of its own in [data.held_out]\n";
    for (share, documents) in [("0.01", 1), ("0.02", 4)] {
        let outcome = run(folder.path(), &["prepare", "run.toml", "--set", &format!("data.validation={share}")]);
        assert!(outcome.stdout.contains(&format!("\nvalidation: {documents} documents, ")), "{}", outcome.stdout);
        assert_eq!(outcome.stdout.contains(line), documents == 1, "{}", outcome.stdout);
    }
}
