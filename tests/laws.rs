//! Losses and metrics that are well typed and wrong: each is an error where it is written or checked, and a run with an
//! older one says what is wrong.

use crate::plugins::{built, config};
use crate::program::{folder_of_lines, trainyard};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use trainyard::check::{CheckOptions, CheckReport, Outcome, check};
use trainyard::plugin::Plugin;
use trainyard_plugin::{Builder, Kind};

const LOSS: &str = "tests/guests/hostile-loss";
const METRIC: &str = "tests/guests/hostile-metric";

fn behaviour(name: &str) -> String {
    format!("behaviour = \"{name}\"")
}

/// The message of a call's panic.
fn panic_of(call: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    payload.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn expressions_of_another_builder_panic_at_the_line_that_mixes_them() {
    let (g, other) = (Builder::new(), Builder::new());
    let (x, y) = (g.weight(), other.position());
    let (wide, index) = (g.logits(), other.target());
    let mixing: [(u32, &dyn Fn()); 14] = [
        (line!(), &|| _ = x + y),
        (line!(), &|| _ = x - y),
        (line!(), &|| _ = x * y),
        (line!(), &|| _ = x / y),
        (line!(), &|| _ = x.minimum(y)),
        (line!(), &|| _ = x.maximum(y)),
        (line!(), &|| _ = x.less(y)),
        (line!(), &|| _ = x.less_equal(y)),
        (line!(), &|| _ = x.equal(y)),
        (line!(), &|| _ = x.select(1.0, y)),
        (line!(), &|| _ = wide.gather(index)),
        (line!(), &|| _ = g.target().index_equal(index)),
        (line!(), &|| _ = g.mean(y)),
        (line!(), &|| _ = g.ratio(x.sum_rows(), y.sum_rows())),
    ];
    for (line, call) in mixing {
        let said = panic_of(call);
        assert!(said.contains(&format!("laws.rs:{line}:")), "{said}");
        assert!(said.ends_with("an expression of another builder; use one Builder for a graph"), "{said}");
    }
    assert!(panic_of(|| g.log_mean("y", y)).contains("another builder"));
}

#[test]
fn what_is_logged_too_late_panics() {
    let g = Builder::new();
    g.log_mean("before", g.position());
    let (line, graph) = (line!(), g.mean(g.weight()));
    assert_eq!(graph.outputs.len(), 2);
    let said = panic_of(|| g.log_mean("after", g.position()));
    assert!(said.contains("log_mean(\"after\") comes after the graph was made at "), "{said}");
    assert!(said.contains(&format!("laws.rs:{line}:")) && said.ends_with("move it before"), "{said}");
}

/// The SDK's panics are a plugin's errors, in every form, with the author's line.
#[test]
fn builders_in_plugins_fail_by_name() {
    for (name, expected) in
        [("mixed", "an expression of another builder"), ("late-log", "log_mean(\"nll\") comes after")]
    {
        let files = built(LOSS);
        for file in [files.wasm, files.native] {
            let plugin = Plugin::open(&config(file.display().to_string(), &behaviour(name)), Kind::Loss).unwrap();
            let error = plugin.loss().unwrap().describe().unwrap_err().to_string();
            assert!(error.starts_with("plugin \"hostile-loss\"") && error.contains(expected), "{error}");
            assert!(error.contains("answers.rs:"), "{error}");
        }
    }
}

/// Python and JavaScript throw at the author's line too. Skipped if there is no interpreter.
#[test]
fn graphs_of_other_languages_do_not_mix() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-sdk").canonicalize().unwrap();
    let python = format!(
        "import sys; sys.path.insert(0, {:?})\nfrom trainyard_plugin import Graph\ng, other = Graph(), Graph()\n\
         g.input('weight') + other.input('position')\n",
        sdk.join("python").display().to_string()
    );
    let folder = tempfile::tempdir().unwrap();
    let javascript = folder.path().join("plugin.mjs");
    std::fs::copy(sdk.join("js/trainyard_plugin.js"), folder.path().join("trainyard_plugin.mjs")).unwrap();
    let code = "import { Graph } from './trainyard_plugin.mjs';\nconst [g, other] = [new Graph(), new Graph()];\n\
                g.input('weight').add(other.input('position'));\n";
    std::fs::write(&javascript, code).unwrap();
    let calls =
        [("python3", vec!["-c".into(), python], "<string>:4: "), ("node", vec![javascript.display().to_string()], "")];
    for (program, arguments, line) in calls {
        let Ok(output) = Command::new(program).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1").output() else {
            continue;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let expected = format!("{line}an expression of another Graph; use one Graph for a formula");
        assert!(!output.status.success() && said.contains(&expected), "{program}: {said}");
    }
}

fn report(guest: &str, name: &str) -> CheckReport {
    let config = config(built(guest).wasm.display().to_string(), &behaviour(name));
    check(&config, &CheckOptions { seed: 1, cases: 5, ..CheckOptions::default() }).unwrap()
}

fn of_outcome(report: &CheckReport, outcome: Outcome) -> Vec<&'static str> {
    report.checks.iter().filter(|check| check.outcome == outcome).map(|check| check.name).collect()
}

#[test]
fn the_laws_of_the_weight() {
    for (guest, name, expected) in [
        (LOSS, "negative-weight", Some("the weight of loss is negative (-1), expected 0 or more")),
        (LOSS, "weight-of-logits", Some("the weight of loss depends on the logits")),
        (METRIC, "negative-weight", Some("the weight of loss is negative (-1), expected 0 or more")),
        // Among the tokens of which a model is sure, the share that is right: a metric may count what it likes.
        (METRIC, "weight-of-logits", None),
        (LOSS, "nothing", None),
    ] {
        let report = report(guest, name);
        let found = report.checks.iter().find(|check| check.name == "weight").unwrap();
        assert_eq!(found.outcome == Outcome::Fail, expected.is_some(), "{guest} {name}: {report}");
        assert!(expected.is_none_or(|expected| found.detail.starts_with(expected)), "{}", found.detail);
    }
}

#[test]
fn stopped_values_are_held_while_the_logits_move() {
    let report = report(LOSS, "stopped");
    let gradient = report.checks.iter().find(|check| check.name == "gradient").unwrap();
    assert_eq!(gradient.outcome, Outcome::Pass, "{report}");
    assert!(gradient.detail.contains("numbers equal finite differences"), "{}", gradient.detail);
}

/// A preference or distillation loss is checked, though no run supplies its inputs yet.
#[test]
fn every_input_is_fed() {
    let report = report(LOSS, "preference");
    assert_eq!(of_outcome(&report, Outcome::Fail), [""; 0], "{report}");
    assert_eq!(of_outcome(&report, Outcome::Skip), ["inputs"], "{report}");
    let inputs = report.checks.iter().find(|check| check.name == "inputs").unwrap();
    let expected =
        "no run supplies input.teacher_logits, input.reference_logp, input.advantage yet: tried with random numbers";
    assert_eq!(inputs.detail, expected);
}

/// Every graph that cannot be compiled is named by its plugin.
#[test]
fn an_unavailable_input_names_the_plugin() {
    let expected = "input \"input.teacher_logits\" (the output of a frozen teacher model) comes from a frozen teacher model, \
                    which no run has yet; use a plugin that asks only for input.logits, ";
    for (loss, metric, place) in [("nothing", "unavailable", "metric"), ("unavailable", "nothing", "loss")] {
        let (_, outcome) = run(loss, metric);
        let begin = format!("error: {place}: plugin \"hostile-{place}\"");
        assert!(outcome.stderr.starts_with(&begin) && outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
}

/// Three steps of a tiny run with this loss and metric.
fn run(loss: &str, metric: &str) -> (TempDir, crate::program::Outcome) {
    let (loss_file, metric_file) = (built(LOSS).wasm, built(METRIC).wasm);
    let config = format!(
        r#"
data = {{ validation = 0.1, test = 0.0, source = [{{ path = "text.txt", document = "line" }}] }}
tokenizer = {{ plugin = "byte" }}
loss = {{ plugin = {loss_file:?}, config = {{ behaviour = "{loss}" }} }}
metric = [{{ plugin = {metric_file:?}, config = {{ behaviour = "{metric}" }} }}]
model = {{ layers = 1, heads = 2, width = 16, context = 16 }}
train = {{ steps = 3, batch = 2, threads = 1 }}
sample = {{ tokens = 0 }}
"#
    );
    let folder = folder_of_lines(&config);
    let outcome = trainyard(&["train", "run.toml", "--json"]).in_folder(folder.path()).run();
    (folder, outcome)
}

#[test]
fn a_run_with_a_lawless_loss_is_marked() {
    let (folder, outcome) = run("negative-weight", "nothing");
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let warning = "the weight of loss is negative";
    assert!(outcome.stderr.contains("warning: plugin \"hostile-loss\""), "{}", outcome.stderr);
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(summary["warnings"].as_array().unwrap().len(), 1, "{summary}");
    assert!(summary["warnings"][0].as_str().unwrap().contains(warning), "{summary}");
    let log = std::fs::read_to_string(folder.path().join("runs/run/metrics.jsonl")).unwrap();
    let records: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_kind = |kind: &str| records.iter().find(|record| record["kind"] == kind).unwrap();
    assert!(of_kind("warning")["warning"].as_str().unwrap().contains(warning), "{log}");
    assert!(of_kind("step")["negative_weight"].as_f64().unwrap() < 0.0, "{log}");
    let eval = trainyard(&["eval", "runs/run", "--json"]).in_folder(folder.path()).run();
    let summary: Value = serde_json::from_str(&eval.stdout).unwrap();
    assert!(summary["warnings"][0].as_str().unwrap().contains(warning), "{summary}");
}

#[test]
fn every_output_of_a_metric_is_in_the_result() {
    let (_folder, outcome) = run("nothing", "extras");
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(summary["warnings"], Value::Array(Vec::new()));
    let (loss, metric) = (&summary["validation"][1], &summary["validation"][2]);
    assert_eq!(loss.get("outputs"), None);
    // The metric is the loss; its further outputs are the loss again, and the mean of p, which is above e^-loss.
    assert_eq!(metric["value"], loss["value"]);
    assert_eq!(metric["outputs"]["nll"], loss["value"]);
    let confidence = metric["outputs"]["confidence"].as_f64().unwrap();
    assert!(confidence > (-loss["value"].as_f64().unwrap()).exp() && confidence < 1.0, "{confidence}");
}
