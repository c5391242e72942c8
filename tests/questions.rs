//! `trainyard eval --tasks` and `--rolling`: numbers of lm-evaluation-harness. `golden/tasks` is made by
//! `peers/tasks_lm_eval.py`, which says what is in it.

use crate::program::{Outcome, trainyard};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/tasks").join(name)
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The model whose tokenizer is as it is, and one that puts a token before every text.
fn model(form: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(golden("model").join(file), folder.path().join(file)).unwrap();
    }
    if form == "bos" {
        let path = folder.path().join("tokenizer.json");
        let mut file = read(&path);
        let single =
            json!([{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]);
        file["post_processor"] = json!({"type": "TemplateProcessing", "single": single, "pair": single,
            "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [0], "tokens": ["<|im_start|>"]}}});
        fs::write(path, file.to_string()).unwrap();
    }
    folder
}

fn eval(folder: &Path, arguments: &[&str]) -> Outcome {
    trainyard(&[&["eval"], arguments].concat()).in_folder(folder).run()
}

/// What is printed as JSON, with a context of 48 tokens.
#[track_caller]
fn evaluated(folder: &Path, arguments: &[&str]) -> Value {
    let ran = eval(folder, &[&[".", "--json", "--set", "model.context=48"], arguments].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[track_caller]
fn near(got: &Value, expected: &Value, tolerance: f64) {
    match (got, expected) {
        (Value::Array(got), Value::Array(expected)) => {
            assert_eq!(got.len(), expected.len());
            got.iter().zip(expected).for_each(|(got, expected)| near(got, expected, tolerance));
        }
        _ => {
            let difference = got.as_f64().unwrap() - expected.as_f64().unwrap();
            assert!(difference.abs() <= tolerance, "{got} is not {expected}");
        }
    }
}

/// The field `name` of each line about a task.
fn of_task(lines: &[Value], task: &str, name: &str) -> Value {
    lines.iter().filter(|line| line["task"] == task).map(|line| line[name].clone()).collect()
}

#[test]
fn tasks_have_the_numbers_of_lm_evaluation_harness() {
    for form in ["plain", "bos"] {
        let (folder, expected) = (model(form), &read(&golden("expected.json"))[form]);
        let files =
            ["choice", "cloze", "generation"].map(|name| golden(&format!("{name}.jsonl")).display().to_string());
        let mut arguments: Vec<_> = files.iter().flat_map(|file| ["--tasks", file]).collect();
        arguments.extend(["--out", "answers.jsonl"]);
        let found = evaluated(folder.path(), &arguments);
        let answers = lines(&folder.path().join("answers.jsonl"));
        let logs = |task: &str| &expected[task]["log_likelihoods"];
        near(&of_task(&answers, "choice", "log_likelihoods"), logs("choice"), 1e-4);
        near(&of_task(&answers, "cloze", "log_likelihood"), logs("cloze"), 1e-4);
        assert_eq!(of_task(&answers, "cloze", "is_greedy"), expected["cloze"]["is_greedy"]);
        assert_eq!(of_task(&answers, "generation", "text"), expected["generation"]["texts"], "{form}");
        for (task, truncated) in found["tasks"].as_array().unwrap().iter().zip([1, 1, 1]) {
            let expected = &expected[task["task"].as_str().unwrap()]["metrics"];
            let metrics = task["metrics"].as_array().unwrap();
            assert_eq!((metrics.len(), &task["truncated"]), (expected.as_object().unwrap().len(), &json!(truncated)));
            for metric in metrics {
                let (value, stderr) = (&metric["value"], &metric["stderr"]);
                let expected = &expected[metric["name"].as_str().unwrap()];
                if metric["name"] == "perplexity" {
                    near(value, &expected[0], 1e-4 * expected[0].as_f64().unwrap());
                    // theirs is a bootstrap of 20,000 resamples, which is biased towards 0
                    near(stderr, &expected[1], 0.15 * expected[1].as_f64().unwrap());
                } else {
                    near(&json!([value, stderr]), expected, 1e-12);
                }
            }
        }
    }
}

#[test]
fn documents_have_the_perplexity_of_lm_evaluation_harness() {
    for form in ["plain", "bos"] {
        let (folder, expected) = (model(form), &read(&golden("expected.json"))[form]["documents"]);
        let file = golden("documents.jsonl").display().to_string();
        let found = evaluated(folder.path(), &["--data", &file, "--rolling"]);
        let [log, strided] = [&expected["log_likelihood"], &expected["strided"]["log_likelihood"]];
        near(&found["log_likelihood"], log, 1e-3);
        assert_eq!(found["tokens"], expected["tokens"]);
        for name in ["word_perplexity", "byte_perplexity", "bits_per_byte"] {
            near(&found[name], &expected[name], 1e-4 * expected[name].as_f64().unwrap());
        }
        let stride = expected["strided"]["stride"].to_string();
        let found = evaluated(folder.path(), &["--data", &file, "--rolling", "--stride", &stride]);
        near(&found["log_likelihood"], strided, 1e-3);
    }
}

const CONFIG: &str = "[data]\nvalidation = 0.0\ntest = 0.0\n[[data.source]]\npath = 'text.txt'\n\
                      [tokenizer]\nplugin = 'byte'\n[model]\nlayers = 1\nheads = 1\nwidth = 16\ncontext = 48\n\
                      [train]\nsteps = 20\nbatch = 4\nthreads = 1\n[schedule]\nwarmup = 1\n[sample]\ntokens = 0\n";

/// Three kinds in one file: a prompt that is too long, one that is empty, one that is white space.
const QUESTIONS: &str = r#"
{"task": "which", "prompt": "the red house and nine old trees and the red house and the", "choices": ["cat", "é"], "answer": "cat"}
{"task": "which", "prompt": "", "choices": ["the", "x"], "answer": 0, "target_delimiter": ""}
{"task": "which", "prompt": " \n", "choices": ["red", "house"], "answer": 1}
{"prompt": "the", "target": "cat"}
{"prompt": "the", "answers": "cat", "max_tokens": 6}
"#;

#[test]
fn a_run_answers_as_its_checkpoint_in_another_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("text.txt"), "the cat saw a red house.\n\n".repeat(200)).unwrap();
    fs::write(root.join("run.toml"), CONFIG).unwrap();
    fs::write(root.join("few.jsonl"), QUESTIONS).unwrap();
    trainyard(&["train", "run.toml"]).in_folder(root).succeeds();
    let of = |model: &str, arguments: &[&str]| -> Value {
        let ran = eval(root, &[&[model, "--json"], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let checkpoint = root.join("runs/run/checkpoints/step-20");
    fs::create_dir(root.join("copy")).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(checkpoint.join(file), root.join("copy").join(file)).unwrap();
    }
    let [run, copy] = ["runs/run", "copy"].map(|model| of(model, &["--tasks", "few.jsonl"]));
    assert_eq!(run["tasks"], copy["tasks"]);
    let task = |index: usize| ["task", "kind", "questions", "truncated"].map(|key| run["tasks"][index][key].clone());
    assert_eq!(task(0), [json!("which"), json!("choice"), json!(3), json!(1)]);
    assert_eq!(task(1), [json!("few"), json!("cloze"), json!(1), json!(0)]);
    assert_eq!(task(2), [json!("few"), json!("generation"), json!(1), json!(0)]);
    assert_eq!(run["tasks"][1]["metrics"][0]["stderr"], Value::Null);
    let rolling = ["--data", "text.txt", "--rolling"];
    let [run, copy] = ["runs/run", "copy"].map(|model| of(model, &rolling));
    assert_eq!(run["log_likelihood"], copy["log_likelihood"]);
    // the bits per byte that the run measures itself are those of windows too
    assert!(run["bits_per_byte"].as_f64().unwrap() < 8.0, "{run}");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let folder = model("plain");
    let fails = |text: &str, code: i32, expected: &str| {
        fs::write(folder.path().join("a.jsonl"), text).unwrap();
        let ran = eval(folder.path(), &[".", "--tasks", "a.jsonl", "--set", "model.context=48"]);
        assert_eq!((ran.code, ran.stderr), (code, format!("error: a.jsonl: {expected}\n")), "{text}");
    };
    fails("", 1, "expected a question on each line, got an empty file");
    let line = "{\"prompt\": \"a\", \"target\": \"b\"}\n\n";
    let wrong = |rest: &str, expected: &str| {
        fails(&format!("{line}{{\"prompt\": \"a\"{rest}}}\n"), 1, &format!("line 3: {expected}"));
    };
    wrong("", "expected \"choices\" with \"answer\", \"target\", or \"answers\" beside the prompt, got none");
    wrong(
        ", \"target\": \"b\", \"answers\": \"c\"",
        "expected one of \"choices\", \"target\" and \"answers\", got several",
    );
    wrong(", \"choices\": [], \"answer\": 0", "choices: expected at least one text, got an empty list");
    wrong(", \"choices\": [\"b\", \"\"], \"answer\": 0", "choices: expected texts, got an empty one at index 1");
    wrong(", \"choices\": [\"b\"]", "expected \"answer\", the right choice or its index from 0, got none");
    wrong(", \"choices\": [\"b\"], \"answer\": 1", "answer: expected an index below 1, the number of choices, got 1");
    wrong(", \"choices\": [\"b\"], \"answer\": \"c\"", "answer: expected one of the choices, got \"c\"");
    wrong(", \"target\": \"\"", "target: expected the text that follows the prompt, got an empty one");
    wrong(", \"answers\": []", "answers: expected at least one text that is right, got an empty list");
    wrong(", \"answers\": \"b\", \"max_tokens\": 0", "max_tokens: expected at least 1, got 0");
    wrong(
        ", \"answers\": \"b\", \"max_tokens\": 48",
        "max_tokens: expected less than the model's context of 48 tokens, got 48",
    );
    wrong(
        &format!(", \"target\": \"{}\"", "Q".repeat(60)),
        "expected an answer that fits the model's context of 48 tokens, got 61 tokens",
    );
    fails(
        "[1]\n",
        1,
        "line 1: expected a question as a JSON object: invalid type: integer `1`, expected a string at line 1 column 2",
    );
    fs::write(folder.path().join("a.jsonl"), line).unwrap();
    let usage = |arguments: &[&str], expected: &str| {
        let ran = eval(folder.path(), arguments);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    };
    usage(&[".", "--tasks", "a.jsonl", "--out", "a.jsonl"], "a.jsonl: expected a new file to write, this one exists");
    usage(
        &[".", "--data", "a.jsonl", "--text-field", "target", "--rolling", "--stride", "513"],
        "--stride: expected 1 to 512, the model's context, got 513",
    );
}
