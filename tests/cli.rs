//! The program as users run it: what it prints where, and how it ends.

use crate::program::{Outcome, trainyard};
use serde_json::{Value, json};
use std::io::Write;

fn run(args: &[&str], input: &str) -> Outcome {
    trainyard(args).input(input).run()
}

#[track_caller]
fn succeeds(args: &[&str], input: &str) -> String {
    let ran = run(args, input);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
    ran.stdout
}

#[track_caller]
fn fails(args: &[&str], input: &str, code: i32, stderr: &str) {
    let ran = run(args, input);
    assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{args:?}: {}", ran.stderr);
    assert_eq!(ran.stderr, stderr, "{args:?}");
}

#[test]
fn help_teaches() {
    let help = succeeds(&["--help"], "");
    assert!(help.contains("trainyard train configs/austen.toml") && help.contains("Exit codes:"), "{help}");
    for command in ["train", "eval", "generate", "filter", "tokenizer", "plugin", "bench"] {
        let help = succeeds(&[command, "--help"], "");
        assert!(help.contains("Examples:\n"), "{help}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for args in [&["trian"][..], &["train"], &["train", "a.toml", "--stets"], &["generate", "r", "--top-p", "2"]] {
        let ran = run(args, "");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}");
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
    assert_eq!(run(&[], "").code, 2);
}

#[test]
fn config_problems_are_lines_on_stderr() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("x.toml");
    std::fs::write(&path, "[train]\nbatch = 0\n[[data.source]]\npath = 'a'\n[tokenizer]\nplugin = 'byte'\n")
        .expect("writable");
    let path = path.to_str().expect("text");
    let expected = format!(
        "error: {path}:2:9: train.batch: expected a whole number, 1 or more, got 0\n\
         error: --set model.layer=2: model: unknown key \"layer\", did you mean \"layers\"?\n"
    );
    fails(&["train", path, "--set", "model.layer=2", "--json"], "", 2, &expected);
}

#[test]
fn text_becomes_ids_and_text_again() {
    let text = "It is a truth\n\nuniversally \u{1F4D6} acknowledged";
    let ids = succeeds(&["tokenizer", "encode", "--plugin", "byte"], text);
    assert_eq!(ids.split_whitespace().count(), text.len());
    assert!(ids.starts_with("73 116 32 ") && ids.ends_with(" 100\n"), "{ids}");
    assert_eq!(succeeds(&["tokenizer", "decode", "--plugin", "byte"], &ids), text);
}

#[test]
fn tokenizer_input_is_checked() {
    let decode = ["tokenizer", "decode", "--plugin", "byte"];
    fails(&decode, "1 2 257", 1, "error: stdin: expected token ids below 257, got \"257\"\n");
    fails(&decode, "1 two", 1, "error: stdin: expected token ids below 257, got \"two\"\n");
    fails(
        &["tokenizer", "encode", "--plugin", "focal"],
        "",
        2,
        "error: plugin \"focal\" is a loss, expected a tokenizer\n",
    );
    fails(
        &["tokenizer", "encode", "--plugin", "byte", "--config", "a = 1"],
        "",
        2,
        "error: plugin \"byte\" 0.1.0 (builtin): create: a: unknown setting, this plugin has none\n",
    );
    fails(
        &["tokenizer", "encode", "--plugin", "byte", "--config", "a = 1\nb = "],
        "",
        2,
        "error: --config:2:5: string values must be quoted, expected literal string\n",
    );
    fails(
        &["tokenizer", "encode", "--plugin", "byte", "--model", "no/such"],
        "",
        1,
        "error: no/such: cannot read: No such file or directory (os error 2)\n",
    );
}

#[test]
fn a_tokenizer_is_trained_from_files() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (text, model) = (dir.path().join("a.txt"), dir.path().join("bpe.model"));
    std::fs::write(&text, "the cat and the hat and the bat\n".repeat(50)).expect("writable");
    let (text, model) = (text.to_str().expect("text"), model.to_str().expect("text"));
    let settings = ["--plugin", "bpe", "--config", "vocab_size = 270"];
    let ran = run(&[&["tokenizer", "train"][..], &settings, &["--out", model, text]].concat(), "");
    let expected = format!("{model}: 270 tokens learnt from 1 documents\n");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr), (0, "", expected));
    let ids = succeeds(&[&["tokenizer", "encode"][..], &settings, &["--model", model]].concat(), "the cat and the hat");
    assert!(ids.split_whitespace().count() < 12, "{ids}");
    let back = succeeds(&[&["tokenizer", "decode"][..], &settings, &["--model", model]].concat(), &ids);
    assert_eq!(back, "the cat and the hat");
}

fn filter(settings: &[&str], input: &str) -> Vec<Value> {
    let verdicts = succeeds(&[&["filter", "--plugin", "length"][..], settings].concat(), input);
    verdicts.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn documents_are_judged_in_order() {
    let lines: Vec<_> = (0..1000).map(|n| json!({ "id": n, "text": "word ".repeat(n % 4) + "end" })).collect();
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let verdicts = filter(&["--config", "min_words = 3"], &input);
    assert_eq!(verdicts.len(), 1000);
    for (n, verdict) in verdicts.iter().enumerate() {
        assert_eq!(verdict["id"], n);
        assert_eq!(verdict["keep"], n % 4 >= 2, "{verdict}");
        assert_eq!(verdict["reason"] == "", n % 4 >= 2, "{verdict}");
    }
}

#[test]
fn ids_may_be_anything_and_default_to_the_line() {
    let verdicts =
        filter(&[], "{\"id\":\"a\",\"text\":\"\"}\n\n{\"text\":\"b\",\"other\":1}\r\n{\"id\":[1],\"text\":\"\"}");
    let ids: Vec<_> = verdicts.iter().map(|verdict| verdict["id"].clone()).collect();
    assert_eq!(ids, [json!("a"), json!(3), json!([1])]);
}

#[test]
fn bad_documents_are_located() {
    let length = ["filter", "--plugin", "length"];
    let (fix, skip) = ("fix the line", "or give --invalid-lines skip\n");
    let input = "{\"text\":\"a\"}\n{\"txt\":\"a\"}\n";
    fails(&length, input, 1, &format!("error: stdin:2: no field \"text\", {fix}, {skip}"));
    let expected = "expected one JSON object with the field \"text\" per line, got an array";
    fails(&length, "[\n", 1, &format!("error: stdin:1: {expected}; {fix}, {skip}"));
    assert_eq!(succeeds(&length, ""), "");
}

#[test]
fn filter_reads_lines_as_prepare_does() {
    let input = "\u{feff}{\"id\":1,\"text\":\"marked\"}\r\n{\"id\":2,\"text\":\"one\",\"text\":\"two\"}\n\
        {\"id\":3,\"text\":null}\n{\"id\":NaN,\"text\":\"x\",\"score\":-Infinity}\n\
        {\"id\":12345678901234567890123,\"text\":\"big\"}\n{\"id\":[1, 10000000000000000000000],\"text\":\"\"}\n";
    let verdicts = succeeds(&["filter", "--plugin", "length"], input);
    let ids: Vec<_> =
        verdicts.lines().filter_map(|line| line.strip_prefix("{\"id\":")?.split(",\"keep\"").next()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "12345678901234567890123", "[1,10000000000000000000000]"]);
    let cut = "{\"text\":\"a\"}\n{\"text\":\"half \\ud83d\"}\n{\"text\":\"b";
    let half = "stdin:2: half a surrogate pair in column 15, which is no character; fix the file, or give --invalid-utf8 replace or \"drop\"";
    let ran = run(&["filter", "--plugin", "length"], cut);
    assert_eq!((ran.code, ran.stderr), (1, format!("error: {half}\n")));
    let policies = ["--invalid-utf8", "replace", "--invalid-lines", "skip"];
    let ran = run(&[&["filter", "--plugin", "length"][..], &policies].concat(), cut);
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 2));
    assert_eq!(ran.stderr, " WARN 1 lines skipped: the line is cut 1 (stdin:3)\n");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = trainyard(&["filter", "--plugin", "length"]).spawn();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("piped");
    for _ in 0..5000 {
        if stdin.write_all(b"{\"text\":\"a\"}\n").is_err() {
            break;
        }
    }
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn plugins_are_inspected() {
    let shown = succeeds(&["plugin", "inspect", "focal"], "");
    assert!(shown.starts_with("focal 0.1.0 (loss, builtin)\n"), "{shown}");
    let object: Value = serde_json::from_str(&succeeds(&["plugin", "inspect", "focal", "--json"], "")).expect("JSON");
    assert_eq!((&object["name"], &object["settings"][0]["name"]), (&json!("focal"), &json!("gamma")));
}

#[test]
fn a_described_formula_is_shown() {
    let plain = succeeds(&["plugin", "inspect", "focal"], "");
    let shown = succeeds(&["plugin", "inspect", "focal", "--graph", "--config", "gamma = 1.5"], "");
    assert!(shown.starts_with(&plain) && shown[plain.len()..].contains("1.5"), "{shown}");
    let expected = "error: byte is a tokenizer: --graph is for losses, metrics over tokens and models\n";
    fails(&["plugin", "inspect", "byte", "--graph"], "", 2, expected);
}
