//! What a native plugin in a separate process tries against its host, and what it may do. Linux prevents the former on
//! the two processors whose calls are listed.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use crate::hostile::text;
use crate::isolation::alone_with;
use crate::plugins::{built, isolated};
use crate::program::program;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use trainyard::plugin::{Grant, Plugin, PluginConfig};
use trainyard_plugin::Kind;

/// Returns what one call of the plugin with this behaviour reports.
fn found(behaviour: &str, change: impl FnOnce(&mut PluginConfig)) -> String {
    let mut config = isolated(&built("tests/guests/hostile").native, &format!("behaviour = '{behaviour} in encode'"));
    config.limits.memory_mb = 64;
    change(&mut config);
    let plugin = Plugin::open(&config, Kind::Tokenizer).expect("the file itself is a plugin");
    let mut tokenizer = match plugin.tokenizer() {
        Ok(tokenizer) => tokenizer,
        Err(error) => return text(&plugin, error),
    };
    tokenizer.load(&[]).expect("load behaves");
    let error = text(&plugin, tokenizer.encode(&["a"]).expect_err(behaviour));
    let culprit = text(&plugin, plugin.culprit());
    error.strip_prefix(&format!("{culprit}: encode: ")).unwrap_or(&error).to_owned()
}

/// The answer for a call that the system does not have.
const ABSENT: &str = "Function not implemented (os error 38)";

#[test]
fn the_host_is_out_of_reach() {
    for (behaviour, call) in [
        ("signal", "kill"),
        ("signal-all", "kill"),
        ("signal-of-a-file", "fcntl"),
        ("trace", "ptrace"),
        ("slow", "setpriority"),
        ("socket", "socket"),
        ("outlive", "prctl"),
    ] {
        assert_eq!(found(behaviour, |_| {}), format!("{call}: {ABSENT}"), "{behaviour}");
    }
}

#[test]
fn it_starts_no_process() {
    assert_eq!(found("fork", |_| {}), format!("fork: {ABSENT}"));
    assert_eq!(found("spawn", |_| {}), ABSENT);
}

#[test]
fn all_memory_counts() {
    assert_eq!(found("unlimit", |_| {}), format!("setrlimit: {ABSENT}"));
    assert_eq!(found("shared-memory", |_| {}), format!("mmap: {ABSENT}"));
    assert_eq!(found("stack-memory", |_| {}), format!("mmap: {ABSENT}"));
    assert_eq!(found("file-memory", |_| {}), format!("memfd_create: {ABSENT}"));
    assert_eq!(found("shm", |_| {}), ABSENT);
    assert!(!Path::new("/dev/shm/trainyard-hidden").exists());
}

#[test]
fn files_are_written_where_that_is_granted() {
    let grant = Grant::parse("dir:/dev/shm:rw").expect("a grant");
    assert_eq!(found("shm", |config| config.allow = vec![grant.clone()]), "made a file");
    fs::remove_file("/dev/shm/trainyard-hidden").expect("it is there");
    // memory stays what is counted
    assert_eq!(found("file-memory", |config| config.allow = vec![grant]), format!("memfd_create: {ABSENT}"));
}

#[test]
fn the_host_reads_no_more_than_an_answer() {
    let small = |config: &mut PluginConfig| config.limits.output_mb = 64;
    assert_eq!(found("claim", small), "returned more than 64 MiB (limits.output_mb)");
    assert_eq!(found("long-file", small), "killed by signal 25 (SIGXFSZ)");
}

#[test]
fn what_every_plugin_may_do_it_may_do() {
    assert_eq!(found("work", |_| {}), format!("4 1 true {}", 7 * (8 << 20)));
}

/// Run by the test below, with variables of its own.
#[test]
#[ignore = "needs variables"]
fn environment_alone() {
    println!("closed: {}", found("environment", |_| {}));
    let grant = |name: &str| Grant::Env(name.into());
    println!("open: {}", found("environment", |config| config.allow = vec![grant("TRAINYARD_SECRET")]));
    println!("missing: {}", found("environment", |config| config.allow = vec![grant("TRAINYARD_NO_SUCH")]));
}

#[test]
fn the_environment_is_empty_but_for_what_is_granted() {
    built("tests/guests/hostile");
    let program = program();
    let variables = [("TRAINYARD_SECRET", "s"), ("TRAINYARD_PROGRAM", program.to_str().unwrap())];
    let output = alone_with("confined::environment_alone", &variables).wait();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // the host's own is out of reach as well, where the kernel has Landlock
    let host = match landlock() {
        true => "permission denied",
        false => "1 bytes",
    };
    for expected in [
        format!("closed: TRAINYARD_PLUGIN_WORKER; {host}"),
        format!("open: TRAINYARD_PLUGIN_WORKER TRAINYARD_SECRET; {host}"),
        "create: allow: env:TRAINYARD_NO_SUCH: environment variable not found".into(),
    ] {
        assert!(said.lines().any(|line| line.ends_with(&expected)), "{said}\n{expected}");
    }
}

/// Whether the kernel has Landlock; yes if the system does not say.
fn landlock() -> bool {
    fs::read_to_string("/sys/kernel/security/lsm").map_or(true, |names| names.contains("landlock"))
}

/// Run by the test below, which kills it.
#[test]
#[ignore = "never ends"]
fn host_of_a_stopped_worker_alone() {
    built("tests/guests/hostile");
    println!("worker of {}", std::process::id());
    found("stop", |config| config.limits.call_ms = 600_000);
}

/// A stopped process does not notice that its host is gone, and would stay forever.
#[test]
fn a_stopped_worker_ends_with_its_host() {
    built("tests/guests/hostile");
    let program = program();
    let variables = [("TRAINYARD_PROGRAM", program.to_str().unwrap())];
    let mut host = alone_with("confined::host_of_a_stopped_worker_alone", &variables).into_child();
    let lines = BufReader::new(host.stdout.take().expect("piped")).lines();
    let id = lines.map_while(Result::ok).find_map(|line| Some(line.split_once("worker of ")?.1.to_owned()));
    let id = id.expect("it says so");
    let end = Instant::now() + Duration::from_secs(60);
    let worker = loop {
        if let Some(worker) = stopped_child(&id) {
            break worker;
        }
        assert!(Instant::now() < end, "the worker did not stop");
        std::thread::sleep(Duration::from_millis(10));
    };
    host.kill().and_then(|()| host.wait()).expect("killed");
    let lives = || fs::read_to_string(worker.join("stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        assert!(Instant::now() < end, "the worker outlived its host");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A stopped process that this one started.
fn stopped_child(parent: &str) -> Option<PathBuf> {
    let is_it = |path: &PathBuf| {
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        let mut fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
        (fields.next(), fields.next()) == (Some("T"), Some(parent))
    };
    fs::read_dir("/proc").expect("Linux").flatten().map(|entry| entry.path()).find(is_it)
}

#[test]
fn a_stopped_worker_is_an_error_of_its_call() {
    let expected = "no answer within 500 ms (limits.call_ms)";
    assert_eq!(found("stop", |config| config.limits.call_ms = 500), expected);
}
