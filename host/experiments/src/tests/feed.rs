//! Tests of logs that are followed.

use crate::Feed;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use trainyard_report::{Record, Step, Warning};

fn step(step: u64) -> Record {
    Record::Step(Step { step, loss: 3.0, lr: 0.5, ..Step::default() })
}

fn line(record: &Record) -> String {
    serde_json::to_string(record).unwrap() + "\n"
}

fn run() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("metrics.jsonl");
    (dir, log)
}

fn append(log: &Path, text: &str) {
    File::options().append(true).create(true).open(log).unwrap().write_all(text.as_bytes()).unwrap();
}

fn replace(log: &Path, text: &str) {
    let other = log.with_extension("tmp");
    fs::write(&other, text).unwrap();
    fs::rename(other, log).unwrap();
}

fn steps(feed: &mut Feed) -> Vec<u64> {
    feed.read().unwrap().iter().map(Record::step).collect()
}

#[test]
fn a_log_grows() {
    let (dir, log) = run();
    let mut feed = Feed::new(dir.path());
    assert_eq!(steps(&mut feed), [0; 0], "there is none");
    append(&log, &(line(&step(1)) + &line(&step(2))));
    assert_eq!(feed.read().unwrap(), [step(1), step(2)]);
    assert_eq!(steps(&mut feed), [0; 0]);
    let third = line(&step(3));
    let (start, end) = third.split_at(20);
    append(&log, start);
    assert_eq!(steps(&mut feed), [0; 0], "half a line");
    append(&log, &(end.to_owned() + &line(&step(4))));
    assert_eq!(steps(&mut feed), [3, 4]);
    assert_eq!((feed.n_restarts(), feed.n_broken()), (0, 0));
}

#[test]
fn lines_that_are_no_records() {
    let (dir, log) = run();
    let mut feed = Feed::new(dir.path());
    append(
        &log,
        &format!("{}nonsense\n{{\"kind\":\"warning\"}}\n\n{{\"kind\":\"later\",\"step\":1}}\n", line(&step(1))),
    );
    assert_eq!(steps(&mut feed), [1]);
    assert_eq!(feed.n_broken(), 3, "one is of a later version");
}

#[test]
fn a_log_is_replaced() {
    let (dir, log) = run();
    let mut feed = Feed::new(dir.path());
    let upto = |last: u64| (1..=last).map(|n| line(&step(n))).collect::<String>();
    append(&log, &upto(9));
    assert_eq!(steps(&mut feed).len(), 9);
    // back to step 5, and on to step 12 before the next call
    let warning = line(&Record::Warning(Warning { step: 5, warning: "again".into() }));
    replace(&log, &(upto(5) + &warning + &(6..=12).map(|n| line(&step(n))).collect::<String>()));
    assert_eq!(steps(&mut feed), [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(feed.n_restarts(), 1);
    replace(&log, &upto(2));
    assert_eq!(steps(&mut feed), [1, 2]);
    append(&log, &line(&step(3)));
    assert_eq!(steps(&mut feed), [3]);
    assert_eq!(feed.n_restarts(), 2);
}

#[test]
fn a_log_is_cut_in_its_place() {
    let (dir, log) = run();
    let mut feed = Feed::new(dir.path());
    append(&log, &(line(&step(1)) + &line(&step(2)) + "{\"ki"));
    assert_eq!(steps(&mut feed), [1, 2]);
    let file = File::options().write(true).open(&log).unwrap();
    // shorter than before, and when it is read as long again, with other steps
    file.set_len(line(&step(1)).len() as u64).unwrap();
    append(&log, &(line(&step(3)) + &line(&step(4))));
    assert_eq!(steps(&mut feed), [1, 3, 4]);
    assert_eq!(feed.n_restarts(), 1);
    fs::remove_file(&log).unwrap();
    assert_eq!(steps(&mut feed), [0; 0]);
    append(&log, &line(&step(1)));
    assert_eq!((steps(&mut feed), feed.n_restarts()), (vec![1], 2));
}

#[test]
fn a_call_reads_a_part_of_a_long_log() {
    let (dir, log) = run();
    let mut feed = Feed::new(dir.path());
    let long = Record::Warning(Warning { step: 7, warning: "x".repeat(6 << 20) });
    append(&log, &((1..=40_000).map(|n| line(&step(n))).collect::<String>() + &line(&long)));
    let first = steps(&mut feed);
    assert!((1000..40_000).contains(&first.len()), "{}", first.len());
    let mut all = first;
    loop {
        match steps(&mut feed) {
            more if more.is_empty() => break,
            more => all.extend(more),
        }
    }
    assert_eq!(all, (1..=40_000).chain([7]).collect::<Vec<_>>(), "with a line longer than a part");
    assert_eq!(feed.n_restarts(), 0);
}
