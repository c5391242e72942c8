//! A table of guests of each kind and form that misbehave, with the error that their user reads.

use super::Form::{Native, NativeProcess, Wasm, WasmProcess};
use super::{Form, exercise, hostile};
use trainyard_plugin::Kind;

/// One bad plugin and its error, after the culprit; none if it does no harm to its host.
type Case = (Kind, &'static [Form], &'static str, Option<&'static str>);

/// All forms, for errors in answers: these are checked in the same way wherever they come from.
const ALL: &[Form] = &[Wasm, Native, WasmProcess, NativeProcess];

use Kind::{Filter, Loss, Metric, Model, TextMetric, Tokenizer};

const CASES: &[Case] = &[
    // answers of the wrong form
    (Tokenizer, ALL, "too-few", Some("encode: expected 2 sequences, got 1")),
    (Tokenizer, ALL, "too-many", Some("encode: expected 2 sequences, got 3")),
    (Tokenizer, ALL, "id-outside", Some("encode: id 256 is outside the vocabulary of 256")),
    (Tokenizer, ALL, "id-largest", Some("encode: id 4294967295 is outside the vocabulary of 256")),
    (Tokenizer, ALL, "falling-ends", Some("encode: ends of sequences are not rising")),
    (Tokenizer, ALL, "end-missing", Some("encode: the last sequence ends at 9, but there are 10 ids")),
    (Tokenizer, ALL, "end-outside", Some("encode: the last sequence ends at 4294967295, but there are 9 ids")),
    (Tokenizer, ALL, "decode-too-many", Some("decode: expected 2 texts, got 3")),
    (Tokenizer, ALL, "no-tokens", Some("vocabulary: expected 1 to 1048576 tokens, got 0")),
    (Tokenizer, ALL, "many-tokens", Some("vocabulary: expected 1 to 1048576 tokens, got 1048577")),
    (
        Tokenizer,
        ALL,
        "special-outside",
        Some("vocabulary: special token \"<|x|>\" has id 256, which is outside the vocabulary of 256"),
    ),
    (
        Tokenizer,
        ALL,
        "special-with-bytes",
        Some("vocabulary: special token \"<|x|>\" stands for 1 bytes, expected none"),
    ),
    (Tokenizer, ALL, "special-twice", Some("vocabulary: special token \"<|x|>\" or its id appears twice")),
    (
        Tokenizer,
        ALL,
        "special-name",
        Some("vocabulary: special token \"\\u{1b}[2J\" holds the control character '\\u{1b}'"),
    ),
    (Filter, ALL, "too-few", Some("judge: expected 2 verdicts, got 1")),
    (Filter, ALL, "too-many", Some("judge: expected 2 verdicts, got 3")),
    (
        Filter,
        ALL,
        "span-outside",
        Some("judge: verdict 0: span 0..4294967295 is no range of whole characters in a document of 6 bytes"),
    ),
    (
        Filter,
        ALL,
        "span-inverted",
        Some("judge: verdict 0: span 2..1 is no range of whole characters in a document of 6 bytes"),
    ),
    (
        Filter,
        ALL,
        "span-inside-a-character",
        Some("judge: verdict 0: span 0..1 is no range of whole characters in a document of 6 bytes"),
    ),
    (Filter, ALL, "nan", Some("judge: verdict 0: score is NaN, expected a finite number")),
    (Filter, ALL, "infinity", Some("judge: verdict 0: score is -inf, expected a finite number")),
    (
        Filter,
        ALL,
        "long-reason",
        Some("judge: verdict 0: reason \"xxxxxxxxxxxxxxxxxxxx\"… has 101 bytes, at most 100 are allowed"),
    ),
    (
        Filter,
        ALL,
        "control-reason",
        Some("judge: verdict 0: reason \"\\u{1b}[2J\" holds the control character '\\u{1b}'"),
    ),
    (Filter, ALL, "state-is-lost", Some("merge: expected a state of 8 bytes, got 0")),
    // mathematics that is none
    (
        Loss,
        ALL,
        "cyclic",
        Some("describe: node 1: op \"log_softmax\" uses node 1, expected a node before 1 (a graph has no cycles)"),
    ),
    (
        Loss,
        ALL,
        "forward",
        Some("describe: node 1: op \"log_softmax\" uses node 2, expected a node before 1 (a graph has no cycles)"),
    ),
    (
        Metric,
        ALL,
        "input-outside",
        Some(
            "describe: node 1: op \"log_softmax\" uses node 4294967295, expected a node before 1 (a graph has no cycles)",
        ),
    ),
    (Loss, ALL, "unknown-op", Some("describe: node 9: op \"softmaxx\" is not in op set 2; did you mean \"softmax\"?")),
    (Loss, ALL, "control-op", Some("describe: node 9: op \"\\u{1b}[2J\" is not in op set 2")),
    (
        Metric,
        ALL,
        "long-op",
        Some("describe: node 9: op \"xxxxxxxxxxxxxxxxxxxx\"… of 1048576 bytes is not in op set 2"),
    ),
    (Loss, ALL, "ill-typed", Some("describe: sum of output \"loss\" is a vocab, expected a scalar")),
    (Loss, ALL, "too-many-inputs", Some("describe: node 1: op \"log_softmax\" takes 1 inputs, got 100000")),
    (Loss, ALL, "nan-attribute", Some("describe: node 1: op \"log_softmax\" takes 0 attributes, got 1")),
    (
        Loss,
        ALL,
        "infinite-constant",
        Some("describe: node 9: op \"constant\" has attribute inf, expected a finite number"),
    ),
    (Loss, ALL, "no-outputs", Some("describe: the graph has no outputs, expected at least one")),
    (Metric, ALL, "many-outputs", Some("describe: the graph has 100000 outputs, at most 100 are allowed")),
    (Loss, ALL, "output-outside", Some("describe: weight of output \"loss\" is node 4294967295, which does not exist")),
    (Loss, ALL, "output-name", Some("describe: output \"x\\u{1b}[2J\" holds the control character '\\u{1b}'")),
    (Loss, ALL, "same-names", Some("describe: output \"loss\" appears twice")),
    (
        Loss,
        ALL,
        "newer-op-set",
        Some(
            "describe: the graph uses op set 1000, this host has sets 1 to 2; use a newer trainyard, or the ops of set 2",
        ),
    ),
    (Loss, ALL, "empty", Some("describe: sum of output \"loss\" is node 7, which does not exist")),
    (
        Loss,
        ALL,
        "enormous",
        Some("describe: the graph has 1000000 nodes, at most 4096 are allowed (limits.graph_nodes)"),
    ),
    (Loss, ALL, "deep", None),
    (Metric, ALL, "unit-too-long", Some("info: unit \"uuuuuuuuuuuuuuuuuuuu\"… has 101 bytes, at most 100 are allowed")),
    (TextMetric, ALL, "unit-with-control", Some("info: unit \"a\\tb\" holds the control character '\\t'")),
    (TextMetric, ALL, "infinity", Some("value: value is inf, expected a finite number or NaN")),
    (TextMetric, ALL, "nan", None),
    // too much
    (Tokenizer, ALL, "huge-model", Some("train: returned more than 256 MiB (limits.output_mb)")),
    (Filter, ALL, "huge-text", Some("judge: returned more than 256 MiB (limits.output_mb)")),
    (Filter, ALL, "huge-state", Some("state: returned more than 256 MiB (limits.output_mb)")),
    (
        Filter,
        &[Wasm, WasmProcess, NativeProcess],
        "allocate in judge",
        Some("judge: memory limit of 64 MiB reached (limits.memory_mb)"),
    ),
    (
        Loss,
        &[Wasm, WasmProcess, NativeProcess],
        "allocate in create",
        Some("create: memory limit of 64 MiB reached (limits.memory_mb)"),
    ),
    (TextMetric, &[NativeProcess], "sleep in value", Some("value: no answer within 1000 ms (limits.call_ms)")),
    (Loss, &[NativeProcess], "spin in create", Some("create: no answer within 1000 ms (limits.call_ms)")),
    // the end of an instance
    (
        Filter,
        &[Wasm, WasmProcess],
        "recurse in judge",
        Some("judge: wasm trap: out of bounds memory access, as after a stack overflow"),
    ),
    (
        Metric,
        &[Wasm, WasmProcess],
        "segv in info",
        Some("info: wasm trap: out of bounds memory access, as after a stack overflow"),
    ),
    (Metric, &[NativeProcess], "segv in info", Some("info: killed by signal 11 (SIGSEGV)")),
    (
        TextMetric,
        &[Wasm, WasmProcess],
        "abort in update",
        Some("update: wasm trap: wasm `unreachable` instruction executed"),
    ),
    (TextMetric, &[NativeProcess], "abort in update", Some("update: killed by signal 6 (SIGABRT)")),
    (Loss, &[NativeProcess], "trap in describe", Some("describe: killed by signal 4 (SIGILL)")),
    (Filter, &[NativeProcess], "exit-0 in merge", Some("merge: ended its process with exit code 0")),
    (Filter, &[NativeProcess], "exit-3 in observe", Some("observe: ended its process with exit code 3")),
    (TextMetric, &[NativeProcess], "segv in create", Some("create: killed by signal 11 (SIGSEGV)")),
    (Metric, &[Native, NativeProcess], "panic-without-text in describe", Some("describe: panicked: no message")),
    (Loss, &[Native, NativeProcess], "empty-error in describe", Some("describe: failed without saying why")),
    (Filter, &[Native, NativeProcess], "panic in destroy", None),
    (Filter, &[NativeProcess], "segv in destroy", None),
    (Filter, &[NativeProcess], "sleep in destroy", None),
    // noise
    (Tokenizer, ALL, "log-flood in encode", None),
    (Filter, &[Wasm, WasmProcess, NativeProcess], "print-flood in judge", None), // Native: noise.rs
    (TextMetric, &[NativeProcess], "print-binary in update", None),
    (Loss, &[NativeProcess], "thread in describe", None),
    (Metric, &[Wasm, WasmProcess], "thread in info", None),
];

#[test]
fn every_case_has_its_error() {
    let mut wrong = Vec::new();
    for (kind, forms, behaviour, expected) in CASES {
        for form in *forms {
            let plugin = hostile(*kind, *form, behaviour, |config| {
                if behaviour.starts_with("huge") || *behaviour == "enormous" {
                    config.limits.memory_mb = 2048; // so that the other limit is reached
                }
                if behaviour.starts_with("sleep") || behaviour.starts_with("spin") {
                    config.limits.call_ms = 1000;
                }
            });
            let expected = expected.map(|error| format!("{}: {error}", super::text(&plugin, plugin.culprit())));
            let got = exercise(&plugin, *kind).err();
            if got != expected {
                wrong.push(format!("{kind} {form:?} {behaviour:?}:\n  got      {got:?}\n  expected {expected:?}"));
            }
            // the host goes on, with the same plugin in the same form
            let good = hostile(*kind, *form, "nothing", |_| {});
            if let Err(error) = exercise(&good, *kind) {
                wrong.push(format!("{kind} {form:?} after {behaviour:?}: {error}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

/// Every function of every kind.
const EXPORTS: [(Kind, &[&str]); 6] = [
    (Tokenizer, &["create", "observe", "train", "load", "vocabulary", "encode", "decode"]),
    (Filter, &["create", "two-pass", "observe", "state", "merge", "judge"]),
    (Loss, &["create", "describe"]),
    (Metric, &["create", "info", "describe"]),
    (TextMetric, &["create", "info", "update", "state", "merge", "value"]),
    (Model, &["create", "describe", "export-config", "import-config"]),
];

/// What `what` does in every function, and the error of each after the function's name.
fn in_every_export(form: Form, what: &str, call_ms: u64, expected: impl Fn(&str) -> String) {
    for (kind, functions) in EXPORTS {
        for function in functions {
            let behaviour = format!("{what} in {function}");
            let plugin = hostile(kind, form, &behaviour, |config| config.limits.call_ms = call_ms);
            let blamed = match (*function, form) {
                // it cannot fail: whoever asks it here is not told, and the next call is
                ("two-pass", Wasm | Native) => "judge: this instance ended before",
                ("two-pass", WasmProcess | NativeProcess) => "create",
                (function, _) => function,
            };
            let culprit = super::text(&plugin, plugin.culprit());
            let expected = format!("{culprit}: {blamed}: {}", expected(function));
            assert_eq!(exercise(&plugin, kind), Err(expected), "{kind} {form:?} {behaviour:?}");
        }
    }
}

#[test]
fn endless_loop_in_every_export_of_a_component() {
    in_every_export(Wasm, "spin", 100, |_| "no answer within 100 ms (limits.call_ms)".into());
}

#[test]
fn panic_in_every_export_of_a_component() {
    in_every_export(Wasm, "panic", 10_000, |function| {
        format!("panicked at tests/guests/misbehave/src/lib.rs:LINE {function} has failed in two lines")
    });
}

#[test]
fn panic_in_every_export_of_a_library() {
    in_every_export(Native, "panic", 10_000, |function| format!("panicked: {function} has failed in two lines"));
}

#[test]
fn crash_in_every_export_of_a_library() {
    in_every_export(NativeProcess, "segv", 60_000, |_| "killed by signal 11 (SIGSEGV)".into());
}

#[test]
fn an_ended_instance_says_why() {
    for (form, why) in [
        (Wasm, "panicked at tests/guests/misbehave/src/lib.rs:LINE encode has failed in two lines"),
        (Native, "panicked: encode has failed in two lines"),
        (WasmProcess, "panicked at tests/guests/misbehave/src/lib.rs:LINE encode has failed in two lines"),
        (NativeProcess, "panicked: encode has failed in two lines"),
    ] {
        let plugin = hostile(Tokenizer, form, "panic in encode", |_| {});
        let mut tokenizer = plugin.tokenizer().expect("create behaves");
        tokenizer.load(&[]).expect("load behaves");
        tokenizer.encode(&["a"]).expect_err("panics");
        let error = super::text(&plugin, tokenizer.encode(&["a"]).expect_err("has ended"));
        let culprit = super::text(&plugin, plugin.culprit());
        assert_eq!(error, format!("{culprit}: encode: this instance ended before: {why}"));
    }
}

#[test]
fn messages_are_short_lines() {
    for form in ALL {
        let plugin = hostile(Tokenizer, *form, "long-error in observe", |_| {});
        let error = exercise(&plugin, Tokenizer).expect_err("fails");
        assert!(error.chars().count() < 1100 && !error.contains(char::is_control), "{} characters", error.len());
    }
}
