//! `on_error` applies to every way in which a call can end, in this process and in another.

use super::Form::{Native, NativeProcess, Wasm, WasmProcess};
use super::{Form, hostile};
use trainyard::plugin::{OnError, Plugin};
use trainyard_plugin::Kind;

/// Ways to fail at one document, which contains the word poison.
const FAILURES: [(Form, &str, &str); 7] = [
    (Wasm, "panic", "panicked at tests/guests/misbehave/src/lib.rs:LINE poison has failed in two lines"),
    (Wasm, "segv", "wasm trap: out of bounds memory access, as after a stack overflow"),
    (Native, "panic", "panicked: poison has failed in two lines"),
    (WasmProcess, "panic", "panicked at tests/guests/misbehave/src/lib.rs:LINE poison has failed in two lines"),
    (NativeProcess, "segv", "killed by signal 11 (SIGSEGV)"),
    (NativeProcess, "abort", "killed by signal 6 (SIGABRT)"),
    (NativeProcess, "exit-0", "ended its process with exit code 0"),
];

const DOCUMENTS: [&str; 4] = ["one", "poison", "three", "four"];

fn filter(form: Form, behaviour: &str, on_error: OnError) -> Plugin {
    hostile(Kind::Filter, form, behaviour, |config| {
        config.on_error = on_error;
        config.max_errors = 2;
    })
}

#[test]
fn abort_ends_with_the_error() {
    for (form, behaviour, expected) in FAILURES {
        let plugin = filter(form, behaviour, OnError::Abort);
        let error = plugin.filter().expect("create behaves").judge(&DOCUMENTS).expect_err("poison");
        let culprit = super::text(&plugin, plugin.culprit());
        assert_eq!(super::text(&plugin, error), format!("{culprit}: judge: {expected}"), "{form:?} {behaviour}");
    }
}

#[test]
fn skip_leaves_out_the_one_document() {
    for (form, behaviour, expected) in FAILURES {
        let plugin = filter(form, behaviour, OnError::Skip);
        let mut filter = plugin.filter().expect("create behaves");
        for _ in 0..2 {
            let verdicts = filter.judge(&DOCUMENTS).expect("skips");
            let kept: Vec<_> = verdicts.iter().map(|verdict| (verdict.keep, verdict.reason.as_str())).collect();
            let keep = (true, "");
            assert_eq!(kept, [keep, (false, "plugin-error"), keep, keep], "{form:?} {behaviour}");
        }
        let error = super::text(&plugin, filter.judge(&DOCUMENTS).expect_err("one too many"));
        let culprit = super::text(&plugin, plugin.culprit());
        let expected = format!("{culprit}: judge: {expected}; 2 items were skipped before it (max_errors)");
        assert_eq!(error, expected, "{form:?} {behaviour}");
    }
}

#[test]
fn restart_tries_so_many_times() {
    for (form, behaviour, expected) in FAILURES {
        let plugin = filter(form, behaviour, OnError::Restart);
        let mut filter = plugin.filter().expect("create behaves");
        let error = super::text(&plugin, filter.judge(&DOCUMENTS).expect_err("poison stays poison"));
        let culprit = super::text(&plugin, plugin.culprit());
        let expected = format!("{culprit}: judge: {expected}; after 2 restarts (max_errors)");
        assert_eq!(error, expected, "{form:?} {behaviour}");
    }
}
