//! Runs that were begun by a program that numbered its random numbers and sequences differently.

use crate::plugins::built;
use crate::program::{Outcome, folder_of_lines, trainyard};
use serde_json::Value;
use std::fs;
use std::path::Path;

const CONFIG: &str = r#"
[data]
validation = 0.1
test = 0.0
packing = "best-fit"
source = [{ path = "text.txt", document = "line" }]
[tokenizer]
plugin = "byte"
[loss]
plugin = "cross-entropy"
[model]
layers = 1
heads = 2
width = 16
context = 32
[train]
steps = 6
batch = 2
checkpoint_every = 3
keep_checkpoints = 0
threads = 1
[sample]
tokens = 0
"#;

fn train(folder: &Path, arguments: &[&str]) -> Outcome {
    trainyard(&[&["train", "run.toml"], arguments].concat()).in_folder(folder).run()
}

/// The state of the checkpoint after step 6, and the model's bytes.
fn last(folder: &Path) -> (Value, Vec<u8>) {
    let root = folder.join("runs/run/checkpoints/step-6");
    let state = fs::read_to_string(root.join("trainyard/state.json")).unwrap();
    (serde_json::from_str(&state).unwrap(), fs::read(root.join("model.safetensors")).unwrap())
}

/// Takes the run back to step 3, as a program of these numerics would have left it.
fn begun_under(folder: &Path, numerics: Option<u64>) {
    let checkpoints = folder.join("runs/run/checkpoints");
    fs::remove_dir_all(checkpoints.join("step-6")).unwrap();
    let folder = checkpoints.join("step-3/trainyard");
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap() };
    let (mut state, mut manifest) = (read("state.json"), read("manifest.json"));
    match numerics {
        Some(numerics) => state["numerics"] = numerics.into(),
        None => drop(state.as_object_mut().unwrap().remove("numerics").unwrap()),
    }
    fs::write(folder.join("state.json"), state.to_string()).unwrap();
    let output = std::process::Command::new("sha256sum").arg(folder.join("state.json")).output().unwrap();
    let sum = String::from_utf8(output.stdout).unwrap()[..64].to_owned();
    manifest["sha256"]["trainyard/state.json"] = sum.into();
    fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
}

#[track_caller]
fn refused(folder: &Path, settings: &[&str], expected: &str) {
    let outcome = train(folder, &[&["--resume"], settings].concat());
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().last().unwrap(), format!("error: cannot resume: {expected}"));
}

#[test]
fn a_run_that_computes_the_same_resumes() {
    let folder = folder_of_lines(CONFIG);
    assert_eq!(train(folder.path(), &[]).code, 0);
    let expected = last(folder.path());
    assert_eq!(expected.0["numerics"], 3);
    begun_under(folder.path(), None);
    let outcome = train(folder.path(), &["--resume"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(last(folder.path()) == expected, "another model");
}

#[test]
fn a_run_that_would_compute_otherwise_is_refused() {
    let folder = folder_of_lines(CONFIG);
    let settings = ["--set", "model.dropout=0.1"];
    assert_eq!(train(folder.path(), &settings).code, 0);
    let cure = "finish the run with the trainyard that began it, start a new run under another run.name, or pass \
                --allow-changed numerics";
    begun_under(folder.path(), None);
    refused(
        folder.path(),
        &settings,
        &format!(
            "numerics changed from 1 to 3: model.dropout = 0.1 now draws its masks by sequence, no longer by micro-batch; {cure}"
        ),
    );
    let allowed = train(folder.path(), &["--resume", "--allow-changed", "numerics", settings[0], settings[1]]);
    assert_eq!(allowed.code, 0, "{}", allowed.stderr);
    assert_eq!(last(folder.path()).0["numerics"], 3);
    begun_under(folder.path(), Some(4));
    let newer = "the checkpoint was made under numerics 4, this program computes under 3; resume with the trainyard that \
                 made it";
    refused(folder.path(), &settings, newer);
}

/// Sums over sequences used to be sums over windows, which differ only if several documents share one.
#[test]
fn sums_over_packed_sequences_are_refused() {
    let metric = built("tests/guests/hostile-metric").wasm.display().to_string();
    let metric = format!("metric=[{{ plugin = \"{metric}\", config = {{ behaviour = \"sequences\" }} }}]");
    for (packing, is_refused) in [("best-fit", true), ("pad", false)] {
        let folder = folder_of_lines(CONFIG);
        let packing = format!("data.packing={packing}");
        let settings = ["--set", &metric, "--set", &packing];
        let outcome = train(folder.path(), &settings);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        begun_under(folder.path(), None);
        let outcome = train(folder.path(), &[&["--resume"], settings.as_slice()].concat());
        assert_eq!(outcome.code, if is_refused { 2 } else { 0 }, "{}", outcome.stderr);
        let said = outcome.stderr.contains("hostile-metric") && outcome.stderr.contains("numerics changed from 1 to 3");
        assert!(said == is_refused, "{}", outcome.stderr);
    }
}

/// The gradient of the output layer was summed over fewer rows at a time where there are many tokens.
#[test]
fn many_tokens_are_refused() {
    let folder = folder_of_lines(CONFIG);
    for (n, is_refused) in [(7000, false), (9000, true)] {
        let special: Vec<String> = (0..n).map(|i| format!("\"<{i}>\"")).collect();
        let (n, special) = (n + 300, special.join(","));
        let tokenizer =
            format!("tokenizer={{ plugin = \"bpe\", config = {{ vocab_size = {n}, special_tokens = [{special}] }} }}");
        let settings = ["--set", &tokenizer];
        assert_eq!(train(folder.path(), &[settings.as_slice(), &["--overwrite"]].concat()).code, 0);
        let expected = last(folder.path());
        begun_under(folder.path(), Some(2));
        let resumed = train(folder.path(), &[&["--resume"], settings.as_slice()].concat());
        if is_refused {
            let said = "numerics changed from 2 to 3: with ";
            let why = " tokens the gradient of the output layer is summed over more than ";
            assert!(resumed.stderr.contains(said) && resumed.stderr.contains(why), "{}", resumed.stderr);
            assert_eq!(resumed.code, 2, "{}", resumed.stderr);
            let allowed = ["--resume", "--allow-changed", "numerics"];
            assert_eq!(train(folder.path(), &[&allowed, settings.as_slice()].concat()).code, 0);
            continue;
        }
        assert_eq!(resumed.code, 0, "{}", resumed.stderr);
        assert!(last(folder.path()) == expected, "another model");
    }
}

/// Gradients of micro-batches were added one by one, and are added as a tree.
#[test]
fn several_micro_batches_are_refused() {
    let folder = folder_of_lines(CONFIG);
    let settings = ["--set", "train.accumulate=2"];
    assert_eq!(train(folder.path(), &settings).code, 0);
    begun_under(folder.path(), Some(2));
    let cure = "finish the run with the trainyard that began it, start a new run under another run.name, or pass \
                --allow-changed numerics";
    let why = "the gradients of train.accumulate = 2 micro-batches are added as a tree now, no longer one by one";
    refused(folder.path(), &settings, &format!("numerics changed from 2 to 3: {why}; {cure}"));
}
