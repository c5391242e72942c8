//! A log through resumes, whatever is in it.

use super::*;
use crate::{End, EndState, Final, FinalReport, Header, PluginReport, Plugins, Step, Warning};

/// A record that is written after a resume, and its line.
fn next() -> Record {
    Record::Warning(Warning { step: 99, warning: "x".into() })
}

const NEXT: &str = "{\"kind\":\"warning\",\"step\":99,\"warning\":\"x\"}\n";

fn resumed(text: &str, step: u64) -> Result<String> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("metrics.jsonl");
    fs::write(&path, text).expect("writable");
    MetricsLog::resume(&path, step, false)?.write(&next())?;
    Ok(fs::read_to_string(&path).expect("readable"))
}

#[test]
fn resuming_cuts_what_comes_after_the_step() {
    let text = "{\"step\":1}\n{\"step\":2}\n{\"step\":2,\"validation\":{}}\n{\"step\":3}\n";
    let expected = format!("{{\"step\":1}}\n{{\"step\":2}}\n{{\"step\":2,\"validation\":{{}}}}\n{NEXT}");
    assert_eq!(resumed(text, 2).expect("a good log"), expected);
    assert_eq!(resumed(text, 0).expect("a good log"), NEXT);
    assert_eq!(resumed(text, 50).expect("a good log"), format!("{text}{NEXT}"));
}

#[test]
fn resuming_drops_a_torn_last_line() {
    for torn in ["{\"st", "{\"step\":2}", "\0\0"] {
        let text = format!("{{\"step\":1}}\n{torn}");
        assert_eq!(resumed(&text, 9).expect("a good log"), format!("{{\"step\":1}}\n{NEXT}"));
    }
}

#[test]
fn resuming_refuses_what_is_no_log() {
    let error = resumed("{\"step\":1}\nloss 3.0\n{\"step\":2}\n", 9).expect_err("no record").to_string();
    let expected = "metrics.jsonl: line 2: expected a JSON object with a step, fix or delete the line";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn a_missing_log_begins_empty() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("metrics.jsonl");
    MetricsLog::resume(&path, 7, false).and_then(|mut log| log.write(&next())).expect("writable");
    assert_eq!(fs::read_to_string(&path).expect("readable"), NEXT);
}

/// What the end of a process writes into a log that holds `text`, of a run that was finished after step 1.
fn ended(text: &str, sample: &str) -> (bool, String) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("metrics.jsonl");
    fs::write(&path, text).expect("writable");
    let mut log = MetricsLog::resume(&path, 1, true).expect("a good log");
    let is_complete = log.is_complete();
    let report = FinalReport { sample: sample.into(), ..FinalReport::default() };
    let plugins = vec![PluginReport::default()];
    let end = End {
        step: 1,
        state: EndState::Done,
        seconds: 2.0,
        ended: "now".into(),
        best: None,
        error: None,
        signal: None,
    };
    log.write_once(&Record::Final(Box::new(Final { step: 1, model_step: 1, report }))).expect("written");
    log.write_once(&Record::Plugins(Plugins { step: 1, plugins })).expect("written");
    if !is_complete {
        log.write_once(&Record::End(end)).expect("written");
    }
    (is_complete, fs::read_to_string(&path).expect("readable"))
}

#[test]
fn a_finished_log_says_its_end_once() {
    let begun: String = [Record::Run(Box::default()), Record::Step(Step { step: 1, ..Step::default() })]
        .iter()
        .map(|record| line(record).expect("JSON"))
        .collect();
    let (is_complete, whole) = ended(&begun, "a");
    assert!(!is_complete);
    let kinds = |text: &str| -> Vec<String> {
        let kind = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["kind"].to_string();
        text.lines().map(kind).collect()
    };
    let all = ["\"run\"", "\"step\"", "\"final\"", "\"plugins\"", "\"end\""];
    assert_eq!(kinds(&whole), all);
    assert_eq!(ended(&whole, "a"), (true, whole.clone()));
    // another report takes the place of the first, and the end is still the last line
    let (_, other) = ended(&whole, "b");
    assert_eq!((kinds(&other), other.contains("\"sample\":\"b\"")), (all.map(str::to_owned).into(), true));
    // killed before its last line
    let cut = &whole[..whole.trim_end().rfind('\n').expect("lines") + 1];
    let (is_complete, again) = ended(cut, "a");
    assert!(!is_complete && again == whole, "{again}");
}

/// A log without kinds, headers and ends is complete with its final report.
#[test]
fn a_log_of_an_earlier_version_is_complete() {
    let text = "{\"loss\":2.5,\"lr\":0.1,\"step\":1}\n{\"final\":{\"sample\":\"a\"},\"model_step\":1,\"step\":1}\n\
                {\"plugins\":[],\"step\":1}\n";
    assert_eq!(ended(text, "a"), (true, text.to_owned()));
}

/// The training clock continues from the last step that stays, wherever headers and ends are between.
#[test]
fn the_clock_continues() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("metrics.jsonl");
    let mut log = MetricsLog::create(&path).expect("writable");
    log.write(&Record::Run(Box::default())).expect("written");
    for step in 1..=4 {
        let seconds = Some(1.5 * step as f64);
        log.write(&Record::Step(Step { step, seconds, ..Step::default() })).expect("written");
    }
    let clock = |step| MetricsLog::resume(&path, step, false).expect("a good log").seconds();
    assert_eq!((clock(4), clock(2)), (6.0, 3.0));
    MetricsLog::resume(&path, 2, false)
        .and_then(|mut log| log.write(&Record::Resume(Box::new(Header { step: 2, ..Header::default() }))))
        .expect("written");
    assert_eq!((clock(2), clock(0)), (3.0, 0.0));
}

#[test]
fn steps_without_a_record_are_counted() {
    assert_eq!(gap(&[1, 2, 3], 3), None);
    assert_eq!(gap(&[], 0), None);
    let said = |recorded: &[u64], step| gap(recorded, step).unwrap_or_default();
    assert!(said(&[1, 3], 3).starts_with("step 2 has no record;"), "{}", said(&[1, 3], 3));
    assert!(said(&[1, 4], 6).starts_with("4 steps have no record, from 2 to 6;"), "{}", said(&[1, 4], 6));
}

/// As trainyard 0.1 wrote it for a loss with an output named `step`.
#[test]
fn a_step_that_an_output_overwrote_is_counted() {
    let text = "{\"lr\":0.1,\"step\":0.004}\n{\"lr\":0.1,\"step\":0.003}\n{\"lr\":0.1,\"step\":0.0}\n";
    let expected = format!("{{\"lr\":0.1,\"step\":0.004}}\n{{\"lr\":0.1,\"step\":0.003}}\n{NEXT}");
    assert_eq!(resumed(text, 2).expect("a log of the older form"), expected);
}

/// Nothing follows a line that may be torn: the log would not be readable any more.
#[test]
#[cfg(target_os = "linux")]
fn after_a_failed_write_nothing_is_added() {
    let mut log = MetricsLog::create(&tempfile::tempdir().expect("a folder").path().join("metrics.jsonl"));
    let log = log.as_mut().expect("writable");
    log.file = File::options().append(true).open("/dev/full").expect("a disk that is full");
    let error = log.write(&next()).expect_err("full").to_string();
    assert!(error.contains("cannot write"), "{error}");
    log.write(&next()).expect("is left out");
}
