//! Ranks that train alone: they meet now and then, or wait for none.

use super::{CONFIG, bytes, train};
use crate::program::folder_of_lines;
use std::fs;
use std::path::Path;

/// Ranks that train alone and meet: as often as they are started, and killed and resumed, the same.
#[test]
fn ranks_that_meet_now_and_then() {
    let folder = folder_of_lines(CONFIG);
    let folder = folder.path();
    let apart = |more: &[&'static str]| {
        [&["ranks.local_steps=4", "train.checkpoint_every=4", "train.validate_every=4", "train.steps=12"][..], more]
            .concat()
    };
    for compress in ["ranks.compress=none", "ranks.compress=int8", "ranks.compress=int4"] {
        let settings = apart(&[compress, "run.name=whole"]);
        let Some(whole) = train(folder, 2, &["--overwrite"], &settings) else { return };
        assert_eq!(whole.code, 0, "{}", whole.stderr);
        assert!(whole.stderr.contains("ranks: 2; the first one sent "), "{}", whole.stderr);
        let expected = bytes(folder, "whole", 12);
        fs::remove_dir_all(folder.join("runs/whole/checkpoints/step-12")).unwrap();
        let resumed = train(folder, 2, &["--resume"], &settings).unwrap();
        assert_eq!(resumed.code, 0, "{}", resumed.stderr);
        assert!(bytes(folder, "whole", 12) == expected, "{compress}: another model");
    }
    let alone = train(folder, 1, &[], &apart(&["run.name=alone"])).unwrap();
    assert!(
        alone.code == 2 && alone.stderr.contains("ranks.local_steps = 4: expected several ranks"),
        "{}",
        alone.stderr
    );
    let odd = train(folder, 1, &[], &["ranks.local_steps=3"]).unwrap();
    assert!(odd.code == 2 && odd.stderr.contains("expected a multiple of the 3 steps"), "{}", odd.stderr);
}

/// Ranks that train on while what they changed is sent: another model than that of ranks that wait, the same each time,
/// also where the run was resumed, with all ranks together where it is validated and saved.
#[test]
fn ranks_that_send_while_they_train() {
    let folder = folder_of_lines(CONFIG);
    let folder = folder.path();
    let settings = |more: &[&'static str]| {
        let always = ["ranks.local_steps=3", "train.steps=20", "train.checkpoint_every=9", "train.validate_every=9"];
        [&always[..], more].concat()
    };
    let run = |ranks, arguments: &[&str], more: &[&'static str]| {
        let trained = train(folder, ranks, arguments, &settings(more))?;
        assert_eq!(trained.code, 0, "{}", trained.stderr);
        Some(trained)
    };
    for compress in ["ranks.compress=none", "ranks.compress=int8"] {
        let overlapped = [compress, "ranks.overlap_steps=2", "run.name=overlapped"];
        if run(2, &["--overwrite"], &overlapped).is_none() {
            return;
        }
        let expected = bytes(folder, "overlapped", 20);
        run(2, &["--overwrite"], &[compress, "run.name=waiting"]);
        assert!(bytes(folder, "waiting", 20)[0] != expected[0], "{compress}: nothing was overlapped");
        fs::remove_dir_all(folder.join("runs/overlapped/checkpoints/step-20")).unwrap();
        run(2, &["--resume"], &overlapped);
        assert!(bytes(folder, "overlapped", 20) == expected, "{compress}: another model");
    }
    // with three ranks, whose sums go another way; in fragments, one of which is sent while the next steps are trained
    let others: [(usize, &[&str]); 3] = [
        (3, &["train.accumulate=3", "ranks.overlap_steps=1"]),
        (2, &["ranks.fragments=3"]),
        (2, &["ranks.local_steps=9", "ranks.fragments=4", "ranks.overlap_steps=1", "ranks.compress=int8"]),
    ];
    let mut models = vec![bytes(folder, "waiting", 20)];
    for (ranks, more) in others {
        let named = [more, &["run.name=other"]].concat();
        run(ranks, &["--overwrite"], &named);
        models.push(bytes(folder, "other", 20));
        fs::remove_dir_all(folder.join("runs/other/checkpoints/step-20")).unwrap();
        run(ranks, &["--resume"], &named);
        assert!(bytes(folder, "other", 20) == models[models.len() - 1], "{more:?}: another model");
    }
    assert!(models.iter().enumerate().all(|(i, model)| models[..i].iter().all(|other| other[0] != model[0])));

    for (more, why) in [
        (&["ranks.overlap_steps=3"][..], "ranks.overlap_steps: expected fewer than the 3 of ranks.local_steps"),
        (
            &["ranks.overlap_steps=1", "ranks.fragments=3"],
            "expected fewer than the 1 of ranks.local_steps / ranks.frag",
        ),
        (&["ranks.fragments=4"], "ranks.fragments: expected at most the 3 of ranks.local_steps"),
        (&["ranks.overlap_steps=1", "ranks.asynchronous=true"], "ranks that wait for none send when they come"),
        (&["ranks.fragments=2", "ranks.asynchronous=true"], "ranks that wait for none send when they come"),
        (
            &["ranks.overlap_steps=1", "train.checkpoint_every=0", "train.validate_every=0"],
            "expected train.validate_every or train.checkpoint_every, where the ranks come together",
        ),
    ] {
        let refused = train(folder, 1, &[], &settings(more)).unwrap();
        assert!(refused.code == 2 && refused.stderr.contains(why), "{}", refused.stderr);
    }
    for pointless in ["ranks.overlap_steps=1", "ranks.fragments=2"] {
        let refused = train(folder, 1, &[], &[pointless]).unwrap();
        assert!(refused.code == 2 && refused.stderr.contains("expected ranks.local_steps"), "{}", refused.stderr);
    }
}

/// Rank, first part and number of parts of every update that a run has recorded.
fn updates(folder: &Path, run: &str) -> Vec<[u64; 3]> {
    let log = fs::read_to_string(folder.join(format!("runs/{run}/metrics.jsonl"))).unwrap();
    let records = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let updates = records.filter(|record| record["kind"] == "update");
    updates.map(|update| ["rank", "first", "parts"].map(|key| update[key].as_u64().unwrap())).collect()
}

/// Ranks that wait for none train every part of every step once; what is replayed ends with the same bytes.
#[test]
fn ranks_that_wait_for_none() {
    let folder = folder_of_lines(CONFIG);
    let folder = folder.path();
    let settings = |more: &[&'static str]| {
        let always = ["ranks.local_steps=3", "ranks.asynchronous=true", "train.steps=24", "train.checkpoint_every=8"];
        [&always[..], &["train.validate_every=6", "ranks.outer_momentum=0.5"], more].concat()
    };
    for (compress, ranks) in [("ranks.compress=none", 2), ("ranks.compress=int8", 4)] {
        let Some(live) = train(folder, ranks, &["--overwrite"], &settings(&[compress, "run.name=live"])) else {
            return;
        };
        assert_eq!(live.code, 0, "{}", live.stderr);
        let recorded = updates(folder, "live");
        let mut parts: Vec<u64> = recorded.iter().flat_map(|&[_, first, n]| first..first + n).collect();
        parts.sort_unstable();
        assert!(parts == (0..24 * ranks as u64).collect::<Vec<_>>(), "{recorded:?}");
        // a part of the run again, in another order perhaps
        fs::remove_dir_all(folder.join("runs/live/checkpoints/step-24")).unwrap();
        let resumed = train(folder, ranks, &["--resume"], &settings(&[compress, "run.name=live"])).unwrap();
        assert_eq!(resumed.code, 0, "{}", resumed.stderr);
        let recorded = updates(folder, "live");
        let again = settings(&[compress, "run.name=again"]);
        let replayed = train(folder, ranks, &["--overwrite", "--replay", "runs/live"], &again).unwrap();
        assert_eq!(replayed.code, 0, "{}", replayed.stderr);
        assert_eq!(updates(folder, "again"), recorded);
        assert!(bytes(folder, "again", 24) == bytes(folder, "live", 24), "{compress}: another model");
    }
    let alone = train(folder, 1, &["--replay", "runs/live"], &settings(&[])).unwrap();
    assert!(alone.code == 2 && alone.stderr.contains("--replay: expected several ranks"), "{}", alone.stderr);
    let fewer = train(folder, 2, &["--replay", "runs/live"], &settings(&["run.name=fewer"])).unwrap();
    assert!(fewer.code == 2 && fewer.stderr.contains("as many ranks as were recorded"), "{}", fewer.stderr);
    let nothing = train(folder, 1, &[], &["ranks.asynchronous=true"]).unwrap();
    assert!(nothing.code == 2 && nothing.stderr.contains("expected ranks.local_steps"), "{}", nothing.stderr);
}
