//! Filters that measure: rules and values cross every boundary, errors are refused by name, and `plugin check` compares
//! judge and rules.

use crate::plugins::{Files, built, config, isolated, use_program};
use trainyard::check::{CheckOptions, Outcome, check};
use trainyard::plugin::{OnError, Plugin, PluginConfig, inspect};
use trainyard_plugin::{Bound, Kind, Rule, Verdict};

const GUEST: &str = "tests/guests/measured";
const TEXTS: [&str; 5] = ["A small dog", "", "GRÖSSE 日本 É", "ab", "1 2 3"];

/// The component and the library, and both in separate processes.
fn configs(settings: &str) -> [PluginConfig; 4] {
    let Files { wasm, native } = built(GUEST);
    let of = |plugin: &std::path::Path| config(plugin.display().to_string(), settings);
    [of(&wasm), of(&native), isolated(&wasm, settings), isolated(&native, settings)]
}

fn open(config: &PluginConfig) -> Plugin {
    Plugin::open(config, Kind::Filter).unwrap()
}

fn rules(min_chars: f64, max_capitals: f64) -> [Rule; 2] {
    [Rule::at_least("few_chars", "min_chars", min_chars), Rule::at_most("many_capitals", "max_capitals", max_capitals)]
}

#[test]
fn rules_and_values_are_the_same_in_every_form() {
    let nan = f64::NAN;
    let expected = [11.0, 1.0 / 9.0, 0.0, nan, 11.0, 7.0 / 9.0, 2.0, 0.0, 5.0, nan];
    for config in configs("min_chars = 4\nmax_capitals = 1.0") {
        let mut filter = open(&config).filter().unwrap();
        assert_eq!(filter.rules(), rules(4.0, f64::INFINITY));
        let values = filter.measure(&TEXTS).unwrap();
        assert_eq!(format!("{values:?}"), format!("{expected:?}"));
        let by_rules: Vec<_> = values.chunks(2).map(|values| Rule::verdict(&filter.rules(), values)).collect();
        assert_eq!(by_rules, filter.judge(&TEXTS).unwrap());
        assert_eq!(by_rules[3], Verdict::drop("few_chars").score(2.0));
        assert_eq!(filter.measure(&[]).unwrap(), <[f64; 0]>::default());
    }
}

#[test]
fn a_filter_without_the_ability_has_no_rules() {
    let Files { wasm, native } = built("tests/guests/hostile-filter");
    for config in
        [config(wasm.display().to_string(), ""), config(native.display().to_string(), ""), isolated(&wasm, "")]
    {
        let mut filter = open(&config).filter().unwrap();
        assert_eq!(filter.rules(), []);
        let error = filter.measure(&["a"]).unwrap_err().message;
        assert!(error.ends_with("measure: this filter measures nothing"), "{error}");
    }
}

#[test]
fn wrong_answers_are_refused() {
    for config in configs("breaks = \"reason\"") {
        let error = open(&config).filter().err().unwrap().to_string();
        let expected = "rules: rule 0: has no reason, expected a stable code such as gopher_short_doc";
        assert!(error.ends_with(expected), "{error}");
    }
    for config in configs("breaks = \"count\"") {
        let error = open(&config).filter().unwrap().measure(&TEXTS).unwrap_err().message;
        assert!(error.ends_with("measure: expected 10 values, got 1"), "{error}");
    }
}

#[test]
fn measure_passes_errors_on_under_every_policy() {
    for on_error in [OnError::Abort, OnError::Skip, OnError::Restart] {
        for config in configs("") {
            let plugin = open(&PluginConfig { on_error, max_errors: 2, ..config });
            let mut filter = plugin.filter().unwrap();
            let error = filter.measure(&["good", "poison"]).unwrap_err().message;
            assert!(error.contains("measure: poisoned"), "{error}");
            let usage = plugin.usage();
            assert_eq!((usage.skipped, usage.restarts), (0, if on_error == OnError::Restart { 2 } else { 0 }));
            // what comes after it is measured
            assert_eq!(filter.measure(&["good"]).unwrap(), [4.0, 0.0]);
        }
    }
}

fn failed(settings: &str) -> Vec<(&'static str, String)> {
    let config = config(built(GUEST).wasm.display().to_string(), settings);
    let options = CheckOptions { seed: 1, cases: 20, ..CheckOptions::default() };
    let report = check(&config, &options).unwrap();
    let failed = report.checks.iter().filter(|check| check.outcome == Outcome::Fail);
    failed.map(|check| (check.name, check.detail.clone())).collect()
}

#[test]
fn check_holds_judge_and_rules_together() {
    assert_eq!(failed(""), []);
    for (breaks, expected) in [
        ("judge", "judged, and by its rules"),
        ("batch", "measured alone and in a batch"),
        ("limit", "min_chars = 1 changes what is measured"),
        ("setting", "rule few_chars: its setting \"max_chars\" is none of the plugin's"),
        ("count", "measure: expected"),
    ] {
        let failed = failed(&format!("breaks = {breaks:?}"));
        assert_eq!(failed.len(), 1, "{breaks}: {failed:?}");
        assert!(failed[0].0 == "measures" && failed[0].1.contains(expected), "{breaks}: {failed:?}");
    }
}

#[test]
fn native_code_is_checked_in_a_process() {
    use_program();
    let config = config(built(GUEST).native.display().to_string(), "");
    let options = CheckOptions { seed: 1, cases: 5, other: Some(configs("")[0].clone()), ..CheckOptions::default() };
    let report = check(&config, &options).unwrap();
    assert!(report.passed(), "{report}");
    assert!(report.checks.iter().any(|check| check.name == "measures" && check.outcome == Outcome::Pass), "{report}");
}

#[test]
fn the_ability_is_shown_without_running_it() {
    let shown = inspect(&built(GUEST).wasm).unwrap();
    assert_eq!(shown.abilities, ["measures", "idempotent"]);
    assert!(shown.to_string().contains("  abilities measures, idempotent\n"), "{shown}");
    assert_eq!(Rule::at_most("x", "y", 1.0).bound, Bound::AtMost);
}
