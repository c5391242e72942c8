//! Small components that a compiler would need minutes and gigabytes for: each is refused, or compiled within its
//! limits of processor time and memory.

use super::components::identified;
use crate::plugins::{config, use_program};
use std::path::Path;
use std::time::{Duration, Instant};
use trainyard::plugin::{Plugin, inspect};
use trainyard_plugin::Kind;

/// A number as WASM writes it.
fn leb(mut n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (n & 0x7f) as u8;
        n >>= 7;
        bytes.push(if n == 0 { byte } else { byte | 0x80 });
        if n == 0 {
            return bytes;
        }
    }
}

/// Bytes after their length.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [&leb(bytes.len() as u64), bytes].concat()
}

fn section(id: u8, bytes: &[u8]) -> Vec<u8> {
    [&[id][..], &sized(bytes)].concat()
}

fn list(count: u64, item: &[u8]) -> Vec<u8> {
    [leb(count), item.repeat(count as usize)].concat()
}

/// A component around one core module with these sections.
fn around(sections: &[Vec<u8>]) -> Vec<u8> {
    let module = [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat();
    [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module)].concat()
}

/// One with a function type `() -> ()` and functions of these bodies, each without its locals' length and end.
fn functions(count: u64, locals: &[u8], body: &[u8]) -> Vec<u8> {
    let body = sized(&[locals, body, &[0x0b]].concat());
    around(&[section(1, &[1, 0x60, 0, 0]), section(3, &list(count, &[0])), section(10, &list(count, &body))])
}

/// One function without locals.
fn function(body: &[u8]) -> Vec<u8> {
    functions(1, &[0], body)
}

/// Components that instantiate the one before them twice, next to each other.
fn doubling(levels: usize) -> Vec<u8> {
    let mut text = "(component (component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..=levels {
        let one = format!("(instance (instantiate $c{}))", level - 1);
        text += &format!("(component $c{level} {one}{one})");
    }
    wat::parse_str(text + &format!("(instance (instantiate $c{levels})))")).expect("valid")
}

/// The same inside of each other.
fn nested(levels: usize) -> Vec<u8> {
    let text = (0..levels).fold("(core module)".to_owned(), |inner, _| {
        format!("(component $c {inner}) (instance (instantiate $c)) (instance (instantiate $c))")
    });
    wat::parse_str(format!("(component {text})")).expect("valid")
}

/// A component that is passed to another, which makes an instance of whatever it is.
fn passed() -> Vec<u8> {
    let text = "(component (component $a) (component $b (import \"x\" (component $x)) (instance (instantiate $x)))
                (instance (instantiate $b (with \"x\" (component $a)))))";
    wat::parse_str(text).expect("valid")
}

/// Types of instances inside of each other, which overflow the stack of a recursive reader.
fn deep_types(levels: usize) -> Vec<u8> {
    let types = [vec![1], [0x42, 1, 0x01].repeat(levels), vec![0x42, 0]].concat();
    [b"\0asm\x0d\0\x01\0".to_vec(), section(7, &types)].concat()
}

/// Tuples of tuples: each twice as large as the one before.
fn wide_types(levels: u8) -> Vec<u8> {
    let types: Vec<u8> = (0..levels).flat_map(|level| [0x6f, 2, level, level]).collect();
    let types = [leb(u64::from(levels) + 1), vec![0x6f, 2, 0x79, 0x79], types].concat();
    [b"\0asm\x0d\0\x01\0".to_vec(), section(7, &types)].concat()
}

/// A component that counting refuses, and its error.
type Counted = (&'static str, Vec<u8>, &'static str);
/// A component that exceeds no count, but takes a compiler long.
type Bounded = (&'static str, Vec<u8>);

fn cases() -> (Vec<Counted>, Vec<Bounded>) {
    let constants = |count: usize| function(&[0x41, 7, 0x1a].repeat(count));
    let summed = |count: usize| function(&[[0x41, 7].repeat(count), [0x6a].repeat(count - 1), vec![0x1a]].concat());
    let blocks = |count: usize, kind: u8| function(&[[kind, 0x40].repeat(count), [0x0b].repeat(count)].concat());
    let table = [vec![0x41, 0, 0x0e], list(1_900_000, &[0]), vec![0]].concat();
    let table = function(&[vec![0x02, 0x40], table, vec![0x0b]].concat());
    let locals = |count: u64| [vec![1], leb(count), vec![0x7f]].concat();
    // every local is read in the innermost loop and written in it, so that each is a parameter of every loop
    let touched: Vec<u8> =
        (0..10_000).flat_map(|n| [vec![0x20], leb(n), vec![0x21], leb((n + 1) % 10_000)].concat()).collect();
    let branches = [0x41, 1, 0x0d, 0].to_vec();
    let loops = [[0x03, 0x40].repeat(1000), touched, [branches, vec![0x0b]].concat().repeat(1000)].concat();
    let tables =
        |count: u64, elements: u64| around(&[section(4, &list(count, &[vec![0x70, 0], leb(elements)].concat()))]);
    let far = [vec![0, 0x41], vec![0xc0, 0x84, 0x3d], vec![0x0b, 1, 0]].concat();
    let filled = [section(4, &list(90, &[vec![0x70, 0], leb(1_100_000)].concat())), section(9, &list(1, &far))];
    let counted = vec![
        ("components that double", doubling(40), "parts once all is instantiated"),
        ("components that double inside", nested(16), "parts once all is instantiated"),
        ("components too deep", nested(40), "modules and components inside of each other"),
        ("a component that is passed in", passed(), "instantiates a component that it is passed"),
        ("many functions", functions(900_000, &[0], &[]), "has 900000 functions, at most"),
        ("a long function", constants(900_000), "bytes of code in one function"),
        ("many locals", functions(1, &locals(60_000), &[]), "local variables in one function"),
        ("large tables", tables(50, 1_000_000), "table elements to begin with"),
        ("a table with holes", around(&filled), "table elements to begin with"),
        ("many tables", tables(5000, 1), "memories, tables and tags"),
        ("many types", around(&[section(1, &list(300_000, &[0x60, 0, 0]))]), "types, at most"),
        ("many globals", around(&[section(6, &list(300_000, &[0x7f, 0, 0x41, 0, 0x0b]))]), "global variables"),
        ("deep types", deep_types(100_000), "types more than 100 deep"),
        ("wide types", wide_types(60), "is no valid component"),
    ];
    let bounded = vec![
        ("many constants", constants(690_000)),
        ("many constants at once", summed(690_000)),
        ("deep blocks", blocks(690_000, 0x02)),
        ("deep loops", blocks(690_000, 0x03)),
        ("a giant table of branches", table),
        ("many locals in many loops", functions(1, &locals(10_000), &loops)),
        ("many functions of many locals", functions(10_000, &locals(20_000), &[])),
    ];
    (counted, bounded)
}

fn outcome(dir: &Path, name: &str, bytes: Vec<u8>) -> Result<(), String> {
    let path = dir.join("c.wasm");
    std::fs::write(&path, identified(bytes, Kind::Loss)).expect("write");
    assert_eq!(inspect(&path).expect("it says who it is").name, "raw", "{name}");
    let opened = Plugin::open(&config(path.display().to_string(), ""), Kind::Loss);
    opened.map(drop).map_err(|error| error.to_string().replace(&format!("{}/", dir.display()), ""))
}

#[test]
fn what_is_too_much_is_counted() {
    use_program();
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut wrong = Vec::new();
    for (name, bytes, expected) in cases().0 {
        match outcome(dir.path(), name, bytes) {
            Err(error) if error.starts_with("c.wasm: ") && error.contains(expected) && !error.contains('\n') => {}
            got => wrong.push(format!("{name}: {got:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Compiled or refused: neither takes the host's memory, or more time than a process is given.
fn ends_within_its_limits(cases: impl Iterator<Item = Bounded>) {
    use_program();
    let dir = tempfile::tempdir().expect("temporary directory");
    for (name, bytes) in cases {
        let start = Instant::now();
        let got = outcome(dir.path(), name, bytes);
        // 24 seconds of a processor that others use too
        assert!(start.elapsed() < Duration::from_secs(300), "{name}: {got:?}");
        let said = ["compiling it took more than", "the compiler panicked at it", "is no valid component"];
        let is_said = |error: &String| said.iter().any(|said| error.starts_with(&format!("c.wasm: {said}")));
        assert!(got.as_ref().map_or_else(is_said, |()| true), "{name}: {got:?}");
    }
}

/// More memory than the child is given, and a panic of the compiler.
#[test]
fn what_cannot_be_counted_is_bounded() {
    ends_within_its_limits(cases().1.into_iter().filter(|(name, _)| ["deep blocks", "deep loops"].contains(name)));
}

#[test]
#[ignore = "broad: make test-all"]
fn everything_that_cannot_be_counted_is_bounded() {
    ends_within_its_limits(cases().1.into_iter());
}
