//! Components that do what no Rust guest can, written as WAT.

use super::{exercise, text};
use crate::plugins::{config, isolated};
use std::path::Path;
use trainyard::plugin::{Plugin, PluginConfig};
use trainyard_plugin::{Kind, SECTION};
use wit_parser::Resolve;

/// A component of a world of the contract, around a core module.
fn component(world: &str, wat: &str) -> Vec<u8> {
    let mut module = wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-sdk/wit");
    let (package, _) = resolve.push_dir(contract).expect("the contract");
    let world = resolve.select_world(&[package], Some(world)).expect("a world of it");
    let utf8 = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, utf8).expect("embedded");
    let encoder = wit_component::ComponentEncoder::default().validate(true).module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The component with the identity of a plugin of that kind.
pub fn identified(mut component: Vec<u8>, kind: Kind) -> Vec<u8> {
    let identity = format!(
        "trainyard-plugin\t1\nkind\t{kind}\nname\traw\nversion\t1.0.0\ncontract\t0.1\nsdk\t0.1.0\n\
         setting\tname\tString\t\"\"\tis passed in\n"
    );
    let size = 1 + SECTION.len() + identity.len();
    component.extend([0, (size & 0x7f) as u8 | 0x80, (size >> 7) as u8, SECTION.len() as u8]);
    component.extend(SECTION.bytes().chain(identity.bytes()));
    component
}

/// A loss: `create` succeeds and `describe` returns the data at 2048, unless stated otherwise.
fn loss(extra: &str, create: &str, describe: &str) -> Vec<u8> {
    let wat = format!(
        r#"(module
            (memory (export "memory") 1)
            (table $table 1 funcref)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 32768))
            (func $create (export "create") (param i32 i32) (result i32) {create})
            (func $describe (export "describe") (result i32) {describe})
            {extra})"#
    );
    component("loss", &wat)
}

const FINE: &str = "(i32.const 1024)";
const ANSWER: &str = "(i32.const 2048)";

/// A component, and its error after the culprit.
type Case = (&'static str, [&'static str; 3], &'static str);

const CASES: [Case; 19] = [
    (
        "start function that does not end",
        ["(func $spin (loop $again (br $again))) (start $spin)", FINE, ANSWER],
        "create: no answer within 100 ms (limits.call_ms)",
    ),
    (
        "start function that traps",
        ["(func $trap unreachable) (start $trap)", FINE, ANSWER],
        "create: wasm trap: wasm `unreachable` instruction executed",
    ),
    (
        "loop in create",
        ["", "(loop $again (br $again)) (i32.const 0)", ANSWER],
        "create: no answer within 100 ms (limits.call_ms)",
    ),
    (
        "loop in describe",
        ["", FINE, "(loop $again (br $again)) (i32.const 0)"],
        "describe: no answer within 100 ms (limits.call_ms)",
    ),
    ("recursion", ["", FINE, "(call $describe)"], "describe: wasm trap: call stack exhausted"),
    (
        "division by zero",
        ["", FINE, "(i32.div_u (i32.const 1) (i32.const 0))"],
        "describe: wasm trap: integer divide by zero",
    ),
    (
        "memory page by page",
        ["", FINE, "(loop $again (br_if $again (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)))) unreachable"],
        "describe: memory limit of 64 MiB reached (limits.memory_mb)",
    ),
    (
        "all memory at once",
        ["", FINE, "(drop (memory.grow (i32.const 65535))) unreachable"],
        "describe: memory limit of 64 MiB reached (limits.memory_mb)",
    ),
    (
        "table growth",
        ["", FINE, "(drop (table.grow $table (ref.null func) (i32.const 1000000))) unreachable"],
        "describe: limit of 100000 table elements reached (limits.table_elements)",
    ),
    (
        "table that begins large",
        ["(table 1000000 funcref)", FINE, ANSWER],
        "create: limit of 100000 table elements reached (limits.table_elements)",
    ),
    (
        "text that is not UTF-8",
        [
            r#"(data (i32.const 2048) "\01\00\00\00\04\00\00\00\00\10\00\00\02\00\00\00") (data (i32.const 4096) "\ff\fe")"#,
            FINE,
            ANSWER,
        ],
        "describe: invalid utf-8 sequence of 1 bytes from index 0",
    ),
    (
        "text outside the memory",
        [r#"(data (i32.const 2048) "\01\00\00\00\04\00\00\00\f0\ff\ff\ff\64\00\00\00")"#, FINE, ANSWER],
        "describe: string pointer/length out of bounds of memory",
    ),
    (
        "list longer than the memory",
        [r#"(data (i32.const 2048) "\00\00\00\00\01\00\00\00\00\10\00\00\ff\ff\ff\7f")"#, FINE, ANSWER],
        "describe: list pointer/length out of bounds of memory",
    ),
    (
        "list that is not aligned",
        [r#"(data (i32.const 2048) "\00\00\00\00\01\00\00\00\01\10\00\00\01\00\00\00")"#, FINE, ANSWER],
        "describe: list pointer is not aligned",
    ),
    ("answer that is not aligned", ["", FINE, "(i32.const 2049)"], "describe: return pointer not aligned"),
    ("answer outside the memory", ["", FINE, "(i32.const 0x7fff0000)"], "describe: pointer out of bounds of memory"),
    (
        "answer that is neither",
        [r#"(data (i32.const 2048) "\07\00\00\00")"#, FINE, ANSWER],
        "describe: invalid expected discriminant",
    ),
    (
        "error of no kind",
        [r#"(data (i32.const 2048) "\01\00\00\00\63")"#, FINE, ANSWER],
        "describe: unexpected discriminant: 99",
    ),
    (
        "empty graph",
        ["", FINE, ANSWER],
        "describe: the graph uses op set 0, this host has sets 1 to 2; use a newer trainyard, or the ops of set 2",
    ),
];

/// Opens it with a setting, which crosses the boundary in `create`.
fn open(dir: &Path, bytes: &[u8], kind: Kind, in_process: bool) -> trainyard::Result<Plugin> {
    let path = dir.join("raw.wasm");
    std::fs::write(&path, bytes).expect("write");
    let settings = "name = 'abcdefghijklmnop'";
    let mut config: PluginConfig = match in_process {
        true => config(path.display().to_string(), settings),
        false => isolated(&path, settings),
    };
    (config.limits.call_ms, config.limits.memory_mb) = (100, 64);
    Plugin::open(&config, kind)
}

#[test]
fn every_case_has_its_error() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut wrong = Vec::new();
    for (what, [extra, create, describe], expected) in CASES {
        let bytes = identified(loss(extra, create, describe), Kind::Loss);
        for in_process in [true, false] {
            let plugin = open(dir.path(), &bytes, Kind::Loss, in_process).expect("a plugin");
            let expected = Err(format!("{}: {expected}", text(&plugin, plugin.culprit())));
            let got = exercise(&plugin, Kind::Loss);
            if got != expected {
                wrong.push(format!("{what} (in process: {in_process}):\n  got      {got:?}\n  expected {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

/// Errors of the module itself, apart from the functions.
#[test]
fn allocator_memory_and_instances_are_checked() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let module = |realloc: &str, pages: u32| {
        let wat = format!(
            r#"(module
                (memory (export "memory") {pages})
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "create") (param i32 i32) (result i32) (i32.const 1024))
                (func (export "describe") (result i32) (i32.const 1024)))"#
        );
        identified(component("loss", &wat), Kind::Loss)
    };
    let instances = format!("(component (core module $m) {})", "(core instance (instantiate $m))".repeat(200));
    let instances = identified(wat::parse_str(instances).expect("valid"), Kind::Loss);
    for (bytes, expected) in [
        (module("(i32.const 0x7fffffff)", 1), "create: realloc return: result not aligned"),
        (module("(i32.const 0x7ffffff0)", 1), "create: realloc return: beyond end of memory"),
        (module("unreachable", 1), "create: wasm trap: wasm `unreachable` instruction executed"),
        (module("(i32.const 2048)", 32768), "create: memory limit of 64 MiB reached (limits.memory_mb)"),
        (instances, "create: instance count too high at 101, at most 100 are allowed (limits.instances)"),
    ] {
        let plugin = open(dir.path(), &bytes, Kind::Loss, true).expect("a plugin");
        let culprit = text(&plugin, plugin.culprit());
        assert_eq!(exercise(&plugin, Kind::Loss), Err(format!("{culprit}: {expected}")));
    }
}

/// The section says one thing and the exports another.
#[test]
fn lies_about_the_kind_are_found() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let bytes = loss("", FINE, ANSWER);
    for kind in [Kind::Tokenizer, Kind::Filter, Kind::Metric, Kind::TextMetric, Kind::Model] {
        let plugin = open(dir.path(), &identified(bytes.clone(), kind), kind, true).expect("a plugin, it says");
        let culprit = text(&plugin, plugin.culprit());
        let error = exercise(&plugin, kind).expect_err("it is a loss");
        assert!(error.starts_with(&culprit) && error.contains("is not exported as the contract has it"), "{error}");
    }
    let nothing = identified(wat::parse_str("(component)").expect("valid"), Kind::Loss);
    let plugin = open(dir.path(), &nothing, Kind::Loss, true).expect("a plugin, it says");
    let error = exercise(&plugin, Kind::Loss).expect_err("it is nothing");
    assert!(error.contains("create: create is not exported as the contract has it"), "{error}");
}
