//! `trainyard plugin card`: a page and a JSON file, from checks, measurements and a few short runs.

use crate::plugins::built;
use crate::program::trainyard;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Forty documents of some kilobytes.
fn text(folder: &Path) {
    let line = |n: usize| format!("Line {n} speaks of {} things and of {} more.", n * 7919 % 101, n % 13);
    let document = |n: usize| (40 * n..40 * n + 40).map(line).collect::<Vec<_>>().join(" ");
    let documents: String = (0..40).map(|n| serde_json::json!({ "text": document(n) }).to_string() + "\n").collect();
    fs::write(folder.join("text.jsonl"), documents).unwrap();
}

fn card(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(format!("{name}.card.json"))).unwrap()).unwrap()
}

const QUICK: [&str; 8] = ["--text", "text.jsonl", "--seeds", "2", "--steps", "2", "--cases", "4"];

#[test]
fn a_loss_is_checked_measured_and_compared_with_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    text(folder);
    let file = built("plugins/focal").wasm.display().to_string();
    let arguments = [&["plugin", "card", &file, "--out", "cards", "--config", "gamma = 1.5"], &QUICK[..]].concat();
    let shown = trainyard(&arguments).in_folder(folder).succeeds().stdout;
    assert_eq!(shown, "cards/focal.card.html\ncards/focal.card.json\n");
    let card = card(folder, "cards/focal");
    assert!(card["conformance"].as_array().unwrap().iter().any(|check| check["name"] == "gradient"), "{card}");
    assert_eq!((&card["settings"][0]["name"], &card["settings"][0]["value"]), (&"gamma".into(), &"1.5".into()));
    assert!(card["identity"].as_array().unwrap().iter().any(|entry| entry[0] == "sha256"));
    assert!(card["cost"].to_string().contains("loss over its matrix products"), "{card}");
    let metrics = card["comparison"]["metrics"].as_array().unwrap();
    let bits = metrics.iter().find(|metric| metric["name"] == "bits-per-byte" && metric["split"] == "test").unwrap();
    let [base, own] = [0, 1].map(|row| &bits["rows"][row]);
    assert_eq!((base["values"].as_object().unwrap().len(), base["difference"].is_null()), (2, true), "{bits}");
    assert_eq!((&own["difference"]["method"], &own["difference"]["n"]), (&"paired_t".into(), &2.into()), "{bits}");
    let page = fs::read_to_string(folder.join("cards/focal.card.html")).unwrap();
    for part in ["Plugin focal", "Conformance", "Against the default", "seed by seed: 2 seeds, 2 steps each"] {
        assert!(page.contains(part), "{part}");
    }
    // an earlier card is replaced
    trainyard(&["plugin", "card", "exact-match", "--out", "cards", "--text", "text.jsonl", "--cases", "4"])
        .in_folder(folder)
        .succeeds();
}

#[test]
fn a_metric_has_no_runs_and_files_of_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    text(folder);
    let arguments = [&["plugin", "card", "chrf"], &QUICK[..]].concat();
    trainyard(&arguments).in_folder(folder).succeeds();
    let of_metric = card(folder, "chrf");
    assert!(of_metric["comparison"].is_null(), "{of_metric}");
    assert_eq!(of_metric["trial"], "A metric changes nothing of what is trained: there is nothing to compare.");
    trainyard(&arguments).in_folder(folder).succeeds();
    let fails = |text: &str, expected: &str| {
        let ran = trainyard(&["plugin", "card", "chrf", "--text", text]).in_folder(folder).run();
        assert_eq!((ran.code, ran.stderr.lines().count()), (2, 1), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    };
    fails("nothing.txt", "--text nothing.txt: no such file or folder; name a text of about a megabyte");
    fs::write(folder.join("short.txt"), "A line.\n").unwrap();
    fails("short.txt", "--text short.txt: expected 10 documents or more, of 4096 bytes; name a longer text");
    for (file, expected) in [("chrf.card.json", "is no card of a plugin, and stays"), ("chrf.card.html", "and stays")] {
        let before = fs::read(folder.join(file)).unwrap();
        fs::write(folder.join(file), "mine").unwrap();
        fails("text.jsonl", expected);
        assert_eq!(fs::read(folder.join(file)).unwrap(), b"mine");
        fs::write(folder.join(file), before).unwrap();
    }
}
