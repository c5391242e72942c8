//! Reports of one run.

use super::{HOSTILE, append, html, manifest, rows, texts};
use crate::tests::{Sample, assert_says, folder};
use crate::{Report, ReportOptions};
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::slice;
use trainyard_report::{EndState, Record, Rewind, Step, Validation, Warning, Watch};

#[test]
fn one_run() {
    let more = "tags = [\"a\", \"b\"]\nnote = \"why it was tried\"";
    let (_dir, root) = folder(&[("poems", Sample { more, ..Sample::default() })]);
    let run = root.join("poems");
    fs::write(run.join("data/manifest.json"), manifest().to_string()).unwrap();
    let step = run.join("checkpoints/step-15/trainyard");
    fs::create_dir_all(&step).unwrap();
    fs::write(step.join("manifest.json"), "{\"sha256\": {}}").unwrap();
    let changed = vec![("optimizer.lr".to_owned(), "0.002".to_owned())];
    let options = ReportOptions { made: "today".into(), changed: Some(changed), ..ReportOptions::default() };
    let html = Report::of(slice::from_ref(&root), &options).unwrap().html();

    let expected = ["Summary", "Results", "Curves", "Data", "Plugins", "Checkpoints", "Config", "Origin"];
    assert_eq!(texts(&html, "h2"), expected);
    assert_eq!(texts(&html, "h3")[..3], ["Loss", "bits-per-byte", "token-accuracy"]);
    assert_eq!(texts(&html, "h3")[3..], ["Learning rate", "Gradient norm", "Throughput"]);
    assert!(html.contains("done: 20 steps in 10s, ended 2026-11-30 03:14 UTC, on elsewhere"), "subtitle");
    assert!(html.contains("<p class=\"lead\">why it was tried</p>") && html.contains("a, b"));
    assert!(html.contains("0.1.0, today."), "when it was made");
    assert_eq!(
        texts(&html, "dd")[..3],
        ["2.6000 bits&#x2f;byte", "2.6500 bits&#x2f;byte", "loss 5.2000 after step 15"]
    );
    let expected = [
        "metric|validation|test|unit|better is|comparable with",
        "cross-entropy|5.3000|5.2000|nats&#x2f;token|lower|runs with the same tokenizer",
        "bits-per-byte|2.6500|2.6000|bits&#x2f;byte|lower|all runs",
        "token-accuracy|0.2200|0.2300||higher|runs with the same tokenizer",
    ];
    assert_eq!(rows(&html, "Held-out text"), expected);
    assert_eq!(rows(&html, "Validation while training")[0], "metric|best, step 15|last, step 20|unit|better is");
    assert_eq!(html.matches(">best validation</text>").count(), 1);
    assert_eq!(rows(&html, "Kept on disk")[1], "step-15|15|14 B|best validation, last");
    assert_eq!(rows(&html, "Settings that differ from the defaults")[1], "optimizer.lr|0.002");
}

#[test]
fn the_data_of_a_run() {
    let (_dir, root) = folder(&[("poems", Sample::default())]);
    fs::write(root.join("poems/data/manifest.json"), manifest().to_string()).unwrap();
    let html = html(&[root]);
    let expected = [
        "split|source|documents|text|tokens|bytes per token|share of the split",
        "train|code|4|4.00 KiB|1,000|4.10|50.00 %",
        "train|novels|5|4.00 KiB|1,000|4.10|50.00 %",
        "train|all|9|8.00 KiB|2,000|4.10|100.00 %",
        "test|code|9|4.00 KiB|1,000|4.10|",
    ];
    let found: Vec<_> =
        rows(&html, "Sources and splits").iter().map(|row| row.rsplit_once('|').unwrap().0.to_owned()).collect();
    assert_eq!(found, expected, "and the path");
    let expected = [
        "filter|dropped because|documents|share of those seen|examples",
        "length|too_long|5|0.50 %|",
        "length|too_short|2|0.20 %|a:1, a:7",
        "dedup|nothing, of 993 documents|0|0.00 %|",
    ];
    assert_eq!(rows(&html, "Filters and deduplication"), expected);
    assert_eq!(rows(&html, "Left out of the sources, or odd")[1], "line skipped: no text|4|a.jsonl:7");
    assert!(
        html.contains("length rewrote 3 documents that it kept.") && html.contains("trained on the training split")
    );
    assert!(rows(&html, "Digests").contains(&format!("tokenizer&#x27;s model, sha256|{}", "c927".repeat(16))));
}

#[test]
fn plugins_are_listed_with_what_they_did() {
    let (_dir, root) = folder(&[("poems", Sample { sha256: "3f2a9c01", ..Sample::default() })]);
    let html = html(&[root]);
    assert_eq!(rows(&html, "What they are")[2], "cross-entropy|loss|0.1.0|3f2a9c01");
    // two plugins without a name or a place: each counts for itself
    assert_eq!(rows(&html, "What they did").len(), 3);
    assert!(html.contains("No errors, nothing skipped, no restarts."));
}

#[test]
fn what_happened_while_training() {
    let end = Some(EndState::Interrupted);
    let (_dir, root) = folder(&[("poems", Sample { end, step: 12, ..Sample::default() })]);
    let run = root.join("poems");
    let step = |step: u64, loss: f64| {
        let outputs = [("z".to_owned(), 0.5)].into();
        Record::Step(Step { step, loss, lr: 0.002, outputs, ..Step::default() })
    };
    let values = [("bits-per-byte".to_owned(), 3.0), ("cross-entropy".to_owned(), 6.0)].into();
    let measured = Validation { step: 12, values, ..Validation::default() };
    let warned = |step| Record::Warning(Warning { step, warning: "loss: output 2 is not finite".into() });
    append(
        &run,
        &[
            Record::Rewind(Rewind { step: 10, from: "step-10".into(), later: vec![12] }),
            step(11, 3.0),
            warned(11),
            warned(12),
            step(12, f64::NAN),
            Record::Watch(Watch { text: "old".into(), measured }),
        ],
    );
    let html = html(&[run]);
    assert!(html.contains("interrupted: 12 of 20 steps"));
    assert!(html.contains("after step 11, 2 times in all: loss: output 2 is not finite"));
    // the best was after step 10
    assert!(html.contains(">best validation, back to step-10</text>"));
    assert!(html.contains(">warning</text>"));
    // 10 before, then one, and one that is not finite
    assert!(html.contains("\u{2068}training\u{2069}: 11 values between 3 and 4, the last 3."));
    assert!(texts(&html, "h3").contains(&"loss: z".to_owned()));
    assert!(texts(&html, "h3").contains(&"cross-entropy".to_owned()), "of the text that is watched");
    assert!(html.contains("value=\"old\""));
    assert!(html.contains("1 value is not drawn"));
}

#[test]
fn a_log_that_is_being_written() {
    let (_dir, root) = folder(&[("poems", Sample { end: None, step: 7, ..Sample::default() })]);
    let log = root.join("poems/metrics.jsonl");
    let mut file = File::options().append(true).open(&log).unwrap();
    writeln!(file, "not a record").unwrap();
    write!(file, "{{\"kind\":\"step\",\"step\":8,\"lo").unwrap();
    let html = html(&[root]);
    assert!(html.contains("interrupted: 7 of 20 steps"));
    assert!(html.contains("metrics.jsonl: 1 line cannot be read as a record, the first is line 10"), "{html}");
}

#[test]
fn missing_parts() {
    let (dir, root) = folder(&[("poems", Sample::default())]);
    let run = root.join("poems");
    let headings = |gone: &[&str]| {
        gone.iter().for_each(|name| fs::remove_file(run.join(name)).unwrap());
        texts(&html(slice::from_ref(&root)), "h2")
    };
    assert_eq!(headings(&[]), ["Summary", "Results", "Curves", "Plugins", "Config", "Origin"]);
    assert_eq!(headings(&["plugins.lock"]), ["Summary", "Results", "Curves", "Plugins", "Config", "Origin"]);
    assert_eq!(headings(&["config.toml"]), ["Summary", "Results", "Curves", "Plugins", "Origin"]);
    fs::write(run.join("metrics.jsonl"), "").unwrap();
    assert_eq!(headings(&[]), ["Summary"]);
    assert_eq!(headings(&["metrics.jsonl"]), ["Summary"]);
    fs::write(run.join("config.toml"), "[run\n").unwrap();
    fs::write(run.join("data/manifest.json"), "{").unwrap();
    fs::write(run.join("plugins.lock"), "{}").unwrap();
    let html = html(slice::from_ref(&root));
    assert_eq!(html.matches("class=\"block notice\"").count(), 3);
    assert!(html.contains("plugins.lock: cannot read: invalid type: map, expected a sequence"));
    let nowhere = dir.path().join("nowhere");
    fs::create_dir(&nowhere).unwrap();
    let expected = "DIR/nowhere: expected a run or a folder of runs, found none; see `trainyard runs`";
    assert_says(Report::of(&[nowhere], &ReportOptions::default()), dir.path(), expected);
}

#[test]
fn text_is_never_markup() {
    let page = |text: &str| {
        let more = format!("tags = ['''{text}''']\nnote = '''{text}'''");
        let sample = Sample { more: more.leak(), ..Sample::default() };
        let (_dir, root) = folder(&[("poems", sample.clone()), ("other", Sample { lr: "0.5", ..sample })]);
        let run = root.join("poems");
        let mut data = manifest();
        data["report"]["filters"][0]["name"] = text.into();
        data["report"]["filters"][0]["reasons"] = json!({ text: { "documents": 1, "samples": [text] } });
        data["report"]["splits"][0]["sources"][0]["name"] = text.into();
        fs::write(run.join("data/manifest.json"), data.to_string()).unwrap();
        let outputs = [(text.to_owned(), 1.0)].into();
        let values = [("cross-entropy".to_owned(), 1.0)].into();
        append(
            &run,
            &[
                Record::Warning(Warning { step: 20, warning: text.into() }),
                Record::Step(Step { step: 21, outputs, ..Step::default() }),
                Record::Watch(Watch {
                    text: text.into(),
                    measured: Validation { step: 21, values, ..Validation::default() },
                }),
                Record::Rewind(Rewind { step: 21, from: text.into(), later: Vec::new() }),
            ],
        );
        html(&[run]) + &html(&[root])
    };
    let (hostile, plain) = (page(HOSTILE), page("plain"));
    for mark in ["<", ">", "\""] {
        assert_eq!(hostile.matches(mark).count(), plain.matches(mark).count(), "{mark}");
    }
    assert!(hostile.matches("7 * 7").count() > 15 && !hostile.contains(HOSTILE));
}

#[test]
fn a_long_log_makes_a_small_page() {
    let (_dir, root) = folder(&[("long", Sample { end: None, step: 0, ..Sample::default() })]);
    let step = |step: u64| {
        let noise = (step.wrapping_mul(2_654_435_761) % 1000) as f64 / 1e3;
        Record::Step(Step {
            step,
            loss: 3.0 + noise,
            grad_norm: noise,
            tokens_per_second: 1e3 + noise,
            ..Step::default()
        })
    };
    append(&root.join("long"), &(1..=50_000).map(step).collect::<Vec<_>>());
    let n_bytes = html(&[root]).len();
    assert!(n_bytes < 500_000, "{n_bytes} bytes");
}
