//! What the program is built from: licences, sources, and crates that must not come back.

use serde_json::Value;
use spdx::{Expression, ParseMode};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Licences that let anyone use and redistribute the program, with notices only; MPL-2.0 also requires the changes of
/// its own files.
const LICENCES: [&str; 13] = [
    "MIT",
    "bzip2-1.0.6",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "CC0-1.0",
    "BSL-1.0",
    "Unicode-3.0",
    "MPL-2.0",
    "Unlicense",
];

/// Crates that stay out, and what to use instead.
const BANNED: [(&str, &str); 6] = [
    ("openssl-sys", "the program uses no network"),
    ("hyper", "the program uses no network"),
    ("reqwest", "the program uses no network"),
    ("bzip2-sys", "use `bzip2` with its backend in Rust"),
    ("lzma-sys", "use `lzma-rust2`"),
    ("candle-kernels", "the kernels are in host/cuda"),
];

/// Unmaintained crates. Each has its reason in docs/dependencies.md.
const OLD: [&str; 4] = ["paste", "unicode_categories", "nom", "murmur3"];

/// A crate of the build.
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    source: Option<String>,
}

/// Every crate of this machine's build.
fn packages(root: &Path) -> Vec<Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let rustc = String::from_utf8(rustc.stdout).expect("text");
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc says what it builds for");
    let metadata = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let package = |package: &Value| Package {
        name: text(&package["name"]).expect("a name"),
        version: text(&package["version"]).expect("a version"),
        licence: text(&package["license"]),
        source: text(&package["source"]),
    };
    metadata["packages"].as_array().expect("packages").iter().map(package).collect()
}

fn check(package: &Package) -> Vec<String> {
    let at = format!("{} {}", package.name, package.version);
    let mut found = Vec::new();
    match package.licence.as_deref().map(|licence| Expression::parse_mode(licence, ParseMode::LAX)) {
        None => found.push(format!("{at}: says no licence; use another crate")),
        Some(Err(error)) => found.push(format!("{at}: a licence that cannot be read: {}", error.reason)),
        Some(Ok(licence)) => {
            let allowed = |name: &str| LICENCES.contains(&name);
            if !licence.evaluate(|one| one.license.id().is_some_and(|id| allowed(id.name))) {
                found.push(format!("{at}: {licence} is not among {LICENCES:?}; use another crate"));
            }
        }
    }
    // None is a crate of this repository.
    if package.source.as_ref().is_some_and(|source| !source.starts_with("registry+")) {
        found.push(format!("{at}: comes from {:?}; use a published crate", package.source));
    }
    if let Some((_, instead)) = BANNED.iter().find(|(name, _)| *name == package.name) {
        found.push(format!("{at}: is banned: {instead}"));
    }
    found
}

#[test]
fn dependencies() {
    let root = super::root();
    let packages = packages(&root);
    assert!(packages.len() > 200, "only {} packages were found", packages.len());
    let mut found: Vec<_> = packages.iter().flat_map(check).collect();
    let sources: BTreeSet<_> = packages.iter().filter_map(|package| package.source.as_deref()).collect();
    if sources.len() > 1 {
        found.push(format!("crates come from {sources:?}: use one registry"));
    }
    let page = std::fs::read_to_string(root.join("docs/dependencies.md")).expect("docs/dependencies.md");
    for old in OLD {
        let is_used = packages.iter().any(|package| package.name == old);
        let is_explained = page.contains(&format!("| `{old}`"));
        if is_used != is_explained {
            found.push(format!("{old}: used is {is_used}, explained in docs/dependencies.md is {is_explained}"));
        }
    }
    assert!(found.is_empty(), "{} dependencies break the rules:\n{}", found.len(), found.join("\n"));
}

#[test]
fn wrong_dependencies_are_found() {
    let found = |name: &str, licence: Option<&str>, source: Option<&str>| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        check(&Package { name: name.into(), version: "1.0.0".into(), licence: owned(licence), source: owned(source) })
            .join("\n")
    };
    let registry = Some("registry+somewhere");
    assert_eq!(found("a", Some("MIT/Apache-2.0"), registry), "");
    assert_eq!(found("a", Some("GPL-3.0-only OR MIT"), registry), "");
    assert_eq!(found("a", Some("Apache-2.0 WITH LLVM-exception"), None), "");
    assert!(found("a", Some("GPL-3.0-only"), registry).contains("GPL-3.0-only is not among"));
    assert!(found("a", Some("MIT AND GPL-3.0-only"), registry).contains("is not among"));
    assert!(found("a", None, registry).contains("says no licence"));
    assert!(found("a", Some("MIT"), Some("git+somewhere")).contains("use a published crate"));
    assert!(found("openssl-sys", Some("MIT"), registry).contains("is banned"));
}
