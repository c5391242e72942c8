//! What the documentation shows is compiled, run, or compared with the sources: every block of code in `docs/plugins/`.
//! Blocks in Rust are the doctests of `lib.rs`.

use crate::program::trainyard;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use trainyard::feed::tasks::SUPPLIED;
use trainyard::plugin::Limits;
use trainyard::rows::{Extent, Format, LOGITS, RowInput, STEP};
use trainyard::run::RunConfig;
use trainyard_plugin::graph::ops::{OPS, Rule};
use trainyard_plugin::network::ops as network;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the sources are there")
}

/// The pages, by name.
fn pages() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("docs/plugins")).expect("the folder is there");
    let mut pages: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .map(|path| {
            (path.file_name().expect("a file").to_string_lossy().into_owned(), fs::read_to_string(&path).expect("text"))
        })
        .collect();
    pages.sort();
    assert!(pages.len() >= 10, "{pages:?}");
    pages
}

/// A block of code: its language and its text.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let (mut blocks, mut open) = (Vec::new(), None::<(&str, String)>);
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language, String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, text))) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

#[test]
fn blocks_are_found() {
    let page = "a\n```c\nint x;\n```\n```text\n```\n";
    assert_eq!(blocks(page), [("c", "int x;\n".to_owned()), ("text", String::new())]);
}

#[test]
fn blocks_work() {
    let mut n_checked = 0;
    for (name, page) in pages() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (language, text) in blocks(&page) {
            let place = format!("{name}:\n{text}");
            n_checked += 1;
            match language {
                "toml" => toml_block(dir.path(), &text, &place),
                "console" => console(dir.path(), &text, &place),
                "c" => c(dir.path(), &text, &place),
                "python" => python(dir.path(), &text, &place),
                "js" => javascript(dir.path(), &text, &place),
                // doctests; commands that need a network; formats and messages
                "rust" | "sh" | "text" => n_checked -= 1,
                other => panic!("{name}: write a check for blocks of {other:?}"),
            }
        }
    }
    assert!(n_checked >= 20, "only {n_checked} blocks were checked");
}

/// A part of a config, of a crate's manifest, or a `plugin.toml`.
fn toml_block(dir: &Path, text: &str, place: &str) {
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{place}{error}"));
    if table.contains_key("package") {
        assert!(table["dependencies"].get("trainyard-plugin").is_some(), "{place}");
    } else if table.contains_key("lang") {
        let folder = dir.join("manifest");
        fs::create_dir_all(&folder).expect("writable");
        fs::write(folder.join("plugin.toml"), text).expect("writable");
        // the manifest was read when the source is missed
        let ran = trainyard(&["plugin", "build", folder.to_str().expect("text"), "--wasm"]).run();
        assert!(ran.stderr.contains("no such file, expected the plugin's source"), "{place}{}", ran.stderr);
    } else {
        let mut whole = String::new();
        let data = table.get("data").and_then(toml::Value::as_table);
        if !data.is_some_and(|data| data.contains_key("source")) {
            whole += "[[data.source]]\npath = 'corpus.txt'\n";
        }
        if !table.contains_key("tokenizer") {
            whole += "[tokenizer]\nplugin = 'byte'\n";
        }
        let path = dir.join("run.toml");
        fs::write(&path, whole + text).expect("writable");
        RunConfig::load(&path, &[]).unwrap_or_else(|error| panic!("{place}{error}"));
    }
}

/// Commands behind `$ `, each followed by lines of what it prints; `…` stands for anything.
fn console(dir: &Path, text: &str, place: &str) {
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command, Vec::new())),
            (None, Some((_, expected))) => expected.push(line),
            (None, None) => panic!("{place}: begin with a command"),
        }
    }
    for (command, expected) in commands {
        let printed = shell(dir, command);
        let mut lines = printed.lines();
        for part in expected {
            let pieces: Vec<_> = part.split('…').collect();
            let fits = |line: &str| in_order(line, &pieces);
            assert!(lines.any(fits), "{place}\n$ {command} did not print {part:?}, but\n{printed}");
        }
    }
}

/// What a command prints, errors too; `trainyard` is the program of these sources.
fn shell(dir: &Path, command: &str) -> String {
    let folder = trainyard(&[]).program().parent().expect("a folder").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path))).expect("a path");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{command} 2>&1")]).current_dir(dir).env("PATH", path);
    shell.env("CARGO_NET_OFFLINE", "true"); // what this workspace needs is downloaded already
    let output = shell.env("CARGO_TARGET_DIR", root().join("target/new-plugins")).output().expect("there is a shell");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether a line consists of pieces with anything between them.
fn in_order(line: &str, pieces: &[&str]) -> bool {
    let Some(mut rest) = line.strip_prefix(pieces[0]) else { return false };
    for piece in &pieces[1..] {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.is_empty() || pieces.last() == Some(&"")
}

#[test]
fn dots_stand_for_anything() {
    assert!(in_order("a b c", &["a b c"]) && in_order("a 1 c", &["a ", " c"]) && in_order("abc", &["a", ""]));
    assert!(!in_order("abc", &["ab"]) && !in_order("abc", &["b"]) && !in_order("ac", &["a", "b", ""]));
}

fn compiles(command: &mut Command, place: &str) {
    let output = command.output().expect("the tool was found");
    assert!(output.status.success(), "{place}\n{}", String::from_utf8_lossy(&output.stderr));
}

fn c(dir: &Path, text: &str, place: &str) {
    let path = dir.join("block.c");
    fs::write(&path, text).expect("writable");
    let include = root().join("plugin-sdk/include");
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-c", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-o", "/dev/null", "-I"]);
    compiles(cc.arg(include).arg(path), place);
}

fn python(dir: &Path, text: &str, place: &str) {
    fs::write(dir.join("block.py"), text).expect("writable");
    let mut python = Command::new("python3");
    python.args(["-c", "import block"]).current_dir(dir).env("PYTHONPATH", root().join("plugin-sdk/python"));
    if Command::new("python3").arg("--version").output().is_ok() {
        compiles(python.env("PYTHONDONTWRITEBYTECODE", "1"), place);
    }
}

fn javascript(dir: &Path, text: &str, place: &str) {
    fs::write(dir.join("block.mjs"), text.replace("trainyard_plugin.js", "trainyard_plugin.mjs")).expect("writable");
    fs::copy(root().join("plugin-sdk/js/trainyard_plugin.js"), dir.join("trainyard_plugin.mjs")).expect("copied");
    if Command::new("node").arg("--version").output().is_ok() {
        compiles(Command::new("node").arg("block.mjs").current_dir(dir), place);
    }
}

fn page(name: &str) -> String {
    pages().into_iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("no page {name}")).1
}

/// The types of an op, as the table of ops in the documentation writes them.
fn types(rule: Rule) -> &'static str {
    match rule {
        Rule::Scalar => "→ scalar",
        Rule::Row => "→ row",
        Rule::Index => "→ index",
        Rule::Vocab => "→ vocab",
        Rule::Elementwise => "any → any",
        Rule::VocabMap => "vocab → vocab",
        Rule::VocabReduce => "vocab → row",
        Rule::VocabIndex => "vocab → index",
        Rule::Gather => "vocab, index → row",
        Rule::IndexCompare => "index, index → row",
        Rule::SumRows => "row → scalar",
        Rule::SumSequence => "row → sequence",
        Rule::ExpandSequence => "sequence → row",
        Rule::SumSequences => "sequence → scalar",
    }
}

#[test]
fn table_of_ops_is_the_op_set() {
    let mut table = String::from("| op | inputs, constants | types | result | gradient |\n|---|---|---|---|---|\n");
    for op in OPS {
        let formula = op.formula.replace('|', "\\|");
        let row = (op.name, op.n_inputs, op.n_attributes, types(op.rule), formula, op.derivative);
        let _ = writeln!(table, "| `{}` | {}, {} | {} | {} | {} |", row.0, row.1, row.2, row.3, row.4, row.5);
    }
    assert!(page("ops.md").contains(&table), "docs/plugins/ops.md: put this table there:\n{table}");
}

#[test]
fn table_of_the_ops_of_networks_is_the_op_set() {
    let mut table = String::from("| op | inputs | parameters | attributes | result |\n|---|---|---|---|---|\n");
    let range = |(least, most): (usize, usize)| match least == most {
        true => least.to_string(),
        false => format!("{least} to {most}"),
    };
    for op in network::OPS {
        let attribute = |(key, kind): &(&str, network::Kind)| {
            let kind = match kind {
                network::Kind::Integer => "whole number",
                network::Kind::Number => "number",
                network::Kind::Flag => "true or false",
                network::Kind::Text => "text",
                network::Kind::Numbers => "numbers",
            };
            format!("`{key}` {kind}")
        };
        let attributes = op.attributes.iter().map(attribute).collect::<Vec<_>>().join(", ");
        let (inputs, parameters, formula) = (range(op.inputs), range(op.parameters), op.formula.replace('|', "\\|"));
        let _ = writeln!(table, "| `{}` | {inputs} | {parameters} | {attributes} | {formula} |", op.name);
    }
    assert!(page("model.md").contains(&table), "docs/plugins/model.md: put this table there:\n{table}");
}

#[test]
fn table_of_inputs_is_that_of_the_host() {
    let mut table = String::from("| input | numbers | held as | comes from |\n|---|---|---|---|\n");
    let inputs = RowInput::ALL.iter().map(|input| (input.info(), SUPPLIED.contains(*input)));
    for (info, is_supplied) in [(&LOGITS, true)].into_iter().chain(inputs).chain([(&STEP, true)]) {
        let numbers = match info.extent {
            Extent::Batch => "scalar",
            Extent::Row => "row",
            Extent::Index => "index",
            Extent::Vocab => "vocab",
        };
        let held = match info.format {
            Some(Format::U32) => "u32",
            Some(Format::F32) => "f32",
            None => "not in batches",
        };
        let absent = if is_supplied { "" } else { " (no run has it yet)" };
        let _ = writeln!(table, "| `{}` | {numbers} | {held} | {}{absent} |", info.name, info.supplier);
    }
    assert!(page("ops.md").contains(&table), "docs/plugins/ops.md: put this table there:\n{table}");
}

#[test]
fn limits_have_the_defaults_that_are_documented() {
    let limits = toml::Table::try_from(Limits::default()).expect("numbers");
    let page = page("limits.md");
    for (key, default) in limits {
        let row = format!("| `limits.{key}` | {default} |");
        assert!(page.contains(&row), "docs/plugins/limits.md: has no row that begins with {row:?}");
    }
}

/// Every message on the page of errors is one that the sources can write: its parts between `…` are in one file.
#[test]
fn messages_on_the_page_of_errors_exist() {
    let mut sources = Vec::new();
    for folder in ["host/src", "host/base/src", "host/ops/src", "plugin-sdk/src"] {
        read_all(&root().join(folder), &mut sources);
    }
    let page = page("errors.md");
    let messages: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).collect();
    assert!(messages.len() >= 20, "only {} messages", messages.len());
    for (message, _) in messages {
        let parts = || message.split('…').map(str::trim).filter(|part| !part.is_empty());
        let is_there = sources.iter().any(|source| parts().all(|part| source.contains(part)));
        assert!(is_there, "docs/plugins/errors.md: nothing says {message:?}");
    }
}

/// All Rust sources, with the escapes and line breaks of literals undone.
fn read_all(dir: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("readable").map(|entry| entry.expect("readable").path()) {
        if entry.is_dir() {
            read_all(&entry, sources);
        } else if entry.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&entry).expect("text").replace("\\\"", "\"");
            let joined: Vec<_> =
                text.split("\\\n").enumerate().map(|(i, part)| if i == 0 { part } else { part.trim_start() }).collect();
            sources.push(joined.concat());
        }
    }
}
