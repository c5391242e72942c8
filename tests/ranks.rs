//! Several processes that train one model, started by a real MPI: MPICH, which scripts/language-tools.sh installs.
#![cfg(target_os = "linux")]

mod apart;

use crate::program::{Outcome, folder_of_lines, program, trainyard};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Dropout, packing, clipping, a filter and four micro-batches a step.
const CONFIG: &str = r#"
[data]
validation = 0.1
test = 0.0
packing = "best-fit"
source = [{ path = "text.txt", document = "line" }]
filter = [{ plugin = "length", config = { min_chars = 12 } }]
[tokenizer]
plugin = "byte"
[model]
layers = 2
heads = 2
width = 32
context = 32
dropout = 0.1
[loss]
plugin = "cross-entropy"
[train]
steps = 8
batch = 2
accumulate = 4
clip = 0.5
checkpoint_every = 4
keep_checkpoints = 0
threads = 1
[sample]
tokens = 0
[report]
page = false
"#;

/// The launcher; none, and a word about it, where it is not installed.
fn mpirun() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/venv/bin/mpirun");
    let path = path.canonicalize().ok();
    if path.is_none() {
        println!("skipped: no MPI; scripts/language-tools.sh installs one");
    }
    path
}

/// The program as `ranks` processes in `folder`; its words come after.
fn processes_of(folder: &Path, ranks: usize) -> Option<Command> {
    let mut command = Command::new(if ranks > 1 { mpirun()? } else { program() });
    if ranks > 1 {
        command.args(["-n", &ranks.to_string()]).arg(program());
    }
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(command)
}

/// `trainyard train run.toml` with these arguments and settings, as `ranks` processes.
fn command(folder: &Path, ranks: usize, arguments: &[&str], settings: &[&str]) -> Option<Command> {
    let mut command = processes_of(folder, ranks)?;
    command.args(["train", "run.toml"]).args(arguments).args(settings.iter().flat_map(|set| ["--set", set]));
    Some(command)
}

fn ended(command: &mut Command) -> Outcome {
    Outcome::of(command.spawn().unwrap())
}

fn train(folder: &Path, ranks: usize, arguments: &[&str], settings: &[&str]) -> Option<Outcome> {
    Some(ended(&mut command(folder, ranks, arguments, settings)?))
}

/// Model and optimizer of the last checkpoint.
fn bytes(folder: &Path, run: &str, step: u64) -> [Vec<u8>; 2] {
    let checkpoint = folder.join(format!("runs/{run}/checkpoints/step-{step}"));
    ["model.safetensors", "trainyard/optimizer.safetensors"].map(|name| fs::read(checkpoint.join(name)).unwrap())
}

#[test]
fn all_numbers_of_ranks_end_with_the_same_bytes() {
    let folder = folder_of_lines(CONFIG);
    let folder = folder.path();
    for precision in ["f32", "bf16"] {
        let precision = format!("train.precision={precision}");
        let run = |ranks, name: &str, more: &str| {
            let settings = [precision.as_str(), &format!("run.name={name}"), more];
            let trained = train(folder, ranks, &["--overwrite"], &settings)?;
            assert_eq!(trained.code, 0, "{}", trained.stderr);
            let waited = "; time waited for the network and for others, by rank: ";
            assert_eq!(trained.stderr.contains(waited), ranks > 1, "{}", trained.stderr);
            Some(bytes(folder, name, 8))
        };
        let expected = run(1, "one", "ranks.strategy=replicated").unwrap();
        for (ranks, strategy) in [(2, "replicated"), (4, "replicated"), (2, "zero-1"), (4, "zero-1")] {
            let Some(model) = run(ranks, "many", &format!("ranks.strategy={strategy}")) else { return };
            assert!(model == expected, "{ranks} ranks, {strategy}, {precision}");
            for rank in 1..ranks {
                let log = fs::read_to_string(folder.join(format!("runs/many/ranks/rank-{rank}.log"))).unwrap();
                assert!(log.contains(&format!("rank {rank} of {ranks} on ")), "{log}");
                assert!(log.contains(" s a step, ") && log.ends_with(" ended after step 8\n"), "{log}");
            }
        }
    }
    // not a power of two
    let six = |ranks, name: &str| {
        let settings = ["train.accumulate=6", "ranks.strategy=zero-1", &format!("run.name={name}")];
        let trained = train(folder, ranks, &[], &settings)?;
        assert_eq!(trained.code, 0, "{}", trained.stderr);
        Some(bytes(folder, name, 8))
    };
    assert!(six(3, "three") == six(1, "alone"), "three ranks");
}

#[test]
fn what_cannot_be_trained_together_is_refused() {
    let folder = folder_of_lines(CONFIG);
    let folder = folder.path();
    let alone = trainyard(&["train", "run.toml"]).in_folder(folder).env("PATH", "/usr/bin:/bin");
    let alone = alone.env("PMI_RANK", "1").env("PMI_SIZE", "4").env("TRAINYARD_MPI", "/nowhere/libmpi.so").run();
    assert_eq!(alone.code, 2, "{}", alone.stderr);
    let place = "error: rank 1 of 4: started by mpirun, but there is no MPI library with the standard interface";
    assert!(alone.stderr.starts_with(place), "{}", alone.stderr);
    assert!(!folder.join("runs").exists(), "a rank that is alone began a run");

    let Some(three) = train(folder, 3, &[], &[]) else { return };
    assert_eq!(three.code, 2, "{}", three.stderr);
    let why = "train.accumulate = 4: its micro-batches cannot be shared out to 3 ranks, each of which gets a power of \
               two of them; start 2 or 4 ranks";
    assert!(three.stderr.contains(why), "{}", three.stderr);

    let text = ended(processes_of(folder, 2).unwrap().args(["train", "text.txt"]));
    assert!(text.code == 2 && text.stderr.contains("several ranks: expected a config, got a text"), "{}", text.stderr);

    let with = |lr| ["train", "run.toml", "--set", "run.name=differing", "--set", lr];
    let mut both = Command::new(mpirun().unwrap());
    both.args(["-n", "1"]).arg(program()).args(with("optimizer.lr=0.001"));
    both.args([":", "-n", "1"]).arg(program()).args(with("optimizer.lr=0.002"));
    both.current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    let differing = ended(&mut both);
    let why = "rank 1 differs from rank 0: config.keys.optimizer.lr is 0.002 there, 0.001 here";
    assert!(differing.code == 2 && differing.stderr.contains(why), "{}", differing.stderr);
    assert!(!folder.join("runs/differing/metrics.jsonl").exists(), "it began");
}

/// Waits until the run has this checkpoint.
fn until_saved(folder: &Path, step: u64) {
    let checkpoint = folder.join(format!("runs/run/checkpoints/step-{step}"));
    let begun = Instant::now();
    while !checkpoint.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint");
        sleep(Duration::from_millis(2));
    }
}

/// The processes of `trainyard train` below the launcher, in the order of their ranks.
fn processes(launcher: &Child) -> Vec<String> {
    let children = |of: &str| {
        let output = Command::new("pgrep").args(["-P", of]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect::<Vec<_>>()
    };
    children(&launcher.id().to_string()).iter().flat_map(|proxy| children(proxy)).collect()
}

/// Kills one rank at some moment, `n` times, and resumes with another number of them.
fn killed(n: u64) {
    let folder = folder_of_lines(CONFIG);
    let folder = folder.path();
    let long = ["train.steps=60", "train.checkpoint_every=10"];
    let begun = Instant::now();
    let Some(whole) = train(folder, 2, &[], &[&long[..], &["run.name=whole"]].concat()) else { return };
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    let time = begun.elapsed();
    let expected = bytes(folder, "whole", 60);
    for i in 0..n {
        fs::remove_dir_all(folder.join("runs/run")).ok();
        let ranks = [2, 4][i as usize % 2];
        let launcher = command(folder, ranks, &[], &long).unwrap().spawn().unwrap();
        until_saved(folder, 10);
        sleep(time.mul_f64((i * 7919 % 101) as f64 / 101.0 * 0.6));
        let ranks = processes(&launcher);
        let victim = ranks.get(i as usize % ranks.len().max(1)).cloned().unwrap_or_default();
        Command::new("kill").args(["-9", &victim]).output().unwrap();
        let lost = Instant::now();
        let ended = Outcome::of(launcher);
        assert!(lost.elapsed() < Duration::from_secs(20), "the job did not end: {}", ended.stderr);
        let others = [1, 4, 2][i as usize % 3];
        let strategy = ["ranks.strategy=zero-1", "ranks.strategy=replicated"][i as usize % 2];
        let resumed = train(folder, others, &["--resume"], &[&long[..], &[strategy]].concat()).unwrap();
        assert_eq!(resumed.code, 0, "kill {i}: {}", resumed.stderr);
        assert!(bytes(folder, "run", 60) == expected, "kill {i}: another model");
    }
}

#[test]
fn a_killed_rank_ends_the_job_and_any_number_resumes_it() {
    killed(3);
}

#[test]
#[ignore = "broad: make test-all"]
fn broad_twenty_kills() {
    killed(20);
}

/// A rank that hangs ends the job within the deadline, with its number, whether the others wait for it in each step or
/// not.
#[test]
fn a_rank_that_hangs_is_named() {
    let folder = folder_of_lines(CONFIG);
    let folder = folder.path();
    let long = ["train.steps=100000", "train.checkpoint_every=10", "ranks.deadline_s=1.0"];
    let apart = ["ranks.local_steps=2", "ranks.asynchronous=true"];
    for (name, more) in [("together", &[][..]), ("apart", &apart)] {
        fs::remove_dir_all(folder.join("runs/run")).ok();
        let Some(mut command) = command(folder, 2, &[], &[&long[..], more].concat()) else { return };
        let launcher = command.spawn().unwrap();
        until_saved(folder, 10);
        let hanging = processes(&launcher).pop().unwrap();
        Command::new("kill").args(["-STOP", &hanging]).output().unwrap();
        let lost = Instant::now();
        let ended = Outcome::of(launcher);
        assert!(ended.code != 0 && lost.elapsed() < Duration::from_secs(20), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains("rank 1 did not "), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains("(ranks.deadline_s)"), "{name}: {}", ended.stderr);
    }
}

#[test]
fn an_interrupted_job_is_saved() {
    let folder = folder_of_lines(CONFIG);
    let folder = folder.path();
    let long = ["train.steps=3000", "train.checkpoint_every=10"];
    let Some(mut command) = command(folder, 2, &[], &long) else { return };
    let launcher = command.spawn().unwrap();
    until_saved(folder, 10);
    for rank in processes(&launcher) {
        Command::new("kill").args(["-INT", &rank]).output().unwrap();
    }
    let ended = Outcome::of(launcher);
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(ended.stderr.contains("which is saved; to resume: trainyard train run.toml"), "{}", ended.stderr);
}

/// What a run has measured: its validations, texts that it watched, and the report at its end.
fn measured(folder: &Path, run: &str) -> Vec<serde_json::Value> {
    let log = fs::read_to_string(folder.join(format!("runs/{run}/metrics.jsonl"))).unwrap();
    let records = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut measured: Vec<_> =
        records.filter(|of| ["validation", "watch", "final"].iter().any(|kind| of["kind"] == *kind)).collect();
    measured.iter_mut().filter_map(|record| record.get_mut("seconds")).for_each(|seconds| *seconds = 0.into());
    measured
}

/// Prompts with what the texts are compared with.
const QUESTIONS: &str = r#"{"prompt": "line 7", "reference": "line 70 of 7"}
{"prompt": "line 12 of", "reference": ["line 12 of 3", "line 12 of 4"]}
{"prompt": "of 5", "reference": "5"}
"#;

/// Ranks that share the batches of held-out text and the texts that are written have the numbers of one process, to the
/// last bit: while they train, in the report on the best model, which is not the last, and in `eval`.
#[test]
fn held_out_text_is_measured_together() {
    let folder = folder_of_lines(CONFIG);
    let folder = folder.path();
    fs::write(folder.join("questions.jsonl"), QUESTIONS).unwrap();
    fs::write(folder.join("other.txt"), "another line\nof another text\n".repeat(30)).unwrap();
    let written = [
        r#"metric=[{ plugin = "chrf" }, { plugin = "distinct-n" }]"#,
        r#"eval.text=[{ path = "questions.jsonl", tokens = 9 }]"#,
        r#"train.watch=["other.txt"]"#,
        "eval.prompt_tokens=4",
        "eval.tokens=6",
    ];
    let train = |ranks: usize, run: &str| {
        // steps that are too large: the model is best soon
        let settings = ["train.validate_every=2", "train.patience=1", "optimizer.lr=0.3", "data.test=0.1"];
        let name = format!("run.name={run}");
        let settings = [&settings[..], &written, &["train.accumulate=3", "train.steps=12", &name]].concat();
        let trained = train(folder, ranks, &[], &settings)?;
        assert_eq!(trained.code, 0, "{}", trained.stderr);
        Some(measured(folder, run))
    };
    let Some(three) = train(3, "three") else { return };
    assert_eq!(three, train(1, "one").unwrap());
    let last = three.last().unwrap();
    assert!(three.len() == 6 && last["model_step"] == 2, "{three:?}");
    let (texts, continued) = (&last["final"]["sets"]["questions"], &last["final"]["test"][2]);
    assert!(texts["documents"] == 3 && texts["values"][0]["name"] == "chrf", "{last}");
    assert!(continued["name"] == "chrf" && continued["outputs"]["documents"] == 8.0, "{last}");
    let eval = |ranks: usize, documents: &str| {
        let words = ["eval", "runs/one", "--json", "--documents", documents];
        let evaluated = ended(processes_of(folder, ranks).unwrap().args(words));
        assert_eq!(evaluated.code, 0, "{}", evaluated.stderr);
        (evaluated.stdout, fs::read(folder.join(documents)).unwrap())
    };
    assert!(eval(2, "two.parquet") == eval(1, "one.parquet"));
    let generate = |ranks: usize, more: &[&str]| {
        let words = ["generate", "runs/one", "--prompt", "line 1", "--tokens", "9", "--seed", "3", "--n", "5"];
        let generated = ended(processes_of(folder, ranks).unwrap().args(words).args(more));
        assert_eq!(generated.code, 0, "{}", generated.stderr);
        generated.stdout
    };
    let texts = generate(1, &["--json"]);
    assert_eq!(generate(2, &["--json"]), texts);
    let texts: Vec<serde_json::Value> = texts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(texts.iter().map(|text| text["seed"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    let plain = generate(2, &[]);
    let first = texts[0]["text"].as_str().unwrap();
    assert!(plain.starts_with(&format!("--- 1 of 5, seed 3\nline 1{first}\n--- 2 of 5, seed 4\nline 1")), "{plain}");
}

/// Any text and questions are shared out; an error that all ranks would find is reported once, with its exit code.
#[test]
fn other_text_and_questions_are_measured_together() {
    let folder = folder_of_lines(CONFIG);
    let folder = folder.path();
    // lines of several lengths, so that they are not all read together
    let lines = |n: usize| format!("{}\n", "some other line ".repeat(n % 7 + 1));
    fs::write(folder.join("other.txt"), (0..400).map(lines).collect::<String>()).unwrap();
    let question = |n: usize| match n % 3 {
        0 => format!(r#"{{"prompt": "line {n}", "choices": ["one", "another one"], "answer": 1}}"#),
        1 => format!(r#"{{"prompt": "line {n}", "target": "the {}end"}}"#, "very ".repeat(n % 4)),
        _ => format!(r#"{{"prompt": "line {n}", "answers": ["e"], "until": ["\n"], "max_tokens": {}}}"#, n % 12 + 1),
    };
    let questions: String = (0..600).map(|n| question(n) + "\n").collect();
    fs::write(folder.join("questions.jsonl"), questions).unwrap();
    let metric = r#"metric=[{ plugin = "chrf" }, { plugin = "token-accuracy" }]"#;
    let trained = train(folder, 1, &[], &["run.name=one", "eval.prompt_tokens=4", "eval.tokens=6", metric]).unwrap();
    assert_eq!(trained.code, 0, "{}", trained.stderr);
    let eval =
        |ranks: usize, words: &[&str]| Some(ended(processes_of(folder, ranks)?.args(["eval", "runs/one"]).args(words)));
    for (what, files) in [
        (&["--data", "other.txt"][..], ["--documents", "documents.parquet"]),
        (&["--data", "other.txt", "--rolling", "--stride", "9"], ["--checkpoint", "step-8"]),
        (&["--tasks", "questions.jsonl"], ["--out", "answers.jsonl"]),
    ] {
        let measured = |ranks| {
            let evaluated = eval(ranks, &[what, &files[..], &["--json", "--overwrite"]].concat())?;
            assert_eq!(evaluated.code, 0, "{}", evaluated.stderr);
            Some((evaluated.stdout, fs::read(folder.join(files[1])).ok()))
        };
        let Some(three) = measured(3) else { return };
        assert!(three == measured(1).unwrap(), "{what:?}: {}", three.0);
    }
    for words in [
        ["--tasks", "nowhere.jsonl"],
        ["--data", "nowhere.txt"],
        ["--checkpoint", "step-7"],
        ["--set", "loss.plugin=nothing"],
    ] {
        let failed = [1, 2].map(|ranks| eval(ranks, &words).unwrap());
        let [alone, together] = [&failed[0], &failed[1]].map(|failed| (failed.code, &failed.stderr));
        assert!(alone.0 > 0 && alone.1.starts_with("error: ") && alone == together, "{alone:?} {together:?}");
    }
    let generated = ended(processes_of(folder, 2).unwrap().args(["generate", "runs/one", "--source", "text"]));
    assert_eq!((generated.code, generated.stderr.lines().count()), (2, 1), "{}", generated.stderr);
}

/// Every rank filters its part, and what the first one puts together is what one process makes.
#[test]
fn data_are_prepared_together() {
    let folder = folder_of_lines(CONFIG);
    let folder = folder.path();
    fs::create_dir(folder.join("texts")).unwrap();
    let text = fs::read_to_string(folder.join("text.txt")).unwrap();
    for (i, part) in text.as_bytes().chunks(2000).enumerate() {
        fs::write(folder.join(format!("texts/{i}.txt")), part).unwrap();
    }
    let digest = |ranks: usize| {
        let store = format!("store-{ranks}");
        let (source, place) = (r#"data.source=[{ path = "texts", document = "line" }]"#, format!("data.store={store}"));
        let words = ["prepare", "run.toml", "--json", "--set", source, "--set", &place];
        let prepared = ended(processes_of(folder, ranks)?.args(words));
        assert_eq!(prepared.code, 0, "{}", prepared.stderr);
        let report: serde_json::Value = serde_json::from_str(&prepared.stdout).unwrap();
        let dataset = PathBuf::from(report["dataset"].as_str().unwrap());
        Some(["train.shard", "validation.shard"].map(|name| fs::read(dataset.join(name)).unwrap()))
    };
    let Some(three) = digest(3) else { return };
    assert!(three == digest(1).unwrap(), "other data");
    // the library is found beside the launcher, whatever stands between
    let mut between = Command::new(mpirun().unwrap());
    between.args(["-n", "2", "timeout", "100"]).arg(program()).args(["prepare", "run.toml"]).current_dir(folder);
    let prepared = ended(between.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    assert_eq!(prepared.code, 0, "{}", prepared.stderr);
}
