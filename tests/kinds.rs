//! Kinds of plugins: which are frozen, and what a config says to drafts.

use crate::plugins::{built, config};
use crate::program::trainyard;
use serde_json::Value;
use trainyard::plugin::{Plugin, PluginConfig};
use trainyard_plugin::{Kind, Sizes};

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
        let expected = match (plugin["name"] == "", plugin["kind"] == "model") {
            (true, _) => "",
            (_, true) => "draft",
            _ => "frozen",
        };
        assert_eq!(plugin["stability"], expected, "{plugin}");
        seen.extend(plugin["kind"].as_str().map(str::to_owned));
    }
    assert!(Kind::ALL.iter().all(|kind| seen.iter().any(|seen| seen == kind.name())), "{seen:?}");
    let shown = trainyard(&["plugin", "inspect", "focal"]).run().stdout;
    assert!(shown.contains("\n  contract  0.1 (SDK 0.1.0), the kind loss is frozen\n"), "{shown}");
    assert_eq!(json(&["plugin", "inspect", "focal", "--json"])["stability"], "frozen");
}

/// A draft in a file is refused unless the config says that it may change; a built-in changes with the host.
#[test]
fn a_draft_needs_leave_unless_it_is_built_in() {
    Plugin::open(&config("gpt2", "layers = 1"), Kind::Model).expect("a built-in needs none");
    let file = built("tests/guests/hostile-model").wasm.display().to_string();
    let error = Plugin::open(&config(&file, ""), Kind::Model).err().expect("nobody allowed it");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("is a model, a kind that is still a draft"), "{error}");
    let leave = PluginConfig { draft: true, ..config(&file, "") };
    let model = Plugin::open(&leave, Kind::Model).and_then(|plugin| plugin.model()).expect("allowed");
    assert_eq!(model.describe(&Sizes::new(50, 16)).expect("a network").blocks, ["h.0"]);
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
