//! Events byte by byte as TensorFlow's own messages, and files as TensorBoard read them: the answers are of
//! `tests/peers/tensorboard_events.py`.

use super::*;
use crate::Hparam;
use serde_json::{Value, json};
use std::fs;
use tempfile::{TempDir, tempdir};
use trainyard_report::{End, EndState, Header, Record, Step, Validation, Warning};

const LOG: &str = include_str!("../../tests/fixtures/metrics.jsonl");
const CONFIG: &str = include_str!("../../tests/fixtures/config.toml");
const EVENTS: &[u8] = include_bytes!("../../tests/fixtures/events.bin");

fn answers() -> Value {
    serde_json::from_str(include_str!("../../tests/fixtures/answers.json")).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder with a log and its config.
fn run(log: &str, config: &str) -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("metrics.jsonl"), log).unwrap();
    fs::write(folder.path().join("config.toml"), config).unwrap();
    folder
}

fn exported(log: &str) -> Vec<u8> {
    let folder = run(log, CONFIG);
    fs::read(export(&folder.path().join("metrics.jsonl"), &folder.path().join("board")).unwrap()).unwrap()
}

fn error(log: &str, config: &str) -> String {
    let folder = run(log, config);
    let error = export(&folder.path().join("metrics.jsonl"), &folder.path().join("board")).unwrap_err().to_string();
    error.replace(&folder.path().display().to_string(), "RUN")
}

#[test]
fn messages_are_those_of_tensorflow() {
    let time = 1_796_008_316.25;
    let lr = [("lr".to_owned(), Hparam::Number(0.002))];
    let values = [("train/loss", 0.1), ("ü", f64::INFINITY)];
    let golden = &answers()["golden"];
    for (name, message) in [
        ("file_version", event::file_version(time)),
        ("session_start", event::session_start(time, 300)),
        ("scalars", event::scalars(time, 1 << 40, &values)),
        ("text", event::text(time, 1, "t", "a\nb")),
        ("session_start_info", event::session_start_info(time, &lr)),
        ("session_end_info", event::session_end_info(time, true)),
    ] {
        assert_eq!(hex(message.encoded()), golden[name], "{name}");
    }
}

/// The file that TensorBoard read, and what it read there.
#[test]
fn an_exported_log_is_what_tensorboard_read() {
    assert!(exported(LOG) == EVENTS, "the event file changed: run tests/peers/tensorboard_events.py");
    // half a line at the end is one that is being written
    assert!(exported(&format!("{LOG}{{\"kind\":\"step\",\"step\":4,\"lo")) == EVENTS);
    let scalars = &answers()["scalars"];
    let steps: Vec<Value> = LOG.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps = steps.iter().filter(|record| record["kind"] == "step").enumerate();
    for (place, step) in steps {
        for key in ["loss", "lr", "grad_norm", "tokens", "epochs", "tokens_per_second", "data_wait_ms"] {
            let wall_time = 1_796_008_316.0 + step["seconds"].as_f64().unwrap();
            let answer = &scalars[format!("train/{key}")][place];
            assert_eq!((&answer[0], &answer[1]), (&step["step"], &json!(wall_time)), "{key}");
            match step[key].as_f64() {
                Some(value) => assert_eq!(answer[2].as_f64().unwrap() as f32, value as f32, "{key}"),
                None => assert_eq!(answer[2], "nan", "{key}"),
            }
        }
    }
    // an output of the loss named as a number of the host, a number that 32 bits cannot hold
    assert_eq!(scalars["train/loss-2"][1][2], json!(3.0));
    assert_eq!(scalars["train/z"][1][2], json!("inf"));
    assert_eq!(scalars["plugins/filter/length-2/seconds"][0][2], json!(0.25));
    assert_eq!(scalars["final/predictions/test/classes/a/recall"][0][2], json!(1.0));
}

/// Logs of versions that wrote no header and no kinds.
#[test]
fn an_old_log_has_scalars_too() {
    let old = r#"{"data_wait_ms":0.05,"grad_norm":1.5,"loss":5.5,"lr":0.001,"step":3,"tokens_per_second":1e4}"#;
    let events = exported(&format!("{old}\n{{\"kind\":\"picture\",\"step\":4}}\n"));
    assert!(events.windows(10).any(|window| window == b"train/loss"));
}

#[test]
fn what_cannot_be_exported_is_told_in_one_line() {
    let damaged = "RUN/metrics.jsonl: line 2: expected a JSON object, got \"what is this\"; fix or delete the line";
    assert_eq!(error("{\"kind\":\"step\",\"step\":1}\nwhat is this\n", ""), damaged);
    assert!(error("[1]\n", "").contains("line 1: expected a JSON object, got \"[1]\""));
    let config = error("", "a = \n");
    assert!(config.starts_with("config.toml: expected TOML, got ") && config.ends_with("; restore the run's config"));
    let folder = run(LOG, CONFIG);
    let (log, board) = (folder.path().join("metrics.jsonl"), folder.path().join("board"));
    let first = export(&log, &board).unwrap();
    let expected = format!(
        "{}: expected a folder without event files, got {}; remove it, or name another folder",
        board.display(),
        first.display()
    );
    assert_eq!(export(&log, &board).unwrap_err().to_string(), expected);
    let missing = export(&folder.path().join("none.jsonl"), &board).unwrap_err().to_string();
    assert!(missing.contains("none.jsonl: cannot read: "), "{missing}");
}

fn board(folder: &TempDir, step: u64) -> TensorBoard {
    let header = Header { step, host: "vm/x".into(), started: "2026-11-30T03:11:56Z".into(), ..Header::default() };
    let mut board = TensorBoard::create(folder.path(), &header, 0.0, "").unwrap();
    let header = Box::new(header);
    board.write(&if step == 0 { Record::Run(header) } else { Record::Resume(header) }).unwrap();
    board
}

fn bytes(folder: &TempDir) -> usize {
    let files = fs::read_dir(folder.path()).unwrap();
    files.map(|entry| entry.unwrap().metadata().unwrap().len() as usize).sum()
}

/// A reader sees a run while it trains.
#[test]
fn steps_are_written_every_two_seconds_and_the_rest_at_once() {
    let folder = tempdir().unwrap();
    let mut board = board(&folder, 0);
    let step = |step: u64| Record::Step(Step { step, seconds: Some(step as f64), ..Step::default() });
    let mut size = bytes(&folder);
    for n in 1..7 {
        board.write(&step(n)).unwrap();
        assert_eq!(bytes(&folder) > size, n % 2 == 0, "step {n}");
        size = bytes(&folder);
    }
    let values = [("loss".to_owned(), 1.5)].into();
    let validation = Validation { step: 6, seconds: Some(6.1), values, ..Validation::default() };
    let warning = Warning { step: 6, warning: "x".into() };
    for record in [Record::Validation(validation), Record::Warning(warning)] {
        board.write(&record).unwrap();
        assert!(bytes(&folder) > size);
        size = bytes(&folder);
    }
    // a step without a time waits for the next record
    board.write(&Record::Step(Step::default())).unwrap();
    assert_eq!(bytes(&folder), size);
    drop(board);
    assert!(bytes(&folder) > size);
}

/// The events of a file; only what holds for all of ours is read.
fn events(path: &Path) -> Vec<Vec<u8>> {
    let (bytes, mut at, mut events) = (fs::read(path).unwrap(), 0, Vec::new());
    while at < bytes.len() {
        let length = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        events.push(bytes[at + 12..at + 12 + length].to_vec());
        at += length + 16;
    }
    events
}

#[test]
fn a_process_that_resumes_makes_a_file_that_comes_later() {
    let folder = tempdir().unwrap();
    let first = board(&folder, 0).finish().unwrap();
    // at the same second, by a clock that stands still
    let second = board(&folder, 5).finish().unwrap();
    assert!(second > first, "{first:?} {second:?}");
    assert!(first.ends_with("events.out.tfevents.1796008316.vm_x"), "{first:?}");
    let time = 1_796_008_316.0;
    assert_eq!(events(&first)[1], event::session_start(time, 0).encoded());
    assert_eq!(events(&second)[1], event::session_start(time, 6).encoded());
}

/// A run that failed may be resumed, and TensorBoard keeps the first end that it reads.
#[test]
fn only_the_last_failure_is_an_end() {
    let end = |state: EndState| {
        let ended = "2026-11-30T03:12:56Z".into();
        Record::End(End { step: 1, state, seconds: 1.0, ended, best: None, error: None, signal: None })
    };
    let (failed, done) =
        (event::session_end_info(1_796_008_376.0, false), event::session_end_info(1_796_008_376.0, true));
    for (records, expected) in [
        (vec![end(EndState::Failed)], Some(&failed)),
        (vec![end(EndState::StoppedEarly)], Some(&done)),
        (vec![end(EndState::Interrupted)], None),
        (vec![end(EndState::Failed), Record::Resume(Box::default())], None),
    ] {
        let folder = tempdir().unwrap();
        let mut board = board(&folder, 0);
        records.iter().for_each(|record| board.write(record).unwrap());
        let events = events(&board.finish().unwrap());
        let ends: Vec<_> =
            events.iter().filter(|event| **event == failed.encoded() || **event == done.encoded()).collect();
        assert_eq!(ends, expected.iter().map(|end| end.encoded()).collect::<Vec<_>>(), "{records:?}");
    }
}
