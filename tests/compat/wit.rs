//! The WIT of a published version never changes; a later one only adds.

use std::collections::BTreeMap;
use wit_component::semver_check;
use wit_parser::{PackageId, Resolve};

pub fn current() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-sdk/wit/plugin.wit");
    std::fs::read_to_string(path).unwrap()
}

/// The rules that `current` breaks.
pub fn check(frozen: &str, current: &str) -> Vec<String> {
    if without_comments(frozen) == without_comments(current) {
        return Vec::new();
    }
    let (old, new) = (version(frozen), version(current));
    let mut broken = Vec::new();
    if old == new {
        broken.push(format!(
            "plugin.wit: differs from what was published as {old}: a published version never changes, give this text \
             a new version"
        ));
    }
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    if minor(&old) == minor(&new) {
        broken.extend(incompatible_worlds(frozen, current).into_iter().map(|(world, why)| {
            format!(
                "plugin.wit: world {world} of {new} cannot take plugins of {old}: only new functions, interfaces and \
                 worlds may be added before the next contract ({why})"
            )
        }));
    }
    broken
}

/// Worlds that are gone or whose plugins would no longer fit, with why.
fn incompatible_worlds(frozen: &str, current: &str) -> BTreeMap<String, String> {
    let mut resolve = Resolve::default();
    // two packages in one set need two names; the comparison does not look at versions
    let frozen = frozen.replacen(&format!("@{}", version(frozen)), "@0.0.1", 1);
    let packages = [&frozen, current].map(|text| resolve.push_str("plugin.wit", text));
    let [Ok(old), Ok(new)] = packages else {
        return BTreeMap::from([("all".into(), "the text is not valid WIT".into())]);
    };
    let worlds = |package: PackageId| resolve.packages[package].worlds.clone();
    let mut wrong = BTreeMap::new();
    for (name, old) in worlds(old) {
        let why = match worlds(new).get(&name) {
            None => Some("it is gone".to_owned()),
            Some(&new) => semver_check(resolve.clone(), old, new).err().map(|error| {
                let text = format!("{:#}", error);
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            }),
        };
        if let Some(why) = why {
            wrong.insert(name, why);
        }
    }
    wrong
}

fn version(wit: &str) -> String {
    let line = wit.lines().find_map(|line| line.strip_prefix("package trainyard:plugin@"));
    line.unwrap_or_default().trim_end_matches(';').to_owned()
}

fn without_comments(wit: &str) -> String {
    let lines = wit.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version that was published last, and the one that would follow it.
    fn versions() -> [String; 2] {
        let published = version(&super::super::read("plugin.wit"));
        let (minor, patch) = published.rsplit_once('.').unwrap();
        let next = format!("{minor}.{}", patch.parse::<u32>().unwrap() + 1);
        [published, next]
    }

    /// What is found when `old` becomes `new` in the contract, which keeps its version or gets this one.
    fn found(old: &str, new: &str, as_version: &str) -> Vec<String> {
        let frozen = super::super::read("plugin.wit");
        assert!(frozen.contains(old), "{old}");
        let version = format!("package trainyard:plugin@{};", version(&frozen));
        let changed = frozen.replacen(old, new, 1);
        check(&frozen, &changed.replacen(&version, &format!("package trainyard:plugin@{as_version};"), 1))
    }

    #[test]
    fn comments_may_change() {
        assert_eq!(
            found("/// What all kinds of plugin share.", "// other words", &versions()[0]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_published_version_never_changes() {
        let [published, next] = versions();
        let added = found("world loss {", "world loss {\n  export later: func();", &published);
        assert!(added[0].contains("a published version never changes"), "{added:?}");
        let added = found("interface log {", "interface later { f: func(); }\ninterface log {", &published);
        assert_eq!(added.len(), 1, "{added:?}");
        assert_eq!(
            found("interface log {", "interface later { f: func(); }\ninterface log {", &next),
            <[&str; 0]>::default()
        );
    }

    #[test]
    fn old_plugins_must_fit() {
        let [published, next] = versions();
        for (old, new) in [
            ("keep: bool,", "keep: bool,\n    later: bool,"),
            ("    unsupported,", "    unsupported,\n    later,"),
            ("export judge: func(documents: list<string>)", "export judge: func(documents: list<string>, n: u32)"),
            ("  export two-pass: func() -> bool;", "  export two-pass: func() -> u32;"),
            ("world filter {", "world sieve {"),
        ] {
            let found = found(old, new, &next);
            assert!(
                !found.is_empty()
                    && found.iter().all(|text| text.contains(&format!("cannot take plugins of {published}"))),
                "{old}: {found:?}"
            );
        }
    }

    #[test]
    fn another_contract_may_differ() {
        assert_eq!(found("keep: bool,", "keep: u32,", "0.2.0"), <[&str; 0]>::default());
    }
}
