//! `trainyard bench` and the prediction of memory, through the program.

use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::path::{Path, PathBuf};

const CONFIG: &str = "
    [data]
    source = [{ path = 'a.txt' }]
    validation = 0.0
    test = 0.0
    [tokenizer]
    plugin = 'byte'
    [model]
    layers = 2
    heads = 2
    width = 32
    context = 32
    [train]
    batch = 4
    threads = 1
";

/// The config in a folder of its own, with text for it.
fn config() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.toml");
    std::fs::write(&path, CONFIG).unwrap();
    std::fs::write(dir.path().join("a.txt"), "the cat and the hat and the bat\n".repeat(50)).unwrap();
    (dir, path)
}

fn step(config: &Path, more: &[&str]) -> Outcome {
    let config = config.to_str().unwrap();
    let arguments = [&["bench", "step", config, "--steps", "3", "--warmup", "1"][..], more].concat();
    // data that is prepared is kept in the store of the current folder
    let elsewhere = tempfile::tempdir().unwrap();
    trainyard(&arguments).in_folder(elsewhere.path()).run()
}

#[track_caller]
fn json(ran: &Outcome) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[track_caller]
fn fails(ran: &Outcome, code: i32, stderr: &str) {
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (code, "", stderr));
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("expected a number, got {value}"))
}

#[test]
fn a_steps_time_is_shared_out() {
    let (_dir, config) = config();
    let result = json(&step(&config, &["--vocab", "50", "--json"]));
    for (name, expected) in [("vocab", 50.0), ("tokens", 128.0), ("steps", 3.0), ("threads", 1.0)] {
        assert_eq!(number(&result[name]), expected, "{name}");
    }
    let times = &result["milliseconds"];
    let ordered = ["min", "lower_quartile", "median", "upper_quartile", "max"].map(|name| number(&times[name]));
    assert!(ordered[0] > 0.0 && ordered.is_sorted(), "{times}");
    let rate = number(&result["tokens_per_second"]);
    assert!((rate * ordered[2] / 128e3 - 1.0).abs() < 1e-9, "{rate} tokens a second, {times}");
    // What operations count never exceeds the step; with `other` it is the whole of it.
    let groups = result["groups"].as_array().unwrap();
    let shares: Vec<_> = groups.iter().map(|group| number(&group["share"])).collect();
    let counted: f64 = shares[..shares.len() - 1].iter().sum();
    assert!(counted > 0.5 && counted <= 1.0 && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{groups:?}");
    assert!(shares.iter().all(|share| *share >= 0.0), "{groups:?}");
    let named = |name: &str| number(&groups.iter().find(|group| group["group"] == name).unwrap()["milliseconds"]);
    assert!(named("linear") > 0.0 && named("attention") > 0.0 && named("loss") > 0.0, "{groups:?}");
}

#[test]
fn a_step_runs_on_the_configs_data() {
    let (dir, config) = config();
    let ran = step(&config, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("vocabulary 257") && ran.stdout.contains("tokens/s"), "{}", ran.stdout);
    assert!(ran.stderr.contains("step 4/4"), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "a benchmark leaves nothing behind");
}

#[test]
fn sizes_of_0_are_refused() {
    let (_dir, config) = config();
    fails(&step(&config, &["--vocab", "0"]), 2, "error: --vocab: expected 1 or more, got 0\n");
    let steps = trainyard(&["bench", "step", config.to_str().unwrap(), "--steps", "0", "--vocab", "5"]).run();
    fails(&steps, 2, "error: --steps: expected 1 or more, got 0\n");
    fails(&trainyard(&["bench", "loss", "--rows", "0"]).run(), 2, "error: --rows: expected 1 or more, got 0\n");
    assert_eq!(step(&config, &["--vocab", "many"]).code, 2);
}

#[test]
fn a_run_that_cannot_fit_ends_before_it_takes_memory() {
    let (_dir, config) = config();
    let huge = ["--set", "train.batch=1000000000000"];
    let ran = step(&config, &[&huge[..], &["--vocab", "50"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: train.batch: this run needs about "), "{}", ran.stderr);
    assert!(ran.stderr.contains(" GiB are available; lower train.batch"), "{}", ran.stderr);
    let trained = trainyard(&[&["train", config.to_str().unwrap()][..], &huge].concat());
    let ran = trained.in_folder(config.parent().unwrap()).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: train.batch: this run needs about "), "{}", ran.stderr);
    assert!(!config.with_file_name("runs").exists(), "nothing was begun");
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_predicted() {
    let (_dir, config) = config();
    for settings in [&["model.width=256", "train.batch=16"][..], &["model.width=256", "train.recompute=true"]] {
        let sets: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let more = [&sets[..], &["--vocab", "8192", "--json", "--set", "model.context=128"]].concat();
        let result = json(&step(&config, &more));
        let (predicted, peak) = (number(&result["predicted_memory"]), number(&result["peak_memory"]));
        assert!((predicted / peak - 1.0).abs() < 0.12, "{settings:?}: predicted {predicted}, measured {peak}");
    }
}

/// A base in blocks takes what its format says, and is drawn like any other where no model is read.
#[test]
#[cfg(target_os = "linux")]
fn a_base_in_blocks_takes_less_memory() {
    let (_dir, config) = config();
    std::fs::create_dir(config.with_file_name("base")).unwrap();
    let base = ["train", config.to_str().unwrap(), "--set", "train.steps=1", "--set", "model.width=512"];
    trainyard(&[&base[..], &["--set", "model.hidden=2048", "--set", "run.name=base"]].concat())
        .in_folder(config.parent().unwrap())
        .succeeds();
    let tuned = format!(
        "[start]\nfrom = 'runs/base'\n[adapter]\nrank = 2\n{}",
        CONFIG.replace("layers = 2", "").replace("heads = 2", "").replace("width = 32", "")
    );
    let path = config.with_file_name("tune.toml");
    std::fs::write(&path, tuned.replace("[tokenizer]\n    plugin = 'byte'\n", "")).unwrap();
    let parameters = |quantize: &str| {
        let set = format!("adapter.quantize={quantize}");
        number(&json(&step(&path, &["--vocab", "257", "--json", "--set", &set]))["predicted_memory"])
    };
    let [f32, int8, nf4] = ["none", "int8", "nf4"].map(parameters);
    // two layers of width 512: 6.3 million numbers
    assert!(f32 - int8 > 0.7 * 4.0 * 6.3e6 && int8 - nf4 > 0.4 * 6.3e6, "{f32}, {int8}, {nf4}");
}

#[test]
fn losses_are_timed_beside_their_products() {
    let small = ["bench", "loss", "--rows", "100", "--width", "16", "--vocab", "300", "--rounds", "2", "--json"];
    let plugins = ["--plugin", "cross-entropy", "--plugin", "focal"];
    let result = json(&trainyard(&[&small[..], &plugins].concat()).run());
    let losses = result["losses"].as_array().unwrap();
    let names: Vec<_> = losses.iter().map(|loss| loss["plugin"].as_str().unwrap()).collect();
    assert!(names[0].contains("cross-entropy") && names[1].contains("focal"), "{names:?}");
    for loss in losses {
        assert!(number(&loss["milliseconds"]["min"]) > 0.0 && number(&loss["products"]["min"]) > 0.0, "{loss}");
    }
    // Logits of deviation 1 add half of their variance to the logarithm of the vocabulary.
    let expected = 300_f64.ln() + 0.5;
    assert!((number(&losses[0]["value"]) - expected).abs() < 0.3, "{}, expected about {expected}", losses[0]["value"]);
    assert!(number(&losses[1]["value"]) < number(&losses[0]["value"]), "focal weighs every row down");
    let forward = json(&trainyard(&[&small[..], &["--forward-only", "--precision", "f64"]].concat()).run());
    assert_eq!((&forward["backward"], &forward["precision"]), (&Value::from(false), &Value::from("f64")));
    // The same numbers in 64 bits.
    let (single, double) = (number(&losses[0]["value"]), number(&forward["losses"][0]["value"]));
    assert!((single - double).abs() < 1e-5, "{single} and {double}");
}

#[test]
fn a_wrong_loss_is_named() {
    let loss = |arguments: &[&str]| trainyard(&[&["bench", "loss", "--rows", "10"][..], arguments].concat()).run();
    fails(&loss(&["--plugin", "byte"]), 2, "error: plugin \"byte\" is a tokenizer, expected a loss\n");
    fails(
        &loss(&["--plugin", "focal", "--config", "gamma = -1"]),
        2,
        "error: plugin \"focal\" 0.1.0 (builtin): create: gamma: expected 0 or more, got -1\n",
    );
    assert!(loss(&["--plugin", "no/such.wasm"]).stderr.contains("no/such.wasm"));
}

#[test]
fn plugins_are_timed_beside_the_first_of_their_name() {
    let (dir, _config) = config();
    let text = dir.path().join("a.txt");
    let small = ["bench", "plugin", "--rounds", "2", "--threads", "2", "--json", "--text", text.to_str().unwrap()];
    let wasm = crate::plugins::built("plugins/focal").wasm;
    let result = json(&trainyard(&[&small[..], &["byte", "length", "length", wasm.to_str().unwrap()]].concat()).run());
    let plugins = result["plugins"].as_array().unwrap();
    // what is WASM is there twice, with and without a deadline
    let deadlines: Vec<_> = plugins.iter().map(|plugin| plugin["deadline"].as_bool().unwrap()).collect();
    assert_eq!(deadlines, [true, true, true, true, false]);
    for plugin in plugins {
        for name in ["cold_load_ms", "warm_load_ms", "instance_us", "call_ns"] {
            assert!(number(&plugin[name]["min"]) > 0.0, "{name} of {plugin}");
        }
    }
    let speeds = |index: usize| plugins[index]["speeds"].as_array().unwrap();
    for (speed, threads) in speeds(0).iter().zip([1.0, 2.0]) {
        assert_eq!((number(&speed["threads"]), number(&speed["ratio"]["median"])), (threads, 1.0));
        assert!(number(&speed["megabytes_per_second"]["min"]) > 0.0, "{speed}");
    }
    assert!(number(&speeds(2)[0]["ratio"]["median"]) != 1.0, "the second of a name is compared with the first");
    assert!(speeds(3).is_empty(), "no text passes through a loss");
    let (cold, warm) = (number(&plugins[3]["cold_load_ms"]["min"]), number(&plugins[3]["warm_load_ms"]["max"]));
    assert!(cold > warm, "compiling took {cold} ms, loading what was compiled {warm} ms");
    let ran = trainyard(&["bench", "plugin", "--text", "no/such.txt"]).run();
    assert!(ran.code == 2 && ran.stderr.contains("no/such.txt: no such file or folder"), "{}", ran.stderr);
}
