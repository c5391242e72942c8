//! Text metrics that read prompts and say signatures, in every form; test sets of prompts, in runs and beside them.

use crate::plugins::{Files, built, config, isolated, use_program};
use crate::program::{Outcome, trainyard};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use trainyard::check::{CheckOptions, Outcome as Found, check};
use trainyard::eval::{Example, score};
use trainyard::plugin::{OnError, Plugin, PluginConfig};
use trainyard_plugin::{Kind, PromptedPair, TextPair};

/// The component and the library, and both in separate processes.
fn forms(guest: &str, settings: &str) -> [PluginConfig; 4] {
    let Files { wasm, native } = built(&format!("tests/guests/{guest}"));
    let of = |plugin: &Path| config(plugin.display().to_string(), settings);
    [of(&wasm), of(&native), isolated(&wasm, settings), isolated(&native, settings)]
}

fn example(prompt: &str, hypothesis: &str, references: &[&str]) -> Example {
    Example {
        prompt: Some(prompt.to_owned()),
        hypothesis: hypothesis.to_owned(),
        references: references.iter().map(|&text| text.to_owned()).collect(),
    }
}

#[test]
fn prompts_and_signatures_cross_every_boundary() {
    let examples = [example("a é", "a é b", &[]), example("b", "a", &["a", ""]), example("", "", &["c"])];
    for config in forms("prompted", "") {
        let scored = score(&config, &examples, 10).unwrap();
        assert_eq!((scored.value, scored.signature.as_str()), (2.0 / 3.0, "nrefs:var|texts:0|version:1.0"));
        assert!(scored.interval.is_some());
        // where a prompt is not known, none is made up
        let unknown = [&examples[..2], &[Example { prompt: None, ..examples[2].clone() }]].concat();
        assert_eq!(score(&config, &unknown, 0).unwrap().value, 0.0);
    }
    // a plugin without the abilities gets what it always got
    for config in forms("hostile-text-metric", "") {
        let scored = score(&config, &examples[..2], 0).unwrap();
        assert_eq!(scored.value, 2.0);
        assert_eq!(scored.signature, "hostile-text-metric|nrefs:var|behaviour:nothing|version:0.1.0");
        let mut metric = Plugin::open(&config, Kind::TextMetric).unwrap().text_metric().unwrap();
        let pair = TextPair { hypothesis: "a", references: vec![] };
        assert!(metric.update_prompted(&[PromptedPair { prompt: "b", pair }]).is_err());
    }
}

#[test]
fn a_pair_that_fails_is_left_out_with_its_prompt() {
    let [config, ..] = forms("prompted", "breaks = \"fault\"");
    let config = PluginConfig { on_error: OnError::Skip, max_errors: 5, ..config };
    let mut metric = Plugin::open(&config, Kind::TextMetric).unwrap().text_metric().unwrap();
    let pair =
        |prompt: &'static str| PromptedPair { prompt, pair: TextPair { hypothesis: "ab", references: vec!["fault"] } };
    metric.update_prompted(&[pair("a"), pair("fault"), pair("b"), pair("ab")]).unwrap();
    assert_eq!(metric.value().unwrap(), 2.0 / 3.0);
}

#[test]
fn the_laws_of_both_abilities_are_checked() {
    use_program();
    let report = |settings: &str| {
        let [config, ..] = forms("prompted", settings);
        check(&config, &CheckOptions { cases: 20, ..CheckOptions::default() }).unwrap()
    };
    let passes = report("");
    for name in ["prompts", "signature"] {
        assert!(passes.checks.iter().any(|check| check.name == name && check.outcome == Found::Pass), "{passes}");
    }
    for (breaks, name, expected) in [
        ("batch", "prompts", "pairs with prompts alone in reverse order and in one batch"),
        ("signature", "signature", "counting changes the signature"),
        ("line", "signature", "holds the control character '\\n'"),
    ] {
        let found = report(&format!("breaks = \"{breaks}\""));
        let fault = found.checks.iter().find(|check| check.outcome == Found::Fail).unwrap();
        assert!(fault.name == name && fault.detail.contains(expected), "{breaks}: {found}");
    }
}

/// `golden/signatures.json` is what sacrebleu says, `peers/signatures_sacrebleu.py` wrote it.
#[test]
fn signatures_are_those_of_sacrebleu() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/signatures.json")).unwrap();
    assert!(cases.len() > 80);
    let texts = ["the cat is on the mat", "a cat sat on a mat"];
    for case in &cases {
        let settings = toml::Table::try_from(&case["settings"]).unwrap().to_string();
        let config = config(case["metric"].as_str().unwrap(), &settings);
        for (n, expected) in case["signatures"].as_array().unwrap().iter().enumerate() {
            let scored = score(&config, &[example("", texts[0], &texts[..=n])], 0).unwrap();
            let expected = expected.as_str().unwrap().replace("version:2.6.0", "version:trainyard-0.1.0");
            assert_eq!(scored.signature, expected);
        }
    }
    // what sacrebleu leaves out of its own is said where it is not as usual
    let of = |name: &str, settings: &str, references: [&[&str]; 2]| {
        let examples = references.map(|references| example("", texts[0], references));
        score(&config(name, settings), &examples, 0).unwrap().signature
    };
    let unequal = of("bleu", "max_order = 2", [&texts[..1], &texts]);
    assert_eq!(unequal, "nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|order:2|version:trainyard-0.1.0");
    let beta = of("chrf", "beta = 3", [&texts, &texts]);
    assert_eq!(beta, "nrefs:2|case:mixed|eff:yes|nc:6|nw:0|space:no|beta:3|version:trainyard-0.1.0");
}

const CONFIG: &str = "
[run]
name = 'run'
[data]
validation = 0.0
test = 0.0
[[data.source]]
path = 'docs.txt'
document = '^'
[tokenizer]
plugin = 'byte'
[model]
layers = 1
heads = 1
width = 16
context = 32
[train]
steps = 100
batch = 4
threads = 1
[optimizer]
lr = 1e-2
[schedule]
warmup = 5
[sample]
tokens = 0
temperature = 0.5
seed = 5
[[metric]]
plugin = 'exact-match'
";

const PROMPTS: [&str; 3] = ["Emma could", "It is a truth universally acknowledged", "a"];

/// A trained run, and texts that it writes for the prompts.
fn project() -> (TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..60).map(|n| format!("Line {n} speaks of {} things.\\n", n * 7919 % 101)).collect();
    fs::write(folder.path().join("docs.txt"), lines.replace("\\n", "\n")).unwrap();
    fs::write(folder.path().join("run.toml"), CONFIG).unwrap();
    succeeds(folder.path(), &["train", "run.toml"]);
    let written = (5..).zip(PROMPTS).map(|(seed, prompt)| {
        let seed = seed.to_string();
        let wanted = ["generate", "runs/run", "--prompt", prompt, "--tokens", "12", "--seed", &seed];
        let text = succeeds(folder.path(), &wanted).stdout;
        text.strip_prefix(prompt).unwrap().strip_suffix('\n').unwrap().to_owned()
    });
    let written = written.collect();
    (folder, written)
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> Outcome {
    trainyard(arguments).in_folder(folder).succeeds()
}

fn lines(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_test_set_compares_what_generate_writes() {
    let (folder, written) = project();
    let folder = folder.path();
    let all = [json!(written[0]), json!(["another", written[1]]), json!("not this")];
    let all: Vec<_> = PROMPTS.iter().zip(all).map(|(q, a)| json!({"question": q, "answer": a})).collect();
    fs::write(folder.join("all.jsonl"), lines(&all)).unwrap();
    let end = written[0].chars().nth(3).unwrap().to_string();
    let before = |text: &String| text[..text.find(&end).unwrap_or(text.len())].to_owned();
    let until = PROMPTS.iter().zip(&written).map(|(q, text)| json!({"prompt": q, "reference": before(text)}));
    let until: Vec<_> = until.collect();
    fs::write(folder.join("until.jsonl"), lines(&until)).unwrap();
    let sets = format!(
        "eval.text=[{{path = 'all.jsonl', prompt_field = 'question', reference_field = 'answer', tokens = 12}}, \
         {{name = 'first', path = 'all.jsonl', prompt_field = 'question', reference_field = 'answer', tokens = 12, \
         documents = 2}}, {{path = 'until.jsonl', tokens = 12, until = ['\\u0000never', {}]}}]",
        toml::Value::from(&*end)
    );
    let exact = "metric=[{plugin = 'exact-match', config = {ignore_case = false, ignore_articles = false, \
                 ignore_spaces = false}}]";
    let measured = ["eval", "runs/run", "--set", &sets, "--set", exact, "--allow-changed", "metric"];
    let summary: Value =
        serde_json::from_str(&succeeds(folder, &[&measured[..], &["--json"]].concat()).stdout).unwrap();
    for (name, documents, value) in [("all", 3, 2.0 / 3.0), ("first", 2, 1.0), ("until", 3, 1.0)] {
        let set = &summary["sets"][name];
        assert_eq!((&set["documents"], &set["values"][0]["value"]), (&json!(documents), &json!(value)), "{summary}");
        assert_eq!(set["values"][0]["name"], "exact-match");
        assert_eq!(set["digest"].as_str().unwrap().len(), 64);
    }
    let shown = succeeds(folder, &measured).stdout;
    assert!(shown.contains("first: 2 prompts\nexact-match         1.0000  higher is better\n"), "{shown}");
}

#[test]
fn a_run_measures_its_sets_at_its_end_and_finds_wrong_ones_before() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("docs.txt"), "A line.\n".repeat(40)).unwrap();
    fs::write(folder.join("run.toml"), format!("{CONFIG}[[eval.text]]\npath = 'set.jsonl'\n")).unwrap();
    let fails = |set: &str, code: i32, expected: &str| {
        fs::write(folder.join("set.jsonl"), set).unwrap();
        let ran = trainyard(&["train", "run.toml"]).in_folder(folder).run();
        assert_eq!((ran.code, ran.stderr.lines().count()), (code, 1), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{expected}: {}", ran.stderr);
        assert!(!folder.join("runs").exists(), "nothing was begun");
    };
    let good = "{\"prompt\": \"a\", \"reference\": \"b\"}\n";
    fails("", 1, "eval.text: ");
    fails("\n", 1, "set.jsonl: expected a prompt and a reference on each line, got no lines");
    fails(&format!("{good}no JSON\n"), 1, "set.jsonl:2: ");
    fails(&format!("{good}{{\"question\": \"a\", \"reference\": \"b\"}}\n"), 1, "set.jsonl:2: ");
    fails(
        &format!("{good}{{\"prompt\": \"a\"}}\n"),
        1,
        "set.jsonl:2: field \"reference\": expected a text or a list of",
    );
    fails("{\"prompt\": \" \", \"reference\": \"b\"}\n", 1, "set.jsonl:1: expected a prompt, got an empty text");
    fails("{\"prompt\": \"a\", \"reference\": [1]}\n", 1, "got a list of something else");
    fs::write(folder.join("set.jsonl"), good).unwrap();
    let unset = |set: &str, expected: &str| {
        let ran = trainyard(&["train", "run.toml", "--set", set]).in_folder(folder).run();
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    };
    unset("metric=[]", "eval.text: no metric compares texts; add one, such as [[metric]] plugin = \"exact-match\"");
    unset("task.kind='masked'", "which writes no text");
    unset("eval.text=[{path = 'set.jsonl'}, {path = 'set.jsonl'}]", "the name \"set\" is there twice");
    let summary = succeeds(folder, &["train", "run.toml", "--json"]).stdout;
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["sets"]["set"]["documents"], 1, "{summary}");
    let records = fs::read_to_string(folder.join("runs/run/metrics.jsonl")).unwrap();
    let mut all = records.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let last = all.rfind(|record| record["kind"] == "final").unwrap();
    assert_eq!(last["final"]["sets"], summary["sets"]);
    let page = fs::read_to_string(folder.join("runs/run/report.html")).unwrap();
    assert!(page.contains("Test sets"));
    // what a set says is no part of what a run is
    fs::write(folder.join("set.jsonl"), good.repeat(2)).unwrap();
    succeeds(folder, &["train", "run.toml", "--resume", "--set", "eval.text.0.tokens=9"]);
}
