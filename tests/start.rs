//! Runs that start from the weights of another model.

use crate::program::{Outcome, trainyard};
use candle_core::{Device, Tensor};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with text, a copy of the model `llama` of tests/golden/networks, and a run that starts from it. The
/// tokenizer has 257 tokens, the model 40.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..900).map(|i| format!("line {} of {}\n", i * 7919 % 901, i % 13)).collect();
    fs::write(folder.path().join("text.txt"), text).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/networks/llama");
    fs::create_dir(folder.path().join("model")).unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(golden.join(name), folder.path().join("model").join(name)).unwrap();
    }
    fs::write(
        folder.path().join("run.toml"),
        r#"
[data]
validation = 0.0
test = 0.0
source = [{ path = "text.txt" }]
[tokenizer]
plugin = "byte"
[start]
from = "model"
[train]
steps = 2
batch = 2
validate_every = 0
validate_batches = 1
checkpoint_every = 1
keep_checkpoints = 0
threads = 1
[optimizer]
lr = 0.01
[schedule]
kind = "constant"
warmup = 0
[sample]
tokens = 3
"#,
    )
    .unwrap();
    folder
}

fn train(folder: &TempDir, arguments: &[&str]) -> Outcome {
    trainyard(&[&["train", "run.toml"], arguments].concat()).in_folder(folder.path()).run()
}

#[track_caller]
fn trains(folder: &TempDir, arguments: &[&str]) -> String {
    let outcome = train(folder, arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome.stderr
}

#[track_caller]
fn refuses(folder: &TempDir, arguments: &[&str], expected: &str) {
    let outcome = train(folder, arguments);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(expected), "{}\nexpected: {expected}", outcome.stderr);
}

fn tensors(path: PathBuf) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

fn trained(folder: &TempDir, run: &str, step: u64) -> HashMap<String, Tensor> {
    tensors(folder.path().join(format!("runs/{run}/checkpoints/step-{step}/model.safetensors")))
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).unwrap()
}

/// The largest difference of two tensors.
fn difference(a: &Tensor, b: &Tensor) -> f32 {
    numbers(a).iter().zip(numbers(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn training_begins_from_the_weights() {
    let folder = project();
    trains(&folder, &["--set", "optimizer.lr=1e-9", "--set", "train.steps=1"]);
    let (before, after) = (tensors(folder.path().join("model/model.safetensors")), trained(&folder, "run", 1));
    assert_eq!(before.len(), after.len());
    for (name, after) in &after {
        if name == "model.embed_tokens.weight" {
            continue;
        }
        assert!(difference(&before[name], after) < 1e-6, "{name}");
    }
    // 40 tokens became 257; the new ones are the mean of the old
    let [before, after] = [&before, &after].map(|tensors| tensors["model.embed_tokens.weight"].clone());
    assert_eq!((before.dims(), after.dims()), (&[40, 16][..], &[257, 16][..]));
    assert!(difference(&before, &after.narrow(0, 0, 40).unwrap()) < 1e-6);
    let mean = before.mean_keepdim(0).unwrap().broadcast_as((217, 16)).unwrap();
    assert!(difference(&mean, &after.narrow(0, 40, 217).unwrap()) < 1e-5);
    // the finished run is read without the folder that it began from
    fs::remove_dir_all(folder.path().join("model")).unwrap();
    let outcome = trainyard(&["generate", "runs/run", "--tokens", "5"]).in_folder(folder.path()).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
}

#[test]
fn a_run_starts_from_a_run_or_a_checkpoint() {
    let folder = project();
    trains(&folder, &[]);
    for from in ["runs/run", "runs/run/checkpoints/step-2"] {
        let set = format!("start.from={from}");
        let small = ["--set", "optimizer.lr=1e-9", "--set", "train.steps=1", "--set", "run.name=next"];
        trains(&folder, &[&["--set", set.as_str(), "--overwrite"], &small[..]].concat());
        let (before, after) = (trained(&folder, "run", 2), trained(&folder, "next", 1));
        assert!(after.iter().all(|(name, after)| difference(&before[name], after) < 1e-6), "{from}");
    }
}

#[test]
fn what_is_frozen_does_not_change() {
    let folder = project();
    let freeze = "train.freeze=['model.embed_tokens', 'model.layers.[0-0].*']";
    trains(&folder, &["--set", freeze]);
    let (first, second) = (trained(&folder, "run", 1), trained(&folder, "run", 2));
    for (name, tensor) in &second {
        let is_frozen = name.starts_with("model.embed") || name.starts_with("model.layers.0.");
        assert_eq!(difference(&first[name], tensor) == 0.0, is_frozen, "{name}");
    }
    let state = tensors(folder.path().join("runs/run/checkpoints/step-2/trainyard/optimizer.safetensors"));
    assert!(state.keys().all(|name| !name.starts_with("model.layers.0.")) && state.len() == 2 * 10);
    refuses(&folder, &["--resume", "--set", "train.freeze=['model.embed_tokens']"], "train.freeze changed");
    refuses(
        &folder,
        &["--overwrite", "--set", "train.freeze=['model.heads.*']"],
        "train.freeze: \"model.heads.*\" matches no",
    );
    refuses(&folder, &["--overwrite", "--set", "train.freeze=['*']"], "train.freeze: covers every parameter");
    refuses(
        &folder,
        &["--overwrite", "--set", "train.freeze=['[0-']"],
        "expected a list of patterns of parameters' names",
    );
}

#[test]
fn groups_learn_at_their_own_rate() {
    let folder = project();
    trains(&folder, &["--set", "optimizer.group=[{ match = ['model.layers.1'], lr_factor = 0.0 }]"]);
    let (first, second) = (trained(&folder, "run", 1), trained(&folder, "run", 2));
    for (name, tensor) in &second {
        assert_eq!(difference(&first[name], tensor) == 0.0, name.starts_with("model.layers.1."), "{name}");
    }
    let group = "optimizer.group=[{ match = ['model.layers.7'] }]";
    refuses(
        &folder,
        &["--overwrite", "--set", group],
        "optimizer.group.0.match: \"model.layers.7\" matches no parameter",
    );
    refuses(
        &folder,
        &["--overwrite", "--set", "optimizer.group=[{}]"],
        "optimizer.group.0.match: expected a list of patterns",
    );
}

#[test]
fn the_model_is_as_the_folder_says() {
    let folder = project();
    let layers = "model.config: layers: expected 2, as in ";
    refuses(&folder, &["--set", "model.config.layers=3"], layers);
    refuses(&folder, &["--set", "model.layers=2"], "is a setting of the plugin: write model.config.layers");
    refuses(&folder, &["--set", "model.plugin=gpt2"], "reads no config.json with model_type \"llama\", it reads: gpt2");
    refuses(
        &folder,
        &["--set", "start.from=nowhere"],
        "nowhere: there is no such folder, expected the folder of a Hugging",
    );
    refuses(&folder, &["--set", "model.context=33"], "context: expected at most 32");
    trains(&folder, &["--set", "model.config.attention_dropout=0.1", "--set", "model.config.layers=2"]);
    let config = fs::read_to_string(folder.path().join("runs/run/config.toml")).unwrap();
    assert!(config.contains("from = \"../../model\"") && config.contains("layers = 2"), "{config}");
}

#[test]
fn a_resumed_run_does_not_need_the_folder_again() {
    let folder = project();
    trains(&folder, &["--set", "train.steps=1"]);
    let more = ["--resume", "--set", "train.steps=2", "--allow-changed", "train.steps"];
    let config = folder.path().join("model/config.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.clone() + " ").unwrap();
    refuses(&folder, &more, "start.from changed");
    fs::write(&config, text).unwrap();
    fs::rename(folder.path().join("model"), folder.path().join("elsewhere")).unwrap();
    let run = ["train", "runs/run/config.toml"];
    let outcome = trainyard(&[&run[..], &more[..]].concat()).in_folder(folder.path()).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(folder.path().join("runs/run/checkpoints/step-2/model.safetensors").is_file());
}

#[test]
fn the_tokenizer_and_the_files_around_it_are_those_of_the_folder() {
    let folder = project();
    trains(&folder, &["--set", "train.steps=1"]);
    let (made, hub) = (folder.path().join("runs/run/checkpoints/step-1"), folder.path().join("hub"));
    fs::create_dir(&hub).unwrap();
    for name in ["model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(made.join(name), hub.join(name)).unwrap();
    }
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(made.join("config.json")).unwrap()).unwrap();
    (config["eos_token_id"], config["pad_token_id"]) = (7.into(), 9.into());
    fs::write(hub.join("config.json"), config.to_string()).unwrap();
    for (name, text) in [("chat_template.jinja", "{{ x }}"), ("generation_config.json", "{\"top_k\": 3}")] {
        fs::write(hub.join(name), text).unwrap();
    }
    trains(&folder, &["--unset", "tokenizer", "--set", "start.from=hub", "--set", "run.name=next"]);
    let config = fs::read_to_string(folder.path().join("runs/next/config.toml")).unwrap();
    assert!(config.contains("plugin = \"hf-tokenizer\"") && config.contains("hub/tokenizer.json"), "{config}");
    let last = folder.path().join("runs/next/checkpoints/step-2");
    for name in ["chat_template.jinja", "generation_config.json", "tokenizer_config.json"] {
        assert_eq!(fs::read(last.join(name)).unwrap(), fs::read(hub.join(name)).unwrap(), "{name}");
    }
    let written: serde_json::Value = serde_json::from_slice(&fs::read(last.join("config.json")).unwrap()).unwrap();
    assert_eq!((&written["eos_token_id"], &written["pad_token_id"]), (&7.into(), &9.into()));
    assert_eq!(written["vocab_size"], 257);
}
