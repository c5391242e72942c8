//! Plugins in C, Python and JavaScript: built, and compared with the same plugins in Rust.
//!
//! Their tools are installed by `scripts/language-tools.sh`. A language whose tools are missing is skipped, and stderr
//! says so.

use crate::plugins::config;
use crate::program::trainyard;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use trainyard::loss::Program;
use trainyard::plugin::{Language, Plugin};
use trainyard_plugin::{Graph, Kind, Sizes, TextPair};

const DOCUMENTS: [&str; 9] = [
    "It is a truth universally acknowledged",
    "",
    "one two three four five six seven eight nine ten",
    "naïve café — “quotes” 日本語 🦀\r\n\ttab",
    "   ",
    "x",
    "\u{2028}a\u{85}b\u{a0}c\u{3000}d\u{feff}e\u{1c}f\u{200b}g",
    "e\u{301} 👩\u{200d}👩\u{200d}👧 \0",
    "word\u{1680}\u{2007}word\u{202f}\u{205f}word",
];

/// How many of them have words that every language's own functions count in the same way.
const N_PLAIN: usize = 6;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the sources are there")
}

fn tools() -> PathBuf {
    root().join("target/tools")
}

/// Whether the tools of a language are there; says so on the real stderr if not, past the test's captured one.
fn has_tools(language: Language) -> bool {
    let tool = match language {
        Language::Rust => return true,
        Language::C => "venv/bin/python3",
        Language::Python => "venv/bin/componentize-py",
        Language::JavaScript => "node_modules/.bin/componentize-qjs",
    };
    let found = tools().join(tool).exists();
    if !found {
        let text = format!(
            "\nskipped: plugins in {}: target/tools/{tool} is missing; run scripts/language-tools.sh\n",
            language.title()
        );
        std::io::stderr().write_all(text.as_bytes()).expect("stderr is open");
    }
    found
}

/// `trainyard plugin build`, with the tools of all languages; the files that it made.
fn build(dir: &Path, wasm_only: bool) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [tools().join("node_modules/.bin")].into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(path).expect("a path");
    let mut arguments = vec!["plugin", "build", dir.to_str().expect("text")];
    arguments.extend(wasm_only.then_some("--wasm"));
    let ran = trainyard(&arguments)
        .env("VIRTUAL_ENV", tools().join("venv"))
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", root().join("target/new-plugins"))
        .env("CARGO_NET_OFFLINE", "true") // what this workspace needs is downloaded already
        .run();
    assert_eq!(ran.code, 0, "{}: {}", dir.display(), ran.stderr);
    ran.stdout.lines().map(PathBuf::from).collect()
}

fn open(file: impl AsRef<Path>, kind: Kind, settings: &str) -> Plugin {
    let file = file.as_ref().display().to_string();
    Plugin::open(&config(file, settings), kind).unwrap_or_else(|error| panic!("{error}"))
}

/// The formula of a graph, as the host shows it; not the program for it, which depends on the order of the nodes.
fn formula(graph: &Graph) -> String {
    let explained = Program::compile(&[graph]).expect("a graph that runs").explain();
    explained.split("\n\n").next().unwrap_or_default().to_owned()
}

/// All answers of a plugin about documents, as text.
fn answers(plugin: &Plugin, documents: &[&str]) -> trainyard::Result<String> {
    Ok(match plugin.identity().kind {
        Kind::Filter => {
            let mut filter = plugin.filter()?;
            let verdicts = (filter.judge(documents)?, filter.judge(&[])?);
            format!("{verdicts:?} {} {:?}", filter.two_pass(), filter.state()?)
        }
        Kind::Loss => formula(&plugin.loss()?.describe()?),
        Kind::Metric => {
            let metric = plugin.metric()?;
            format!("{:?} {}", metric.info()?, formula(&metric.describe()?))
        }
        Kind::Tokenizer => {
            let mut tokenizer = plugin.tokenizer()?;
            let early = tokenizer.encode(&["a"]).expect_err("not loaded").kind;
            tokenizer.observe(documents)?;
            let model = tokenizer.train()?;
            tokenizer.load(&model)?;
            let batch = tokenizer.encode(documents)?;
            let texts = tokenizer.decode(&batch)?;
            assert!(texts.iter().zip(documents).all(|(bytes, text)| bytes == text.as_bytes()));
            format!("{early:?} {model:?} {:?} {batch:?}", tokenizer.vocabulary()?)
        }
        Kind::TextMetric => {
            let (mut one, mut other) = (plugin.text_metric()?, plugin.text_metric()?);
            let nothing = one.value()?.is_nan();
            one.update(&[TextPair { hypothesis: "one two", references: vec!["one", "two"] }])?;
            other.update(&[TextPair { hypothesis: "naïve 🦀 c", references: vec![] }])?;
            other.merge(&one.state()?)?;
            let wrong = other.merge(b"?").expect_err("not a state").kind;
            format!("{:?} {nothing} {} {wrong:?}", one.info()?, other.value()?)
        }
        Kind::Model => {
            let model = plugin.model()?;
            let kind = |error: trainyard_plugin::PluginError| error.kind;
            let unsupported = (model.export(&Sizes::default()).map_err(kind), model.import(&[]).map_err(kind));
            format!("{:?} {:?}", model.describe(&Sizes::new(300, 64))?, unsupported)
        }
    })
}

/// A plugin of `tests/languages` in each of the languages answers what the built-in answers.
fn same_as_builtin(name: &str, kind: Kind, languages: &[Language], settings: &[&str]) {
    for language in languages.iter().filter(|language| has_tools(**language)) {
        for file in build(&root().join("tests/languages").join(language.name()).join(name), false) {
            for settings in settings {
                let [plugin, builtin] = [open(&file, kind, settings), open(name, kind, settings)]
                    .map(|plugin| answers(&plugin, &DOCUMENTS));
                let (plugin, builtin) = (plugin.map_err(|error| said(&error)), builtin.map_err(|error| said(&error)));
                assert_eq!(plugin, builtin, "{} with {settings:?}", file.display());
            }
        }
    }
}

/// The plugin's message, without its identity and without the names of settings: the built-in may have more of them.
fn said(error: &trainyard::Error) -> String {
    let text = error.to_string().split(": ").skip(1).collect::<Vec<_>>().join(": ");
    let (said, names) = text.split_once(", expected one of ").unwrap_or((&text, ""));
    if names.contains("min_words") { said.to_owned() } else { text }
}

const OTHERS: [Language; 3] = [Language::C, Language::Python, Language::JavaScript];

/// Rust and one that builds in seconds. Python takes half a minute of a core to build and to load, so one guest in
/// Python represents the others; `make test-all` builds every kind in every language.
const RUST_AND_C: [Language; 2] = [Language::Rust, Language::C];
const RUST_AND_JAVASCRIPT: [Language; 2] = [Language::Rust, Language::JavaScript];

#[test]
fn filters_judge_as_the_one_in_rust() {
    let settings = [
        "",
        "min_words = 2",
        "max_words = 4",
        "min_chars = 3\nmax_chars = 38",
        "min_words = 5\nmax_words = 2",
        "min_word = 1",
    ];
    same_as_builtin("length", Kind::Filter, &OTHERS, &settings);
}

#[test]
fn metrics_describe_what_the_one_in_rust_describes() {
    same_as_builtin("token-accuracy", Kind::Metric, &[Language::C, Language::JavaScript], &[""]);
}

#[test]
#[ignore = "broad: make test-all"]
fn broad_metric_in_python_is_the_one_in_rust() {
    same_as_builtin("token-accuracy", Kind::Metric, &[Language::Python], &[""]);
}

#[test]
#[ignore = "broad: make test-all"]
fn broad_loss_in_python_is_the_one_in_rust() {
    same_as_builtin(
        "focal",
        Kind::Loss,
        &[Language::Python],
        &["", "gamma = 1.5", "gamma = 1", "gamma = -1.0", "gama = 1"],
    );
}

/// `trainyard plugin new` in every language: the tests of the folder pass, it builds, and all answer the same.
fn new_plugins_agree(kind: Kind, languages: &[Language]) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut first: Option<String> = None;
    for language in languages.iter().filter(|language| has_tools(**language)) {
        let name = format!("my-{}-{}", kind.name(), language.name());
        let made = dir.path().join(&name);
        let (made, made_text) = (made.clone(), made.to_str().expect("text"));
        let arguments = ["plugin", "new", &name, "--kind", kind.name(), "--lang", language.name(), "--dir", made_text];
        let ran = trainyard(&arguments).run();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        passes_its_tests(&made, *language);
        for file in build(&made, false) {
            let answers =
                answers(&open(&file, kind, ""), &DOCUMENTS[..N_PLAIN]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(&answers, first.get_or_insert_with(|| answers.clone()), "{}", file.display());
            keeps_the_laws(&file);
        }
    }
}

/// A plugin from `trainyard plugin new` passes the conformance tests.
fn keeps_the_laws(file: &Path) {
    let file = file.to_str().expect("text");
    let check = ["plugin", "check", file, "--trust", "native", "--cases", "10", "--seed", "1"];
    let ran = trainyard(&check).run();
    assert_eq!(ran.code, 0, "{file}: {}{}", ran.stdout, ran.stderr);
}

fn passes_its_tests(dir: &Path, language: Language) {
    let test = match language {
        Language::Rust => "cargo test --quiet --offline",
        Language::C => {
            "mkdir -p target && cc -I. -Wall -Wextra -Werror test_plugin.c -o target/test -lm && target/test"
        }
        Language::Python => "python3 test_plugin.py",
        Language::JavaScript => "npm test --silent",
    };
    let readme = std::fs::read_to_string(dir.join("README.md")).expect("there is one");
    let told = test.replace(" --quiet --offline", "").replace(" --silent", "").replace(" -Wall -Wextra -Werror", "");
    assert!(readme.contains(&told) && !readme.contains("{{"), "{readme}");
    let mut shell = Command::new("sh");
    shell.args(["-c", test]).current_dir(dir).env("CARGO_TARGET_DIR", root().join("target/new-plugins"));
    let output = shell.output().expect("there is a shell");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}: {}{}", dir.display(), text(&output.stdout), text(&output.stderr));
}

#[test]
fn new_filters_agree() {
    new_plugins_agree(Kind::Filter, &[Language::Rust, Language::C, Language::JavaScript]);
}

#[test]
fn new_losses_agree() {
    new_plugins_agree(Kind::Loss, &RUST_AND_JAVASCRIPT);
}

#[test]
fn new_metrics_agree() {
    new_plugins_agree(Kind::Metric, &RUST_AND_C);
}

#[test]
fn new_tokenizers_agree() {
    new_plugins_agree(Kind::Tokenizer, &RUST_AND_C);
}

#[test]
fn new_text_metrics_agree() {
    new_plugins_agree(Kind::TextMetric, &RUST_AND_JAVASCRIPT);
}

#[test]
fn new_models_agree() {
    new_plugins_agree(Kind::Model, &RUST_AND_C);
}

#[test]
#[ignore = "broad: make test-all"]
fn broad_new_plugins_of_every_kind_agree() {
    for kind in Kind::ALL {
        new_plugins_agree(kind, &Language::ALL);
    }
}

#[test]
fn c_library_works_in_an_empty_system() {
    if !has_tools(Language::C) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let made = dir.path().join("talker");
    let new = ["plugin", "new", "talker", "--kind", "filter", "--lang", "c", "--dir", made.to_str().expect("text")];
    assert_eq!(trainyard(&new).run().code, 0);
    let source = std::fs::read_to_string(made.join("plugin.c")).expect("there is one");
    // prints, looks for a variable and a file
    let begin = "const plugin *self = instance;";
    let look = "printf(\"hello\\n\"); if (getenv(\"HOME\") || fopen(\"/etc/passwd\", \"r\")) return TRAINYARD_FAILED;";
    let source =
        source.replacen(begin, &format!("{begin} {look}"), 1).replacen("#include", "#include <stdio.h>\n#include", 1);
    std::fs::write(made.join("plugin.c"), source).expect("writable");
    let file = build(&made, true).remove(0);
    let verdicts = open(file, Kind::Filter, "").filter().and_then(|mut filter| Ok(filter.judge(&["one"])?));
    assert_eq!(verdicts.expect("an empty system is enough")[0].reason, "too_few_words");
}

#[test]
fn new_refuses_what_it_cannot_make() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let existing = dir.path().to_str().expect("text");
    let run = |name: &str, dir: &str, more: &[&str]| {
        let ran = trainyard(&[&["plugin", "new", name, "--kind", "filter", "--dir", dir], more].concat()).run();
        (ran.code, ran.stderr)
    };
    let expected = format!("error: {existing}: exists already, expected a new folder; choose another name or --dir\n");
    assert_eq!(run("x", existing, &[]), (2, expected));
    let new = format!("{existing}/new");
    let expected =
        "error: plugin name: expected lower-case letters, digits and hyphens, beginning with a letter, got \"X\"\n";
    assert_eq!(run("X", &new, &[]), (2, expected.into()));
    let (code, error) = run("x", &new, &["--lang", "cobol"]);
    assert!(code == 2 && error.contains("expected one of rust, c, python, js"), "{error}");
    let (code, error) = run("x", &new, &["--sdk", existing]);
    let expected =
        format!("error: {existing}: no Cargo.toml here, expected the folder of the crate trainyard-plugin\n");
    assert_eq!((code, error), (2, expected));
    assert!(!Path::new(&new).exists());
}

#[test]
fn a_missing_tool_is_one_line_with_the_cure() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // a path with the system's tools alone has neither zig nor componentize-…
    for (language, tool, cure) in [
        (Language::C, "no C compiler for WASM found", "run `pip install ziglang`"),
        (Language::Python, "componentize-py: cannot be started", "run `pip install componentize-py`"),
        (Language::JavaScript, "componentize-qjs: cannot be started", "run `npm install componentize-qjs`"),
    ] {
        let made = dir.path().join(language.name());
        let made = made.to_str().expect("text");
        let new = ["plugin", "new", "x", "--kind", "loss", "--lang", language.name(), "--dir", made];
        assert_eq!(trainyard(&new).run().code, 0);
        let build = trainyard(&["plugin", "build", made, "--wasm"]);
        let ran = build.env("VIRTUAL_ENV", "").env("WASI_SDK_PATH", "").env("PATH", "/nowhere").run();
        assert_eq!((ran.code, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
        assert!(ran.stderr.contains(tool) && ran.stderr.contains(cure), "{}", ran.stderr);
    }
    let made = dir.path().join("python");
    let ran = trainyard(&["plugin", "build", made.to_str().expect("text"), "--native"]).run();
    assert!(ran.code == 2 && ran.stderr.contains("Python has no native form, expected --wasm"), "{}", ran.stderr);
    let ran = trainyard(&["plugin", "build", dir.path().to_str().expect("text")]).run();
    assert!(ran.code == 2 && ran.stderr.contains("neither a Cargo.toml nor a plugin.toml here"), "{}", ran.stderr);
}
