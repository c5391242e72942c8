//! The target that `FUZZ_TARGET` names, under libFuzzer.
#![no_main]

#[path = "../targets.rs"]
mod targets;

use std::sync::OnceLock;
use targets::{TARGETS, Target};
use tempfile::TempDir;

/// The target and its folder.
static TARGET: OnceLock<(Target, TempDir)> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (target, folder) = TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
        // the parquet crate panics on some damaged files, which the reader turns into errors
        if name == "parquet" {
            trainyard::base::silence_caught_panics();
        }
        let target = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of tests/fuzz/targets.rs");
        (target.1, tempfile::tempdir().expect("a temporary folder"))
    });
    target(bytes, folder.path());
});
