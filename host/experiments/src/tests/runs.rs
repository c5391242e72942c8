//! Lists of runs.

use super::{Sample, assert_says, folder};
use crate::{Listing, Runs, State};
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};
use trainyard_report::EndState;

fn list(root: &Path, conditions: &[&str], sort: Option<&str>) -> crate::Result<Runs> {
    let conditions = conditions.iter().map(|&text| text.to_owned()).collect();
    Runs::find(root, &Listing { conditions, sort: sort.map(str::to_owned) })
}

fn names(root: &Path, conditions: &[&str], sort: Option<&str>) -> Vec<String> {
    list(root, conditions, sort).unwrap().runs.into_iter().map(|run| run.name).collect()
}

/// Says that a log last changed some hours ago.
fn set_age(run: &Path, hours: u64) {
    let log = File::options().append(true).open(run.join("metrics.jsonl")).unwrap();
    log.set_modified(SystemTime::now() - Duration::from_secs(3600 * hours + 60)).unwrap();
}

#[test]
fn a_line_a_run() {
    let sample = Sample::default();
    let (_dir, root) = folder(&[
        ("base", Sample { more: "tags = [\"a\", \"poems\"]\nnote = \"the first\"", ..sample.clone() }),
        ("early", Sample { end: Some(EndState::StoppedEarly), step: 15, lr: "1e-3", ..sample.clone() }),
        ("failed", Sample { end: Some(EndState::Failed), step: 7, ..sample.clone() }),
        ("killed", Sample { end: None, step: 12, ..sample.clone() }),
        ("new", Sample { end: None, step: 0, ..sample.clone() }),
        ("sweep/loss=focal", Sample { loss: "focal", bits_per_byte: 2.5, ..sample.clone() }),
        ("sweep/lr", Sample { end: Some(EndState::Interrupted), step: 9, ..sample }),
    ]);
    for (name, hours) in [("base", 3), ("early", 1), ("failed", 70), ("killed", 5), ("new", 2), ("sweep/loss=focal", 4)]
    {
        set_age(&root.join(name), hours);
    }
    set_age(&root.join("sweep/lr"), 6);
    fs::create_dir(root.join("bad")).unwrap();
    fs::write(root.join("bad/config.toml"), "[run\n").unwrap();
    fs::write(root.join("bad/metrics.jsonl"), "").unwrap();
    // neither runs nor broken ones
    fs::create_dir_all(root.join("store/stages/1")).unwrap();
    fs::write(root.join("store/config.toml"), "").unwrap();
    fs::create_dir_all(root.join("notes/more")).unwrap();
    let runs = list(&root, &[], None).unwrap();
    let expected = "\
name              state           step   best loss    last  bits/byte    test  tokens/s  time  age  tags     note
bad               unreadable         –           –       –          –       –         –     –    –
base              done              20  5.2000 @15  5.4000     2.7000  2.6000     4.10k   10s   3h  a poems  the first
early             stopped early  15/20  5.2000 @15  5.2000     2.6000  2.6000     4.10k    8s   1h
failed            failed          7/20   6.2000 @5  6.2000     3.1000       –     4.10k    4s   2d
killed            interrupted    12/20  5.7000 @10  5.7000     2.8500       –     4.10k    6s   5h
new               prepared        0/20           –       –          –       –         –     –   2h
sweep/loss=focal  done              20  5.0100 @15  5.2100     2.6000  2.5000     4.10k   10s   4h
sweep/lr          interrupted     9/20   6.2000 @5  6.2000     3.1000       –     4.10k    5s   6h
bad: unreadable: config.toml: expected the config of a run, got unclosed table, expected `]`
failed: failed: the loss is not finite
";
    assert_eq!(runs.to_string(), expected);
    assert_eq!(list(&root.join("sweep/lr"), &[], None).unwrap().runs[0].name, "lr");
    assert_eq!(list(&root.join("store"), &[], None).unwrap().to_string(), "no runs\n");
    let json = serde_json::to_value(&runs).unwrap();
    assert_eq!(json[1]["state"], "done");
    assert_eq!(json[1]["test"]["bits-per-byte"], 2.6);
    assert_eq!(json[1]["best"]["step"], 15);
    assert_eq!(json[2]["state"], "stopped_early");
}

#[test]
fn runs_are_chosen_and_sorted() {
    let sample = Sample::default();
    let (dir, root) = folder(&[
        ("a", Sample { more: "tags = [\"x\"]", ..sample.clone() }),
        ("b", Sample { lr: "5e-4", bits_per_byte: 2.4, ..sample.clone() }),
        ("c", Sample { loss: "focal", lr: "1e-3", bits_per_byte: 2.5, ..sample.clone() }),
        ("d", Sample { end: None, step: 3, more: "tags = [\"x\", \"y\"]", ..sample }),
    ]);
    for (conditions, expected) in [
        (&["loss.plugin=focal"][..], &["c"][..]),
        (&["loss.plugin != focal"], &["a", "b", "d"]),
        (&["optimizer.lr<=1e-3"], &["b", "c"]),
        (&["optimizer.lr<1e-3"], &["b"]),
        (&["optimizer.lr>0.0005", "state=done"], &["a", "c"]),
        (&["optimizer.lr=5e-4"], &["b"]),
        (&["tag=x"], &["a", "d"]),
        (&["tags!=y"], &["a", "b", "c"]),
        (&["metric.plugin=token-accuracy", "metric.1.plugin=token-accuracy"], &["a", "b", "c", "d"]),
        (&["test<2.55"], &["b", "c"]),
        (&["state=interrupted"], &["d"]),
        (&["state=stopped_early"], &[]),
    ] {
        assert_eq!(names(&root, conditions, None), expected, "{conditions:?}");
    }
    assert_eq!(names(&root, &[], Some("test")), ["b", "c", "a", "d"]);
    assert_eq!(names(&root, &[], Some("-test")), ["a", "c", "b", "d"]);
    assert_eq!(names(&root, &[], Some("-optimizer.lr")), ["a", "d", "c", "b"]);
    for (conditions, sort, expected) in [
        (
            &["optimiser.lr<1"][..],
            None,
            "--where optimiser.lr: expected a column or a setting of a run's config; did you mean \"optimizer.lr\"?",
        ),
        (&[], Some("-tset"), "--sort tset: expected a column or a setting of a run's config; did you mean \"test\"?"),
        (&["state=ready"], None, "--where state=ready: expected a state of a run; did you mean \"unreadable\"?"),
        (&["optimizer.lr<small"], None, "--where optimizer.lr<small: expected a number after the sign, got \"small\""),
        (
            &["focal"],
            None,
            "--where focal: expected a key, one of = != < <= > >=, and a value, such as loss.plugin=focal",
        ),
    ] {
        assert_says(list(&root, conditions, sort), dir.path(), expected);
    }
    assert_says(
        list(&root.join("none"), &[], None),
        dir.path(),
        "DIR/runs/none: expected a folder of runs, got nothing; name the folder run.dir",
    );
}

#[test]
fn half_a_line_is_ignored_and_a_broken_one_is_counted() {
    let (_dir, root) = folder(&[("a", Sample { end: None, step: 12, ..Sample::default() })]);
    let path = root.join("a/metrics.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let cut = format!("{whole}{{\"kind\":\"step\",\"step\":13,\"lo");
    fs::write(&path, &cut).unwrap();
    let run = list(&root, &[], None).unwrap().runs.remove(0);
    assert_eq!((run.step, run.broken_lines, run.state), (12, 0, State::Interrupted));
    // no line of a later version is broken
    let lines = whole.replace("{\"kind\":\"step\",\"step\":3,", "{\"kind\":\"step\",\"step\"");
    fs::write(&path, format!("{lines}{{\"kind\":\"picture\",\"step\":12}}\n{{\"kind\":\"end\",\"step\":12}}\nx\n"))
        .unwrap();
    let runs = list(&root, &[], None).unwrap();
    assert_eq!((runs.runs[0].broken_lines, runs.runs[0].first_broken_line), (3, Some(4)));
    assert!(runs.to_string().ends_with("\na: 3 lines of its log are broken, the first is line 4\n"), "{runs}");
}

#[test]
fn a_run_that_is_trained_is_running() {
    let (_dir, root) = folder(&[("a", Sample { end: None, step: 12, ..Sample::default() })]);
    let state = || list(&root, &[], None).unwrap().runs[0].state;
    let path = root.join("a/.trainyard-lock");
    assert_eq!(state(), State::Interrupted);
    // left behind by a process that has ended
    fs::write(&path, "1\n").unwrap();
    assert_eq!(state(), State::Interrupted);
    fs::write(&path, format!("{}\n", std::process::id())).unwrap();
    let lock = File::open(&path).unwrap();
    lock.try_lock().unwrap();
    assert_eq!(state(), State::Running);
    assert_eq!(state(), State::Running);
    drop(lock);
    assert_eq!(state(), State::Interrupted);
    File::open(&path).unwrap().try_lock().unwrap();
}

#[cfg(unix)]
#[test]
fn links_are_followed_once() {
    let (_dir, root) = folder(&[("sweep/a", Sample::default())]);
    std::os::unix::fs::symlink(&root, root.join("sweep/circle")).unwrap();
    std::os::unix::fs::symlink("sweep/a", root.join("again")).unwrap();
    assert_eq!(list(&root, &[], None).unwrap().runs.len(), 1);
}

#[test]
fn csv_has_every_column() {
    let more = "tags = [\"a\", \"b\"]\nnote = \"one, \\\"two\\\"\\nthree\"";
    let (dir, root) = folder(&[("a", Sample { more, ..Sample::default() })]);
    let csv = list(&root, &[], None).unwrap().csv().replace(dir.path().to_str().unwrap(), "DIR");
    let (head, row) = csv.split_once("\r\n").unwrap();
    assert_eq!(
        head,
        "name,path,state,reason,step,steps,best_step,best_loss,last_step,last_loss,last_bits_per_byte,\
         test_bits-per-byte,test_cross-entropy,test_loss,test_token-accuracy,tokens_per_second,seconds,age,tags,note"
    );
    assert!(row.starts_with("a,DIR/runs/a,done,,20,20,15,5.2,20,5.4,2.7,2.6,5.2,5.2,0.2"), "{row}");
    assert!(row.ends_with(",a b,\"one, \"\"two\"\"\nthree\"\r\n"), "{row}");
}

/// About a second in a release build.
#[test]
fn broad_a_million_records_are_read_at_once() {
    let (_dir, root) = folder(&[("a", Sample::default())]);
    let path = root.join("a/metrics.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let step = |step: u64| {
        format!(
            "{{\"kind\":\"step\",\"step\":{step},\"loss\":7.671576183987781,\"lr\":0.00006451612903225807,\"grad_norm\":\
             4.541310594839966,\"seconds\":{}.54,\"tokens\":{},\"epochs\":0.0018823529411764706,\"tokens_per_second\":\
             4308.0,\"share_of_peak\":0.523,\"data_wait_ms\":0.032}}\n",
            step / 2,
            2048 * step
        )
    };
    let steps: String = (1..=1_000_000).map(step).collect();
    fs::write(&path, whole + &steps).unwrap();
    let start = std::time::Instant::now();
    let runs = list(&root, &[], None).unwrap();
    println!("{} bytes in {:?}", steps.len(), start.elapsed());
    assert_eq!(runs.runs[0].step, 1_000_000);
    assert!(start.elapsed() < Duration::from_secs(20));
}
