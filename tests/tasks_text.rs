//! Runs whose model writes one text from another: `predict`, `generate`, metrics over texts, and the task `denoise`.

use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use trainyard::plugin::{Plugin, PluginConfig};
use trainyard_plugin::{Kind, TextPair};

/// Words to be turned round, of unequal lengths.
fn pairs(n: u64, seed: u64) -> String {
    let pair = |index: u64| {
        let mut state = index * 7919 + seed;
        let text: String = (0..2 + index % 9)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b'a' + (state >> 33) as u8 % 5)
            })
            .collect();
        let target: String = text.chars().rev().collect();
        format!("{{\"id\": \"w{index}\", \"text\": \"{text}\", \"target\": \"{target}\"}}\n")
    };
    (0..n).map(pair).collect()
}

/// A small model that learns a little.
fn config(family: &str, task: &str) -> String {
    format!(
        r#"
[data.fields]
target = "target"
[[data.source]]
path = "pairs.jsonl"
[data.held_out]
path = "held_out.jsonl"
validation = 0.0
[task]
{task}
[tokenizer]
plugin = "byte"
[model]
plugin = "{family}"
context = 20
[model.config]
layers = 1
width = 16
heads = 2
[optimizer]
lr = 3e-3
[schedule]
warmup = 1
[train]
steps = 20
batch = 8
checkpoint_every = 10
keep_checkpoints = 0
threads = 1
"#
    )
}

fn project(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pairs.jsonl"), pairs(120, 1)).unwrap();
    fs::write(folder.path().join("held_out.jsonl"), pairs(30, 2)).unwrap();
    fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Outcome {
    trainyard(arguments).in_folder(folder).run()
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let outcome = run(folder, arguments);
    assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
    outcome.stdout
}

#[track_caller]
fn fails(folder: &Path, arguments: &[&str], expected: &str) {
    let outcome = run(folder, arguments);
    assert_eq!(outcome.code, 2, "{arguments:?}: {} {}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(expected), "{arguments:?}: {}", outcome.stderr);
}

fn trained(config: &str) -> TempDir {
    let folder = project(config);
    succeeds(folder.path(), &["train", "run.toml"]);
    folder
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Texts of held-out documents, and what they are to become.
fn held_out() -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    lines(&pairs(30, 2)).iter().map(|line| (text(&line["text"]), text(&line["target"]))).collect()
}

const SEQ2SEQ: &str = "kind = \"seq2seq\"";

#[test]
fn predictions_are_what_generate_writes_in_the_order_of_the_input() {
    for family in ["t5", "bart"] {
        let folder = trained(&config(family, SEQ2SEQ));
        let written = lines(&succeeds(folder.path(), &["predict", "runs/run", "--data", "held_out.jsonl"]));
        assert_eq!(written.len(), 30);
        for (index, (line, (source, _))) in written.iter().zip(held_out()).enumerate() {
            assert_eq!(line["id"], format!("w{index}"));
            assert!(line["score"].as_f64().unwrap() <= 0.0 && line.get("hypotheses").is_none(), "{line}");
            if index % 10 == 0 {
                // one text by itself, without padding, is another way of computing
                let greedy = ["generate", "runs/run", "--source", &source, "--temperature", "0", "--prompt", ""];
                let text = succeeds(folder.path(), &greedy);
                assert_eq!(line["text"].as_str().unwrap(), text.strip_suffix('\n').unwrap(), "{family}: {source}");
            }
        }
    }
}

#[test]
fn several_hypotheses_are_told_from_the_best_on() {
    let folder = trained(&config("t5", SEQ2SEQ).replace("steps = 20", "steps = 120"));
    let predict = ["predict", "runs/run", "--data", "held_out.jsonl"];
    let greedy = lines(&succeeds(folder.path(), &predict));
    let beams = lines(&succeeds(folder.path(), &[&predict[..], &["--beams", "4", "--all"]].concat()));
    let mut better = 0.0;
    for (greedy, line) in greedy.iter().zip(&beams) {
        let hypotheses = line["hypotheses"].as_array().unwrap();
        assert_eq!(hypotheses.len(), 4);
        assert_eq!((&hypotheses[0]["text"], &hypotheses[0]["score"]), (&line["text"], &line["score"]));
        let scores: Vec<_> = hypotheses.iter().map(|one| one["score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        better += scores[0] - greedy["score"].as_f64().unwrap();
    }
    assert!(better > 0.0, "beams find likelier texts: {better}");
    // the run's own setting is the default
    let by_config = ["--set", "sample.beams=4", "--all"];
    assert_eq!(lines(&succeeds(folder.path(), &[&predict[..], &by_config].concat())), beams);
    let short = lines(&succeeds(folder.path(), &[&predict[..], &["--max-tokens", "2"]].concat()));
    assert!(short.iter().all(|line| line["text"].as_str().unwrap().len() <= 2), "{short:?}");
    fails(folder.path(), &[&predict[..], &["--max-tokens", "99"]].concat(), "more than the model's context of 20");
    let none = run(folder.path(), &[&predict[..], &["--beams", "0"]].concat());
    assert!(none.code == 2 && none.stderr.contains("expected a whole number, 1 or more"), "{}", none.stderr);
    // a document that is too long is said to be
    let long = format!("{{\"text\": \"{}\"}}\n", "ab".repeat(20));
    let outcome = trainyard(&["predict", "runs/run"]).in_folder(folder.path()).input(long).run();
    assert!(outcome.code == 0 && outcome.stderr.contains("of 1 documents only the beginning"), "{}", outcome.stderr);
}

#[test]
fn metrics_compare_what_is_written_with_the_targets() {
    let metrics = "[[metric]]\nplugin = \"chrf\"\n[[metric]]\nplugin = \"bleu\"\n";
    let folder = trained(&(config("bart", SEQ2SEQ) + metrics));
    let written = lines(&succeeds(folder.path(), &["predict", "runs/run", "--data", "held_out.jsonl"]));
    let all = |set: &[&str]| -> Value {
        serde_json::from_str(&succeeds(folder.path(), &[&["eval", "runs/run", "--json"], set].concat())).unwrap()
    };
    let value = |summary: &Value, name: &str| -> Value {
        let test = summary["test"].as_array().unwrap();
        test.iter().find(|value| value["name"] == name).unwrap().clone()
    };
    let summary = all(&[]);
    for name in ["chrf", "bleu"] {
        let plugin = Plugin::open(&PluginConfig::new(name), Kind::TextMetric).unwrap();
        let mut metric = plugin.text_metric().unwrap();
        for (line, (_, target)) in written.iter().zip(held_out()) {
            let hypothesis = line["text"].as_str().unwrap();
            metric.update(&[TextPair { hypothesis, references: vec![&target] }]).unwrap();
        }
        let measured = value(&summary, name);
        let expected = metric.value().unwrap();
        assert!((measured["value"].as_f64().unwrap() - expected).abs() < 1e-9, "{measured}, expected {expected}");
        assert_eq!((&measured["outputs"]["documents"], &measured["comparable"]), (&30.0.into(), &"text".into()));
    }
    let few = value(&all(&["--set", "sample.documents=7"]), "chrf");
    assert_eq!(few["outputs"]["documents"], 7.0);
    // a set of the same texts: a prompt is a source
    let set = "eval.text=[{path='held_out.jsonl', prompt_field='text', reference_field='target', tokens=20}]";
    let set = &all(&["--set", set])["sets"]["held_out"];
    assert_eq!(set["values"][0]["value"], value(&summary, "chrf")["value"], "{set}");
    assert_eq!(set["values"][0]["comparable"], "text");
    let data = value(&all(&["--data", "held_out.jsonl"]), "chrf");
    assert_eq!(data["value"], value(&summary, "chrf")["value"]);
}

#[test]
fn sources_are_where_a_model_reads_them() {
    let folder = trained(&config("t5", SEQ2SEQ));
    let root = folder.path();
    fails(root, &["generate", "runs/run"], "this model writes from a source text, got none; give it with --source");
    fails(root, &["generate", "runs/run", "--source-file", "none.txt"], "none.txt: cannot read text");
    fs::write(root.join("source.txt"), "abc\n").unwrap();
    let generate = |source: &[&str]| {
        succeeds(root, &[&["generate", "runs/run", "--seed", "3", "--temperature", "1"], source].concat())
    };
    assert_eq!(generate(&["--source-file", "source.txt"]), generate(&["--source", "abc"]));
    assert!(generate(&["--source", "abc", "--prompt", "cb"]).starts_with("cb"));
    let causal = config("gpt2", "kind = \"causal\"");
    fs::write(root.join("causal.toml"), &causal).unwrap();
    succeeds(root, &["train", "causal.toml", "--set", "train.steps=2", "--set", "sample.tokens=0"]);
    fails(root, &["generate", "runs/causal", "--source", "abc"], "this model has no encoder that reads a source");
    fails(root, &["predict", "runs/causal"], "`trainyard generate` writes text");
    let set = ["--set", "sample.source=abc"];
    fails(root, &[&["train", "causal.toml"], &set[..]].concat(), "sample.source: the task is \"causal\"");
    // with a source in the config a text is written at the end
    let written = succeeds(root, &[&["train", "run.toml", "--json", "--overwrite"], &set[..]].concat());
    let summary: Value = serde_json::from_str(&written).unwrap();
    let expected = succeeds(root, &["generate", "runs/run", "--source", "abc"]);
    assert_eq!(summary["sample"].as_str().unwrap().to_owned() + "\n", expected);
}

#[test]
fn options_and_metrics_of_texts_are_refused_where_none_are_written() {
    let labels = config("bert", "kind = \"labels\"").replace("[model.config]", "[model.config]\nhead = \"sequence\"");
    let folder = project(&labels.replace("target = \"target\"", "label = \"label\""));
    let document = |index: usize| {
        format!("{{\"id\": \"{index}\", \"text\": \"text {index}\", \"label\": \"{}\"}}\n", ["a", "b"][index % 2])
    };
    let documents: String = (0..40).map(document).collect();
    for name in ["pairs.jsonl", "held_out.jsonl"] {
        fs::write(folder.path().join(name), &documents).unwrap();
    }
    succeeds(folder.path(), &["train", "run.toml", "--set", "train.steps=2"]);
    fails(folder.path(), &["predict", "runs/run", "--beams", "2"], "--beams: task \"labels\" writes no text");
    let metric = ["--set", "metric=[{ plugin = \"chrf\" }]"];
    let expected = "metric: \"chrf\" compares texts, and task \"labels\" writes none";
    fails(folder.path(), &[&["train", "run.toml", "--overwrite"], &metric[..]].concat(), expected);
}

#[test]
fn damaged_texts_are_the_same_when_a_run_is_resumed() {
    for (family, form, rows) in [("t5", "t5", 100), ("bart", "bart", 1)] {
        let task = format!("kind = \"denoise\"\nform = \"{form}\"");
        let folder = trained(&config(family, &task));
        let last = folder.path().join("runs/run/checkpoints/step-20");
        let model = fs::read(last.join("model.safetensors")).unwrap();
        fs::remove_dir_all(&last).unwrap();
        let resumed = run(folder.path(), &["train", "run.toml", "--resume"]);
        assert!(resumed.code == 0 && resumed.stderr.contains("resumed after step 10"), "{}", resumed.stderr);
        assert!(fs::read(last.join("model.safetensors")).unwrap() == model, "{form}");
        // tokens of the model alone, and what other programs begin with
        let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(last.join(name)).unwrap()).unwrap() };
        let (json, generation) = (read("config.json"), read("generation_config.json"));
        let end = json["eos_token_id"].as_u64().unwrap();
        assert_eq!(json["vocab_size"], end + 1 + rows);
        assert_eq!(
            (&json["decoder_start_token_id"], &generation["decoder_start_token_id"]),
            (&end.into(), &end.into())
        );
        succeeds(folder.path(), &["generate", "runs/run", "--source", "abcde"]);
        fails(folder.path(), &["predict", "runs/run"], "`trainyard generate --source TEXT`");
    }
}

#[test]
fn settings_of_denoise_are_checked() {
    let folder = project(&config("t5", "kind = \"denoise\""));
    for (set, expected) in [
        ("task.permute_sentences=true", "task.permute_sentences: belongs to form = \"bart\""),
        ("task.rate=0.95", "task.rate: expected a number, 0.01 to 0.9"),
        ("task.span=0", "task.span: expected a number, 1 to 100"),
        ("task.form=ul2", "task.form: expected \"t5\" or \"bart\""),
        ("task.whole_words=true", "task.whole_words: belongs to kind = \"masked\""),
    ] {
        fails(folder.path(), &["train", "run.toml", "--set", set], expected);
    }
}

#[test]
fn a_run_does_not_need_the_folder_that_it_started_from() {
    let folder = trained(&config("bart", SEQ2SEQ));
    let root = folder.path();
    fs::rename(root.join("runs/run/checkpoints/step-20"), root.join("start")).unwrap();
    // no checkpoint any more, whose files are checked
    fs::remove_dir_all(root.join("start/trainyard")).unwrap();
    let path = root.join("start/config.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    // ids that training would not have taken
    json["decoder_start_token_id"] = 7.into();
    json["forced_bos_token_id"] = 9.into();
    fs::write(&path, json.to_string()).unwrap();
    let mut generation = root.join("start/generation_config.json");
    fs::remove_file(&generation).unwrap();
    let begun = "[start]\nfrom = \"start\"\n".to_owned() + &config("bart", SEQ2SEQ);
    let begun = begun.replace(
        "[tokenizer]\nplugin = \"byte\"\n[model]\nplugin = \"bart\"\n",
        "[tokenizer]\nplugin = \"byte\"\n[model]\n",
    );
    let begun = begun.replace("[model.config]\nlayers = 1\nwidth = 16\nheads = 2\n", "");
    fs::write(root.join("begun.toml"), begun).unwrap();
    succeeds(root, &["train", "begun.toml", "--set", "train.steps=40"]);
    let record = fs::read_to_string(root.join("runs/begun/config.toml")).unwrap();
    assert!(record.contains("start_token = 7\n") && record.contains("begin_token = 9\n"), "{record}");
    generation = root.join("runs/begun/checkpoints/step-40/generation_config.json");
    let said: Value = serde_json::from_slice(&fs::read(&generation).unwrap()).unwrap();
    assert_eq!((&said["decoder_start_token_id"], &said["forced_bos_token_id"]), (&7.into(), &9.into()));
    let predict = ["predict", "runs/begun", "--data", "held_out.jsonl"];
    let before = succeeds(root, &predict);
    // the forced token is no part of what is written
    let forced = lines(&succeeds(root, &[&predict[..], &["--max-tokens", "1"]].concat()));
    assert!(forced.len() == 30 && forced.iter().all(|line| line["text"] == ""), "{forced:?}");
    fs::remove_dir_all(root.join("start")).unwrap();
    assert_eq!(succeeds(root, &predict), before);
}
