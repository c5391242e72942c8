//! Kinds of plugins: all are frozen, and leave for drafts changes nothing there.

use crate::plugins::config;
use crate::program::trainyard;
use serde_json::Value;
use trainyard::plugin::{Plugin, PluginConfig};
use trainyard_plugin::Kind;

fn json(arguments: &[&str]) -> Value {
    let outcome = trainyard(arguments).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).expect("JSON")
}

/// `plugin-sdk/STABILITY.md`: the kinds of contract 0.1.
#[test]
fn the_kinds_of_contract_0_1_are_frozen_and_say_so() {
    let mut seen = Vec::new();
    for plugin in json(&["plugin", "list", "--json"]).as_array().expect("a list") {
        let expected = if plugin["name"] == "" { "" } else { "frozen" };
        assert_eq!(plugin["stability"], expected, "{plugin}");
        seen.extend(plugin["kind"].as_str().map(str::to_owned));
    }
    assert!(Kind::ALL.iter().all(|kind| seen.iter().any(|seen| seen == kind.name())), "{seen:?}");
    let shown = trainyard(&["plugin", "inspect", "focal"]).run().stdout;
    assert!(shown.contains("\n  contract  0.1 (SDK 0.1.0), the kind loss is frozen\n"), "{shown}");
    assert_eq!(json(&["plugin", "inspect", "focal", "--json"])["stability"], "frozen");
}

/// Leave to load drafts changes nothing of a plugin that is none, and of no run's identity.
#[test]
fn a_frozen_kind_loads_with_leave_for_drafts() {
    let leave = PluginConfig { draft: true, ..config("focal", "gamma = 1.5") };
    let (with, without) = (Plugin::open(&leave, Kind::Loss).unwrap(), config("focal", "gamma = 1.5"));
    let without = Plugin::open(&without, Kind::Loss).unwrap();
    assert_eq!(with.stamp(), without.stamp());
    assert_eq!(with.loss().unwrap().describe().unwrap(), without.loss().unwrap().describe().unwrap());
}

/// A plugin of another kind than the one that is asked for is an error that names both, also after it was opened.
#[test]
fn a_plugin_is_of_one_kind() {
    let filter = Plugin::open(&config("length", ""), Kind::Filter).unwrap();
    let error = filter.tokenizer().err().unwrap();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().ends_with(" (builtin): is a filter, expected a tokenizer"), "{error}");
}
