//! The rules of this code base, as a test. Every message says what to do instead.
//!
//! All files are read once. Each check has its own small test on a snippet that breaks the rule, so that it is known to
//! be able to fail.

mod arrows;
mod dependencies;
mod english;
mod generated;
mod layers;
mod source;
mod style;

use source::Source;
use std::path::PathBuf;

/// Cargo sets the variable to `tests/` when it runs a test.
fn root() -> PathBuf {
    let tests = std::env::var("CARGO_MANIFEST_DIR").expect("run this test with `cargo test`");
    PathBuf::from(tests).parent().expect("tests/ has a parent").to_owned()
}

#[test]
fn tidy() {
    let sources = source::walk(&root());
    assert!(sources.len() > 20, "only {} files were found under {}", sources.len(), root().display());
    let found: Vec<_> = sources.iter().flat_map(check).collect();
    assert!(found.is_empty(), "{} rules are broken:\n{}", found.len(), found.join("\n"));
}

fn check(source: &Source) -> Vec<String> {
    let mut found = arrows::check(source);
    found.extend(english::check(source));
    found.extend(layers::check(source));
    found.extend(style::check(source));
    found
}

/// Compares what a check found in a snippet with parts of the messages that it should give, in order.
#[track_caller]
fn assert_found(found: &[String], expected: &[&str]) {
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found}");
    }
}
