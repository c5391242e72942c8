//! `isolation = "process"`: whatever happens to a worker is one error, and nothing of it is left behind. `backends.rs`
//! tests that answers are those of a plugin in this process.
#![cfg(target_os = "linux")]

use crate::hostile::text;
use crate::plugins::{built, isolated, use_program};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use trainyard::plugin::{Plugin, PluginConfig};
use trainyard_plugin::{Kind, Tokenizer};

/// The hostile library in a process, with a behaviour.
fn hostile(behaviour: &str, change: impl FnOnce(&mut PluginConfig)) -> Plugin {
    let mut config = isolated(&built("tests/guests/hostile").native, &format!("behaviour = {behaviour:?}"));
    change(&mut config);
    Plugin::open(&config, Kind::Tokenizer).expect("the file itself is a plugin")
}

/// A tokenizer that can encode.
fn loaded(plugin: &Plugin) -> Box<dyn Tokenizer> {
    let mut tokenizer = plugin.tokenizer().expect("create behaves");
    tokenizer.load(&[]).expect("load behaves");
    tokenizer
}

/// Processes that this one started and did not wait for, by their numbers.
fn children() -> Vec<u32> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").expect("Linux").flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if parent(id) == Some(std::process::id()) {
            children.push(id);
        }
    }
    children
}

fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

#[test]
fn death_is_an_error_and_a_new_instance_works() {
    for (behaviour, expected) in [
        ("segv in encode", "killed by signal 11 (SIGSEGV)"),
        ("trap in encode", "killed by signal 4 (SIGILL)"),
        ("abort in encode", "killed by signal 6 (SIGABRT)"),
        ("exit-0 in encode", "ended its process with exit code 0"),
        ("exit-3 in encode", "ended its process with exit code 3"),
        (
            "recurse in encode",
            "killed by signal 6 (SIGABRT); its last words: fatal runtime error: stack overflow, aborting",
        ),
    ] {
        let plugin = hostile(behaviour, |_| {});
        let mut tokenizer = loaded(&plugin);
        let error = text(&plugin, tokenizer.encode(&["a"]).expect_err(behaviour));
        assert_eq!(error, format!("plugin \"hostile\" 0.1.0 (native, DIGEST…): encode: {expected}"));
        let error = text(&plugin, tokenizer.encode(&["a"]).expect_err("has ended"));
        let again =
            format!("plugin \"hostile\" 0.1.0 (native, DIGEST…): encode: this instance ended before: {expected}");
        assert_eq!(error, again);
        assert_eq!(loaded(&plugin).decode(&Default::default()).expect("another instance"), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn death_in_create_is_an_error() {
    for (behaviour, expected) in [
        ("segv in create", "killed by signal 11 (SIGSEGV)"),
        ("exit-0 in create", "ended its process with exit code 0"),
        ("panic in create", "panicked: create has failed in two lines"),
    ] {
        let plugin = hostile(behaviour, |_| {});
        let error = text(&plugin, plugin.tokenizer().err().expect(behaviour));
        assert_eq!(error, format!("plugin \"hostile\" 0.1.0 (native, DIGEST…): create: {expected}"));
    }
}

#[test]
fn hang_is_killed() {
    for behaviour in ["spin in encode", "sleep in encode"] {
        let plugin = hostile(behaviour, |config| config.limits.call_ms = 1000);
        let mut tokenizer = loaded(&plugin);
        let start = Instant::now();
        let error = text(&plugin, tokenizer.encode(&["a"]).expect_err(behaviour));
        let expected = "plugin \"hostile\" 0.1.0 (native, DIGEST…): encode: no answer within 1000 ms (limits.call_ms)";
        assert_eq!(error, expected);
        assert!(start.elapsed() >= Duration::from_secs(1), "not before its time");
    }
}

#[test]
fn memory_is_limited() {
    let plugin = hostile("allocate in encode", |config| config.limits.memory_mb = 64);
    let error = text(&plugin, loaded(&plugin).encode(&["a"]).expect_err("takes all memory"));
    let expected =
        "plugin \"hostile\" 0.1.0 (native, DIGEST…): encode: memory limit of 64 MiB reached (limits.memory_mb)";
    assert_eq!(error, expected);
    // what the host passes in is not the plugin's: 30 MB of text are 120 MB of ids
    let text = "x".repeat(30 << 20);
    let plugin = hostile("nothing", |config| config.limits.memory_mb = 600);
    let batch = loaded(&plugin).encode(&[&text]).expect("enough memory");
    assert_eq!(batch.ids.len(), text.len());
}

#[test]
fn output_is_limited() {
    let plugin = hostile("large-model", |config| config.limits.output_mb = 19);
    let error = text(&plugin, plugin.tokenizer().expect("create behaves").train().expect_err("large"));
    let expected = "plugin \"hostile\" 0.1.0 (native, DIGEST…): train: returned more than \
                    19 MiB (limits.output_mb)";
    assert_eq!(error, expected);
    let plugin = hostile("large-model", |config| config.limits.output_mb = 21);
    assert_eq!(plugin.tokenizer().expect("create behaves").train().expect("allowed").len(), 20 << 20);
}

/// Run by the test below, alone in a process: its only child is the worker.
#[test]
#[ignore = "looks for its worker among all children"]
fn killed_from_outside_alone() {
    let plugin = hostile("sleep in encode", |_| {});
    let mut tokenizer = loaded(&plugin);
    let worker = children()[0].to_string();
    let calling = std::thread::spawn(move || tokenizer.encode(&["a"]).expect_err("was killed").to_string());
    std::thread::sleep(Duration::from_millis(300));
    assert!(Command::new("kill").args(["-KILL", &worker]).status().expect("kill").success());
    let error = text(&plugin, calling.join().expect("does not panic"));
    let expected = "plugin \"hostile\" 0.1.0 (native, DIGEST…): encode: killed by signal 9 (SIGKILL)";
    assert_eq!(error, expected);
    assert_eq!(children(), [0; 0], "no zombie");
}

#[test]
fn killed_from_outside_in_the_middle_of_a_call() {
    built("tests/guests/hostile");
    alone("isolation::killed_from_outside_alone").wait_for_success();
}

#[test]
fn what_a_plugin_prints_is_no_answer() {
    for behaviour in ["print-flood in encode", "print-binary in encode", "log-flood in encode", "thread in encode"] {
        let plugin = hostile(behaviour, |_| {});
        let mut tokenizer = loaded(&plugin);
        for _ in 0..3 {
            assert_eq!(tokenizer.encode(&["ab"]).expect(behaviour).ids, [97, 98]);
        }
    }
}

#[test]
fn a_closed_connection_is_an_error() {
    let plugin = hostile("close in encode", |config| config.limits.call_ms = 5000);
    let error = text(&plugin, loaded(&plugin).encode(&["a"]).expect_err("cannot answer"));
    // how far the worker comes without its descriptors is not ours to say
    assert!(error.starts_with("plugin \"hostile\" 0.1.0 (native, DIGEST…): encode: "), "{error}");
}

#[test]
fn instances_are_apart_and_batches_large() {
    let plugin = hostile("nothing", |config| {
        config.limits.output_mb = 1024;
        config.limits.memory_mb = 2048;
    });
    let (mut first, mut second) = (loaded(&plugin), loaded(&plugin));
    let text = "0123456789".repeat(10_000_000);
    for tokenizer in [&mut first, &mut second] {
        let batch = tokenizer.encode(&["a", &text, "b"]).expect("100 MB");
        assert_eq!((batch.ids.len(), batch.ends.as_slice()), (100_000_002, &[1, 100_000_001, 100_000_002][..]));
        assert!(batch.ids[1..].iter().zip(text.bytes()).all(|(&id, byte)| id == u32::from(byte)));
        assert_eq!(tokenizer.encode(&["c"]).expect("a small one afterwards").ids, [99]);
    }
}

#[test]
fn what_is_no_worker_is_named() {
    use_program();
    let worker = Command::new(crate::program::program()).arg("plugin-worker").output().expect("the program runs");
    assert_eq!(worker.status.code(), Some(2));
    let help = Command::new(crate::program::program()).arg("--help").output().expect("the program runs");
    assert!(!String::from_utf8_lossy(&help.stdout).contains("plugin-worker"), "it is nobody's business");
}

#[test]
fn a_changed_file_changes_nothing() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("libp.so");
    fs::copy(built("tests/guests/hostile").native, &path).expect("copy");
    let plugin = Plugin::open(&isolated(&path, ""), Kind::Tokenizer).expect("the file itself is a plugin");
    fs::copy(built("plugins/byte").native, &path).expect("copy");
    assert!(plugin.tokenizer().is_ok(), "workers open the bytes that were checked");
}

/// Descriptors that this process has open, by their targets.
fn descriptors() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").expect("Linux").flatten();
    entries.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string())).collect()
}

/// Run by the test below, alone in a process.
#[test]
#[ignore = "counts what the whole process has open"]
fn made_and_dropped_alone() {
    let open = |path: &Path, behaviour: &str| {
        let config = isolated(path, &format!("behaviour = {behaviour:?}"));
        Plugin::open(&config, Kind::Tokenizer).expect("the file itself is a plugin")
    };
    let path = built("tests/guests/hostile").native;
    let [good, bad, worse] = ["nothing", "segv in encode", "abort in create"].map(|behaviour| open(&path, behaviour));
    let made = |count: usize| {
        for n in 0..count {
            match n % 4 {
                0 => drop(worse.tokenizer()),
                1 => drop(loaded(&bad).encode(&["a"]).expect_err("crashes")),
                _ => drop(loaded(&good).encode(&["a"]).expect("behaves")),
            }
        }
    };
    made(4);
    let before = descriptors().len();
    made(1000);
    assert_eq!(children(), [0; 0], "no process, and no zombie");
    let after = descriptors();
    assert_eq!(after.len(), before, "{after:?}");
    assert!(after.iter().all(|target| !target.contains("memfd:trainyard")), "{after:?}");
}

#[test]
fn a_thousand_instances_leave_nothing() {
    built("tests/guests/hostile");
    use_program();
    alone("isolation::made_and_dropped_alone").wait_for_success();
}

/// Starts an ignored test in a separate process.
pub fn alone(test: &str) -> Alone {
    alone_with(test, &[])
}

pub fn alone_with(test: &str, variables: &[(&str, &str)]) -> Alone {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args([test, "--exact", "--ignored", "--test-threads=1", "--nocapture"]).envs(variables.iter().copied());
    Alone(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("this test runs"))
}

/// Runs an ignored test in a separate process.
pub struct Alone(Child);

impl Alone {
    pub fn wait(self) -> std::process::Output {
        self.0.wait_with_output().expect("it ends")
    }

    pub fn into_child(self) -> Child {
        self.0
    }

    pub fn wait_for_success(self) {
        let output = self.0.wait_with_output().expect("it ends");
        let (said, shouted) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("1 passed"), "{said}\n{shouted}");
    }
}

/// Run by the test below, which kills it.
#[test]
#[ignore = "never ends"]
fn host_that_waits_alone() {
    let plugin = hostile("sleep in encode", |config| config.limits.call_ms = 600_000);
    let mut tokenizer = loaded(&plugin);
    println!("worker {}", children()[0]);
    tokenizer.encode(&["a"]).expect_err("nobody sees it");
}

#[test]
fn a_worker_ends_with_its_host() {
    built("tests/guests/hostile");
    let mut host = alone("isolation::host_that_waits_alone").0;
    let lines = BufReader::new(host.stdout.take().expect("piped")).lines();
    let worker = lines.map_while(Result::ok).find_map(|line| Some(line.split_once("worker ")?.1.to_owned()));
    let worker = PathBuf::from("/proc").join(worker.expect("it says so"));
    std::thread::sleep(Duration::from_millis(300));
    assert!(worker.exists(), "it sleeps");
    host.kill().and_then(|()| host.wait()).expect("killed");
    let end = Instant::now() + Duration::from_secs(20);
    // as a zombie it is no longer ours to wait for
    let lives = || fs::read_to_string(worker.join("stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        assert!(Instant::now() < end, "the worker outlived its host");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Run by the test below, which names programs that are no workers.
#[test]
#[ignore = "needs a variable"]
fn without_a_worker_alone() {
    let plugin = hostile("nothing", |_| {});
    println!("error: {}", text(&plugin, plugin.tokenizer().err().expect("there is no worker")));
}

#[test]
fn a_program_that_is_no_worker_is_named() {
    built("tests/guests/hostile");
    let cure = "name the trainyard program of this version with the environment variable TRAINYARD_PROGRAM";
    for (variables, expected) in [
        (("TRAINYARD_PROGRAM", "/no/such"), "cannot start /no/such: No such file or directory (os error 2)"),
        (("TRAINYARD_PROGRAM", "/bin/true"), "/bin/true is no worker for plugins: ended its process with exit code 0"),
        (
            ("TRAINYARD_PROGRAM", "/bin/echo"),
            "/bin/echo is no worker for plugins: returned more than 256 MiB (limits.output_mb)",
        ),
        (("TRAINYARD_PLUGIN_WORKER", "1"), "this program is itself a plugin's worker"),
    ] {
        let output =
            alone_with("isolation::without_a_worker_alone", &[variables]).0.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = format!("error: plugin \"hostile\" 0.1.0 (native, DIGEST…): create: {expected}; {cure}");
        assert!(said.lines().any(|line| line.ends_with(&expected)), "{said}\n{expected}");
    }
}

#[test]
fn other_settings_reach_the_worker() {
    use_program();
    let plugin = Plugin::open(&isolated(&built("plugins/length").native, ""), Kind::Filter).expect("a plugin");
    let with = |settings: &str| plugin.with_settings(&settings.parse().expect("TOML")).expect("flat settings");
    let mut filter = with("min_words = 2").filter().expect("a limit");
    assert_eq!(filter.judge(&["one"]).expect("a verdict")[0].reason, "length_too_few_words");
    let error = with("no = 1").filter().err().expect("no such setting").to_string();
    assert!(error.contains("no: unknown setting"), "{error}");
}
