//! The published contract does not change: it is compared with the copy that was frozen when it was published, and
//! plugins from that time still load and give the same answers. The rules are those of `plugin-sdk/STABILITY.md`.
//!
//! After a change that the rules allow, `cargo test -p trainyard-tests -- --ignored freeze` writes the copy again.

mod native;
mod networks;
mod ops;
mod plugins;
mod wit;

use std::path::PathBuf;
use trainyard_plugin::{CONTRACT, Identity, Kind};

/// The frozen copies of this contract.
fn frozen(file: &str) -> PathBuf {
    let (major, minor) = CONTRACT;
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("compat/{major}.{minor}")).join(file)
}

fn read(file: &str) -> String {
    let path = frozen(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; a new contract needs a frozen copy, see plugin-sdk/STABILITY.md", path.display())
    })
}

/// What finds the rules that the second text breaks, if the first was published.
type Rules = fn(&str, &str) -> Vec<String>;

/// The contract as it is now, file by file.
fn current() -> [(&'static str, String, Rules); 4] {
    [
        ("plugin.wit", wit::current(), wit::check),
        ("ops.json", ops::current(), ops::check),
        ("network-ops.json", networks::current(), networks::check),
        ("native.txt", native::current(), native::check),
    ]
}

#[test]
fn the_published_contract_has_not_changed() {
    let broken: Vec<_> = current().iter().flat_map(|(file, text, rules)| rules(&read(file), text)).collect();
    assert!(broken.is_empty(), "{} rules are broken:\n{}", broken.len(), broken.join("\n"));
}

/// What was published is written again only as the rules allow.
#[test]
#[ignore = "writes the frozen copy"]
fn freeze() {
    for (file, text, rules) in current() {
        if frozen(file).exists() {
            let broken = rules(&read(file), &text);
            assert!(broken.is_empty(), "{file}: {}", broken.join("\n"));
        }
        std::fs::write(frozen(file), text).unwrap();
    }
}

/// An identity as plugins of contract 0.1 carry it, with a line and a column that later versions may add.
#[test]
fn identities_stay_readable() {
    let text = "trainyard-plugin\t1\nkind\tfilter\nname\tx\nversion\t1.2.3\nlicense\tMIT\ndescription\tof old\n\
                contract\t0.1\nsdk\t0.1.0\nsetting\tn\tu32\t5\thow many\nlater\tkey\twith\tcolumns\n";
    let identity = Identity::parse(text).unwrap();
    assert_eq!((identity.kind, identity.name.as_str(), identity.contract), (Kind::Filter, "x", (0, 1)));
    assert_eq!((identity.settings.len(), identity.settings[0].doc.as_str()), (1, "how many"));
}
