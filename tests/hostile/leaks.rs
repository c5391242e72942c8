//! Failures leak nothing: after ten thousand bad instances, memory and descriptors are as before.
#![cfg(target_os = "linux")]

use super::Form::{Native, Wasm};
use super::{Form, exercise, hostile};
use crate::isolation::alone;
use crate::plugins::built;
use std::fs;
use trainyard_plugin::Kind;

/// Resident mebibytes of this process.
fn resident_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("in kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") >> 10
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

/// An instance leaked per round would be some kilobytes each: far more than this in ten thousand rounds.
const GROWTH_MB: u64 = 16;

fn stays_flat(form: Form, failures: &[(Kind, &str)]) {
    let plugins: Vec<_> =
        failures.iter().map(|(kind, behaviour)| (*kind, hostile(*kind, form, behaviour, |_| {}))).collect();
    let fail = |rounds: usize| {
        for (kind, plugin) in plugins.iter().cycle().take(rounds) {
            exercise(plugin, *kind).expect_err("every one fails");
        }
    };
    fail(1000);
    let before = (resident_mb(), descriptors());
    fail(10_000);
    let after = (resident_mb(), descriptors());
    assert!(after.0 <= before.0 + GROWTH_MB, "{} MiB after, {} MiB before", after.0, before.0);
    assert_eq!(after.1, before.1, "descriptors");
}

/// Run by the tests below, each alone in a process.
#[test]
#[ignore = "measures the whole process"]
fn components_alone() {
    stays_flat(
        Wasm,
        &[
            (Kind::Filter, "panic in judge"),
            (Kind::Tokenizer, "too-few"),
            (Kind::Loss, "panic in create"),
            (Kind::TextMetric, "infinity"),
            (Kind::Metric, "long-op"),
            (Kind::Model, "long-op"),
        ],
    );
}

/// Libraries leak nothing either.
#[test]
#[ignore = "measures the whole process"]
fn libraries_alone() {
    std::panic::set_hook(Box::new(|_| {}));
    stays_flat(
        Native,
        &[
            (Kind::Filter, "panic in judge"),
            (Kind::Tokenizer, "too-few"),
            (Kind::Loss, "panic in create"),
            (Kind::TextMetric, "infinity"),
            (Kind::Metric, "long-op"),
            (Kind::Model, "long-op"),
        ],
    );
}

#[test]
fn ten_thousand_failing_components_leave_nothing() {
    all_built();
    alone("hostile::leaks::components_alone").wait_for_success();
}

#[test]
fn ten_thousand_failing_libraries_leave_nothing() {
    all_built();
    alone("hostile::leaks::libraries_alone").wait_for_success();
}

fn all_built() {
    for kind in [Kind::Tokenizer, Kind::Filter, Kind::Loss, Kind::Metric, Kind::TextMetric, Kind::Model] {
        built(super::guest(kind));
    }
}
