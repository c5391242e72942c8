//! Whole runs on the emulator: missing libraries, checkpoints, resuming.

use super::Emulator;
use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A small run: bytes, one layer, 6 steps of two micro-batches.
fn run_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..300).map(|i| format!("line {} of {}\n", i * 7919 % 4001, i % 13)).collect();
    fs::create_dir(folder.path().join("text")).unwrap();
    for part in 0..6 {
        let n = text.len() / 6;
        fs::write(folder.path().join(format!("text/{part}.txt")), &text[part * n..(part + 1) * n]).unwrap();
    }
    let config = r#"
[data]
validation = 0.2
test = 0.0
source = [{ path = "text" }]
[tokenizer]
plugin = "byte"
[loss]
plugin = "cross-entropy"
[model]
layers = 1
heads = 2
width = 64
context = 16
dropout = 0.1
[train]
device = "cuda:0"
deterministic = true
steps = 6
batch = 2
accumulate = 2
validate_every = 3
validate_batches = 1
checkpoint_every = 3
keep_checkpoints = 0
threads = 1
[schedule]
warmup = 2
[sample]
prompt = "line"
tokens = 4
"#;
    fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}

fn train(folder: &Path, arguments: &[&str]) -> Outcome {
    let mut all = vec!["train", "run.toml"];
    all.extend(arguments);
    let mut call = trainyard(&all).in_folder(folder);
    for (name, value) in Emulator::get().variables() {
        call = call.env(name, value);
    }
    call.run()
}

#[track_caller]
fn trained(folder: &Path, arguments: &[&str]) {
    let outcome = train(folder, arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
}

fn checkpoint(folder: &Path, step: u64) -> Vec<Vec<u8>> {
    let root = folder.join(format!("runs/run/checkpoints/step-{step}"));
    ["model.safetensors", "trainyard/optimizer.safetensors"].map(|name| fs::read(root.join(name)).unwrap()).into()
}

/// Losses of the steps, and of the validations.
fn losses(folder: &Path) -> Vec<f64> {
    let text = fs::read_to_string(folder.join("runs/run/metrics.jsonl")).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter_map(|record| record["loss"].as_f64().or_else(|| record["validation"]["loss"].as_f64())).collect()
}

#[track_caller]
fn assert_near(got: &[f64], expected: &[f64], limit: f64) {
    assert_eq!(got.len(), expected.len());
    let far = got.iter().zip(expected).map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max);
    assert!(far < limit, "losses {got:?} and {expected:?} differ by {far:e}");
}

/// The same numbers as on the CPU, dropout and validations included; bfloat16 stays near.
#[test]
fn a_run_follows_the_one_on_the_cpu() {
    let (cpu, gpu, bf16) = (run_folder(), run_folder(), run_folder());
    trained(cpu.path(), &["--set", "train.device=cpu"]);
    trained(gpu.path(), &[]);
    trained(bf16.path(), &["--set", "train.precision=bf16"]);
    assert_near(&losses(gpu.path()), &losses(cpu.path()), 1e-4);
    assert_near(&losses(bf16.path()), &losses(cpu.path()), 1e-2);
}

#[test]
#[ignore = "broad: make test-all"]
fn broad_a_resumed_run_ends_with_the_same_bytes() {
    for precision in ["train.precision=f32", "train.precision=bf16"] {
        let (whole, parts) = (run_folder(), run_folder());
        trained(whole.path(), &["--set", precision]);
        trained(parts.path(), &["--set", precision]);
        fs::remove_dir_all(parts.path().join("runs/run/checkpoints/step-6")).unwrap();
        trained(parts.path(), &["--resume", "--set", precision]);
        assert!(checkpoint(whole.path(), 6) == checkpoint(parts.path(), 6), "{precision}: other bytes");
        assert_eq!(losses(whole.path()), losses(parts.path()), "{precision}");
    }
}

/// From the GPU to the CPU and back.
#[test]
#[ignore = "broad: make test-all"]
fn broad_a_checkpoint_goes_on_elsewhere() {
    for (first, second) in [("train.device=cpu", "train.device=cuda:0"), ("train.device=cuda:0", "train.device=cpu")] {
        let (moved, stayed) = (run_folder(), run_folder());
        trained(stayed.path(), &["--set", first]);
        trained(moved.path(), &["--set", first]);
        fs::remove_dir_all(moved.path().join("runs/run/checkpoints/step-6")).unwrap();
        trained(moved.path(), &["--resume", "--set", second]);
        assert_near(&losses(moved.path()), &losses(stayed.path()), 1e-4);
    }
}

#[test]
fn what_is_missing_is_one_line() {
    let folder = run_folder();
    let [libraries, kernels, _] = Emulator::get().variables();
    let fails = |variables: &[(&str, &str)], setting: &str| {
        let arguments = ["train", "run.toml", "--set", setting];
        let mut call = trainyard(&arguments).in_folder(folder.path());
        for (name, value) in variables {
            call = call.env(name, value);
        }
        let outcome = call.run();
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (2, 1), "{}", outcome.stderr);
        outcome.stderr
    };
    let (libraries, kernels) = (libraries.1.to_str().unwrap(), kernels.1.to_str().unwrap());
    let with_kernels = [("TRAINYARD_CUDA_KERNELS", kernels)];
    let emulated = |more: (&'static str, &'static str)| [("LD_LIBRARY_PATH", libraries), with_kernels[0], more];
    let text = fails(&[("LD_LIBRARY_PATH", libraries)], "train.device=cuda:0");
    assert!(text.contains("this program was built without CUDA kernels; use trainyard-cuda"), "{text}");
    let text = fails(&with_kernels, "train.device=cuda:0");
    assert!(text.contains("train.device: no NVIDIA driver on this machine (libcuda.so.1)"), "{text}");
    let text = fails(&emulated(("TRAINYARD_EMULATOR_DRIVER", "12080")), "train.device=cuda:0");
    assert!(text.contains("the NVIDIA driver supports CUDA 12.8, expected 13.0 or newer"), "{text}");
    let text = fails(&emulated(("LC_ALL", "C")), "train.device=cuda:7");
    assert!(text.contains("cuda:7 does not exist, this machine has 1 CUDA device; choose cuda:0"), "{text}");
    let text = fails(&emulated(("TRAINYARD_EMULATOR_CAPABILITY", "7.5")), "train.device=cuda:0");
    assert!(text.contains("has compute capability 7.5, the kernels are built for 8.0 to 9.0"), "{text}");
    let text = fails(&emulated(("TRAINYARD_EMULATOR_MEMORY", "40000000")), "train.device=cuda:0");
    assert!(text.contains(": this run needs about"), "{text}");
    let text = fails(&[], "train.device=gpu");
    assert!(text.contains("expected \"auto\", \"cpu\" or \"cuda:N\", got \"gpu\""), "{text}");
}
