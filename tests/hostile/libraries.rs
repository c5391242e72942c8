//! Libraries that break the C interface in ways that no Rust plugin can. Whatever can be detected is an error; an
//! invalid pointer cannot be detected and ends a process: a separate one, if the plugin has one.

use super::Form::{Native, NativeProcess};
use super::{Form, exercise, text};
use crate::plugins::{config, isolated, library};
use trainyard::plugin::Plugin;
use trainyard_plugin::Kind;

const BOTH: &[Form] = &[Native, NativeProcess];

/// Forms, behaviour, and the error after the culprit; none if it does no harm to the host.
const CASES: [(&[Form], &str, Option<&str>); 17] = [
    (BOTH, "nothing", None),
    (BOTH, "utf8", Some("judge: delivered text that is not UTF-8")),
    (BOTH, "utf8-text", Some("judge: delivered text that is not UTF-8")),
    (BOTH, "null-list", Some("judge: delivered a list of 3 items at 0x0")),
    (BOTH, "misaligned-list", Some("judge: delivered a list of 3 items at 0x1")),
    (BOTH, "long-list", Some("judge: delivered a list of 4611686018427387903 items at 0x8")),
    (BOTH, "larger-than-memory", Some("judge: returned more than 256 MiB (limits.output_mb)")),
    (BOTH, "null-verdict", Some("judge: delivered a verdict at null")),
    (BOTH, "nothing-delivered", Some("judge: expected 2 verdicts, got 0")),
    (BOTH, "status", Some("judge: returned status 7, expected 0, 1 or 2")),
    (BOTH, "failed-in-silence", Some("judge: failed without saying why")),
    (BOTH, "panicked-in-silence", Some("judge: failed without saying why")),
    (BOTH, "error-utf8", Some("judge: failed without saying why")),
    (BOTH, "error-kind", Some("judge: of no kind")),
    (BOTH, "two-errors", Some("judge: the second")),
    (BOTH, "error-but-ok", None),
    (BOTH, "null-function", Some("merge: the table holds null for this function")),
];

#[test]
fn every_case_has_its_error() {
    let file = library("tests/guests/hostile-abi");
    let mut wrong = Vec::new();
    for (forms, behaviour, expected) in CASES {
        for form in forms {
            let settings = format!("behaviour = {behaviour:?}");
            let config = match form {
                NativeProcess => isolated(&file, &settings),
                _ => config(file.display().to_string(), &settings),
            };
            let plugin = Plugin::open(&config, Kind::Filter).expect("the file itself is a plugin");
            let expected = expected.map(|error| format!("{}: {error}", text(&plugin, plugin.culprit())));
            let got = exercise(&plugin, Kind::Filter).err();
            if got != expected {
                wrong.push(format!("{form:?} {behaviour:?}:\n  got      {got:?}\n  expected {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

#[test]
fn so_many_byte_strings_as_were_asked_for() {
    let file = library("tests/guests/hostile-abi");
    for (behaviour, count) in [("no-state", 0), ("two-states", 2)] {
        let config = config(file.display().to_string(), &format!("behaviour = {behaviour:?}"));
        let plugin = Plugin::open(&config, Kind::Filter).expect("the file itself is a plugin");
        let culprit = text(&plugin, plugin.culprit());
        let expected = format!("{culprit}: state: delivered {count} byte strings, expected 1");
        assert_eq!(exercise(&plugin, Kind::Filter), Err(expected));
    }
}
