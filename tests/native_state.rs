//! Effects of a native plugin on the process that it shares: floating-point settings, stdout, replaced files, the end
//! of the process. None of them reaches a result.

use crate::plugins::{built, config, isolated};
use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use trainyard::plugin::Plugin;
use trainyard_plugin::Kind;

const SOURCE: &str = include_str!("native_state/plugin.c");

/// The plugin of `native_state/plugin.c` as `dir/NAME.so`, with these definitions and further arguments.
fn compiled(dir: &Path, name: &str, defines: &[&str], more: &[&str]) -> PathBuf {
    let (source, file) = (dir.join(format!("{name}.c")), dir.join(format!("{name}.so")));
    let kind = if defines.contains(&"TEXT") { "text-metric" } else { "metric" };
    let identity = format!(
        "#define TRAINYARD_SYMBOL trainyard_plugin_v0_{name}\n#define TRAINYARD_IDENTITY \
         \"trainyard-plugin\\t1\\nkind\\t{kind}\\nname\\t{name}\\nversion\\t1.0\\ncontract\\t0.1\\nsdk\\t0.1.0\\n\"\n"
    );
    fs::write(&source, identity + SOURCE).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-sdk/include");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-I"]).arg(include).arg("-o").arg(&file).arg(&source).arg("-lm");
    cc.args(defines.iter().map(|define| format!("-D{define}"))).args(more).current_dir(dir);
    assert!(cc.status().unwrap().success(), "{cc:?}");
    file
}

/// 2/3, rounded up or to the nearest, and half of the least normal number, which is 0 where subnormals are flushed.
fn probe() -> (u64, u32) {
    ((black_box(1.0f64) / black_box(3.0)).to_bits(), (black_box(f32::MIN_POSITIVE) * black_box(0.5)).to_bits())
}

#[test]
fn a_thread_computes_as_before() {
    let dir = TempDir::new().unwrap();
    let file = compiled(dir.path(), "changes", &["STATE"], &[]);
    // The bits of 1/3 in IEEE 754, which is below it, and of 2⁻¹²⁷.
    let expected = (0x3fd5_5555_5555_5555, 0x0040_0000);
    assert_eq!(probe(), expected);
    let plugin = Plugin::open(&config(file.display().to_string(), ""), Kind::Metric).unwrap();
    assert_eq!(probe(), expected, "after the constructor");
    let metric = plugin.metric().unwrap();
    assert_eq!(probe(), expected, "after create");
    metric.info().and_then(|_| metric.describe()).unwrap();
    assert_eq!(probe(), expected, "after calls");
    drop(metric);
    assert_eq!(probe(), expected, "after destroy");
}

/// A folder with text and a run of a few steps over it; `more` is added to its config.
fn project(more: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    let line = |i: u32| format!("{{\"id\":\"{i}\",\"text\":\"{}\"}}\n", format!("text {i} of some words. ").repeat(8));
    fs::write(dir.path().join("text.jsonl"), (0..40).map(line).collect::<String>()).unwrap();
    let config = "[run]\nname = \"run\"\n[data]\nvalidation = 0.2\ntest = 0.0\n[[data.source]]\npath = \"text.jsonl\"\n\
                  [tokenizer]\nplugin = \"byte\"\n[model]\nlayers = 1\nheads = 1\nwidth = 16\ncontext = 16\n\
                  [train]\nsteps = 4\nbatch = 2\nthreads = 1\n[sample]\ntokens = 0\n";
    fs::write(dir.path().join("run.toml"), format!("{config}{more}")).unwrap();
    dir
}

fn train(dir: &Path, more: &[&str]) -> Outcome {
    trainyard(&[&["train", "run.toml", "--json"], more].concat()).in_folder(dir).run()
}

fn native(file: &str) -> String {
    format!("[[metric]]\nplugin = \"{file}\"\ntrust = \"native\"\n")
}

#[test]
fn training_gives_the_same_bits_beside_it() {
    let dir = project("");
    compiled(dir.path(), "changes", &["STATE"], &[]);
    fs::write(
        dir.path().join("more.toml"),
        fs::read_to_string(dir.path().join("run.toml")).unwrap() + &native("changes.so"),
    )
    .unwrap();
    let plain = train(dir.path(), &[]);
    let more = trainyard(&["train", "more.toml", "--json", "--set", "run.name=more"]).in_folder(dir.path()).run();
    assert_eq!((plain.code, more.code), (0, 0), "{}{}", plain.stderr, more.stderr);
    let model =
        |run: &str| fs::read(dir.path().join(format!("runs/{run}/checkpoints/step-4/model.safetensors"))).unwrap();
    assert!(model("run") == model("more"));
}

#[test]
fn what_it_prints_is_not_in_the_result() {
    let dir = project(&native("loud.so"));
    compiled(dir.path(), "loud", &["LOUD"], &[]);
    for arguments in [&["train", "run.toml", "--json"][..], &["eval", "runs/run", "--json"]] {
        let ran = trainyard(arguments).in_folder(dir.path()).run();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_str::<Value>(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout));
        for place in ["the constructor", "create", "info", "destroy"] {
            assert!(ran.stderr.contains(&format!("printed in {place}\n")), "{place}: {}", ran.stderr);
        }
    }
    let graph = ["plugin", "inspect", "./loud.so", "--graph", "--trust", "native", "--json"];
    let ran = trainyard(&graph).in_folder(dir.path()).run();
    assert!(serde_json::from_str::<Value>(&ran.stdout).is_ok_and(|value| value["name"] == "loud"), "{}", ran.stdout);
}

#[test]
fn it_runs_what_was_checked() {
    let dir = TempDir::new().unwrap();
    let file = compiled(dir.path(), "one", &["UNIT=\"one\""], &[]);
    let open = || Plugin::open(&config(file.display().to_string(), ""), Kind::Metric).unwrap();
    let unit = |plugin: &Plugin| plugin.metric().and_then(|metric| Ok(metric.info()?.unit)).unwrap();
    let first = open();
    // In place, as cp and compilers write: a mapped file would change under the running code, or end the process.
    fs::write(&file, vec![0; 4096]).unwrap();
    assert_eq!(unit(&first), "one");
    let other = compiled(dir.path(), "other", &["UNIT=\"two\""], &[]);
    fs::copy(other, &file).unwrap();
    assert_eq!(unit(&open()), "two");
    assert_eq!(unit(&first), "one");
    // The same bytes are loaded once.
    assert_eq!(unit(&open()), "two");
}

#[test]
fn a_worker_runs_what_was_checked() {
    let dir = TempDir::new().unwrap();
    let files = built("plugins/length");
    for original in [files.native, files.wasm] {
        let file = dir.path().join(original.file_name().unwrap());
        fs::copy(&original, &file).unwrap();
        let plugin = Plugin::open(&isolated(&file, "min_words = 2"), Kind::Filter).unwrap();
        fs::write(&file, "nothing of it is left").unwrap();
        let mut filter = plugin.filter().unwrap();
        assert_eq!(filter.judge(&["one"]).unwrap()[0].reason, "length_too_few_words");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn libraries_beside_it_are_found() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("beside.c"), "int beside(void) { return 7; }\n").unwrap();
    let library = ["-shared", "-fPIC", "-o", "libbeside.so", "beside.c"];
    assert!(Command::new("cc").args(library).current_dir(dir.path()).status().unwrap().success());
    let file = compiled(dir.path(), "needs", &["BESIDE"], &["-L.", "-lbeside", "-Wl,-rpath,$ORIGIN"]);
    let plugin = Plugin::open(&config(file.display().to_string(), ""), Kind::Metric).unwrap();
    assert_eq!(plugin.metric().unwrap().info().unwrap().unit, "seven");
    let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["beside.c", "libbeside.so", "needs.c", "needs.so"], "no copy is left");
}

#[test]
fn a_run_ends_well_when_its_files_are_replaced() {
    let dir = project(&format!("{}isolation = \"process\"\n{}", native("text.so"), native("nats.so")));
    compiled(dir.path(), "text", &["TEXT"], &[]);
    compiled(dir.path(), "nats", &[], &[]);
    let program = dir.path().join("trainyard");
    fs::copy(crate::program::program(), &program).unwrap();
    let mut run = Command::new(&program);
    run.args(["train", "run.toml", "--json", "--set", "train.steps=2000"]).current_dir(dir.path());
    run.env_remove("TRAINYARD_PROGRAM").stdout(std::process::Stdio::piped());
    let run = run.stderr(std::process::Stdio::null()).spawn().unwrap();
    let log = dir.path().join("runs/run/metrics.jsonl");
    while !fs::read_to_string(&log).is_ok_and(|log| log.lines().count() > 2) {
        std::thread::sleep(Duration::from_millis(20));
    }
    for name in ["text.so", "nats.so"] {
        fs::write(dir.path().join(name), vec![0; 4096]).unwrap();
    }
    fs::remove_file(&program).unwrap();
    fs::write(&program, "#!/bin/sh\nexit 1\n").unwrap();
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["validation"][3]["value"], 42.0, "{summary}");
}

#[test]
fn the_report_is_there_whatever_a_plugin_does_at_the_end() {
    let dir = project(&native("text.so"));
    compiled(dir.path(), "text", &["TEXT", "FAIL"], &[]);
    let ran = train(dir.path(), &[]);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &summary["validation"][0]["name"]), (3, &Value::from("cross-entropy")), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("update: it fails after the training\n"), "{}", ran.stderr);
    let last = fs::read_to_string(dir.path().join("runs/run/metrics.jsonl")).unwrap();
    assert!(last.contains("it fails after the training"));

    // A crash of the process itself, when the plugin is closed, comes after the report.
    compiled(dir.path(), "text", &["TEXT", "ABORT"], &[]);
    for arguments in [&["train", "run.toml", "--json", "--overwrite"][..], &["eval", "runs/run", "--json"]] {
        let ran = trainyard(arguments).in_folder(dir.path()).run();
        let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((ran.code, &summary["validation"][2]["value"]), (-1, &Value::from(42.0)), "it ends by a signal");
    }
}
