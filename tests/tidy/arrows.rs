//! Which module of the host may name which others: arrows only point down, so that there are no circles.

use super::source::{Source, end_of_item};

/// The modules from the bottom up, each with those that it may name. All of these are in earlier lines.
const MODULES: [(&str, &[&str]); 27] = [
    ("base", &[]),
    ("chat", &["base"]),
    ("ranks", &["base"]),
    ("settings", &["base"]),
    ("report", &["base"]),
    ("experiments", &["base", "report"]),
    ("export", &["base", "report"]),
    ("sweep", &["base", "ranks", "report"]),
    ("watch", &["base", "report", "experiments"]),
    ("ops", &["base"]),
    ("formats", &["base", "ops"]),
    ("rows", &["base", "ops"]),
    ("plugin", &["base", "settings"]),
    ("corpus", &["base", "chat", "settings", "report", "plugin"]),
    ("feed", &["base", "chat", "settings", "report", "rows", "plugin", "corpus"]),
    ("model", &["base", "settings", "ops", "rows"]),
    ("loss", &["base", "ops", "rows", "model"]),
    ("optim", &["base", "settings", "ranks", "ops", "model"]),
    (
        "run",
        &[
            "base", "settings", "formats", "report", "ranks", "ops", "plugin", "corpus", "feed", "model", "loss",
            "optim",
        ],
    ),
    (
        "eval",
        &[
            "base", "chat", "formats", "report", "ops", "rows", "ranks", "plugin", "corpus", "feed", "model", "loss",
            "run",
        ],
    ),
    (
        "train",
        &[
            "base",
            "report",
            "experiments",
            "export",
            "ranks",
            "ops",
            "rows",
            "plugin",
            "corpus",
            "feed",
            "model",
            "loss",
            "optim",
            "run",
            "eval",
        ],
    ),
    ("check", &["base", "ops", "rows", "plugin", "feed", "model", "loss"]),
    ("bench", &["base", "report", "ranks", "ops", "rows", "plugin", "corpus", "feed", "model", "loss", "run", "train"]),
    ("card", &["base", "report", "experiments", "sweep", "ops", "plugin", "corpus", "run", "check", "bench"]),
    ("dev", &["base", "plugin", "corpus", "loss", "run"]),
    ("drill", &["base"]),
    ("cli", &[]),
];

const SOURCES: &str = "host/src/";

pub fn check(source: &Source) -> Vec<String> {
    let Some((module, _)) = source.path.strip_prefix(SOURCES).and_then(|path| path.split_once('/')) else {
        return Vec::new();
    };
    if module == "bin" {
        return Vec::new();
    }
    let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == module) else {
        return vec![source.at_line(1, &format!("{module} is in no line of MODULES in tests/tidy/arrows.rs: add it"))];
    };
    let is_module = |name: &str| MODULES.iter().any(|(module, _)| *module == name);
    let mut found = Vec::new();
    for start in source.find("crate::") {
        for name in named(&source.code[start + "crate::".len()..]) {
            if is_module(&name) && name != module && !allowed.contains(&name.as_str()) {
                let message = format!(
                    "{module} may not name {name}: let the caller pass what it knows, or see MODULES in {FILE}"
                );
                found.push(source.at(start, &message));
            }
        }
    }
    found
}

const FILE: &str = "tests/tidy/arrows.rs";

/// The first names of a path after `crate::`, or of each path of a group.
fn named(rest: &str) -> Vec<String> {
    let first = |path: &str| -> String {
        path.trim_start().chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![first(rest)] };
    let group = &group[..end_of_item(rest, 0) - 2];
    let mut depth = 0_usize;
    let of_group = |char: char| {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        char == ',' && depth == 0
    };
    group.split(of_group).map(first).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::assert_found;

    #[track_caller]
    fn found(path: &str, text: &str, expected: &[&str]) {
        let found = check(&Source::new(path, text));
        assert_found(&found, expected);
    }

    #[test]
    fn arrows_point_down() {
        found("host/src/train/a.rs", "use crate::eval::Evaluator;\nuse crate::{Error, Result};", &[]);
        found("host/src/eval/a.rs", "use crate::train::Trainer;", &["a.rs:1: eval may not name train"]);
        found("host/src/report/a.rs", "fn f(d: crate::feed::Loader) {}", &["report may not name feed"]);
        found("host/src/report/a.rs", "use crate::{Error, base::{clean, x}, train::run};", &["may not name train"]);
        found("host/src/new/a.rs", "use crate::Error;", &["new is in no line of MODULES"]);
    }

    #[test]
    fn there_are_no_circles() {
        for (line, (module, allowed)) in MODULES.iter().enumerate() {
            for name in *allowed {
                assert!(MODULES[..line].iter().any(|(earlier, _)| earlier == name), "{module} names {name}");
            }
        }
    }
}
