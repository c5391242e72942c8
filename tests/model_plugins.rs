//! Runs whose network comes from a plugin: the same as a built-in, whatever its form, and any architecture that the
//! host has never seen.

use crate::plugins::built;
use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A run of 12 steps on bytes with this `[model]`.
fn run_folder(model: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text: String = (0..1500).map(|i| format!("line {} of {}\n", i * 7919 % 4001, i % 13)).collect();
    fs::write(folder.path().join("text.txt"), text).expect("writable");
    let config = format!(
        "[data]\nvalidation = 0.0\ntest = 0.0\nsource = [{{ path = 'text.txt' }}]\n[tokenizer]\nplugin = 'byte'\n\
         [train]\nsteps = 12\nbatch = 2\nvalidate_every = 6\nvalidate_batches = 1\ncheckpoint_every = 3\n\
         keep_checkpoints = 0\nthreads = 1\n[sample]\ntokens = 0\n[model]\n{model}\n"
    );
    fs::write(folder.path().join("run.toml"), config).expect("writable");
    folder
}

fn train(folder: &Path, arguments: &[&str]) -> Outcome {
    trainyard(&[&["train", "run.toml"], arguments].concat()).in_folder(folder).run()
}

#[track_caller]
fn trains(folder: &Path, arguments: &[&str]) {
    let ran = train(folder, arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

fn last(folder: &Path, file: &str) -> Vec<u8> {
    let path = folder.join("runs/run/checkpoints/step-12").join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const BY_KIND: &str = "kind = 'gpt'\nlayers = 1\nheads = 2\nwidth = 16\ncontext = 16\ndropout = 0.1";
const SETTINGS: &str = "context = 16\nconfig = { layers = 1, heads = 2, width = 16, hidden = 64, dropout = 0.1 }";

#[test]
fn a_plugin_of_any_form_trains_the_same_bytes_as_the_old_spelling() {
    let expected = run_folder(BY_KIND);
    trains(expected.path(), &[]);
    let files = built("plugins/gpt2");
    let [wasm, native] = [&files.wasm, &files.native].map(|file| file.display().to_string());
    for plugin in [
        "plugin = 'gpt2'".to_owned(),
        format!("plugin = '{wasm}'"),
        format!("plugin = '{wasm}'\nisolation = 'process'"),
        format!("plugin = '{native}'\ntrust = 'native'"),
    ] {
        let run = run_folder(&format!("{plugin}\n{SETTINGS}"));
        trains(run.path(), &[]);
        for file in ["model.safetensors", "config.json", "trainyard/optimizer.safetensors"] {
            assert!(last(run.path(), file) == last(expected.path(), file), "{plugin}: {file} differs");
        }
    }
}

/// The plugin of `docs/plugins/model.md`, in a folder that `plugin new` made.
fn third_party(dir: &Path) -> PathBuf {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/plugins/model.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let block = page.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    // what is behind the plugin is its test
    let source = block.split("\nlet sizes = ").next().expect("the plugin");
    let made = dir.join("gptj");
    let text = made.to_str().expect("text");
    let ran = trainyard(&["plugin", "new", "gptj", "--kind", "model", "--dir", text]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    fs::write(made.join("src/lib.rs"), source).expect("writable");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/new-plugins");
    let build = trainyard(&["plugin", "build", text, "--wasm"]).env("CARGO_TARGET_DIR", target);
    let ran = build.env("CARGO_NET_OFFLINE", "true").run();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    PathBuf::from(ran.stdout.trim())
}

#[test]
fn an_architecture_from_the_documentation_trains_resumes_exports_and_generates() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let wasm = third_party(dir.path());
    let model = format!(
        "plugin = '{}'\ncontext = 16\nconfig = {{ layers = 1, heads = 2, width = 16, rotary = 4 }}",
        wasm.display()
    );
    let checked = trainyard(&["plugin", "check", wasm.to_str().expect("text"), "--seed", "1"]).run();
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    let whole = run_folder(&model);
    trains(whole.path(), &[]);
    // killed twice somewhere, and resumed
    let killed = run_folder(&model);
    for ms in [80, 160] {
        let call = trainyard(&["train", "run.toml", "--resume-or-start"]).in_folder(killed.path());
        call.kill_after(Duration::from_millis(ms));
    }
    trains(killed.path(), &["--resume-or-start"]);
    for file in ["model.safetensors", "trainyard/optimizer.safetensors"] {
        assert!(last(killed.path(), file) == last(whole.path(), file), "{file} differs after it was resumed");
    }
    let config: Value = serde_json::from_slice(&last(whole.path(), "config.json")).expect("JSON");
    let named = ["model_type", "n_embd", "rotary_dim", "vocab_size"].map(|key| config[key].to_string());
    assert_eq!(named[..3], ["\"gptj\"", "16", "4"], "{config}");
    assert_eq!(config["architectures"][0], "GPTJForCausalLM");
    let generate = ["generate", "runs/run", "--prompt", "line", "--tokens", "5", "--seed", "1"];
    let written = trainyard(&generate).in_folder(whole.path()).run();
    assert!(written.code == 0 && !written.stdout.is_empty(), "{}{}", written.stdout, written.stderr);
    // other settings are another network, which the checkpoint is not of
    let ran = train(whole.path(), &["--resume", "--set", "model.config.layers=2"]);
    assert!(ran.code == 2 && ran.stderr.contains("model"), "{} {}", ran.code, ran.stderr);
}

#[test]
fn plugins_that_are_no_models_or_refuse_their_settings_say_so() {
    for (model, expected) in [
        ("plugin = 'focal'", "plugin \"focal\" is a loss, expected a model"),
        ("plugin = 'gptx'", "no built-in model has this name"),
        ("plugin = 'gpt2'\nconfig = { heads = 3, width = 16 }", "plugin \"gpt2\""),
        ("plugin = 'gpt2'\nconfig = { layerz = 3 }", "layerz"),
        ("plugin = 'gpt2'\non_error = 'skip'", "on_error = \"skip\" is for filters"),
    ] {
        let run = run_folder(model);
        let ran = train(run.path(), &[]);
        assert!((2..=3).contains(&ran.code) && ran.stderr.contains(expected), "{model}: {} {}", ran.code, ran.stderr);
        assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("error")).count(), 1, "{}", ran.stderr);
    }
}
