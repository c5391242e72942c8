//! How the code is written.

use super::source::{Source, end_of_item, find};

const COLUMNS_MAX: usize = 120;
const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Tables, which are easier to read in one piece and with long rows.
const TABLES: [&str; 2] = ["plugin-sdk/src/graph/ops.rs", "plugin-sdk/src/network/ops.rs"];

/// Files that authors copy, which are one file for that reason.
const ALONE: [&str; 1] = ["plugin-sdk/python/trainyard_plugin.py"];

/// Where `unsafe` is allowed: native plugins, the SDK's binary interface, kernels, the MPI library, memory maps,
/// compiled code from the cache.
const UNSAFE_IN: [&str; 8] = [
    "host/src/plugin/backends/native/",
    "plugin-sdk/src/abi",
    "plugin-sdk/src/export.rs",
    "host/ops/src/",
    "host/ranks/src/mpi/",
    "host/src/feed/shard.rs",
    "host/src/plugin/backends/wasm/cache.rs",
    "tests/",
];

const BANNED: [(&str, &str); 5] = [
    ("todo!", "write it, or leave the feature out"),
    ("unimplemented!", "write it, or leave the feature out"),
    ("dbg!", "take it out, or use `tracing`"),
    ("static mut", "pass the value to who needs it"),
    (".unwrap()", "use `?`, or match what can happen"),
];

/// Hosts that links may point to: the target must still exist in ten years.
const LINKS_TO: [&str; 13] = [
    "example.com", // reserved for examples, RFC 2606
    "github.com",
    "arxiv.org",
    "doi.org",
    "aclanthology.org",
    "doc.rust-lang.org",
    "docs.rs",
    "rustup.rs",
    "www.apache.org",
    "www.gutenberg.org",
    "huggingface.co",
    "json-schema.org", // names the version of a schema
    "pytorch.org",
];

pub fn check(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(links_and_paths(source));
    found.extend(lines(source));
    if source.is_rust() {
        found.extend(function_lengths(source));
        found.extend(unsafe_code(source));
        found.extend(banned(source));
    }
    found
}

fn lines(source: &Source) -> Vec<String> {
    let is_program = [".rs", ".wit", ".sh", ".py", "Makefile"].iter().any(|end| source.path.ends_with(end));
    if !is_program || TABLES.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let n_chars = columns(line);
        if n_chars > COLUMNS_MAX {
            let message = format!("{n_chars} columns are more than {COLUMNS_MAX}: break the line");
            found.push(source.at_line(index + 1, &message));
        }
    }
    let n_lines = source.text.lines().count();
    if n_lines > FILE_LINES_MAX && !ALONE.contains(&source.path.as_str()) {
        let message = format!("{n_lines} lines are more than {FILE_LINES_MAX}: give a part of it a file of its own");
        found.push(source.at_line(1, &message));
    }
    if source.is_rust() && !source.text.starts_with("//!") {
        found.push(source.at_line(1, "begin the file with `//!` and a line that says what it is for"));
    }
    found
}

/// The columns of a line. Text between quotes counts as three, so that a message can be searched for in one piece.
fn columns(line: &str) -> usize {
    let parts: Vec<_> = line.split('"').collect();
    let is_literal = |index: usize| index % 2 == 1 && !line.trim_start().starts_with("//");
    let columns =
        |(index, part): (usize, &&str)| part.chars().count().min(if is_literal(index) { 3 } else { usize::MAX });
    parts.iter().enumerate().map(columns).sum::<usize>() + parts.len() - 1
}

fn function_lengths(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let has_name = |start: &usize| source.code[*start..].starts_with("fn ");
    for start in source.find("fn").into_iter().filter(has_name) {
        let n_lines = source.code[start..end_of_item(&source.code, start)].lines().count();
        if n_lines > FUNCTION_LINES_MAX {
            let message = format!(
                "a function of {n_lines} lines, more than {FUNCTION_LINES_MAX}: give a part of it a name of its own"
            );
            found.push(source.at(start, &message));
        }
    }
    found
}

fn unsafe_code(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let is_allowed = source.is_in(&UNSAFE_IN);
    for start in source.find("unsafe") {
        if !is_allowed {
            let message =
                format!("unsafe is for {} only: find a safe way, or move it there", UNSAFE_IN[..6].join(", "));
            found.push(source.at(start, &message));
        }
        let rest = source.code[start + "unsafe".len()..].trim_start();
        let says_why = is_explained(source, start, "SAFETY:");
        if (rest.starts_with('{') || rest.starts_with("impl")) && !says_why {
            found.push(source.at(start, "unsafe without `// SAFETY:` above it: say why it is sound"));
        }
    }
    found
}

/// Whether `mark` is in the line of `offset`, or in the comments and attributes right above its statement.
fn is_explained(source: &Source, offset: usize, mark: &str) -> bool {
    let n_before = source.code[..offset].matches('\n').count();
    let lines: Vec<_> = source.text.lines().take(n_before + 1).collect();
    let Some((this, above)) = lines.split_last() else { return false };
    // A statement may begin up to three lines above, when it was broken.
    let reaches = above.iter().rev().scan(3, |n_left, line| {
        let line = line.trim();
        *n_left -= i32::from(!line.starts_with("//") && !line.starts_with('#'));
        (*n_left >= 0).then_some(line)
    });
    this.contains(mark) || reaches.into_iter().any(|line| line.starts_with("// ") && line.contains(mark))
}

fn banned(source: &Source) -> Vec<String> {
    if source.is_test() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (phrase, instead) in BANNED {
        let message = format!("{phrase} is banned: {instead}");
        found.extend(source.find(phrase).into_iter().map(|offset| source.at(offset, &message)));
    }
    for offset in source.find(".expect(").into_iter().filter(|&offset| !is_explained(source, offset, "//")) {
        found.push(source.at(offset, "expect without a comment above it: say why it cannot fail, or use `?`"));
    }
    found
}

/// Links point to lasting places, and no path is specific to one machine.
fn links_and_paths(source: &Source) -> Vec<String> {
    if source.path == "Cargo.lock" || source.path.starts_with("corpus/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for scheme in ["http://", "https://"] {
        for start in find(&source.text, scheme) {
            let is_host = |char: &char| char.is_alphanumeric() || ".-".contains(*char);
            let host: String = source.text[start + scheme.len()..].chars().take_while(is_host).collect();
            if !host.is_empty() && !LINKS_TO.contains(&host.as_str()) {
                let message =
                    format!("a link to {host}: cite a lasting source, or add the host to tests/tidy/style.rs");
                found.push(source.at_line(line_of(&source.text, start), &message));
            }
        }
    }
    for folder in ["home", "root", "work", "Users"] {
        let absolute = format!("/{folder}/");
        for (start, _) in source.text.match_indices(&absolute) {
            let before = source.text[..start].chars().next_back();
            if before.is_none_or(|char| !char.is_alphanumeric() && !"._-~/}".contains(char)) {
                let message = format!("{absolute} is a path of one machine: make it relative to the repository");
                found.push(source.at_line(line_of(&source.text, start), &message));
            }
        }
    }
    found
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::assert_found;

    #[track_caller]
    fn found(path: &str, text: &str, expected: &[&str]) {
        let found = check(&Source::new(path, &format!("//! About.\n{text}")));
        assert_found(&found, expected);
    }

    #[test]
    fn long_lines() {
        found("a.rs", &"x".repeat(120), &[]);
        found("a.rs", &format!("\n{}", "ä".repeat(121)), &["a.rs:3: 121 columns are more than 120: break the line"]);
        found("a.md", &"x".repeat(500), &[]);
        found("a.rs", &format!("let a = \"{}\";", "x".repeat(200)), &[]);
        found("a.rs", &format!("// \"{}\";", "x".repeat(200)), &["break the line"]);
    }

    #[test]
    fn long_files() {
        found("a.rs", &"\n".repeat(399), &[]);
        found("a.rs", &"\n".repeat(400), &["a.rs:1: 401 lines are more than 400"]);
        found(TABLES[0], &"\n".repeat(500), &[]);
    }

    #[test]
    fn files_say_what_they_are_for() {
        assert_eq!(
            check(&Source::new("a.rs", "fn a() {}"))[0],
            "a.rs:1: begin the file with `//!` and a line that says what it is for"
        );
    }

    #[test]
    fn long_functions() {
        let function = |n| format!("fn f(a: [u8; 3])\nwhere\n    T: X,\n{{\n{}}}\nfn g();\n", "    x();\n".repeat(n));
        found("a.rs", &function(65), &[]);
        found("a.rs", &function(66), &["a.rs:2: a function of 71 lines, more than 70"]);
    }

    #[test]
    fn unsafe_has_its_places_and_its_reasons() {
        found(
            "host/src/train/a.rs",
            "// SAFETY: x\nunsafe { f() }",
            &["a.rs:3: unsafe is for host/src/plugin/backends/native/"],
        );
        found("host/ops/src/a.rs", "// SAFETY: x\nlet a =\n    unsafe { f() };", &[]);
        found("host/ops/src/a.rs", "unsafe { f() }", &["a.rs:2: unsafe without `// SAFETY:`"]);
        found("host/ops/src/a.rs", "unsafe impl Send for A {}", &["unsafe without"]);
        found("host/ops/src/a.rs", "// unsafe\nlet s = \"unsafe {\";", &[]);
    }

    #[test]
    fn banned_phrases() {
        found("a.rs", "fn f() { todo!() }", &["a.rs:2: todo! is banned: write it"]);
        found("a.rs", "fn f() { unimplemented!() }", &["unimplemented! is banned"]);
        found("a.rs", "fn f() { dbg!(1); }", &["dbg! is banned"]);
        found("a.rs", "static mut A: u8 = 0;", &["static mut is banned"]);
        found("a.rs", "fn f() { x.unwrap(); x.unwrap_or(1); }", &[".unwrap() is banned"]);
        found("a.rs", "#[cfg(test)]\nmod t { fn f() { x.unwrap(); } }", &[]);
        found("tests/a.rs", "fn f() { x.unwrap(); }", &[]);
    }

    #[test]
    fn expect_is_explained() {
        found("a.rs", "fn f() {\n    x.expect(\"y\");\n}", &["a.rs:3: expect without a comment"]);
        found("a.rs", "fn f() {\n    // x was set above\n    x.expect(\"y\");\n}", &[]);
    }

    #[test]
    fn links_and_machines() {
        let (machine, scheme) = (["", "home", "me"].join("/"), "https:");
        found("README.md", &format!("see {scheme}//arxiv.org/abs/1 and {scheme}//github.com/x"), &[]);
        found("README.md", &format!("see {scheme}//mirror.example/x"), &["README.md:2: a link to mirror.example"]);
        found("Makefile", &format!("A = {machine}/x"), &["is a path of one machine"]);
        found("a.md", "host/home/x ~/home/ runs/work/a", &[]);
    }
}
