//! Sweeps as processes: the example `sweep` runs them, with itself in place of trainyard.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use trainyard_base::write::write_file;
use trainyard_report::EndState;
use trainyard_sweep::{Base, Cost, Plan, RunRecord, State, Sweep, set_aside};

const BASE: &str = "[run]\nseed = 1\n[optimizer]\nlr = 0.5\n[loss]\nplugin = \"plain\"\n";

/// A folder with a base and a sweep.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new(sweep: &str) -> Self {
        let place = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        fs::write(place.path("base.toml"), BASE).expect("written");
        place.sweep(sweep);
        place
    }

    fn sweep(&self, sweep: &str) {
        fs::write(self.path("ab.toml"), format!("base = \"base.toml\"\n{sweep}")).expect("written");
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let test = std::env::current_exe().expect("this program");
        let example = test.parent().and_then(Path::parent).expect("in target/release/deps").join("examples/sweep");
        assert!(example.exists(), "{}: build it by cargo build --example sweep", example.display());
        let mut command = Command::new(example);
        command.arg("ab.toml").args(arguments).current_dir(self.dir.path());
        command
    }

    /// The lines of a whole sweep, and its exit code.
    fn run(&self, arguments: &[&str]) -> (Vec<String>, Option<i32>) {
        lines(self.command(arguments).output().expect("started"))
    }

    fn start(&self, jobs: &str) -> Child {
        self.command(&[jobs]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started")
    }

    fn record(&self, run: &str) -> RunRecord {
        RunRecord::read(&self.path("runs/ab").join(run)).expect("readable")
    }

    fn plan(&self) -> Plan {
        let sweep = Sweep::open(&self.path("ab.toml")).expect("a sweep");
        let resolved = BASE.replace("[run]", &format!("[run]\ndir = {:?}", self.path("runs")));
        let base = Base::new(&sweep.base, &resolved, Path::new("/elsewhere")).expect("a base");
        Plan::new(sweep, base, 2, None).expect("a plan")
    }

    /// Waits until a run has done a step.
    fn wait_for_step(&self, run: &str) {
        wait(|| self.record(run).step > 0);
    }
}

fn lines(output: Output) -> (Vec<String>, Option<i32>) {
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).expect("text").lines().map(str::to_owned).collect(), output.status.code())
}

fn wait(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for a minute");
        sleep(Duration::from_millis(5));
    }
}

fn send(signal: &str, process: u32) {
    let status = Command::new("kill").args(["-s", signal, &process.to_string()]).status().expect("kill");
    assert!(status.success(), "{status}");
}

fn last(lines: &[String]) -> &str {
    lines.last().expect("a line")
}

const LOSSES: &str = "axes.loss.plugin = [\"plain\", \"broken\", \"other\"]\ndesign = \"one-at-a-time\"\n";

#[test]
fn a_broken_run_stops_no_other() {
    let place = Place::new(&format!("seeds = 2\n{LOSSES}"));
    let (lines, code) = place.run(&["2"]);
    assert_eq!(code, Some(1), "{lines:#?}");
    assert_eq!(last(&lines), "4 of 6 runs are done, 2 broke; to try again: the same command");
    let broken = "broken    loss=broken seed 1 (exit code 1): the loss is broken; see runs/ab/loss=broken/seed-1.log";
    assert!(lines.iter().any(|line| line == broken), "{lines:#?}");
    for run in ["base/seed-1", "base/seed-2", "loss=other/seed-1", "loss=other/seed-2"] {
        assert_eq!(place.record(run).end.unwrap().state, EndState::Done, "{run}");
    }
    let sets = place.record("loss=other/seed-2").header.unwrap().set;
    let expected = [
        "loss.plugin=other",
        "data.store=runs/store",
        "run.seed=2",
        "run.dir=runs/ab/loss=other",
        "run.name=seed-2",
        "train.threads=1",
    ];
    assert_eq!(sets, expected);
    // again: only what broke is tried
    let (lines, code) = place.run(&["1"]);
    let started: Vec<_> = lines.iter().filter(|line| line.starts_with("started")).collect();
    assert_eq!(started, ["started   loss=broken seed 1 (5 of 6)", "started   loss=broken seed 2 (6 of 6)"]);
    assert_eq!(code, Some(1));
    let table = [
        "ab: one-at-a-time in runs/ab",
        "variant      seed 1  seed 2",
        "base         done    done",
        "loss=broken  failed  failed",
        "loss=other   done    done",
        "6 runs, 4 done; 1 at a time",
    ];
    assert_eq!(lines[..6], table);
    let log = fs::read_to_string(place.path("runs/ab/loss=broken/seed-1.log")).unwrap();
    let heads: Vec<_> = log.lines().filter(|line| line.starts_with("== ")).collect();
    assert_eq!(heads.len(), 2, "{log}");
    let command = ": trainyard train base.toml --resume-or-start --set loss.plugin=broken --set data.store=runs/store \
                   --set run.seed=1 --set run.dir=runs/ab/loss=broken --set run.name=seed-1 --set train.threads=1";
    assert!(heads[0].ends_with(command), "{log}");
}

#[test]
fn a_program_that_is_missing_is_said_of_each_run() {
    let place = Place::new("seeds = 2\n");
    fs::create_dir_all(place.path("runs/ab")).unwrap();
    fs::write(place.path("runs/ab/base"), "a file").unwrap();
    let (lines, code) = place.run(&["1"]);
    assert_eq!(code, Some(1), "{lines:#?}");
    let broken =
        "broken    base seed 1: runs/ab/base: cannot create: File exists (os error 17); see runs/ab/base/seed-1.log";
    assert!(lines.iter().any(|line| line == broken), "{lines:#?}");
}

#[test]
fn a_sweep_that_is_killed_takes_its_runs_with_it_and_is_resumed() {
    let place = Place::new("seeds = 3\nset = [\"train.batch=40\", \"train.steps=30\"]\n");
    let mut sweep = place.start("2");
    place.wait_for_step("base/seed-1");
    place.wait_for_step("base/seed-2");
    send("KILL", sweep.id());
    sweep.wait().unwrap();
    let steps = || ["base/seed-1", "base/seed-2"].map(|run| place.record(run).step);
    sleep(Duration::from_millis(100));
    let before = steps();
    sleep(Duration::from_millis(300));
    assert_eq!(before, steps(), "the runs outlive the sweep");
    assert!(before.iter().all(|&step| step < 30), "{before:?}");
    // half a line at the end is no record
    let log = place.path("runs/ab/base/seed-1/metrics.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, format!("{text}{{\"kind\":\"step\",\"step\":29")).unwrap();
    assert_eq!(steps(), before);
    let (lines, code) = place.run(&["3"]);
    assert_eq!((last(&lines), code), ("3 of 3 runs are done, in runs/ab", Some(0)), "{lines:#?}");
    assert!(lines[2].starts_with("base     step "), "{lines:#?}");
    assert_eq!(steps(), [30, 30]);
    let (lines, code) = place.run(&["3"]);
    assert_eq!(lines[3..], ["3 runs, 3 done; 3 at a time", "3 of 3 runs are done, in runs/ab"]);
    assert_eq!(code, Some(0));
}

#[test]
fn a_signal_is_passed_on() {
    for (signal, name, expected) in [("INT", "SIGINT", 130), ("TERM", "SIGTERM", 143)] {
        let place = Place::new("seeds = 3\nset = [\"train.batch=40\", \"train.steps=50\"]\n");
        let sweep = place.start("2");
        place.wait_for_step("base/seed-1");
        place.wait_for_step("base/seed-2");
        send(signal, sweep.id());
        let (lines, code) = lines(sweep.wait_with_output().unwrap());
        assert_eq!(code, Some(expected), "{lines:#?}");
        let stopping = format!("{name}: passed on to 2 runs, which are saved");
        assert!(lines.contains(&stopping), "{lines:#?}");
        let outcome = format!("0 of 3 runs are done; interrupted ({name}); to resume: the same command");
        assert!(lines.contains(&outcome) && lines.contains(&"saved     base seed 2".to_owned()), "{lines:#?}");
        for run in ["base/seed-1", "base/seed-2"] {
            assert_eq!(place.record(run).end.unwrap().state, EndState::Interrupted, "{run}");
        }
        assert!(place.record("base/seed-3").header.is_none());
    }
}

#[test]
fn parts_are_shares_of_one_sweep() {
    let place = Place::new("seeds = 3\naxes.loss.plugin = [\"a\", \"b\"]\n");
    let (lines, code) = place.run(&["1", "2/4"]);
    assert_eq!((last(&lines), code), ("2 of 2 runs are done, in runs/ab", Some(0)), "{lines:#?}");
    let table =
        ["ab: grid in runs/ab, part 2/4", "variant  seed 1  seed 3", "loss=b   new     new", "2 runs; 1 at a time"];
    assert_eq!(lines[..4], table);
    let (lines, _) = place.run(&["1"]);
    assert_eq!(last(&lines), "6 of 6 runs are done, in runs/ab");
    assert_eq!(lines.iter().filter(|line| line.starts_with("started")).count(), 4);
    let (lines, code) = place.run(&["1", "7/7"]);
    assert_eq!((last(&lines), code), ("error: part: expected at most 6 parts of 6 runs, got 7/7", Some(2)));
}

#[test]
fn the_best_are_trained_for_longer() {
    let place = Place::new(
        "seeds = 2\ndesign = \"halving\"\nhalving = { factor = 2, steps = [2, 8] }\n\
         axes.optimizer.lr = [0.3, 0.1, 0.1, 0.4, 0.2]\n",
    );
    let (lines, code) = place.run(&["2"]);
    assert_eq!(last(&lines), "error: ab.toml: axes.optimizer.lr: expected different values, got 0.1 twice");
    assert_eq!(code, Some(2));
    place.sweep(
        "seeds = 2\ndesign = \"halving\"\nhalving = { factor = 2, steps = [2, 8] }\naxes.optimizer.lr = [0.3, 0.1, 0.4, 0.2]\n",
    );
    let (lines, code) = place.run(&["2"]);
    assert_eq!((last(&lines), code), ("14 of 14 runs are done, in runs/ab", Some(0)), "{lines:#?}");
    let rungs = "rungs: 4 of 2 steps, then 2 of 4, then 1 of 8";
    assert!(lines.iter().any(|line| line == rungs), "{lines:#?}");
    let at = lines.iter().position(|line| line == "rung 1 (2 steps), by distance:").unwrap();
    let ranking = [
        "   1. 0.1000  lr=0.1",
        "   2. 0.2000  lr=0.2",
        "   3. 0.3000  lr=0.3  (ends here)",
        "   4. 0.4000  lr=0.4  (ends here)",
    ];
    assert_eq!(lines[at + 1..at + 5], ranking);
    assert_eq!(place.record("rung-3/lr=0.1/seed-2").step, 8);
    assert!(!place.path("runs/ab/rung-3/lr=0.2").exists());
    // again: nothing is trained, and the ranking is the same
    let (again, _) = place.run(&["2"]);
    assert_eq!(again.iter().filter(|line| line.starts_with("started")).count(), 0, "{again:#?}");
    let rankings = |lines: &[String]| -> Vec<String> {
        let is_rank = |line: &&String| line.starts_with("rung ") || line.starts_with("   ");
        lines.iter().filter(is_rank).cloned().collect()
    };
    assert_eq!((rankings(&again).len(), rankings(&again)), (10, rankings(&lines)));
    let (lines, code) = place.run(&["2", "1/2"]);
    let error =
        "error: part: expected none for design = halving, whose rungs need all results, got 1/2; run it on one machine";
    assert_eq!((last(&lines), code), (error, Some(2)));
}

#[test]
fn a_folder_belongs_to_one_sweep() {
    let place = Place::new("seeds = 2\naxes.loss.plugin = [\"a\", \"b\"]\n");
    assert_eq!(place.run(&["1"]).1, Some(0));
    let refused = |difference: &str| {
        let (lines, code) = place.run(&["1"]);
        let error = format!(
            "error: runs/ab/sweep.json: expected the same sweep or a part of it, got another one: {difference}; \
             set another name, or pass --overwrite"
        );
        assert_eq!((last(&lines), code), (error.as_str(), Some(2)));
    };
    place.sweep("seeds = [1, 3]\naxes.loss.plugin = [\"a\", \"b\"]\n");
    refused("seeds was 2, is [1,3]");
    place.sweep("seeds = 2\naxes.loss.plugin = [\"a\", \"c\"]\n");
    refused(
        "axes was [{\"key\":\"loss.plugin\",\"values\":[\"a\",\"b\"]}], is [{\"key\":\"loss.plugin\",\"values\":[\"a\",\"c\"]}]",
    );
    place.sweep("seeds = 2\nset = [\"train.steps=9\"]\naxes.loss.plugin = [\"a\", \"b\"]\n");
    refused("set was [], is [\"train.steps=9\"]");
    place.sweep("seeds = 2\naxes.loss.plugin = [\"a\", \"b\"]\n");
    fs::write(place.path("base.toml"), BASE.replace("lr = 0.5", "lr = 0.25")).unwrap();
    refused("the base's optimizer.lr was 0.5, is 0.25");
    fs::write(place.path("base.toml"), BASE.replace("seed = 1", "seed = 1\nname = \"new\"")).unwrap();
    // more of the same is no other sweep
    place.sweep("seeds = 3\naxes.loss.plugin = [\"a\", \"b\", \"c\"]\n");
    let (lines, code) = place.run(&["1"]);
    assert_eq!((last(&lines), code), ("9 of 9 runs are done, in runs/ab", Some(0)), "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("started")).count(), 5);
    place.sweep("seeds = 2\naxes.loss.plugin = [\"a\", \"b\", \"c\"]\n");
    refused("seeds was 3, is 2");
    write_file(&place.path("runs/ab/sweep.json"), b"{").unwrap();
    let (lines, _) = place.run(&["1"]);
    let error = "error: runs/ab/sweep.json: expected the record of a sweep, got something else; remove it";
    assert_eq!(last(&lines), error);
    let plan = place.plan();
    for expected in [Some(place.path("runs/ab.1")), None] {
        assert_eq!(set_aside(plan.sweep(), plan.base()).unwrap(), expected);
    }
    assert!(place.path("runs/ab.1/loss=a/seed-1").exists());
    fs::create_dir_all(place.path("runs/ab")).unwrap();
    fs::write(place.path("runs/ab/.trainyard-run.json"), "{}").unwrap();
    let (lines, _) = place.run(&["1"]);
    assert_eq!(last(&lines), "error: runs/ab: expected the folder of a sweep, got that of a run; set another name");
}

#[test]
fn a_run_of_other_settings_is_not_taken_for_done() {
    let place = Place::new("seeds = 2\n");
    assert_eq!(place.run(&["1"]).1, Some(0));
    let log = place.path("runs/ab/base/seed-2/metrics.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replace("run.seed=2", "run.seed=9")).unwrap();
    let (lines, code) = place.run(&["1"]);
    assert_eq!((lines[2].as_str(), code), ("base     done    other", Some(1)), "{lines:#?}");
    let broken = "broken    base seed 2 (exit code 0): its process ended well, but its record has no end of a run with these settings; see runs/ab/base/seed-2.log";
    assert!(lines.iter().any(|line| line == broken), "{lines:#?}");
}

#[test]
fn a_plan_says_what_it_takes() {
    let place = Place::new("seeds = 3\naxes.loss.plugin = [\"a\", \"b\", \"c\", \"d\"]\n");
    let costs = |bytes: u64| vec![Some(Cost { bytes, seconds: 120.0 }); 12];
    let totals = |plan: &Plan| plan.to_string().lines().last().unwrap().to_owned();
    let plan = place.plan();
    assert_eq!(totals(&plan), "12 runs; 2 at a time");
    let plan = plan.with_costs(costs(300 << 20));
    assert_eq!(totals(&plan), "12 runs; about 12 min at 2 at a time; peak 600 MiB");
    assert_eq!(plan.to_string().lines().nth(1), Some("variant  seed 1  seed 2  seed 3  memory   time"));
    assert_eq!(plan.to_string().lines().nth(2), Some("loss=a   new     new     new     300 MiB  2 min"));
    let small = plan.clone().with_memory(500 << 20);
    assert_eq!(totals(&small), "12 runs; about 24 min at 2 at a time; peak 300 MiB");
    let mut part_done = plan;
    part_done.runs[0].state = State::Done;
    part_done.runs[1].state = State::Partial { step: 50, of: 100 };
    assert_eq!(totals(&part_done), "12 runs, 1 done; about 11 min at 2 at a time; peak 600 MiB");
    let json = serde_json::to_value(&part_done).unwrap();
    assert_eq!(json["totals"]["done"], 1);
    assert_eq!(json["runs"][1]["state"], "partial");
    assert_eq!(json["runs"][1]["variant"], "loss=b");
}
